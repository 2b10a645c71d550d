"""A `reply` ticket: one answer, no plan, no heavy library."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from functions.commander.chat import ChatError
from functions.commander.reply import reply
from functions.commander.workers import TookTooLong, Workers
from functions.common.tickets.events import CANCEL_REQUESTED, FINISHED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from functions.commander.chat import Chat
    from functions.commander.journal import Journal

SECONDS = 120.0


def answer(
    journal: Journal, question: str, history: Sequence[Mapping[str, Any]], chat: Chat | None
) -> None:
    """Answer, and end the ticket.

    Raises:
        functions.common.tickets.holding.Stale: the hold is lost; nothing more was written.
    """
    workers = Workers()
    workers.start("reply", lambda: reply(question, history, chat), SECONDS)
    while (done := workers.wait(max(0.0, journal.due_in))) is None:
        journal.renew()
    row: dict[str, Any]
    if done.error is None:
        row = {"status": "succeeded", "output": done.value, "artifacts": []}
    elif isinstance(done.error, ChatError | TookTooLong):
        row = {"status": "failed", "error": str(done.error), "artifacts": []}
    else:
        raise done.error
    # A cancel that came while the answer was made still counts: nothing has ended yet.
    while not any(event.kind == FINISHED for event in journal.append(FINISHED, row)):
        if any(event.kind == CANCEL_REQUESTED for event in journal.events):
            error = "cancelled by request"
            row = {"status": "cancelled", "error": error, "artifacts": []}

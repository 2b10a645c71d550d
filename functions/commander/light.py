"""A `reply` ticket: one answer, no plan, no heavy library."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from functions.commander.chat import ChatError
from functions.commander.reply import reply
from functions.commander.workers import TookTooLong
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
    row: dict[str, Any] = {"status": "succeeded", "artifacts": []}
    try:
        row["output"] = journal.wait_for(lambda: reply(question, history, chat), SECONDS)
    except (ChatError, TookTooLong) as error:
        row |= {"status": "failed", "error": str(error)}
    # A cancel that came while the answer was made still counts: nothing has ended yet.
    while not any(event.kind == FINISHED for event in journal.append(FINISHED, row)):
        if any(event.kind == CANCEL_REQUESTED for event in journal.events):
            row = {"status": "cancelled", "error": "cancelled by request", "artifacts": []}

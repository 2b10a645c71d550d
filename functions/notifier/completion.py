"""Events of the bus: ends of asynchronous invocations, and rows that the commander announces.

An event is a reason to look: what is pushed is read from the log. The CloudEvent type of an
asynchronous destination is not documented, so its body is recognised by what is in it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from functions.common.ids import is_ticket_id
from functions.common.tickets.events import is_settled, tail_of
from functions.common.tickets.notices import TYPE_PREFIX

if TYPE_CHECKING:
    from collections.abc import Mapping

    from functions.common.logs import Log
    from functions.common.tickets.settling import TicketStore
    from functions.notifier.push import Pusher
    from functions.notifier.sweeper import Sweeper


@dataclass(frozen=True)
class Notice:
    """What an event of the bus is about.

    Attributes:
        ticket_id: the ticket.
        seq: the row that is announced; `None` for the end of an invocation.
        failed: whether the platform gave an invocation up.
    """

    ticket_id: str
    seq: int | None = None
    failed: bool = False


def notice_of(event: Any) -> Notice | None:
    """Read an event; `None` if it is not about a ticket."""
    if not isinstance(event, dict):
        return None
    if str(event.get("type", "")).startswith(TYPE_PREFIX):
        ticket_id, _, seq = str(event.get("id", "")).rpartition(":")
        if is_ticket_id(ticket_id) and seq.isascii() and seq.isdigit() and len(seq) < 10:
            return Notice(ticket_id, int(seq))
        return None
    body = event.get("data", event)
    if isinstance(body, str):
        body = _object(body)
    if not isinstance(body, dict) or "requestContext" not in body:
        return None
    ticket_id = str(_object(body.get("requestPayload")).get("ticket_id", ""))
    if not is_ticket_id(ticket_id):
        return None
    return Notice(ticket_id, failed=_failed(body))


class Completion:
    """Deals with notices."""

    def __init__(self, store: TicketStore, pusher: Pusher, sweeper: Sweeper, log: Log) -> None:
        self._store = store
        self._pusher = pusher
        self._sweeper = sweeper
        self._log = log

    def deal_with(self, notice: Notice) -> None:
        """Push the row that is announced, or the tail; look after a ticket that was given up."""
        ticket = self._store.tickets.read(notice.ticket_id)
        if ticket is None:
            self._log.info("ticket_unknown", ticket_id=notice.ticket_id)
            return
        if notice.seq is not None:
            events = self._store.log.read(notice.ticket_id, after=notice.seq - 1, limit=1)
        else:
            events = self._store.log.read(notice.ticket_id)
        if not events:
            self._log.info("row_unknown", ticket_id=notice.ticket_id, seq=notice.seq)
            return
        taken = self._pusher.push(ticket.owner, notice.ticket_id, events[-1])
        self._log.info("pushed", ticket_id=notice.ticket_id, seq=tail_of(events), connections=taken)
        if notice.failed and not is_settled(events):
            self._sweeper.revive(ticket, events)


def _failed(body: Mapping[str, Any]) -> bool:
    context, response = body.get("requestContext"), body.get("responseContext")
    condition = str(context.get("condition", "")) if isinstance(context, dict) else ""
    error = str(response.get("functionError", "")) if isinstance(response, dict) else ""
    # What `condition` says of a success is shown empty in the documentation, and not described.
    return bool(error) or condition.lower() not in {"", "success", "succeeded"}


def _object(value: Any) -> dict[str, Any]:
    """A payload as the platform passes it on: a JSON text, or the object itself."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return {}
    return value if isinstance(value, dict) else {}

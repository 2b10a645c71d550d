"""What is told about a ticket, and what starts work on it: CloudEvents out, invocations in."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from functions.common.tickets.events import Event
    from functions.common.tickets.projection import Ticket

TYPE_PREFIX = "agent.ticket."
STATE_BYTES = 24 * 1024


def cloud_event(ticket_id: str, event: Event) -> dict[str, Any]:
    """An event of the log as a CloudEvent 1.0; its id makes duplicates recognisable."""
    return {
        "specversion": "1.0",
        "id": f"{ticket_id}:{event.seq}",
        "source": f"/v1/tickets/{ticket_id}",
        "type": TYPE_PREFIX + event.kind,
        "time": event.at,
        "datacontenttype": "application/json; charset=utf-8",
        "data": {**event.data, "seq": event.seq, "kind": event.kind},
    }


def invocation(ticket: Ticket, state: Mapping[str, Any] | None = None) -> bytes:
    """The payload for the commander: a hint, since the commander reads the ticket itself.

    Args:
        ticket: to work on.
        state: `{"history": […], "variables": {…}}` of the session. Left out, or larger than 24 KB,
            it goes by reference: the destination's envelope repeats it and has to stay small.
    """
    small = state is not None and len(_json(state).encode()) <= STATE_BYTES
    return _json(
        {
            "ticket_id": ticket.ticket_id,
            "session_id": ticket.session_id,
            "action": ticket.action,
            "state": state if small else {"ref": True},
        }
    ).encode()


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)

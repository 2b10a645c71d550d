"""What the API answers, as a client sees it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

TERMINAL = frozenset({"succeeded", "failed", "cancelled", "rejected"})


@dataclass(frozen=True, kw_only=True)
class Submitted:
    """The answer to `POST /v1/tasks`: a ticket to follow (202), or the output at once (200)."""

    ticket_id: str
    session_id: str
    status: str
    output: Any = None
    links: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Event:
    """One row of a ticket's log.

    Attributes:
        ticket_id: the ticket.
        seq: its place in the log, from 1, without gaps.
        kind: what happened: `queued`, `planned`, `step_succeeded`, … (design: ticket protocol).
        data: what the row says; its fields depend on `kind`.
    """

    ticket_id: str
    seq: int
    kind: str
    data: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Ticket:
    """The answer to `GET /v1/tickets/{ticket_id}`; `document` is all of it."""

    ticket_id: str
    session_id: str
    status: str
    document: dict[str, Any]
    etag: str | None = None

    @property
    def settled(self) -> bool:
        """Whether nothing will change any more."""
        return self.status in TERMINAL

"""`agent_tickets`: what a ticket is about, and how it stands, for reading.

What it is about (owner, session, request) is written once, when it is admitted. How it stands is a
projection of the log that only moves forward; readers fold the events behind it.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from functions.common.tablestore.api import Compare, Expect, Rule
from functions.common.tablestore.repeat import surely
from functions.common.tickets.view import REJECTED, StepView, TicketView

if TYPE_CHECKING:
    from collections.abc import Mapping

    from functions.common.tablestore.api import Row, RowStore, Value

TABLE = "agent_tickets"


@dataclass(frozen=True)
class Ticket:
    """What a ticket is about.

    Attributes:
        ticket_id: its id.
        owner: whose it is.
        tenant: the owner's organisation.
        session_id: the session that it belongs to.
        action: `reason` or `reply`.
        input: what was asked.
        variables: values by name, of this request.
        request_hash: of the request as it was sent.
        created_at: ISO time, informational.
        view: how it stood when the projection was last written.
    """

    ticket_id: str
    owner: str
    tenant: str
    session_id: str
    action: str
    input: str = field(repr=False)
    variables: Mapping[str, Any] = field(repr=False)
    request_hash: str
    created_at: str
    view: TicketView = field(default_factory=TicketView, repr=False)


class Tickets:
    """The table."""

    def __init__(self, store: RowStore) -> None:
        self._store = store

    def create(self, ticket: Ticket) -> Ticket:
        """Admission step 1: put the row, unless it is there; gives what is there then."""
        columns: dict[str, Value] = {
            "owner": ticket.owner,
            "tenant": ticket.tenant,
            "session_id": ticket.session_id,
            "action": ticket.action,
            "input": ticket.input,
            "variables": _json(ticket.variables),
            "request_hash": ticket.request_hash,
            "created_at": ticket.created_at,
            **_columns(ticket.view),
        }
        key = _key(ticket.ticket_id)
        if surely(lambda: self._store.put_row(TABLE, key, columns, expect=Expect.ABSENT)):
            return ticket
        return self.read(ticket.ticket_id) or ticket

    def read(self, ticket_id: str) -> Ticket | None:
        """A ticket, or `None`."""
        row = self._store.get_row(TABLE, _key(ticket_id))
        return _ticket(row) if row else None

    def advance(self, ticket_id: str, view: TicketView) -> None:
        """Store how a ticket stands, unless something newer is stored.

        What a rejected ticket was about is forgotten: nothing will come of it.
        """
        rule = Rule("as_of_seq", Compare.LESS, view.as_of_seq, pass_if_missing=False)
        put = _columns(view)
        if view.status == REJECTED:
            put = {**put, "input": "", "variables": "{}"}
        key = _key(ticket_id)
        surely(lambda: self._store.update_row(TABLE, key, put=put, expect=Expect.EXISTS, rule=rule))

    def erase(self, ticket_id: str) -> None:
        """Delete the row."""
        self._store.delete_row(TABLE, _key(ticket_id))


def _key(ticket_id: str) -> tuple[tuple[str, str], ...]:
    return (("ticket_id", ticket_id),)


def _columns(view: TicketView) -> dict[str, Value]:
    return {
        "status": view.status,
        "as_of_seq": view.as_of_seq,
        "steps": _json([asdict(step) for step in view.steps.values()]),
        "awaiting": _json(view.awaiting),
        "output": _json(view.output),
        "output_ref": view.output_ref,
        "error": view.error,
        "artifacts": _json(view.artifacts),
        "cancel_requested": view.cancel_requested,
        "updated_at": view.updated_at,
    }


def _ticket(row: Row) -> Ticket:
    columns = row.columns

    def text(name: str) -> str:
        return str(columns.get(name, ""))

    return Ticket(
        ticket_id=str(row.key["ticket_id"]),
        owner=text("owner"),
        tenant=text("tenant"),
        session_id=text("session_id"),
        action=text("action"),
        input=text("input"),
        variables=json.loads(text("variables") or "{}"),
        request_hash=text("request_hash"),
        created_at=text("created_at"),
        view=_view(columns),
    )


def _view(columns: Mapping[str, Value]) -> TicketView:
    def value(name: str, default: str) -> Any:
        return json.loads(str(columns.get(name) or default))

    as_of = columns.get("as_of_seq", 0)
    return TicketView(
        status=str(columns.get("status", "")) or TicketView.status,
        as_of_seq=as_of if isinstance(as_of, int) else 0,
        steps={step["id"]: StepView(**step) for step in value("steps", "[]")},
        awaiting=value("awaiting", "{}"),
        output=value("output", "null"),
        output_ref=str(columns.get("output_ref", "")),
        error=str(columns.get("error", "")),
        artifacts=tuple(value("artifacts", "[]")),
        cancel_requested=bool(columns.get("cancel_requested", False)),
        updated_at=str(columns.get("updated_at", "")),
    )


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)

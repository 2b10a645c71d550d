"""`agent_sessions`: what a session remembers, and which ticket it is busy with.

Every change is a compare-and-swap on `version`. Folding a ticket in and clearing `active_ticket`
are one such change: a session is never free before it remembers what happened.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from functions.common.tablestore.api import (
    Compare,
    ConditionFailed,
    Expect,
    Rule,
    UnknownOutcome,
)
from functions.common.tickets import events as kinds

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from functions.common.tablestore.api import Row, RowStore, Value
    from functions.common.tickets.events import Event
    from functions.common.tickets.projection import Ticket

TABLE = "agent_sessions"
ATTEMPTS = 8
HISTORY_MESSAGES = 50
MESSAGE_CHARACTERS = 4_000
PLAN_BYTES = 64 * 1024
TICKETS = 1_000


class SessionBusy(Exception):
    """Another ticket has the session: `ticket_id` says which."""

    def __init__(self, ticket_id: str) -> None:
        super().__init__(f"the session is busy with {ticket_id}")
        self.ticket_id = ticket_id


class SessionGone(Exception):
    """There is no such session, it is somebody else's, or it is being erased."""


class SessionFull(Exception):
    """The session had so many tickets that its row could outgrow a cell."""


class SessionContended(Exception):
    """Others changed the session again and again: try later."""


@dataclass(frozen=True)
class Session:
    """A session.

    Attributes:
        session_id: its id.
        owner: whose it is.
        version: goes up by one with every change.
        history: `{role, content, ticket_id}` each, the oldest first.
        variables: values by name.
        plan: of the last ticket that had one.
        active_ticket: the ticket that it is busy with; empty if none.
        folded_ticket: the last ticket that was folded in.
        folded_seq: the last event of it.
        tickets: every ticket that ever had the session, for erasing.
        erasing: whether it is being erased.
    """

    session_id: str
    owner: str
    version: int = 1
    history: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)
    variables: Mapping[str, Any] = field(default_factory=dict, repr=False)
    plan: Any = field(default=None, repr=False)
    active_ticket: str = ""
    folded_ticket: str = ""
    folded_seq: int = 0
    tickets: tuple[str, ...] = ()
    erasing: bool = False


class Sessions:
    """The table."""

    def __init__(self, store: RowStore) -> None:
        self._store = store

    def read(self, session_id: str) -> Session | None:
        """A session, or `None`."""
        row = self._store.get_row(TABLE, _key(session_id))
        return _session(row) if row else None

    def claim(self, session_id: str, owner: str, ticket_id: str, *, new: bool) -> Session:
        """Admission step 2: make a ticket the session's active one.

        Args:
            session_id: the session.
            owner: whose it has to be.
            ticket_id: the ticket.
            new: whether it may be created.

        Returns:
            The session as it is then.

        Raises:
            SessionBusy: another ticket has it.
            SessionGone: no such session of this owner.
            SessionFull: it had too many tickets.
            SessionContended: others changed it all the time.
        """
        for _ in range(ATTEMPTS):
            session = self.read(session_id)
            if session is None and new:
                created = Session(session_id, owner, active_ticket=ticket_id, tickets=(ticket_id,))
                if self._create(created):
                    return created
                continue
            if session is None or session.owner != owner or session.erasing:
                raise SessionGone(session_id)
            if session.active_ticket == ticket_id:
                return session
            if session.active_ticket:
                raise SessionBusy(session.active_ticket)
            if len(session.tickets) >= TICKETS:
                raise SessionFull(session_id)
            tickets = (*session.tickets, ticket_id)
            self._swap(session, {"active_ticket": ticket_id, "tickets": _json(tickets)})
        raise SessionContended(session_id)

    def fold(self, ticket: Ticket, events: Sequence[Event]) -> None:
        """Settling: remember what a finished ticket brought, and be free, in one change.

        Nothing happens if another ticket, or none, is active: then this one was folded before, or
        it never had the session.

        Args:
            ticket: which ended.
            events: its whole log, the last one terminal.

        Raises:
            ValueError: the log has not ended.
            SessionContended: others changed the session all the time.
        """
        if not kinds.is_settled(events):
            raise ValueError(f"{ticket.ticket_id}: only a ticket that ended can be folded")
        for _ in range(ATTEMPTS):
            session = self.read(ticket.session_id)
            if session is None or session.active_ticket != ticket.ticket_id:
                return
            self._swap(session, _folded(session, ticket, events))
        raise SessionContended(ticket.session_id)

    def begin_erasing(self, session_id: str, owner: str) -> Session:
        """Close a session to new tickets; what is left of it can then be erased in peace.

        Raises:
            SessionBusy: a ticket has it.
            SessionGone: no such session of this owner.
            SessionContended: others changed it all the time.
        """
        for _ in range(ATTEMPTS):
            session = self.read(session_id)
            if session is None or session.owner != owner:
                raise SessionGone(session_id)
            if session.erasing:
                return session
            if session.active_ticket:
                raise SessionBusy(session.active_ticket)
            self._swap(session, {"erasing": True})
        raise SessionContended(session_id)

    def erase(self, session_id: str) -> None:
        """Delete the row: the last act of erasing."""
        self._store.delete_row(TABLE, _key(session_id))

    def _create(self, session: Session) -> bool:
        columns: dict[str, Value] = {
            "owner": session.owner,
            "version": session.version,
            "history": "[]",
            "variables": "{}",
            "plan": "null",
            "active_ticket": session.active_ticket,
            "folded_ticket": "",
            "folded_seq": 0,
            "tickets": _json(session.tickets),
            "erasing": False,
        }
        try:
            self._store.put_row(TABLE, _key(session.session_id), columns, expect=Expect.ABSENT)
        except (ConditionFailed, UnknownOutcome):
            return False
        return True

    def _swap(self, session: Session, put: Mapping[str, Value]) -> None:
        """Try the change. Whether it held shows at the next reading, which comes anyhow."""
        try:
            self._store.update_row(
                TABLE,
                _key(session.session_id),
                put={**put, "version": session.version + 1},
                expect=Expect.EXISTS,
                rule=Rule("version", Compare.EQUAL, session.version, pass_if_missing=False),
            )
        except (ConditionFailed, UnknownOutcome):
            return


def _folded(session: Session, ticket: Ticket, events: Sequence[Event]) -> dict[str, Value]:
    last = events[-1]
    put: dict[str, Value] = {"active_ticket": ""}
    if last.kind != kinds.FINISHED:
        return put
    plan = next((event.data.get("plan") for event in events if event.kind == kinds.PLANNED), None)
    planned = _json(plan)
    history = (
        *session.history,
        _message("user", ticket.input, ticket.ticket_id),
        _message("assistant", _answer(last), ticket.ticket_id),
    )
    return {
        **put,
        "history": _json(history[-HISTORY_MESSAGES:]),
        "variables": _json({**session.variables, **ticket.variables}),
        "plan": planned
        if plan is not None and len(planned.encode()) <= PLAN_BYTES
        else _json(session.plan if plan is None else None),
        "folded_ticket": ticket.ticket_id,
        "folded_seq": last.seq,
    }


def _answer(finished: Event) -> str:
    data = finished.data
    if data.get("status") != "succeeded":
        return f"({data.get('status', 'failed')}: {data.get('error') or 'no reason given'})"
    output = data.get("output")
    if output is None and data.get("output_ref"):
        return "(a large result, kept with the ticket)"
    text = output.get("text") if isinstance(output, dict) else output
    return text if isinstance(text, str) else _json(output)


def _message(role: str, content: str, ticket_id: str) -> dict[str, str]:
    if len(content) > MESSAGE_CHARACTERS:
        content = content[: MESSAGE_CHARACTERS - 1] + "…"
    return {"role": role, "content": content, "ticket_id": ticket_id}


def _key(session_id: str) -> tuple[tuple[str, str], ...]:
    return (("session_id", session_id),)


def _session(row: Row) -> Session:
    columns = row.columns

    def value(name: str, default: str) -> Any:
        return json.loads(str(columns.get(name) or default))

    def number(name: str) -> int:
        found = columns.get(name, 0)
        return found if isinstance(found, int) else 0

    return Session(
        session_id=str(row.key["session_id"]),
        owner=str(columns.get("owner", "")),
        version=number("version"),
        history=tuple(value("history", "[]")),
        variables=value("variables", "{}"),
        plan=value("plan", "null"),
        active_ticket=str(columns.get("active_ticket", "")),
        folded_ticket=str(columns.get("folded_ticket", "")),
        folded_seq=number("folded_seq"),
        tickets=tuple(value("tickets", "[]")),
        erasing=bool(columns.get("erasing", False)),
    )


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)

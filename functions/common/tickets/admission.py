"""How a request becomes a ticket: four writes, each of which may be the last one of a process.

1. `agent_open`, then `agent_tickets`, each if absent. 2. The session, by compare-and-swap. 3. The
first row of the log. 4. The invocation, which is the caller's. Whoever comes after a crash, with
the same idempotency key or as the sweeper, goes on or clears up.
"""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from functions.common.ids import new_session_id, new_ticket_id, ticket_id_of
from functions.common.tickets import events as kinds
from functions.common.tickets.events import Draft, Event, iso
from functions.common.tickets.log import Collision
from functions.common.tickets.projection import Ticket
from functions.common.tickets.sessions import SessionBusy, SessionFull, SessionGone

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from functions.common.tickets.sessions import Session
    from functions.common.tickets.settling import TicketStore

# After this the sweeper takes an admission without a first row for abandoned.
ABANDONED_MS = 60_000
ATTEMPTS = 4

BUSY, GONE, FULL, ABANDONED = "session_busy", "session_gone", "session_full", "abandoned"


class KeyReused(Exception):
    """The idempotency key belongs to another request."""


@dataclass(frozen=True)
class Request:
    """What somebody asks for.

    Attributes:
        owner: who.
        tenant: the owner's organisation.
        session_id: a session to go on with; `None` for a new one.
        action: `reason` or `reply`.
        input: the question or task.
        variables: values by name.
    """

    owner: str
    tenant: str
    session_id: str | None
    action: str
    input: str = field(repr=False)
    variables: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def hash(self) -> str:
        """SHA-256 of the request in one canonical form: the same words, the same hash."""
        parts = [self.session_id, self.action, self.input, self.variables]
        canonical = json.dumps(parts, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()


@dataclass(frozen=True)
class Admitted:
    """A ticket whose log has begun.

    Attributes:
        ticket: the ticket.
        events: its log so far; the last one is terminal for one that ended, `rejected` included.
        session: as it was claimed; `None` for a ticket that was there before.
        fresh: whether this call wrote the first row.
    """

    ticket: Ticket
    events: tuple[Event, ...]
    session: Session | None
    fresh: bool


class Admission:
    """Admits requests.

    Args:
        store: the tables.
        now: Unix seconds, for informational times.
        new_ticket: makes ticket ids.
        new_session: makes session ids.
    """

    def __init__(
        self,
        store: TicketStore,
        *,
        now: Callable[[], float] = time.time,
        new_ticket: Callable[[], str] = new_ticket_id,
        new_session: Callable[[], str] = new_session_id,
    ) -> None:
        self._store = store
        self._now = now
        self._new_ticket = new_ticket
        self._new_session = new_session

    def admit(self, request: Request, key: str | None = None) -> Admitted:
        """Admit a request, or find what became of it.

        Args:
            request: what is asked for; its session, where one is named, is known to be the owner's.
            key: the caller's idempotency key.

        Raises:
            KeyReused: the key belongs to another request.
            SessionContended: the session is changed all the time.
        """
        ticket_id = ticket_id_of(request.owner, key) if key is not None else self._new_ticket()
        ticket = self._store.tickets.read(ticket_id) if key is not None else None
        if ticket is not None:
            events = self._store.log.read(ticket_id)
            if ticket.request_hash != request.hash:
                raise KeyReused(ticket_id)
            if events:
                return self._found(ticket, events)
        self._store.open.begin(ticket_id)
        if ticket is None:
            ticket = self._store.tickets.create(self._ticket(ticket_id, request))
            if ticket.request_hash != request.hash:
                raise KeyReused(ticket_id)
        try:
            session = self._claim(ticket, new=request.session_id is None)
        except SessionBusy as busy:
            return self._reject(ticket, BUSY, active_ticket=busy.ticket_id)
        except SessionGone:
            return self._reject(ticket, GONE)
        except SessionFull:
            return self._reject(ticket, FULL)
        return self._begin(ticket, session)

    def _ticket(self, ticket_id: str, request: Request) -> Ticket:
        return Ticket(
            ticket_id=ticket_id,
            owner=request.owner,
            tenant=request.tenant,
            session_id=request.session_id or self._new_session(),
            action=request.action,
            input=request.input,
            variables=request.variables,
            request_hash=request.hash,
            created_at=iso(self._now()),
        )

    def _claim(self, ticket: Ticket, *, new: bool) -> Session:
        """Claim the session; a ticket that ended without letting go of it is settled first."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return self._store.sessions.claim(
                    ticket.session_id, ticket.owner, ticket.ticket_id, new=new
                )
            except SessionBusy as busy:  # noqa: PERF203 - mostly one round
                events = self._store.log.read(busy.ticket_id)
                other = self._store.tickets.read(busy.ticket_id)
                if attempt == ATTEMPTS or other is None or not kinds.is_settled(events):
                    raise
                self._store.settle(other, events)
        raise AssertionError("the last attempt returns or raises")

    def _begin(self, ticket: Ticket, session: Session) -> Admitted:
        data = {
            "session_id": ticket.session_id,
            "action": ticket.action,
            "request_hash": ticket.request_hash,
        }
        try:
            first = self._store.log.append(ticket.ticket_id, Draft(kinds.QUEUED, data), after=0)
        except Collision as collision:
            # The same key at the same time, or a sweeper that was faster.
            return self._found(ticket, collision.events)
        return Admitted(ticket, (first,), session, fresh=True)

    def _reject(self, ticket: Ticket, reason: str, **more: str) -> Admitted:
        draft = Draft(kinds.REJECTED, {"reason": reason, **more})
        try:
            first = self._store.log.append(ticket.ticket_id, draft, after=0)
        except Collision as collision:
            return self._found(ticket, collision.events)
        return Admitted(self._store.settle(ticket, [first]), (first,), None, fresh=True)

    def _found(self, ticket: Ticket, events: list[Event]) -> Admitted:
        if kinds.is_settled(events):
            ticket = self._store.settle(ticket, events)
        return Admitted(ticket, tuple(events), None, fresh=False)

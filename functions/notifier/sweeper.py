"""Nothing waits for ever: a timer looks at every open ticket and does what nobody came to do.

It invokes what was never picked up, handed over in vain, or lost its holder; it rejects admissions
that were abandoned; it settles what ended. A ticket that nobody takes although it was invoked five
times, each time after a longer wait, is failed, by the sweeper as its holder.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from functions.common.fc import InvocationFailed
from functions.common.ids import new_ticket_id
from functions.common.tickets import events as kinds
from functions.common.tickets.admission import ABANDONED, ABANDONED_MS
from functions.common.tickets.events import Draft, holder_of, is_settled
from functions.common.tickets.holding import Interrupted, Mark, Moving, NotAdmitted, Settled, Stale
from functions.common.tickets.log import Collision
from functions.common.tickets.notices import invocation

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from functions.common.logs import Log
    from functions.common.tickets.events import Event
    from functions.common.tickets.holding import Contender
    from functions.common.tickets.open import OpenRow
    from functions.common.tickets.projection import Ticket
    from functions.common.tickets.settling import TicketStore
    from functions.notifier.app import Functions
    from functions.notifier.push import Pusher

INVOCATIONS = 5
FIRST_WAIT_MS = 60_000
LONGEST_WAIT_MS = 16 * 60_000
# Part of the function's time-out (60 s by default) that one sweep may use before it only watches.
SWEEP_SECONDS = 25.0
LONGEST_WATCH_S = 25.0


@dataclass(frozen=True)
class Suspect:
    """A held ticket, and what has to have moved at the second look."""

    ticket: Ticket
    events: Sequence[Event]
    mark: Mark
    lease_s: float


class Sweeper:
    """Looks at open tickets.

    Args:
        store: the tables.
        contender: takes tickets that nobody else comes for.
        functions: invokes the commander.
        commander: its name.
        pusher: tells about what the sweeper itself ends.
        log: for log lines.
        now: Unix seconds.
        sleep: waits between two looks at what is held.
    """

    def __init__(
        self,
        store: TicketStore,
        contender: Contender,
        functions: Functions,
        commander: str,
        pusher: Pusher,
        log: Log,
        *,
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._store = store
        self._contender = contender
        self._functions = functions
        self._commander = commander
        self._pusher = pusher
        self._log = log
        self._now = now
        self._sleep = sleep

    def sweep(self) -> dict[str, int]:
        """Look at every open ticket once, twice at those that are held; gives what was done."""
        done = dict.fromkeys(("seen", "settled", "rejected", "invoked", "failed", "watched"), 0)
        began, suspects = self._now(), []
        # From anywhere: a sweep that does not get through leaves other tickets out each time.
        for row in self._store.open.scan(begin=new_ticket_id()):
            if self._now() - began > SWEEP_SECONDS:
                self._log.warning("sweep_incomplete", seen=done["seen"])
                break
            done["seen"] += 1
            found = self._look(row)
            if isinstance(found, Suspect):
                suspects.append(found)
            elif found:
                done[found] += 1
        done["watched"] = len(suspects)
        for outcome in self._watch(suspects):
            done[outcome] += 1
        return done

    def revive(self, ticket: Ticket, events: Sequence[Event], row: OpenRow | None = None) -> str:
        """Invoke a ticket again, or fail it when that was done often enough; gives which."""
        row = row or self._store.open.read(ticket.ticket_id)
        if row is None:
            return ""
        if row.invokes >= INVOCATIONS:
            return self._fail(ticket)
        self._store.open.count_invocation(ticket.ticket_id)
        try:
            self._functions.invoke_async(self._commander, invocation(ticket))
        except InvocationFailed as failed:
            self._log.warning("invocation_failed", ticket_id=ticket.ticket_id, code=failed.code)
            return ""
        self._log.info("invoked_again", ticket_id=ticket.ticket_id, tail=events[-1].seq)
        return "invoked"

    def _look(self, row: OpenRow) -> Suspect | str:
        events = self._store.log.read(row.ticket_id)
        ticket = self._store.tickets.read(row.ticket_id)
        if not events:
            return self._reject(row, ticket)
        if ticket is None:
            # Only erasing removes a ticket whose log has begun, and it was interrupted here.
            self._store.open.close(row.ticket_id)
            return "settled"
        if is_settled(events):
            self._store.settle(ticket, events)
            return "settled"
        holder = holder_of(events)
        if holder is not None:
            lease_ms = holder.data.get("lease_ms")
            mark = Mark(events[-1].seq, row.fence, row.beat)
            lease_s = lease_ms / 1000 if isinstance(lease_ms, int) else LONGEST_WATCH_S
            return Suspect(ticket, events, mark, min(lease_s, LONGEST_WATCH_S))
        if events[-1].kind == kinds.AWAITING_APPROVAL or not self._due(row):
            return ""
        return self.revive(ticket, events, row)

    def _watch(self, suspects: Sequence[Suspect]) -> list[str]:
        """Invoke what did not move for a lease. The commander looks again before it takes over."""
        if not suspects:
            return []
        self._sleep(max(suspect.lease_s for suspect in suspects))
        found = []
        for suspect in suspects:
            ticket_id = suspect.ticket.ticket_id
            if self._contender.mark(ticket_id, after=suspect.mark.tail) != suspect.mark:
                continue
            row = self._store.open.read(ticket_id)
            if row is not None and self._due(row):
                found.append(self.revive(suspect.ticket, suspect.events, row))
        return [outcome for outcome in found if outcome]

    def _due(self, row: OpenRow) -> bool:
        """Whether the last invocation had its time; each one has twice that of the one before."""
        if not row.invokes:
            # Taken since, or never invoked: then by when it was admitted.
            since = max(row.invoked_ms, row.begun_ms)
            return self._now() * 1000 - since >= FIRST_WAIT_MS
        wait = min(FIRST_WAIT_MS << (row.invokes - 1), LONGEST_WAIT_MS)
        return self._now() * 1000 - row.invoked_ms >= wait

    def _reject(self, row: OpenRow, ticket: Ticket | None) -> str:
        """End an admission that was abandoned before its first row."""
        if self._now() * 1000 - row.begun_ms < ABANDONED_MS:
            return ""
        draft = Draft(kinds.REJECTED, {"reason": ABANDONED})
        try:
            first = self._store.log.append(row.ticket_id, draft, after=0)
        except Collision:
            # The dispatcher lives after all; whatever it wrote is looked at next time.
            return ""
        if ticket is None:
            ticket = self._store.tickets.read(row.ticket_id)
        if ticket is None:
            self._store.open.close(row.ticket_id)
        else:
            self._store.settle(ticket, [first])
            self._pusher.push(ticket.owner, row.ticket_id, first)
        self._log.warning("admission_rejected", ticket_id=row.ticket_id)
        return "rejected"

    def _fail(self, ticket: Ticket) -> str:
        """As a holder, end a ticket that nobody else comes for."""
        why = f"no commander took the ticket in {INVOCATIONS} invocations"
        try:
            hold, events = self._contender.take(ticket.ticket_id, by="sweeper")
            finished = hold.append(kinds.FINISHED, {"status": "failed", "error": why})
        except (Settled, NotAdmitted, Moving, Stale, Interrupted):
            return ""
        self._store.settle(ticket, [*events, finished])
        self._pusher.push(ticket.owner, ticket.ticket_id, finished)
        self._log.failure("ticket_failed", ticket_id=ticket.ticket_id, why=why)
        return "failed"

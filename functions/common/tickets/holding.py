"""Holding a ticket: who may append outcomes, how a holder shows life, how it learns that it lost.

Clocks decide when to try: a contender waits until the ticket stood still for a whole lease on its
own monotonic clock. The insert decides who wins.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from functions.common.tickets import events as kinds
from functions.common.tickets.events import Draft, Event, holder_of, is_settled, tail_of
from functions.common.tickets.log import Collision
from functions.common.tickets.open import Superseded

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from functions.common.tickets.log import TicketLog
    from functions.common.tickets.open import OpenTickets

LEASE_MS = 20_000
# How often a contender looks within one lease, and what part of it a holder may be silent.
LOOKS = 8
SILENCE = 3
ATTEMPTS = 8


class NotAdmitted(Exception):
    """The log does not begin with `queued`: there is nothing to work on (yet)."""


class Settled(Exception):
    """The log has ended; `events` is all of it."""

    def __init__(self, events: list[Event]) -> None:
        super().__init__("the ticket is settled")
        self.events = events


class Moving(Exception):
    """Somebody else works on the ticket, and is alive."""


class Stale(Exception):
    """The hold is lost: somebody took the ticket, or ended it. Stop, write nothing more.

    Attributes:
        events: what showed it, as far as it was read.
    """

    def __init__(self, events: list[Event]) -> None:
        super().__init__("the hold is lost")
        self.events = events


class Interrupted(Exception):
    """Control rows came first: fold `events`, decide again. The hold goes on behind them."""

    def __init__(self, events: list[Event]) -> None:
        super().__init__(f"{len(events)} rows came first")
        self.events = events


@dataclass(frozen=True)
class Mark:
    """What moves while a holder lives."""

    tail: int
    fence: int
    beat: int


class Hold:
    """A ticket that is held. One task uses it: parallel steps hand their outcomes to that one.

    Attributes:
        ticket_id: the ticket.
        fence: `seq` of the `taken` row.
        tail: `seq` of the last row that the holder knows of.
    """

    def __init__(
        self,
        log: TicketLog,
        open_tickets: OpenTickets,
        taken: Event,
        ticket_id: str,
        lease_s: float,
        monotonic: Callable[[], float],
    ) -> None:
        self.ticket_id = ticket_id
        self.fence = taken.seq
        self.tail = taken.seq
        self._log = log
        self._open = open_tickets
        self._lease_s = lease_s
        self._monotonic = monotonic
        self._beats = 0
        self._shown = monotonic()
        self._over = False

    @property
    def due_in(self) -> float:
        """Seconds until `renew` is due; 0 or less when it is."""
        return self._shown + self._lease_s / SILENCE - self._monotonic()

    def append(self, kind: str, data: Mapping[str, Any]) -> Event:
        """Append a holder's row.

        Raises:
            Stale: the hold is lost, or was given back by its last row.
            Interrupted: control rows came first; nothing was written.
            UnknownOutcome: nobody knows, after several attempts.
        """
        self._check()
        draft = Draft(kind, data, fence=self.fence)
        try:
            event = self._log.append(self.ticket_id, draft, after=self.tail)
        except Collision as collision:
            raise Interrupted(self._behind(collision.events)) from None
        self._go_behind([event])
        self._shown = self._monotonic()
        return event

    def insist(
        self, kind: str, data: Mapping[str, Any], fold: Callable[[list[Event]], None]
    ) -> Event:
        """Append a row whatever control rows come first, such as the outcome of a step.

        Args:
            kind: of the row.
            data: of the row.
            fold: told of the rows that came first.

        Raises:
            Stale: the hold is lost.
            UnknownOutcome: nobody knows, after several attempts.
        """
        while True:
            try:
                return self.append(kind, data)
            except Interrupted as interrupted:  # noqa: PERF203 - mostly one round
                fold(interrupted.events)

    def renew(self) -> list[Event]:
        """Show a sign of life, and read what came in the meantime: control rows, mostly none.

        Raises:
            Stale: the hold is lost.
        """
        self._check()
        self._beats += 1
        began = self._monotonic()
        try:
            self._open.beat(self.ticket_id, self.fence, self._beats)
        except Superseded:
            raise Stale(self._log.read(self.ticket_id, after=self.tail)) from None
        self._shown = began
        return self.look()

    def look(self) -> list[Event]:
        """Read what came in the meantime.

        Raises:
            Stale: the hold is lost.
        """
        events = self._log.read(self.ticket_id, after=self.tail)
        return self._behind(events) if events else []

    def _behind(self, events: list[Event]) -> list[Event]:
        """Go on behind rows of others; rows of this very hold may be among them."""
        for event in events:
            if event.kind == kinds.TAKEN or (event.terminal and event.fence != self.fence):
                self._over = True
                raise Stale(events)
        self._go_behind(events)
        return events

    def _go_behind(self, events: list[Event]) -> None:
        self.tail = tail_of(events)
        # What ends or releases the hold is the last thing that it writes.
        ends = kinds.RELEASES | kinds.TERMINAL
        self._over = any(event.kind in ends and event.fence == self.fence for event in events)

    def _check(self) -> None:
        if self._over:
            raise Stale([])


class Contender:
    """Becomes the holder of tickets that nobody, or nobody alive, holds.

    Args:
        log: the logs.
        open_tickets: the rows that hold fence and beat.
        lease_ms: what this one promises: a row or a beat within that time.
        monotonic: seconds that never go back, of this process alone.
        sleep: waits.
    """

    def __init__(
        self,
        log: TicketLog,
        open_tickets: OpenTickets,
        *,
        lease_ms: int = LEASE_MS,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._log = log
        self._open = open_tickets
        self._lease_ms = lease_ms
        self._monotonic = monotonic
        self._sleep = sleep

    def take(self, ticket_id: str, *, by: str = "") -> tuple[Hold, list[Event]]:
        """Take a ticket; waits for up to a lease if somebody holds it.

        Args:
            ticket_id: the ticket.
            by: who takes it, for people who read the log.

        Returns:
            The hold, and the whole log up to and with the `taken` row.

        Raises:
            NotAdmitted: the log does not begin with `queued`.
            Settled: the log has ended.
            Moving: the holder lives, or somebody else was faster.
            Stale: taken and lost again at once.
        """
        events = self._log.read(ticket_id)
        for _ in range(ATTEMPTS):
            _check(events)
            holder = holder_of(events)
            if holder is not None:
                self._watch(ticket_id, events, holder)
            draft = Draft(kinds.TAKEN, {"lease_ms": self._lease_ms, "by": by})
            try:
                taken = self._log.append(ticket_id, draft, after=tail_of(events))
            except Collision as collision:
                events = [*events, *collision.events]
                if any(event.kind == kinds.TAKEN for event in collision.events):
                    raise Moving(ticket_id) from None
                if holder is not None and not is_settled(events):
                    # Rows of the holder, or control rows: it moved, so it gets another lease.
                    raise Moving(ticket_id) from None
                continue
            return self._hold(ticket_id, taken), [*events, taken]
        raise Moving(ticket_id)

    def mark(self, ticket_id: str, *, after: int = 0) -> Mark:
        """What is to stand still: read twice and compared, never compared with a clock.

        Args:
            ticket_id: the ticket.
            after: a `seq` that is known to be there.
        """
        row = self._open.read(ticket_id)
        rest = self._log.read(ticket_id, after=after)
        tail = tail_of(rest) or after
        return Mark(tail, row.fence if row else 0, row.beat if row else 0)

    def _watch(self, ticket_id: str, events: list[Event], holder: Event) -> None:
        lease_ms = holder.data.get("lease_ms")
        lease_s = (lease_ms if isinstance(lease_ms, int) else LEASE_MS) / 1000
        tail = tail_of(events)
        began = self._monotonic()
        first = self.mark(ticket_id, after=tail)
        if first.tail != tail:
            raise Moving(ticket_id)
        while (left := began + lease_s - self._monotonic()) > 0:
            self._sleep(min(left, lease_s / LOOKS))
            if self.mark(ticket_id, after=tail) != first:
                raise Moving(ticket_id)

    def _hold(self, ticket_id: str, taken: Event) -> Hold:
        hold = Hold(self._log, self._open, taken, ticket_id, self._lease_ms / 1000, self._monotonic)
        try:
            self._open.fence(ticket_id, taken.seq)
        except Superseded:
            raise Stale(self._log.read(ticket_id, after=taken.seq)) from None
        return hold


def _check(events: list[Event]) -> None:
    if is_settled(events):
        raise Settled(events)
    if not events or events[0].kind != kinds.QUEUED:
        raise NotAdmitted("the log does not begin with `queued`")

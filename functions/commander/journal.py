"""The log of a ticket as its holder keeps it: all rows so far, and each own row told to the bus."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from functions.commander.workers import Workers
from functions.common.tickets.holding import Hold, Interrupted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from functions.common.tickets.events import Event


class Journal:
    """A held ticket's log. Once the hold is lost, every call raises `Stale`.

    Args:
        hold: the hold.
        events: the log up to and with the hold's own `taken` row.
        publish: is told of every row that this holder appends.

    Attributes:
        events: the whole log, as far as this holder knows it.
    """

    def __init__(self, hold: Hold, events: list[Event], publish: Callable[[Event], None]) -> None:
        self.events = list(events)
        self._hold = hold
        self._publish = publish
        publish(self.events[-1])

    @property
    def due_in(self) -> float:
        """Seconds until `renew` is due; 0 or less when it is."""
        return self._hold.due_in

    def record(self, kind: str, data: Mapping[str, Any]) -> list[Event]:
        """Append what happened, whatever control rows come first; gives those and the row."""
        before: list[Event] = []
        event = self._hold.insist(kind, data, before.extend)
        self._publish(event)
        return self._keep([*before, event])

    def append(self, kind: str, data: Mapping[str, Any]) -> list[Event]:
        """Append what was decided. If control rows come first, those are given, and it is not."""
        try:
            event = self._hold.append(kind, data)
        except Interrupted as interrupted:
            return self._keep(interrupted.events)
        self._publish(event)
        return self._keep([event])

    def renew(self) -> list[Event]:
        """Show a sign of life; gives the control rows that came."""
        return self._keep(self._hold.renew())

    def wait_for(self, work: Callable[[], Any], seconds: float) -> Any:
        """Do long work in a thread, and hold on to the ticket meanwhile; gives what it gives.

        Raises:
            TookTooLong: it did not end in so many seconds.
            Exception: whatever the work raises.
        """
        workers = Workers()
        workers.start("work", work, seconds)
        while (done := workers.wait(max(0.0, self.due_in))) is None:
            self.renew()
        if done.error is not None:
            raise done.error
        return done.value

    def _keep(self, events: list[Event]) -> list[Event]:
        self.events += events
        return events

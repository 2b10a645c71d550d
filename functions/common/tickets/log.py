"""Appending to a ticket's log, and reading it: the one place where a `seq` is won or lost."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from functions.common.ids import new_row_id
from functions.common.tablestore.api import Bound, ConditionFailed, Expect, Row, UnknownOutcome
from functions.common.tickets.events import TABLE, DamagedLog, decode, encode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from functions.common.tablestore.api import RangeKey, RowStore
    from functions.common.tickets.events import Draft, Event

ATTEMPTS = 4
PAGE_ROWS = 500


class Collision(Exception):
    """The place is taken by somebody else's row. Fold what is there, then decide again.

    Attributes:
        events: everything from that place on; never empty.
    """

    def __init__(self, events: list[Event]) -> None:
        super().__init__(f"seq {events[0].seq} is a {events[0].kind!r} of somebody else")
        self.events = events


class TicketLog:
    """The logs of all tickets.

    Args:
        store: where they are.
        new_id: makes row ids.
        now: Unix seconds, for the informational time of a row.
    """

    def __init__(
        self,
        store: RowStore,
        *,
        new_id: Callable[[], str] = new_row_id,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._new_id = new_id
        self._now = now

    def read(self, ticket_id: str, *, after: int = 0, limit: int | None = None) -> list[Event]:
        """The events behind `after`, in order and without gaps; at most `limit`."""
        found: list[Event] = []
        for row in self._pages(ticket_id, after=after, limit=limit):
            event = decode(row)
            # A row behind a gap is no part of the log: appending goes by the last contiguous one.
            if event.seq != after + 1 + len(found) or len(found) == limit:
                break
            found.append(event)
        return found

    def append(self, ticket_id: str, draft: Draft, *, after: int) -> Event:
        """Insert a row behind the last contiguous one that the caller has read.

        An answer that got lost is resolved here: the row is looked for by its id, and inserted
        again, the very same one, if it is not there. That cannot make two: there is one place.

        Args:
            ticket_id: the log.
            draft: the row.
            after: `seq` of the last row that the caller has folded; 0 for none.

        Raises:
            Collision: the place was taken; nothing was written.
            UnknownOutcome: nobody knows, after several attempts.
        """
        seq, row_id = after + 1, self._new_id()
        columns = encode(draft, row_id, self._now())
        key = (("ticket_id", ticket_id), ("seq", seq))
        for attempt in range(1, ATTEMPTS + 1):
            try:
                self._store.put_row(TABLE, key, columns, expect=Expect.ABSENT)
            except ConditionFailed:  # noqa: PERF203 - a few rounds
                return self._resolve(ticket_id, row_id, after)
            except UnknownOutcome:
                if attempt == ATTEMPTS:
                    raise
                events = self.read(ticket_id, after=after)
                if events:
                    return _own(events, row_id)
            else:
                return decode(Row(dict(key), columns))
        raise AssertionError("the last attempt returns or raises")

    def erase(self, ticket_id: str) -> None:
        """Delete every row, the first one first: a log without it is one that nobody works on."""
        for row in self._pages(ticket_id, after=0, limit=None, columns=("kind",)):
            self._store.delete_row(TABLE, tuple(row.key.items()))

    def _resolve(self, ticket_id: str, row_id: str, after: int) -> Event:
        events = self.read(ticket_id, after=after)
        if not events:
            raise DamagedLog(f"{ticket_id}: seq {after + 1} is taken, and there is no such row")
        return _own(events, row_id)

    def _pages(
        self, ticket_id: str, *, after: int, limit: int | None, columns: tuple[str, ...] = ()
    ) -> Iterator[Row]:
        start: RangeKey | None = (("ticket_id", ticket_id), ("seq", after + 1))
        end: RangeKey = (("ticket_id", ticket_id), ("seq", Bound.MAX))
        rows = PAGE_ROWS if limit is None else min(limit, PAGE_ROWS)
        while start is not None:
            page = self._store.get_range(TABLE, start, end, limit=rows, columns=columns)
            yield from page.rows
            start = page.next_start


def _own(events: list[Event], row_id: str) -> Event:
    if events[0].row_id == row_id:
        return events[0]
    raise Collision(events)

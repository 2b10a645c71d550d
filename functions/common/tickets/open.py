"""`agent_open`: one row for each ticket that is not settled, which the sweeper scans.

It holds what changes without being part of the history: whose fence holds (`fence`), the holder's
sign of life (`beat`), and how often the ticket was invoked since it was last taken (`invokes`).
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from functions.common.tablestore.api import Bound, Compare, Expect, Rule, TablestoreError
from functions.common.tablestore.repeat import surely

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from functions.common.tablestore.api import RangeKey, Row, RowStore

TABLE = "agent_open"
PAGE_ROWS = 200


class Superseded(Exception):
    """The fence is not the caller's any more, or the ticket is settled: stop."""


@dataclass(frozen=True)
class OpenRow:
    """A row.

    Attributes:
        ticket_id: the ticket.
        fence: `seq` of the `taken` row that holds; 0 before the first.
        beat: the holder's count of signs of life.
        invokes: invocations since the ticket was last taken.
        begun_ms: Unix milliseconds at which admission began, by the dispatcher's clock.
        invoked_ms: Unix milliseconds of the last invocation, by the invoker's clock; 0 before.
    """

    ticket_id: str
    fence: int = 0
    beat: int = 0
    invokes: int = 0
    begun_ms: int = 0
    invoked_ms: int = 0


class OpenTickets:
    """The table.

    Args:
        store: where it is.
        now: Unix seconds. Times here only say when it is worth to look at a ticket.
    """

    def __init__(self, store: RowStore, *, now: Callable[[], float] = time.time) -> None:
        self._store = store
        self._now = now

    def begin(self, ticket_id: str) -> None:
        """Admission step 1: put the row, unless it is there."""
        columns = {
            "fence": 0,
            "beat": 0,
            "invokes": 0,
            "begun_ms": int(self._now() * 1000),
            "invoked_ms": 0,
        }
        surely(lambda: self._store.put_row(TABLE, _key(ticket_id), columns, expect=Expect.ABSENT))

    def read(self, ticket_id: str) -> OpenRow | None:
        """The row, or `None` for a ticket that is settled or unknown."""
        row = self._store.get_row(TABLE, _key(ticket_id))
        return _open_row(row) if row else None

    def count_invocation(self, ticket_id: str) -> None:
        """Note that the ticket is about to be invoked; nothing happens to a settled one."""
        try:
            self._store.update_row(
                TABLE,
                _key(ticket_id),
                put={"invoked_ms": int(self._now() * 1000)},
                increment={"invokes": 1},
                expect=Expect.EXISTS,
            )
        except TablestoreError:
            # A count that is off by one makes the sweeper a little earlier or later, no more; it
            # must not keep an admitted ticket from being invoked.
            return

    def fence(self, ticket_id: str, fence: int) -> None:
        """After taking: announce the new fence, and begin to count invocations anew.

        Raises:
            Superseded: a newer one is there already, or the ticket is settled.
        """
        self._change(
            ticket_id,
            {"fence": fence, "beat": 0, "invokes": 0},
            Rule("fence", Compare.LESS_EQUAL, fence, pass_if_missing=False),
        )

    def beat(self, ticket_id: str, fence: int, beat: int) -> None:
        """A holder's sign of life while it has nothing to append.

        Raises:
            Superseded: the fence is somebody else's, or the ticket is settled.
        """
        self._change(
            ticket_id,
            {"beat": beat},
            Rule("fence", Compare.EQUAL, fence, pass_if_missing=False),
        )

    def close(self, ticket_id: str) -> None:
        """Delete the row: the last act of settling, harmless when repeated."""
        surely(lambda: self._store.delete_row(TABLE, _key(ticket_id)))

    def scan(self, *, begin: str = "") -> Iterator[OpenRow]:
        """All rows, page by page: from `begin` to the end, then from the start up to `begin`."""
        yield from self._range(begin or Bound.MIN, Bound.MAX)
        if begin:
            yield from self._range(Bound.MIN, begin)

    def _range(self, low: str | Bound, high: str | Bound) -> Iterator[OpenRow]:
        start: RangeKey | None = (("ticket_id", low),)
        end: RangeKey = (("ticket_id", high),)
        while start is not None:
            page = self._store.get_range(TABLE, start, end, limit=PAGE_ROWS)
            for row in page.rows:
                yield _open_row(row)
            start = page.next_start

    def _change(self, ticket_id: str, put: dict[str, int], rule: Rule) -> None:
        key = _key(ticket_id)
        if not surely(
            lambda: self._store.update_row(TABLE, key, put=put, expect=Expect.EXISTS, rule=rule)
        ):
            raise Superseded(ticket_id)


def _key(ticket_id: str) -> tuple[tuple[str, str], ...]:
    return (("ticket_id", ticket_id),)


def _open_row(row: Row) -> OpenRow:
    def number(name: str) -> int:
        value = row.columns.get(name, 0)
        return value if isinstance(value, int) else 0

    return OpenRow(
        ticket_id=str(row.key["ticket_id"]),
        fence=number("fence"),
        beat=number("beat"),
        invokes=number("invokes"),
        begun_ms=number("begun_ms"),
        invoked_ms=number("invoked_ms"),
    )

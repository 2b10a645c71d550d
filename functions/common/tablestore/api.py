"""What a store of rows can do and how it fails: the port that the ticket protocol is written to."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, IntEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Value = str | int | float | bool | bytes


class Bound(Enum):
    """Ends of the range of a primary key column."""

    MIN = "INF_MIN"
    MAX = "INF_MAX"


Key = tuple[tuple[str, str | int | bytes], ...]
RangeKey = tuple[tuple[str, str | int | bytes | Bound], ...]


class Expect(IntEnum):
    """What a write expects of the row; the numbers are those of the protocol."""

    ANY = 0
    EXISTS = 1
    ABSENT = 2


class Compare(IntEnum):
    """How a column is compared with a value; the numbers are those of the protocol."""

    EQUAL = 1
    NOT_EQUAL = 2
    GREATER = 3
    GREATER_EQUAL = 4
    LESS = 5
    LESS_EQUAL = 6


@dataclass(frozen=True)
class Rule:
    """A condition on one column of the row that a write is about.

    Attributes:
        column: its name.
        compare: how its stored value is compared with `value`.
        value: the other side.
        pass_if_missing: whether a row without the column meets the rule. The service's own default
            is yes, which turns a compare-and-swap into a plain write: so it has to be said.
    """

    column: str
    compare: Compare
    value: Value
    pass_if_missing: bool


@dataclass(frozen=True)
class Row:
    """A row as it was read."""

    key: Mapping[str, str | int | bytes]
    columns: Mapping[str, Value] = field(repr=False)


@dataclass(frozen=True)
class Page:
    """Rows of a range, and where the next page begins; `None` when this was the last one."""

    rows: tuple[Row, ...]
    next_start: RangeKey | None


class RowStore(Protocol):
    """Tables of rows. Every method may raise a `TablestoreError`."""

    def get_row(self, table: str, key: Key, *, columns: Sequence[str] = ()) -> Row | None:
        """Read a row, or only some of its columns; `None` if there is none."""

    def put_row(
        self,
        table: str,
        key: Key,
        columns: Mapping[str, Value],
        *,
        expect: Expect = Expect.ANY,
        rule: Rule | None = None,
    ) -> None:
        """Write a whole row: what it had before is gone.

        Raises:
            ConditionFailed: `expect` or `rule` does not hold; nothing was written.
            UnknownOutcome: nobody knows whether it was written.
        """

    def update_row(
        self,
        table: str,
        key: Key,
        *,
        put: Mapping[str, Value] | None = None,
        increment: Mapping[str, int] | None = None,
        delete: Sequence[str] = (),
        expect: Expect = Expect.ANY,
        rule: Rule | None = None,
    ) -> None:
        """Change columns of a row; errors are those of `put_row`."""

    def delete_row(
        self, table: str, key: Key, *, expect: Expect = Expect.ANY, rule: Rule | None = None
    ) -> None:
        """Delete a row; errors are those of `put_row`."""

    def get_range(
        self,
        table: str,
        start: RangeKey,
        end: RangeKey,
        *,
        limit: int | None = None,
        columns: Sequence[str] = (),
        backward: bool = False,
    ) -> Page:
        """Read rows from `start` on, up to but without `end`; backward, `start` is the larger."""


class TablestoreError(Exception):
    """A request that failed.

    Attributes:
        status: HTTP status; 0 if there was no answer.
        code: the service's error code.
        request_id: for support.
    """

    def __init__(
        self, message: str, *, status: int = 0, code: str = "", request_id: str = ""
    ) -> None:
        super().__init__(f"{code}: {message}" if code else message)
        self.status = status
        self.code = code
        self.request_id = request_id


class ConditionFailed(TablestoreError):
    """The row is not as the write expected it: nothing was written."""


class Throttled(TablestoreError):
    """The service has no capacity now; nothing was written."""


class NotFound(TablestoreError):
    """There is no such table or instance."""


class AccessDenied(TablestoreError):
    """Wrong signature, or no right to do that."""


class UnknownOutcome(TablestoreError):
    """The answer to a write was lost, or the service failed in it: it may have been written."""


class Unavailable(TablestoreError):
    """The service cannot be reached, or a read failed; nothing was written."""

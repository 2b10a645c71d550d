"""What tables, rows and reads are made of; nothing here knows the wire or the disk."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from localcloud.tablestore.filters import Filter

Value = bool | int | float | str | bytes
KeyValue = int | str | bytes
Cells = dict[str, dict[int, Value]]
"""By column, then by version: a time stamp in milliseconds."""


class Edge(Enum):
    """What may stand in place of a value in a primary key."""

    MIN = "INF_MIN"
    MAX = "INF_MAX"
    AUTO = "AUTO_INCREMENT"


KeyPart = KeyValue | Edge
NamedKey = list[tuple[str, KeyPart]]


class KeyType(Enum):
    """Types of primary key columns."""

    INTEGER = "INTEGER"
    STRING = "STRING"
    BINARY = "BINARY"


@dataclass(frozen=True)
class KeyColumn:
    """One column of a primary key."""

    name: str
    type: KeyType
    auto_increment: bool = False


@dataclass(frozen=True)
class TableOptions:
    """What can be changed later.

    Attributes:
        time_to_live: seconds; -1 keeps for ever.
        max_versions: of each cell.
        deviation: how many seconds a given version may be off the clock.
        allow_update: whether UpdateRow is allowed.
    """

    time_to_live: int = -1
    max_versions: int = 1
    deviation: int = 86400
    allow_update: bool = True


@dataclass(frozen=True)
class Encryption:
    """Encryption at rest, recorded as asked for: the files of a local cloud are not encrypted."""

    enabled: bool
    key_type: str | None = None
    key_id: str | None = None
    role_arn: str | None = None


@dataclass(frozen=True)
class Table:
    """One table of one instance."""

    number: int
    instance: str
    name: str
    primary_key: tuple[KeyColumn, ...]
    options: TableOptions
    defined_columns: tuple[tuple[str, str], ...] = ()
    encryption: Encryption | None = None
    created: float = 0.0

    def expired_before(self, now: float) -> int:
        """Versions up to this one (milliseconds) have expired."""
        if self.options.time_to_live < 0:
            return -1
        return int((now - self.options.time_to_live) * 1000)


@dataclass
class Row:
    """One row: its key, its cells, and when it was written (milliseconds)."""

    key: tuple[KeyValue, ...]
    cells: Cells
    written: int

    @property
    def newest(self) -> int:
        """The version that expires last; a row without cells lives from its own writing."""
        if not self.cells:
            return self.written
        return max(max(versions) for versions in self.cells.values())


class Expect(Enum):
    """What a writer expects of the row."""

    IGNORE = 0
    EXIST = 1
    NOT_EXIST = 2


@dataclass(frozen=True)
class Condition:
    """When a write may happen."""

    row: Expect = Expect.IGNORE
    columns: Filter | None = None


class Return(Enum):
    """What a write answers."""

    NONE = 0
    KEY = 1
    AFTER_MODIFY = 2


class ChangeType(Enum):
    """What happens to a cell."""

    PUT = "put"
    DELETE = "delete"
    DELETE_ALL = "delete_all"
    INCREMENT = "increment"


@dataclass(frozen=True)
class Change:
    """One change of one column."""

    type: ChangeType
    column: str
    value: Value | None = None
    version: int | None = None


class WriteType(Enum):
    """The three ways to write a row."""

    PUT = "PutRow"
    UPDATE = "UpdateRow"
    DELETE = "DeleteRow"


@dataclass(frozen=True)
class Write:
    """A write of one row."""

    type: WriteType
    key: NamedKey
    changes: tuple[Change, ...] = ()
    condition: Condition = field(default_factory=Condition)
    returns: Return = Return.NONE
    return_columns: tuple[str, ...] = ()


@dataclass(frozen=True)
class Selection:
    """Which columns and versions a read wants.

    Attributes:
        columns: names; empty for all.
        max_versions: of each column, newest first.
        time_range: versions from the first, before the second.
        start_column: names from here on.
        end_column: names before this one.
        filter: rows that do not pass are left out.
    """

    columns: tuple[str, ...] = ()
    max_versions: int | None = None
    time_range: tuple[int, int] | None = None
    start_column: str | None = None
    end_column: str | None = None
    filter: Filter | None = None


@dataclass(frozen=True)
class Usage:
    """Capacity units that an operation took."""

    read: int = 0
    write: int = 0


@dataclass(frozen=True)
class Answer:
    """What an operation on one row gives: the row where there is one, and what it cost."""

    row: Row | None
    usage: Usage


@dataclass(frozen=True)
class Page:
    """A part of a range.

    Attributes:
        next_key: where to go on; None when the range is done.
    """

    rows: list[Row]
    next_key: tuple[KeyValue, ...] | None
    usage: Usage

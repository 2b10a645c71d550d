"""Rows on disk: reads, conditional writes and ranges, within a transaction of the caller."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from localcloud.tablestore.changes import (
    check_changes,
    check_size,
    key_size,
    put,
    row_size,
    update,
)
from localcloud.tablestore.errors import condition_failed, invalid, unsupported
from localcloud.tablestore.filters import check_filter, passes
from localcloud.tablestore.keys import checked_key, decode_key, encode_key, values_of
from localcloud.tablestore.limits import CAPACITY_UNIT_BYTES, RANGE_BYTES, RANGE_ROWS
from localcloud.tablestore.model import (
    Answer,
    ChangeType,
    Edge,
    Expect,
    Page,
    Return,
    Row,
    Usage,
    WriteType,
)
from localcloud.tablestore.reading import alive, check_selection, select
from localcloud.tablestore.stored import dump_cells, load_cells

if TYPE_CHECKING:
    import sqlite3

    from localcloud.tablestore.model import KeyPart, KeyValue, NamedKey, Selection, Table, Write

SCHEMA = """
CREATE TABLE IF NOT EXISTS rows (
    number INTEGER NOT NULL, key BLOB NOT NULL, newest INTEGER NOT NULL,
    written INTEGER NOT NULL, cells TEXT NOT NULL, PRIMARY KEY (number, key)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS sequences (number INTEGER PRIMARY KEY, last INTEGER NOT NULL);
"""

_RANGE = frozenset({Edge.MIN, Edge.MAX})


def get_row(
    db: sqlite3.Connection, table: Table, key: NamedKey, selection: Selection, now: float
) -> Answer:
    """Read one row.

    Raises:
        CloudError: the key or the selection is malformed.
    """
    check_selection(selection)
    parts = checked_key(table.primary_key, key)
    row = alive(_load(db, table, encode_key(parts), values_of(parts)), table, now)
    found = select(row, table, selection) if row else None
    size = row_size(found, table) if found else key_size(parts, table)
    return Answer(found, Usage(read=units(size)))


def write_row(db: sqlite3.Connection, table: Table, write: Write, now: float) -> Answer:
    """Write one row if its condition holds.

    Raises:
        CloudError: `OTSConditionCheckFail`, or the write is malformed.
    """
    check_write(table, write, now)
    parts = checked_key(table.primary_key, write.key, _allowed(write))
    if Edge.AUTO in parts:
        number = _next_number(db, table)
        parts = tuple(number if part is Edge.AUTO else part for part in parts)
    key, encoded = values_of(parts), encode_key(parts)
    old = alive(_load(db, table, encoded, key), table, now)
    _check_condition(write, old)
    new = _written(table, write, key, old, int(now * 1000))
    if new is not None:
        _store(db, table, encoded, new)
    elif old is not None:
        db.execute("DELETE FROM rows WHERE number = ? AND key = ?", (table.number, encoded))
    size = check_size(parts, write.changes, table)
    reads = write.condition.row is not Expect.IGNORE or write.condition.columns is not None
    return Answer(_returned(write, key, new), Usage(int(reads), units(size)))


def check_write(table: Table, write: Write, now: float) -> None:
    """Refuse a write that breaks a limit or a rule, whatever the row is.

    Raises:
        CloudError: 4xx.
    """
    parts = checked_key(table.primary_key, write.key, _allowed(write))
    check_changes(write.changes, table, now)
    check_size(parts, write.changes, table)
    if write.condition.columns is not None:
        check_filter(write.condition.columns)
    if write.type is WriteType.UPDATE:
        if not write.changes:
            raise invalid("UpdateRow: no attribute column is specified.")
        if not table.options.allow_update:
            raise invalid(f"UpdateRow: table {table.name} does not allow updates.")
    if write.type is not WriteType.PUT and write.condition.row is Expect.NOT_EXIST:
        # The pages of UpdateRow and DeleteRow name IGNORE and EXPECT_EXIST only [D].
        raise invalid(f"{write.type.value}: EXPECT_NOT_EXIST is for PutRow.")
    if write.returns is Return.AFTER_MODIFY and write.type is not WriteType.UPDATE:
        raise unsupported(f"RT_AFTER_MODIFY of {write.type.value}")


def get_range(
    db: sqlite3.Connection,
    table: Table,
    bounds: tuple[NamedKey, NamedKey],
    selection: Selection,
    now: float,
    *,
    forward: bool = True,
    limit: int | None = None,
) -> Page:
    """Read rows in the order of their keys, from the first bound on, up to before the second.

    One call looks at no more than 5,000 rows or 4 MB; filtered rows count among these, so that a
    page may be empty and yet have a next key.

    Raises:
        CloudError: a bound or the selection is malformed, or the bounds are in the wrong order.
    """
    check_selection(selection)
    if limit is not None and limit < 1:
        raise invalid(f"limit must be positive, not {limit}.")
    start, end = (encode_key(checked_key(table.primary_key, key, _RANGE)) for key in bounds)
    if (start >= end) if forward else (start <= end):
        order = "less" if forward else "greater"
        raise invalid(f"Begin key must {order} than end key in {'FOR' if forward else 'BACK'}WARD.")
    signs = (">=", "<", "ASC") if forward else ("<=", ">", "DESC")
    cursor = db.execute(
        f"SELECT key, written, cells FROM rows WHERE number = ? AND newest > ?"  # noqa: S608
        f" AND key {signs[0]} ? AND key {signs[1]} ? ORDER BY key {signs[2]}",
        (table.number, table.expired_before(now), start, end),
    )
    rows: list[Row] = []
    scanned = size = 0
    for encoded, written, cells in cursor:
        key = decode_key(table.primary_key, encoded)
        full = limit is not None and len(rows) == limit
        if full or scanned == RANGE_ROWS or (rows and size >= RANGE_BYTES):
            cursor.close()
            return Page(rows, key, Usage(read=units(size)))
        row = alive(Row(key, load_cells(cells), written), table, now)
        if row is None:
            continue
        scanned += 1
        size += row_size(row, table)
        if (found := select(row, table, selection)) is not None:
            rows.append(found)
    return Page(rows, None, Usage(read=units(size)))


def remove_expired(db: sqlite3.Connection, table: Table, now: float) -> int:
    """Delete rows that no reader sees any more; gives their number."""
    if table.options.time_to_live < 0:
        return 0
    return db.execute(
        "DELETE FROM rows WHERE number = ? AND newest <= ?",
        (table.number, table.expired_before(now)),
    ).rowcount


def units(size: int) -> int:
    """Capacity units of so many bytes: one for each 4 KB begun."""
    return max(1, math.ceil(size / CAPACITY_UNIT_BYTES))


def _allowed(write: Write) -> frozenset[Edge]:
    return frozenset({Edge.AUTO}) if write.type is WriteType.PUT else frozenset()


def _check_condition(write: Write, old: Row | None) -> None:
    expected = write.condition.row
    if (expected is Expect.EXIST and old is None) or (
        expected is Expect.NOT_EXIST and old is not None
    ):
        raise condition_failed()
    if not passes(write.condition.columns, old.cells if old else {}):
        raise condition_failed()


def _written(
    table: Table, write: Write, key: tuple[KeyValue, ...], old: Row | None, now_ms: int
) -> Row | None:
    if write.type is WriteType.PUT:
        return put(key, write.changes, table, now_ms)
    if write.type is WriteType.UPDATE:
        return update(old, key, write.changes, table, now_ms)
    return None


def _returned(write: Write, key: tuple[KeyValue, ...], new: Row | None) -> Row | None:
    if write.returns is Return.NONE:
        return None
    if write.returns is Return.KEY or new is None:
        return Row(key, {}, 0)
    wanted = write.return_columns or tuple(
        change.column for change in write.changes if change.type is ChangeType.INCREMENT
    )
    cells = {name: new.cells[name] for name in sorted(set(wanted)) if name in new.cells}
    return Row(key, {name: {max(v): v[max(v)]} for name, v in cells.items()}, 0)


def _load(
    db: sqlite3.Connection, table: Table, encoded: bytes, key: tuple[KeyValue, ...]
) -> Row | None:
    found: Any = db.execute(
        "SELECT written, cells FROM rows WHERE number = ? AND key = ?", (table.number, encoded)
    ).fetchone()
    return Row(key, load_cells(found[1]), found[0]) if found else None


def _store(db: sqlite3.Connection, table: Table, encoded: bytes, row: Row) -> None:
    db.execute(
        "INSERT OR REPLACE INTO rows VALUES (?, ?, ?, ?, ?)",
        (table.number, encoded, row.newest, row.written, dump_cells(row.cells)),
    )


def _next_number(db: sqlite3.Connection, table: Table) -> int:
    (number,) = db.execute(
        "INSERT INTO sequences VALUES (?, 1)"
        " ON CONFLICT (number) DO UPDATE SET last = last + 1 RETURNING last",
        (table.number,),
    ).fetchone()
    return int(number)


def parts_text(parts: tuple[KeyPart, ...]) -> str:
    """A key for a message, shortened."""
    return ", ".join(str(part)[:64] for part in parts)

"""What a write makes of a row."""

from __future__ import annotations

from typing import TYPE_CHECKING

from localcloud.tablestore.errors import invalid, row_too_large
from localcloud.tablestore.limits import COLUMNS_IN_REQUEST, NAME, ROW_BYTES, VALUE_BYTES
from localcloud.tablestore.model import ChangeType, Row

if TYPE_CHECKING:
    from collections.abc import Iterable

    from localcloud.tablestore.model import Cells, Change, KeyPart, KeyValue, Table, Value

_INTEGER = range(-(1 << 63), 1 << 63)


def put(key: tuple[KeyValue, ...], changes: Iterable[Change], table: Table, now_ms: int) -> Row:
    """Make a row anew; nothing of an older one stays."""
    cells: Cells = {}
    for change in changes:
        if change.type is not ChangeType.PUT:
            raise invalid(f"PutRow: column {change.column!r} must have a value.")
        _put(cells, change, now_ms)
    _trim(cells, table)
    return Row(key, cells, now_ms)


def update(
    old: Row | None,
    key: tuple[KeyValue, ...],
    changes: tuple[Change, ...],
    table: Table,
    now_ms: int,
) -> Row | None:
    """Change a row in place.

    A row that is not there comes into being, unless nothing but deletions was asked for [I].

    Raises:
        CloudError: `OTSParameterInvalid`, for example an increment of a text.
    """
    if old is None and all(
        change.type in {ChangeType.DELETE, ChangeType.DELETE_ALL} for change in changes
    ):
        return None
    cells = {name: dict(versions) for name, versions in old.cells.items()} if old else {}
    for change in changes:
        match change.type:
            case ChangeType.PUT:
                _put(cells, change, now_ms)
            case ChangeType.INCREMENT:
                _increment(cells, change, now_ms)
            case ChangeType.DELETE_ALL:
                cells.pop(change.column, None)
            case ChangeType.DELETE:
                if change.version is None:
                    raise invalid(f"Deletion of one version of {change.column!r} names none.")
                cells.get(change.column, {}).pop(change.version, None)
    cells = {name: versions for name, versions in cells.items() if versions}
    _trim(cells, table)
    return Row(key, cells, max(now_ms, old.written if old else 0))


def check_changes(changes: tuple[Change, ...], table: Table, now: float) -> None:
    """Refuse names, values and versions that break the limits.

    Raises:
        CloudError: `OTSParameterInvalid`.
    """
    if len(changes) > COLUMNS_IN_REQUEST:
        raise invalid(
            f"The number of attribute columns from the request exceeded the limit: "
            f"{len(changes)} > {COLUMNS_IN_REQUEST}."
        )
    keys = {column.name for column in table.primary_key}
    for change in changes:
        if not NAME.fullmatch(change.column):
            raise invalid(f"Invalid column name: {change.column[:64]!r}.")
        if change.column in keys:
            raise invalid(f"Column {change.column!r} is a primary key column of the table.")
        if isinstance(change.value, str | bytes):
            size = value_size(change.value)
            if size > VALUE_BYTES:
                raise invalid(
                    f"The length of attribute column: '{change.column}' exceeded the MaxLength: "
                    f"{VALUE_BYTES} with CurrentLength: {size}."
                )
        if change.version is not None and change.type is not ChangeType.DELETE:
            _check_version(change.version, table, now)


def check_size(key: tuple[KeyPart, ...], changes: tuple[Change, ...], table: Table) -> int:
    """The bytes of a write, which have a limit.

    Raises:
        CloudError: `OTSOutOfRowSizeLimit`.
    """
    size = key_size(key, table) + sum(
        len(change.column.encode()) + (0 if change.value is None else value_size(change.value))
        for change in changes
    )
    if size > ROW_BYTES:
        raise row_too_large(size, ROW_BYTES)
    return size


def key_size(key: tuple[KeyPart, ...], table: Table) -> int:
    """Bytes of a key with the names of its columns."""
    return sum(
        len(column.name) + (value_size(part) if isinstance(part, int | str | bytes) else 0)
        for column, part in zip(table.primary_key, key, strict=True)
    )


def row_size(row: Row, table: Table) -> int:
    """Bytes of a row: names, values, and 8 for each version."""
    return key_size(row.key, table) + sum(
        len(name.encode()) * len(versions) + sum(value_size(v) + 8 for v in versions.values())
        for name, versions in row.cells.items()
    )


def value_size(value: Value) -> int:
    """Bytes of a value, as the service counts them."""
    if isinstance(value, str):
        return len(value) if value.isascii() else len(value.encode())
    if isinstance(value, bytes):
        return len(value)
    return 1 if isinstance(value, bool) else 8


def _check_version(version: int, table: Table, now: float) -> None:
    least = now - table.options.deviation
    if table.options.time_to_live > 0:
        least = max(least, now - table.options.time_to_live)
    if not least * 1000 <= version <= (now + table.options.deviation) * 1000:
        raise invalid(
            f"Version {version} is not within the table's range of {table.options.deviation} s "
            "around now."
        )


def _put(cells: Cells, change: Change, now_ms: int) -> None:
    if change.value is None:
        raise invalid(f"Column {change.column!r} has no value.")
    versions = cells.setdefault(change.column, {})
    versions[_version(versions, change, now_ms)] = change.value


def _increment(cells: Cells, change: Change, now_ms: int) -> None:
    if type(change.value) is not int:
        raise invalid(f"Increment of {change.column!r}: the amount must be an integer.")
    versions = cells.setdefault(change.column, {})
    before = versions[max(versions)] if versions else 0
    if type(before) is not int:
        raise invalid(f"Increment of {change.column!r}: the column is not an integer.")
    after = before + change.value
    if after not in _INTEGER:
        raise invalid(f"Increment of {change.column!r}: {after} is no 64-bit integer.")
    versions[_version(versions, change, now_ms)] = after


def _version(versions: dict[int, Value], change: Change, now_ms: int) -> int:
    """The given version, or one that is the newest even when the clock was set back."""
    if change.version is not None:
        return change.version
    return max([now_ms, *versions])


def _trim(cells: Cells, table: Table) -> None:
    """Keep the newest versions only."""
    for versions in cells.values():
        for version in sorted(versions, reverse=True)[table.options.max_versions :]:
            del versions[version]

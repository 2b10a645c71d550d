"""From messages to what the store understands, and back."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any, TypeVar

from localcloud.tablestore.errors import invalid, unsupported
from localcloud.tablestore.filters import Combinator, Comparator, Composite, Pagination, Single
from localcloud.tablestore.model import (
    Change,
    ChangeType,
    Condition,
    Edge,
    Expect,
    Return,
    Selection,
    Write,
    WriteType,
)
from localcloud.tablestore.wire import messages
from localcloud.tablestore.wire.plainbuffer import (
    DELETE_ALL_VERSIONS,
    DELETE_ONE_VERSION,
    INCREMENT,
    WireCell,
    WireRow,
    decode_row,
    decode_value,
    encode_rows,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from localcloud.tablestore.filters import Filter
    from localcloud.tablestore.model import KeyValue, NamedKey, Row, Table, Usage, Value

SINGLE, COMPOSITE, PAGINATION = 1, 2, 3
WRITE_TYPES = {1: WriteType.PUT, 2: WriteType.UPDATE, 3: WriteType.DELETE}
FILTER_DEPTH = 10
_E = TypeVar("_E", bound=Enum)

_CHANGE_TYPES = {
    None: ChangeType.PUT,
    DELETE_ALL_VERSIONS: ChangeType.DELETE_ALL,
    DELETE_ONE_VERSION: ChangeType.DELETE,
    INCREMENT: ChangeType.INCREMENT,
}


def read_key(data: bytes) -> NamedKey:
    """The key of a PlainBuffer that holds one row.

    Raises:
        CloudError: `OTSParameterInvalid`.
    """
    return _key(decode_row(data))


def read_write(kind: WriteType, data: bytes, message: Any) -> Write:
    """A write from its row and the condition and wishes beside it.

    Raises:
        CloudError: `OTSParameterInvalid`, or an operation that is not here.
    """
    row = decode_row(data)
    content = message.return_content
    return Write(
        type=kind,
        key=_key(row),
        changes=tuple(_change(cell) for cell in row.cells),
        condition=Condition(
            _enum(Expect, message.condition.row_existence),
            read_filter(message.condition.column_condition),
        ),
        returns=_enum(Return, content.return_type),
        return_columns=tuple(content.return_column_names),
    )


def read_selection(message: Any) -> Selection:
    """What a read of one row, of a batch or of a range asks for of each row.

    Raises:
        CloudError: `OTSParameterInvalid`, or something that is not here.
    """
    if message.token:
        raise unsupported("reading on within a row (token)")
    time_range = None
    if message.HasField("time_range"):
        given = message.time_range
        if given.HasField("specific_time"):
            time_range = (given.specific_time, given.specific_time + 1)
        else:
            time_range = (given.start_time, given.end_time)
    return Selection(
        columns=tuple(message.columns_to_get),
        max_versions=message.max_versions if message.HasField("max_versions") else None,
        time_range=time_range,
        start_column=message.start_column if message.HasField("start_column") else None,
        end_column=message.end_column if message.HasField("end_column") else None,
        filter=read_filter(message.filter),
    )


def read_filter(data: bytes, depth: int = 0) -> Filter | None:
    """A filter or the condition on columns; no bytes are none.

    Raises:
        CloudError: `OTSParameterInvalid`, or a filter that is not here.
    """
    if not data:
        return None
    if depth > FILTER_DEPTH:
        raise invalid(f"A filter is nested deeper than {FILTER_DEPTH}.")
    outer = messages.parse("Filter", data)
    if outer.type == SINGLE:
        return _single(messages.parse("SingleColumnValueFilter", outer.filter))
    if outer.type == PAGINATION:
        given = messages.parse("ColumnPaginationFilter", outer.filter)
        return Pagination(given.offset, given.limit)
    if outer.type == COMPOSITE:
        given = messages.parse("CompositeColumnValueFilter", outer.filter)
        parts = (read_filter(part.SerializeToString(), depth + 1) for part in given.sub_filters)
        return Composite(
            _enum(Combinator, given.combinator), tuple(part for part in parts if part is not None)
        )
    raise invalid(f"Unknown type of a filter: {outer.type}.")


def write_rows(table: Table, rows: Iterable[Row]) -> bytes:
    """Rows as a PlainBuffer, columns by name, versions newest first."""
    return encode_rows(
        WireRow(
            _wire_key(table, row.key),
            [
                WireCell(name, row.cells[name][at], at)
                for name in sorted(row.cells)
                for at in sorted(row.cells[name], reverse=True)
            ],
        )
        for row in rows
    )


def write_key(table: Table, key: tuple[KeyValue, ...]) -> bytes:
    """A key as a PlainBuffer."""
    return encode_rows([WireRow(_wire_key(table, key))])


def consumed(usage: Usage) -> Any:
    """Capacity units as a message."""
    unit = messages.new("CapacityUnit", read=usage.read, write=usage.write)
    return messages.new("ConsumedCapacity", capacity_unit=unit)


def _single(given: Any) -> Single:
    if given.HasField("value_trans_rule"):
        raise unsupported("a condition with a regular expression (value_trans_rule)")
    comparator = _enum(Comparator, given.comparator)
    value: Value | Edge = ""
    if comparator not in {Comparator.EXIST, Comparator.NOT_EXIST}:
        value = decode_value(given.column_value)
    if isinstance(value, Edge):
        raise invalid(f"A condition on {given.column_name[:64]!r} has no value.")
    return Single(
        given.column_name, comparator, value, not given.filter_if_missing, given.latest_version_only
    )


def _enum(kind: type[_E], number: int) -> _E:
    try:
        return kind(number)
    except ValueError:
        raise invalid(f"Invalid {kind.__name__}: {number}.") from None


def _key(row: WireRow) -> NamedKey:
    key: NamedKey = []
    for cell in row.key:
        if cell.value is None or isinstance(cell.value, bool | float):
            raise invalid(f"Primary key column {cell.name[:64]!r} has no value of a key's type.")
        key.append((cell.name, cell.value))
    return key


def _change(cell: WireCell) -> Change:
    if cell.operation not in _CHANGE_TYPES:
        raise invalid(f"Invalid operation {cell.operation} on column {cell.name[:64]!r}.")
    if isinstance(cell.value, Edge):
        raise invalid(f"Column {cell.name[:64]!r} has no value of a column's type.")
    return Change(_CHANGE_TYPES[cell.operation], cell.name, cell.value, cell.timestamp)


def _wire_key(table: Table, key: tuple[KeyValue, ...]) -> list[WireCell]:
    return [
        WireCell(column.name, part) for column, part in zip(table.primary_key, key, strict=True)
    ]

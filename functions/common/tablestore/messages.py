"""The protobuf messages of the operations in use: just the fields that are sent and read.

Numbers are those of the SDK's `table_store.proto` and `table_store_filter.proto`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from functions.common.tablestore.codec import encode_value

if TYPE_CHECKING:
    from collections.abc import Sequence

    from functions.common.tablestore.api import Expect, Rule

SINGLE_COLUMN_FILTER = 1
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5


class BadMessage(ValueError):
    """Bytes that are no protobuf message."""


def get_row(table: str, key: bytes, columns: Sequence[str]) -> bytes:
    """GetRowRequest: the newest version of a row."""
    return b"".join(
        (
            _bytes(1, table.encode()),
            _bytes(2, key),
            *(_bytes(3, name.encode()) for name in columns),
            _number(5, 1),
        )
    )


def write_row(table: str, row: bytes, expect: Expect, rule: Rule | None) -> bytes:
    """PutRowRequest, UpdateRowRequest and DeleteRowRequest, which have the same shape."""
    condition = _number(1, int(expect))
    if rule is not None:
        condition += _bytes(2, _filter(rule))
    return _bytes(1, table.encode()) + _bytes(2, row) + _bytes(3, condition)


def get_range(
    table: str,
    start: bytes,
    end: bytes,
    *,
    limit: int | None,
    columns: Sequence[str],
    backward: bool,
) -> bytes:
    """GetRangeRequest: the newest versions of rows."""
    return b"".join(
        (
            _bytes(1, table.encode()),
            _number(2, int(backward)),
            *(_bytes(3, name.encode()) for name in columns),
            _number(5, 1),
            _number(6, limit) if limit is not None else b"",
            _bytes(7, start),
            _bytes(8, end),
        )
    )


def bytes_field(message: bytes, number: int) -> bytes:
    """The last value of a length-delimited field; empty if it is not there.

    Raises:
        BadMessage: no protobuf message.
    """
    return fields(message).get(number, b"")


def fields(message: bytes) -> dict[int, bytes]:
    """The length-delimited fields of a message by number; others are skipped.

    Raises:
        BadMessage: no protobuf message.
    """
    found: dict[int, bytes] = {}
    at = 0
    while at < len(message):
        tag, at = _read_varint(message, at)
        kind = tag & 7
        if kind == BYTES:
            size, at = _read_varint(message, at)
            if at + size > len(message):
                raise BadMessage("a field runs past the end")
            found[tag >> 3] = message[at : at + size]
            at += size
        elif kind == VARINT:
            _, at = _read_varint(message, at)
        elif kind in (FIXED64, FIXED32):
            at += 8 if kind == FIXED64 else 4
        else:
            raise BadMessage(f"wire type {kind} is not used")
    if at != len(message):
        raise BadMessage("a field runs past the end")
    return found


def _filter(rule: Rule) -> bytes:
    # On the wire it is the other way round: whether a missing column makes the write fail.
    column = b"".join(
        (
            _number(1, int(rule.compare)),
            _bytes(2, rule.column.encode()),
            _bytes(3, encode_value(rule.value)),
            _number(4, int(not rule.pass_if_missing)),
            _number(5, 1),
        )
    )
    return _number(1, SINGLE_COLUMN_FILTER) + _bytes(2, column)


def _bytes(number: int, value: bytes) -> bytes:
    return _varint(number << 3 | BYTES) + _varint(len(value)) + value


def _number(number: int, value: int) -> bytes:
    return _varint(number << 3 | VARINT) + _varint(value)


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while shift < 70:
        if at >= len(data):
            raise BadMessage("a number breaks off")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if not byte & 0x80:
            return value, at
        shift += 7
    raise BadMessage("a number has more than ten bytes")

"""PlainBuffer: how Tablestore writes rows, with a CRC-8 for each cell and each row.

    stream  = header(0x75, 4 bytes) row*
    row     = 0x01 cell* [0x02 cell*] [0x08] 0x09 crc
    cell    = 0x03 0x04 name [0x05 size value] [0x06 operation] [0x07 timestamp] 0x0A crc
    value   = type, then 8 bytes, or one, or a length and as many bytes; all little-endian

Source: the official SDK, whose decoder and encoder this is compared with in tests.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from functions.common.tablestore.api import Bound, Row

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from functions.common.tablestore.api import Key, RangeKey, Value

HEADER = b"\x75\x00\x00\x00"
ROW_KEY, ROW_DATA, CELL, CELL_NAME, CELL_VALUE = 0x01, 0x02, 0x03, 0x04, 0x05
CELL_OPERATION, CELL_TIMESTAMP, DELETE_MARKER, ROW_CRC, CELL_CRC = 0x06, 0x07, 0x08, 0x09, 0x0A
DELETE_ALL_VERSIONS, INCREMENT = 0x01, 0x04
INTEGER, DOUBLE, BOOLEAN, STRING, BLOB, INF_MIN, INF_MAX = 0x00, 0x01, 0x02, 0x03, 0x07, 0x09, 0x0A
INTEGER_MIN, INTEGER_MAX = -(1 << 63), (1 << 63) - 1
ROW_BYTES = 4 * 1024 * 1024


class BadPlainBuffer(ValueError):
    """Bytes that are no rows, or rows whose checksum is wrong."""


def _crc_table() -> bytes:
    table = bytearray()
    for number in range(256):
        for _ in range(8):
            number = (number << 1) ^ (0x07 if number & 0x80 else 0)  # noqa: PLW2901 - shifted out
        table.append(number & 0xFF)
    return bytes(table)


_CRC = _crc_table()


def crc8(crc: int, data: bytes) -> int:
    """CRC-8 with polynomial 0x07, going on from `crc`."""
    table = _CRC
    for byte in data:
        crc = table[crc ^ byte]
    return crc


def encode_value(value: Value | Bound) -> bytes:
    """Type and value, as they stand in a cell and in a filter.

    Raises:
        ValueError: an integer with more than 64 bits.
        TypeError: another type.
    """
    if isinstance(value, Bound):
        return bytes((INF_MIN if value is Bound.MIN else INF_MAX,))
    if isinstance(value, bool):
        return bytes((BOOLEAN, int(value)))
    if isinstance(value, int):
        if not INTEGER_MIN <= value <= INTEGER_MAX:
            raise ValueError(f"integer {value} does not fit into 64 bits")
        return struct.pack("<Bq", INTEGER, value)
    if isinstance(value, float):
        return struct.pack("<Bd", DOUBLE, value)
    if isinstance(value, str):
        data = value.encode()
        return struct.pack("<BI", STRING, len(data)) + data
    if isinstance(value, bytes):
        return struct.pack("<BI", BLOB, len(value)) + value
    raise TypeError(f"a cell cannot hold {type(value).__name__}")


def encode_key(key: Key | RangeKey) -> bytes:
    """A row that is only a key."""
    writer = _Writer(key)
    return writer.finish(deleted=False)


def encode_put(key: Key, columns: Mapping[str, Value]) -> bytes:
    """The row of a PutRow."""
    writer = _Writer(key)
    writer.data(((name, value, None) for name, value in columns.items()), any_=bool(columns))
    return writer.finish(deleted=False)


def encode_update(
    key: Key,
    put: Mapping[str, Value],
    increment: Mapping[str, int],
    delete: Sequence[str],
) -> bytes:
    """The row change of an UpdateRow."""
    cells: list[tuple[str, Value | None, int | None]] = [
        *((name, value, None) for name, value in put.items()),
        *((name, value, INCREMENT) for name, value in increment.items()),
        *((name, None, DELETE_ALL_VERSIONS) for name in delete),
    ]
    writer = _Writer(key)
    writer.data(cells, any_=bool(cells))
    return writer.finish(deleted=False)


def encode_delete(key: Key) -> bytes:
    """The key of a DeleteRow, with the delete marker."""
    return _Writer(key).finish(deleted=True)


def decode_rows(data: bytes) -> list[Row]:
    """The rows of an answer; none for an empty one.

    Raises:
        BadPlainBuffer: not what the protocol says, or damaged.
    """
    if not data:
        return []
    try:
        return _Reader(data).rows()
    except (struct.error, IndexError, UnicodeDecodeError) as error:
        raise BadPlainBuffer(f"the rows break off or are damaged: {error}") from error


def decode_key(data: bytes) -> Key:
    """A key on its own, as `next_start_primary_key` is."""
    rows = decode_rows(data)
    if len(rows) != 1:
        raise BadPlainBuffer(f"one key was expected, not {len(rows)}")
    return tuple(rows[0].key.items())


class _Writer:
    """Writes one row."""

    def __init__(self, key: Key | RangeKey) -> None:
        self._out = bytearray(HEADER)
        self._out.append(ROW_KEY)
        self._crc = 0
        for name, value in key:
            self._cell(name, value, None)

    def data(self, cells: Iterable[tuple[str, Value | None, int | None]], *, any_: bool) -> None:
        if any_:
            self._out.append(ROW_DATA)
        for name, value, operation in cells:
            self._cell(name, value, operation)

    def finish(self, *, deleted: bool) -> bytes:
        if deleted:
            self._out.append(DELETE_MARKER)
        self._crc = crc8(self._crc, bytes((int(deleted),)))
        self._out += bytes((ROW_CRC, self._crc))
        if len(self._out) > ROW_BYTES:
            raise ValueError(f"a row of {len(self._out)} bytes; the limit is {ROW_BYTES}")
        return bytes(self._out)

    def _cell(self, name: str, value: Value | Bound | None, operation: int | None) -> None:
        raw = name.encode()
        self._out += struct.pack("<BBI", CELL, CELL_NAME, len(raw)) + raw
        crc = crc8(0, raw)
        if value is not None:
            encoded = encode_value(value)
            self._out += struct.pack("<BI", CELL_VALUE, len(encoded)) + encoded
            crc = crc8(crc, encoded)
        if operation is not None:
            self._out += bytes((CELL_OPERATION, operation))
            crc = crc8(crc, bytes((operation,)))
        self._out += bytes((CELL_CRC, crc))
        self._crc = crc8(self._crc, bytes((crc,)))


class _Reader:
    """Reads rows; whatever runs past the end raises `IndexError` or `struct.error`."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = len(HEADER)
        if data[: self._at] != HEADER:
            raise BadPlainBuffer("the header is wrong")

    def rows(self) -> list[Row]:
        found = []
        while self._at < len(self._data):
            found.append(self._row())
        return found

    def _row(self) -> Row:
        self._expect(ROW_KEY)
        key, crc = self._cells(0)
        columns: dict[str, Value] = {}
        if self._next_is(ROW_DATA):
            columns, crc = self._cells(crc)
        crc = crc8(crc, bytes((int(self._next_is(DELETE_MARKER)),)))
        self._expect(ROW_CRC)
        if self._byte() != crc:
            raise BadPlainBuffer("the checksum of a row is wrong")
        return Row(_as_key(key), columns)

    def _cells(self, row_crc: int) -> tuple[dict[str, Value], int]:
        cells: dict[str, Value] = {}
        while self._next_is(CELL):
            self._expect(CELL_NAME)
            raw = self._take(self._length())
            crc = crc8(0, raw)
            name = raw.decode()
            if self._next_is(CELL_VALUE):
                encoded = self._take(self._length())
                crc = crc8(crc, encoded)
                # Only one version of a cell is kept, and the newest one comes first.
                cells.setdefault(name, _decode_value(encoded))
            operation = self._take(1) if self._next_is(CELL_OPERATION) else b""
            timestamp = self._take(8) if self._next_is(CELL_TIMESTAMP) else b""
            crc = crc8(crc, timestamp + operation)
            self._expect(CELL_CRC)
            if self._byte() != crc:
                raise BadPlainBuffer(f"the checksum of cell {name!r} is wrong")
            row_crc = crc8(row_crc, bytes((crc,)))
        return cells, row_crc

    def _next_is(self, tag: int) -> bool:
        if self._at < len(self._data) and self._data[self._at] == tag:
            self._at += 1
            return True
        return False

    def _expect(self, tag: int) -> None:
        if not self._next_is(tag):
            raise BadPlainBuffer(f"tag {tag:#04x} was expected at byte {self._at}")

    def _byte(self) -> int:
        self._at += 1
        return self._data[self._at - 1]

    def _length(self) -> int:
        (number,) = struct.unpack_from("<I", self._data, self._at)
        self._at += 4
        return int(number)

    def _take(self, count: int) -> bytes:
        end = self._at + count
        if end > len(self._data):
            raise IndexError(f"{count} bytes were announced")
        found = self._data[self._at : end]
        self._at = end
        return found


def _decode_value(data: bytes) -> Value:
    kind, rest = data[0], data[1:]
    if kind == INTEGER:
        return int(struct.unpack("<q", rest)[0])
    if kind == STRING:
        return rest[4:].decode()
    if kind == BLOB:
        return rest[4:]
    if kind == BOOLEAN:
        return rest[0] != 0
    if kind == DOUBLE:
        return float(struct.unpack("<d", rest)[0])
    raise BadPlainBuffer(f"a cell of the unknown type {kind:#04x}")


def _as_key(cells: Mapping[str, Value]) -> dict[str, str | int | bytes]:
    key: dict[str, str | int | bytes] = {}
    for name, value in cells.items():
        if isinstance(value, float):
            raise BadPlainBuffer(f"key column {name!r} is a float")
        key[name] = value
    return key

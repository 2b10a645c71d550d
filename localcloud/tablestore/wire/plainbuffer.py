"""PlainBuffer: rows as bytes, each cell and each row with a CRC-8.

A row is `ROW_PK cells… [ROW_DATA cells…] [DELETE_ROW_MARKER] ROW_CHECKSUM crc`, a cell is
`CELL NAME length name [VALUE length type content] [TYPE operation] [TIMESTAMP ms] CHECKSUM crc`;
numbers are little-endian. Rows follow one header. Source: "PlainBuffer" of the API reference [D];
the checksums' order is that of the official SDK (6.4.8) [S], against which the tests compare.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import crcmod

from localcloud.tablestore.errors import invalid
from localcloud.tablestore.model import Edge
from localcloud.tablestore.wire.reader import Reader

if TYPE_CHECKING:
    from collections.abc import Iterable

    from localcloud.tablestore.model import Value

HEADER = 0x75
ROW_PK, ROW_DATA, CELL, CELL_NAME, CELL_VALUE = 1, 2, 3, 4, 5
CELL_TYPE, CELL_TIMESTAMP, DELETE_ROW_MARKER, ROW_CHECKSUM, CELL_CHECKSUM = 6, 7, 8, 9, 10
INTEGER, DOUBLE, BOOLEAN, STRING, BLOB = 0, 1, 2, 3, 7
DELETE_ALL_VERSIONS, DELETE_ONE_VERSION, INCREMENT = 1, 3, 4

_EDGES = {Edge.MIN: 9, Edge.MAX: 10, Edge.AUTO: 11}
_EDGE_OF = {number: edge for edge, number in _EDGES.items()}
_crc8 = crcmod.mkCrcFun(0x107, initCrc=0, rev=False)


@dataclass(frozen=True)
class WireCell:
    """A cell as it travels; `operation` is what UpdateRow does with it, None to put it."""

    name: str
    value: Value | Edge | None
    timestamp: int | None = None
    operation: int | None = None


@dataclass
class WireRow:
    """A row as it travels."""

    key: list[WireCell]
    cells: list[WireCell] = field(default_factory=list)
    deleted: bool = False


def encode_rows(rows: Iterable[WireRow]) -> bytes:
    """Write rows after one header; no rows are no bytes."""
    encoded = b"".join(_row(row) for row in rows)
    return struct.pack("<I", HEADER) + encoded if encoded else b""


def decode_rows(data: bytes) -> list[WireRow]:
    """Read rows and check every checksum.

    Raises:
        CloudError: `OTSParameterInvalid`; the bytes are no PlainBuffer.
    """
    reader = Reader(data)
    if reader.uint32() != HEADER:
        raise invalid("PlainBuffer: the header is missing.")
    rows = []
    while not reader.at_end:
        rows.append(_read_row(reader))
    return rows


def decode_row(data: bytes) -> WireRow:
    """Read exactly one row.

    Raises:
        CloudError: `OTSParameterInvalid`.
    """
    rows = decode_rows(data)
    if len(rows) != 1:
        raise invalid(f"PlainBuffer: {len(rows)} rows where one is expected.")
    return rows[0]


def encode_value(value: Value | Edge) -> bytes:
    """A value with its type in front."""
    match value:
        case Edge():
            return bytes([_EDGES[value]])
        case bool():
            return struct.pack("<B?", BOOLEAN, value)
        case int():
            return struct.pack("<Bq", INTEGER, value)
        case float():
            return struct.pack("<Bd", DOUBLE, value)
        case str():
            raw = value.encode()
            return struct.pack("<BI", STRING, len(raw)) + raw
        case bytes():
            return struct.pack("<BI", BLOB, len(value)) + value


def decode_value(data: bytes) -> Value | Edge:
    """Read a value with its type in front; nothing may follow it.

    Raises:
        CloudError: `OTSParameterInvalid`.
    """
    reader = Reader(data)
    value = _read_value(reader)
    if not reader.at_end:
        raise invalid("PlainBuffer: bytes after a value.")
    return value


def _row(row: WireRow) -> bytes:
    out = bytearray([ROW_PK])
    checksum = 0
    for cells in (row.key, row.cells):
        if cells is row.cells and cells:
            out.append(ROW_DATA)
        for cell in cells:
            encoded, cell_checksum = _cell(cell)
            out += encoded
            checksum = _crc8(bytes([cell_checksum]), checksum)
    if row.deleted:
        out.append(DELETE_ROW_MARKER)
    checksum = _crc8(bytes([row.deleted]), checksum)
    out += bytes([ROW_CHECKSUM, checksum])
    return bytes(out)


def _cell(cell: WireCell) -> tuple[bytes, int]:
    name = cell.name.encode()
    out = bytearray([CELL, CELL_NAME]) + struct.pack("<I", len(name)) + name
    value = b"" if cell.value is None else encode_value(cell.value)
    if value:
        out += bytes([CELL_VALUE]) + struct.pack("<I", len(value)) + value
    if cell.operation is not None:
        out += bytes([CELL_TYPE, cell.operation])
    if cell.timestamp is not None:
        out += bytes([CELL_TIMESTAMP]) + struct.pack("<q", cell.timestamp)
    checksum = _cell_checksum(name, value, cell.timestamp, cell.operation)
    out += bytes([CELL_CHECKSUM, checksum])
    return bytes(out), checksum


def _cell_checksum(name: bytes, value: bytes, timestamp: int | None, operation: int | None) -> int:
    """The time stamp counts before the operation, though it follows it on the wire."""
    checksum: int = _crc8(value, _crc8(name, 0))
    if timestamp is not None:
        checksum = _crc8(struct.pack("<q", timestamp), checksum)
    if operation is not None:
        checksum = _crc8(bytes([operation]), checksum)
    return checksum


def _read_row(reader: Reader) -> WireRow:
    reader.expect(ROW_PK)
    checksum = 0
    row = WireRow([])
    while reader.peek() == CELL:
        cell, checksum = _read_cell(reader, checksum)
        row.key.append(cell)
    if reader.skip(ROW_DATA):
        while reader.peek() == CELL:
            cell, checksum = _read_cell(reader, checksum)
            row.cells.append(cell)
    row.deleted = reader.skip(DELETE_ROW_MARKER)
    checksum = _crc8(bytes([row.deleted]), checksum)
    reader.expect(ROW_CHECKSUM)
    if reader.byte() != checksum:
        raise invalid("PlainBuffer: the checksum of a row is wrong.")
    return row


def _read_cell(reader: Reader, row_checksum: int) -> tuple[WireCell, int]:
    reader.expect(CELL)
    reader.expect(CELL_NAME)
    name = reader.text(reader.uint32())
    value: Value | Edge | None = None
    raw = b""
    operation = timestamp = None
    if reader.skip(CELL_VALUE):
        length = reader.uint32()
        start = reader.position
        value = _read_value(reader)
        raw = reader.since(start)
        if len(raw) != length:
            raise invalid(f"PlainBuffer: the value of {name[:64]!r} has another length.")
    if reader.skip(CELL_TYPE):
        operation = reader.byte()
    if reader.skip(CELL_TIMESTAMP):
        timestamp = reader.int64()
    reader.expect(CELL_CHECKSUM)
    checksum = _cell_checksum(name.encode(), raw, timestamp, operation)
    if reader.byte() != checksum:
        raise invalid(f"PlainBuffer: the checksum of {name[:64]!r} is wrong.")
    return WireCell(name, value, timestamp, operation), _crc8(bytes([checksum]), row_checksum)


def _read_value(reader: Reader) -> Value | Edge:
    kind = reader.byte()
    if kind in _EDGE_OF:
        return _EDGE_OF[kind]
    if kind == INTEGER:
        return reader.int64()
    if kind == DOUBLE:
        return reader.double()
    if kind == BOOLEAN:
        return reader.byte() != 0
    if kind == STRING:
        return reader.text(reader.uint32())
    if kind == BLOB:
        return reader.take(reader.uint32())
    raise invalid(f"PlainBuffer: unknown type {kind} of a value.")

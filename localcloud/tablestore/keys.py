"""Primary keys as bytes that sort as the keys do, so that an index of a database orders the rows.

Every part begins with a byte that puts `INF_MIN` below and `INF_MAX` above all values. Integers
follow as 8 bytes, big-endian, with the sign turned round. Strings (as UTF-8, which sorts by code
point) and binaries follow with each zero byte written as `00 FF` and an end of `00 00`, so that a
shorter one sorts before the longer ones that it begins.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from localcloud.tablestore.errors import invalid, invalid_key
from localcloud.tablestore.limits import KEY_BYTES
from localcloud.tablestore.model import Edge, KeyType

if TYPE_CHECKING:
    from collections.abc import Sequence

    from localcloud.tablestore.model import KeyColumn, KeyPart, KeyValue, NamedKey

_LOWEST = b"\x00"
_VALUE = b"\x10"
_HIGHEST = b"\xff"
_SIGN = 1 << 63
_TYPES: dict[KeyType, type] = {
    KeyType.INTEGER: int,
    KeyType.STRING: str,
    KeyType.BINARY: bytes,
}


def encode_key(parts: Sequence[KeyPart]) -> bytes:
    """Encode a key whose parts have the types of their columns."""
    return b"".join(_encode(part) for part in parts)


def decode_key(columns: Sequence[KeyColumn], data: bytes) -> tuple[KeyValue, ...]:
    """Read back a key without `INF_MIN` and `INF_MAX`."""
    found: list[KeyValue] = []
    at = 0
    for column in columns:
        at += 1
        if column.type is KeyType.INTEGER:
            found.append(int.from_bytes(data[at : at + 8]) - _SIGN)
            at += 8
            continue
        end = at
        while data[end : end + 2] != b"\x00\x00":
            end += 2 if data[end] == 0 else 1
        raw = data[at:end].replace(b"\x00\xff", b"\x00")
        found.append(raw.decode() if column.type is KeyType.STRING else raw)
        at = end + 2
    return tuple(found)


def checked_key(
    columns: Sequence[KeyColumn], key: NamedKey, allowed: frozenset[Edge] = frozenset()
) -> tuple[KeyPart, ...]:
    """Check a key against the table's columns and give its parts in their order.

    Args:
        columns: of the table.
        key: as it was sent, in the table's order.
        allowed: what may stand in place of a value; `AUTO` only in an auto-increment column.

    Raises:
        CloudError: `OTSInvalidPK` or `OTSParameterInvalid`.
    """
    names = [column.name for column in columns]
    if [name for name, _ in key] != names:
        raise invalid_key(
            f"Primary key schema mismatch: {', '.join(name for name, _ in key)}; "
            f"the table has {', '.join(names)}."
        )
    for column, (_, part) in zip(columns, key, strict=True):
        _check(column, part, allowed)
    return tuple(part for _, part in key)


def values_of(parts: Sequence[KeyPart]) -> tuple[KeyValue, ...]:
    """The parts of a key that has no `INF_MIN` and the like (any more)."""
    return tuple(part for part in parts if not isinstance(part, Edge))


def _check(column: KeyColumn, part: KeyPart, allowed: frozenset[Edge]) -> None:
    if isinstance(part, Edge):
        if part not in allowed or (part is Edge.AUTO and not column.auto_increment):
            raise invalid_key(f"{part.value} is not allowed for primary key {column.name!r} here.")
        return
    if type(part) is not _TYPES[column.type]:
        raise invalid_key(
            f"Validate PK type fail. Input: {type(part).__name__}, Meta: {column.type.value}, "
            f"column {column.name!r}."
        )
    if isinstance(part, int):
        return
    size = len(part.encode() if isinstance(part, str) else part)
    if size > KEY_BYTES:
        raise invalid(
            f"The length of primary key column: '{column.name}' exceeded the MaxLength: "
            f"{KEY_BYTES} with CurrentLength: {size}."
        )


def _encode(part: KeyPart) -> bytes:
    if part is Edge.MIN:
        return _LOWEST
    if part is Edge.MAX:
        return _HIGHEST
    if isinstance(part, int):
        return _VALUE + (part + _SIGN).to_bytes(8)
    if isinstance(part, Edge):
        raise TypeError("a key with AUTO_INCREMENT has no place yet")
    raw = part.encode() if isinstance(part, str) else part
    return _VALUE + raw.replace(b"\x00", b"\x00\xff") + b"\x00\x00"

"""DEFLATE with fixed codes (RFC 1951), the same bytes from every Python.

`zlib` is another library in every second build of Python, and each finds other matches: the same
sources would get another digest on another machine, and every preview there would show a change
that nobody made. This one is slower and packs a little less; what it packs are small sources.
"""

from __future__ import annotations

from bisect import bisect_right
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

WINDOW = 32_768
SHORTEST_MATCH = 4
LONGEST_MATCH = 258
CANDIDATES = 8
END_OF_BLOCK = 256
FIRST_LENGTH = 257
LONGEST_LENGTH = 285
FLUSH_BITS = 512

Code = tuple[int, int]
"""Bits as they go into the stream, lowest first, and how many."""


def _reversed(code: int, length: int) -> int:
    """Huffman codes are packed from their highest bit on (RFC 1951, 3.1.1)."""
    return int(f"{code:0{length}b}"[::-1], 2)


def _literals() -> list[Code]:
    """The fixed codes of literals and lengths (RFC 1951, 3.2.6)."""
    ranges = ((0, 144, 0x30, 8), (144, 256, 0x190, 9), (256, 280, 0x00, 7), (280, 288, 0xC0, 8))
    return [
        (_reversed(first + symbol - start, length), length)
        for start, end, first, length in ranges
        for symbol in range(start, end)
    ]


def _lengths(literals: list[Code]) -> dict[int, Code]:
    """The codes of match lengths with their extra bits (RFC 1951, 3.2.5)."""
    found: dict[int, Code] = {}
    base, symbol = 3, FIRST_LENGTH
    for extra in [0] * 8 + [bits for bits in range(1, 6) for _ in range(4)]:
        code, length = literals[symbol]
        for offset in range(1 << extra):
            found[base + offset] = (code | offset << length, length + extra)
        base, symbol = base + (1 << extra), symbol + 1
    return {**found, LONGEST_MATCH: literals[LONGEST_LENGTH]}


def _distances() -> list[tuple[int, int, int]]:
    """First distance, extra bits and code of each of the thirty distance codes."""
    found, base = [], 1
    for symbol in range(30):
        extra = max(0, symbol // 2 - 1)
        found.append((base, extra, _reversed(symbol, 5)))
        base += 1 << extra
    return found


LITERALS = _literals()
LENGTHS = _lengths(LITERALS)
DISTANCES = _distances()
DISTANCE_BASES = [base for base, _, _ in DISTANCES]


@lru_cache(maxsize=1024)
def deflate(content: bytes) -> bytes:
    """Return a raw DEFLATE stream: one block, fixed codes, matches found in a fixed order."""
    stream = bytearray()
    bits, count = 0b011, 3  # the last block; fixed codes
    for code, length in _codes(content):
        bits |= code << count
        count += length
        if count >= FLUSH_BITS:
            stream += (bits & ((1 << FLUSH_BITS) - 1)).to_bytes(FLUSH_BITS // 8, "little")
            bits, count = bits >> FLUSH_BITS, count - FLUSH_BITS
    return bytes(stream + bits.to_bytes((count + 7) // 8, "little"))


def _codes(content: bytes) -> Iterator[Code]:
    """Yield literals and matches, the longest match among the latest candidates first."""
    seen: dict[bytes, list[int]] = {}
    position, size = 0, len(content)
    while position < size:
        length, start = _match(content, position, seen)
        if length:
            yield LENGTHS[length]
            distance = position - start
            base, extra, code = DISTANCES[bisect_right(DISTANCE_BASES, distance) - 1]
            yield code | (distance - base) << 5, 5 + extra
        else:
            length = 1
            yield LITERALS[content[position]]
        for passed in range(position, position + length):
            seen.setdefault(content[passed : passed + SHORTEST_MATCH], []).append(passed)
        position += length
    yield LITERALS[END_OF_BLOCK]


def _match(content: bytes, position: int, seen: dict[bytes, list[int]]) -> tuple[int, int]:
    """Return length and start of the best match, or zeros."""
    key = content[position : position + SHORTEST_MATCH]
    best, start = 0, 0
    longest = min(LONGEST_MATCH, len(content) - position)
    if longest < SHORTEST_MATCH:
        return 0, 0
    for candidate in reversed(seen.get(key, [])[-CANDIDATES:]):
        if position - candidate > WINDOW:
            break
        length = max(best, SHORTEST_MATCH)
        # Only a longer match is of interest: compare up to there at once, then byte by byte.
        if content[candidate : candidate + length] != content[position : position + length]:
            continue
        while length < longest and content[candidate + length] == content[position + length]:
            length += 1
        if length > best:
            best, start = length, candidate
    return best, start

"""Takes little-endian numbers and texts from the front of bytes, and never past their end."""

from __future__ import annotations

import struct

from localcloud.tablestore.errors import invalid


class Reader:
    """A position in bytes. Every method raises `OTSParameterInvalid` where it cannot go on."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.position = 0

    @property
    def at_end(self) -> bool:
        """Whether nothing is left."""
        return self.position == len(self._data)

    def take(self, size: int) -> bytes:
        """The next bytes."""
        end = self.position + size
        if end > len(self._data):
            raise invalid("PlainBuffer: the data ends too early.")
        found = self._data[self.position : end]
        self.position = end
        return found

    def since(self, start: int) -> bytes:
        """What was read from a position on."""
        return self._data[start : self.position]

    def peek(self) -> int | None:
        """The next byte, which stays; None at the end."""
        return None if self.at_end else self._data[self.position]

    def skip(self, tag: int) -> bool:
        """Go past a tag if it is the next byte."""
        if self.peek() != tag:
            return False
        self.position += 1
        return True

    def expect(self, tag: int) -> None:
        """Go past a tag that has to be the next byte."""
        if not self.skip(tag):
            raise invalid(f"PlainBuffer: tag {tag} is expected, not {self.peek()}.")

    def byte(self) -> int:
        """One byte."""
        return self.take(1)[0]

    def uint32(self) -> int:
        """Four bytes."""
        return int.from_bytes(self.take(4), "little")

    def int64(self) -> int:
        """Eight bytes, with a sign."""
        return int.from_bytes(self.take(8), "little", signed=True)

    def double(self) -> float:
        """Eight bytes."""
        (found,) = struct.unpack("<d", self.take(8))
        return float(found)

    def text(self, size: int) -> str:
        """So many bytes of UTF-8."""
        try:
            return self.take(size).decode()
        except UnicodeDecodeError:
            raise invalid("PlainBuffer: a text is not UTF-8.") from None

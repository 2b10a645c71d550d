"""Content on its way in: written to a file and digested as it comes."""

from __future__ import annotations

import hashlib
import os
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import crcmod

from localcloud.core.errors import CloudError
from localcloud.oss.model import MAX_OBJECT_BYTES

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

_CRC64 = crcmod.mkCrcFun(0x142F0E1EBA9EA3693, initCrc=0, xorOut=0xFFFFFFFFFFFFFFFF, rev=True)
"""CRC-64/ECMA-182, reflected: the same as the official SDK's."""


@dataclass(frozen=True)
class Digests:
    """What is known of a content once all of it is there."""

    size: int
    sha256: str
    md5: str
    crc64: int


class Incoming:
    """A temporary file that becomes a content, or vanishes.

    Args:
        folder: where it is written; on the same file system as the contents.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / secrets.token_hex(8)
        self._size = 0
        self._crc64 = 0
        self._sha256 = hashlib.sha256()
        self._md5 = hashlib.md5(usedforsecurity=False)

    def __enter__(self) -> Self:
        self._file = self.path.open("xb")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()
        self.path.unlink(missing_ok=True)

    def write(self, chunk: bytes) -> None:
        """Take a part.

        Raises:
            CloudError: `EntityTooLarge`.
        """
        self._size += len(chunk)
        if self._size > MAX_OBJECT_BYTES:
            raise CloudError(
                400, "EntityTooLarge", f"objects have {MAX_OBJECT_BYTES} bytes at most"
            )
        self._file.write(chunk)
        self._sha256.update(chunk)
        self._md5.update(chunk)
        self._crc64 = _CRC64(chunk, self._crc64)

    def finish(self) -> Digests:
        """Put all of it on disk."""
        self._file.flush()
        os.fsync(self._file.fileno())
        return Digests(
            self._size, self._sha256.hexdigest(), self._md5.hexdigest().upper(), self._crc64
        )

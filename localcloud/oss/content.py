"""Contents as files named by their digest: written beside, digested as they come, renamed."""

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
    from collections.abc import Callable
    from pathlib import Path
    from types import TracebackType

    from localcloud.core.clock import Clock

GRACE_SECONDS = 60.0
"""How long a content stays after its last object: a reader may be about to open it."""

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

    def read(self, path: Path) -> None:
        """Take a file as the next part.

        Raises:
            CloudError: `EntityTooLarge`.
        """
        with path.open("rb") as file:
            while chunk := file.read(1 << 20):
                self.write(chunk)

    def finish(self) -> Digests:
        """Put all of it on disk."""
        self._file.flush()
        os.fsync(self._file.fileno())
        return Digests(
            self._size, self._sha256.hexdigest(), self._md5.hexdigest().upper(), self._crc64
        )


class Contents:
    """The files. Its owner calls it under a lock, and knows which of them are in use.

    Args:
        folder: of the files, and of those that are being written.
        clock: says when a content that nobody uses any more is old enough to go.
    """

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._folder = folder
        self._clock = clock
        self._unused: dict[str, float] = {}

    def path(self, sha256: str) -> Path:
        """The file of a content."""
        return self._folder / "contents" / sha256[:2] / sha256

    def incoming(self) -> Incoming:
        """A place for a content that comes in parts."""
        return Incoming(self._folder / "incoming")

    def keep(self, incoming: Incoming, sha256: str) -> None:
        """Make a finished file a content; it is there for good when this returns."""
        target = self.path(sha256)
        target.parent.mkdir(parents=True, exist_ok=True)
        incoming.path.replace(target)
        _sync_folder(target.parent)
        self._unused.pop(sha256, None)

    def discard(self, sha256: str) -> None:
        """Take note that nothing uses a content any more."""
        self._unused[sha256] = self._clock.monotonic()

    def remove_discarded(self, is_used: Callable[[str], bool]) -> None:
        """Delete what has not been in use for a while."""
        limit = self._clock.monotonic() - GRACE_SECONDS
        for sha256 in [one for one, since in self._unused.items() if since <= limit]:
            del self._unused[sha256]
            if not is_used(sha256):
                self.path(sha256).unlink(missing_ok=True)

    def remove_strays(self, is_used: Callable[[str], bool]) -> None:
        """Delete what an interrupted run left; for the start, when nobody reads."""
        for left_over in (self._folder / "incoming").glob("*"):
            left_over.unlink()
        for file in (self._folder / "contents").glob("*/*"):
            if not is_used(file.name):
                file.unlink()


def _sync_folder(folder: Path) -> None:
    """Put a rename on disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

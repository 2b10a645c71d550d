"""Directories of the share: written beside, verified, made durable, then renamed.

A rename is atomic: a directory that is there is complete. Two populators at once write beside each
other; the second finds the first one's directory at its rename and throws its own away.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import secrets
import shutil
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from functions.populator.job import Job

BUNDLE, DESCRIPTION = "bundle.tar", "bundle.json"
BUNDLE_BYTES = 8 * 1024 * 1024 * 1024
TEMPORARY = ".tmp-"
# Longer than the function may run: what is older was left by one that was killed.
LEFT_OVER_S = 24 * 3600


class BadBundle(ValueError):
    """The object is not what it should be; nothing was made visible."""


class Share:
    """The share.

    Args:
        root: where it is mounted.
    """

    def __init__(self, root: str) -> None:
        self._root = root

    def found(self, job: Job) -> dict[str, object] | None:
        """What says that the bundle is there already, complete and the same.

        Raises:
            BadBundle: the directory holds another bundle. It is not replaced: somebody mounts it.
        """
        place = self._path(job.directory)
        # The platform makes the directory of a mount; while that is empty a rename replaces it.
        if not os.path.isdir(place) or not os.listdir(place):  # noqa: PTH112, PTH208
            return None
        try:
            with open(f"{place}/{DESCRIPTION}", encoding="utf-8") as file:  # noqa: PTH123
                said = json.load(file)
            size = os.stat(f"{place}/{BUNDLE}").st_size  # noqa: PTH116
        except (OSError, ValueError) as error:
            raise BadBundle(f"directory {job.directory} is not a bundle's: {error}") from error
        if not isinstance(said, dict) or said.get("sha256") != job.sha256:
            raise BadBundle(f"directory {job.directory} holds another bundle")
        if said.get("bytes") != size:
            raise BadBundle(
                f"directory {job.directory} holds {size} bytes, not {said.get('bytes')}"
            )
        return said

    def write(self, job: Job, chunks: Iterable[bytes]) -> tuple[int, bool]:
        """Write a bundle; gives its size, and whether this call made it visible.

        Raises:
            BadBundle: another digest, or too large.
            OSError: the share is full or gone.
        """
        beside = self._path(f"{job.directory}{TEMPORARY}{secrets.token_hex(8)}")
        os.mkdir(beside, 0o755)  # noqa: PTH102
        try:
            size = _copy(chunks, f"{beside}/{BUNDLE}", job.sha256)
            description = json.dumps({"sha256": job.sha256, "bytes": size}, sort_keys=True)
            _write(f"{beside}/{DESCRIPTION}", description.encode() + b"\n")
            _sync_directory(beside)
            created = self._publish(beside, job)
        finally:
            shutil.rmtree(beside, ignore_errors=True)
        _sync_directory(self._root)
        return size, created

    def clean(self) -> int:
        """Remove what populators that were killed left behind; gives how many."""
        removed = 0
        for entry in os.scandir(self._root):
            name = entry.name
            if TEMPORARY not in name or not entry.is_dir(follow_symlinks=False):
                continue
            if time.time() - entry.stat(follow_symlinks=False).st_mtime > LEFT_OVER_S:
                shutil.rmtree(entry.path, ignore_errors=True)
                removed += 1
        return removed

    def _publish(self, beside: str, job: Job) -> bool:
        try:
            os.rename(beside, self._path(job.directory))  # noqa: PTH104
        except OSError as error:
            if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
                raise
            # Somebody else was faster; theirs has to be the same.
            self.found(job)
            return False
        return True

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"


def _copy(chunks: Iterable[bytes], path: str, sha256: str) -> int:
    digest, size = hashlib.sha256(), 0
    with open(path, "xb") as file:  # noqa: PTH123
        for chunk in chunks:
            size += len(chunk)
            if size > BUNDLE_BYTES:
                raise BadBundle(f"the bundle has more than {BUNDLE_BYTES} bytes")
            digest.update(chunk)
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
    if digest.hexdigest() != sha256:
        raise BadBundle(f"the object's digest is {digest.hexdigest()}, not {sha256}")
    return size


def _write(path: str, data: bytes) -> None:
    with open(path, "xb") as file:  # noqa: PTH123
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync_directory(path: str) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

"""Code packages: kept by digest, unpacked safely."""

from __future__ import annotations

import hashlib
import shutil
import stat
import uuid
import zipfile
import zlib
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from localcloud.core.errors import CloudError
from localcloud.fc import limits

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path


class CodeStore:
    """Packages of all functions; an object that is deleted or replaced in OSS changes no function.

    Args:
        root: a folder.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        root.mkdir(parents=True, exist_ok=True)

    def keep(self, content: bytes) -> str:
        """Keep a zip and return its digest.

        Raises:
            CloudError: 400, it is no zip or larger than the platform takes.
        """
        if len(content) > limits.CODE_ZIP:
            raise CloudError(
                400, "InvalidArgument", f"code: {len(content)} bytes, at most {limits.CODE_ZIP}"
            )
        digest = hashlib.sha256(content).hexdigest()
        path = self._root / f"{digest}.zip"
        if not path.exists():
            part = path.with_name(f".{digest}.{uuid.uuid4().hex}")
            part.write_bytes(content)
            part.replace(path)
        if not zipfile.is_zipfile(path):
            path.unlink()
            raise CloudError(400, "InvalidArgument", "code: the object is no zip archive")
        return digest

    def forget_all_but(self, digests: Collection[str]) -> None:
        """Remove packages that no function has any more."""
        for path in self._root.iterdir():
            if path.name.removesuffix(".zip") in digests:
                continue
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink()

    def folder(self, digest: str) -> Path:
        """Unpack a package that is kept and return its folder, which is read-only.

        Raises:
            CloudError: 400, an entry leads out of the folder, or it is too much.
        """
        folder = self._root / digest
        if folder.exists():
            return folder
        part = self._root / f".{digest}.{uuid.uuid4().hex}"
        part.mkdir()
        try:
            with zipfile.ZipFile(self._root / f"{digest}.zip") as archive:
                _unpack(archive, part)
            part.rename(folder)
        except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError) as bad:
            raise CloudError(400, "InvalidArgument", f"code: {bad}") from bad
        except OSError:
            # Two instances that start together unpack twice; the second one's is not needed.
            if not folder.exists():
                raise
        finally:
            shutil.rmtree(part, ignore_errors=True)
        return folder


def _unpack(archive: zipfile.ZipFile, folder: Path) -> None:
    entries = archive.infolist()
    if len(entries) > limits.CODE_ENTRIES:
        raise CloudError(400, "InvalidArgument", f"code: more than {limits.CODE_ENTRIES} entries")
    left = limits.CODE_UNPACKED
    for entry in entries:
        name = PurePosixPath(entry.filename)
        mode = entry.external_attr >> 16
        if name.is_absolute() or ".." in name.parts or stat.S_ISLNK(mode):
            raise CloudError(
                400, "InvalidArgument", f"code: entry {entry.filename!r} leaves the package"
            )
        target = folder.joinpath(*name.parts)
        if entry.is_dir():
            target.mkdir(parents=True, exist_ok=True)
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        with archive.open(entry) as source, target.open("wb") as file:
            while chunk := source.read(1 << 20):
                left -= len(chunk)
                if left < 0:
                    raise CloudError(
                        400,
                        "InvalidArgument",
                        f"code: more than {limits.CODE_UNPACKED} bytes unpacked",
                    )
                file.write(chunk)
        target.chmod(0o555 if mode & 0o111 else 0o444)

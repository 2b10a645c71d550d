"""Code archives of the functions with a built-in runtime."""

from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING

from stack.artifacts.artifact import Artifact, digest_of, write_once
from stack.artifacts.sources import source_files

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

EPOCH = (1980, 1, 1, 0, 0, 0)
PLAIN_FILE = 0o100644 << 16
CREATED_ON_UNIX = 3
ENTRY_FILE = "index.py"
ENTRY = """\
from functions.{name}.handler import handler, initializer

__all__ = ["handler", "initializer"]
"""
ZIP_FUNCTIONS = ("dispatcher", "notifier", "populator")


def zip_bytes(files: Mapping[str, bytes]) -> bytes:
    """Return an archive: sorted, one time, one mode, stored.

    Stored rather than deflated, since compressors differ between builds of zlib; these archives are
    small.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, EPOCH)
            entry.external_attr = PLAIN_FILE
            entry.create_system = CREATED_ON_UNIX
            archive.writestr(entry, files[name])
    return buffer.getvalue()


def build_zip(root: Path, function: str, out: Path) -> Artifact:
    """Write the archive of a function as `<name>-<digest>.zip`.

    Args:
        root: the project.
        function: its folder below `functions/`.
        out: where to write; the artifact's path is `out` with the file's name.
    """
    files = source_files(root, function)
    files[ENTRY_FILE] = ENTRY.format(name=function).encode()
    content = zip_bytes(files)
    sha256 = digest_of(content)
    path = out / f"{function}-{sha256[:16]}.zip"
    write_once(root / path, content)
    return Artifact(
        name=function, kind="code", path=path.as_posix(), bytes=len(content), sha256=sha256
    )

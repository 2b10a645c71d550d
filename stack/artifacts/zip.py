"""Code archives of the functions with a built-in runtime."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

from stack.artifacts.artifact import Artifact, digest_of, write_once
from stack.artifacts.deflate import deflate
from stack.artifacts.sources import source_files

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

# 1980-01-01 00:00:00, the first moment that the format knows.
DATE, TIME = 0x0021, 0x0000
PLAIN_FILE = 0o100644 << 16
VERSION, MADE_ON_UNIX = 20, 3 << 8
NAMES_ARE_UTF8 = 0x0800
DEFLATED = 8
ENTRY_FILE = "index.py"
ENTRY = """\
from functions.{name}.handler import handler, initializer

__all__ = ["handler", "initializer"]
"""
ZIP_FUNCTIONS = ("dispatcher", "notifier", "populator")


def zip_bytes(files: Mapping[str, bytes]) -> bytes:
    """Return an archive (APPNOTE 6.3.10): sorted, one time, one mode, compressed by `deflate`."""
    body, directory = bytearray(), bytearray()
    for name in sorted(files):
        encoded, packed = name.encode(), deflate(files[name])
        described = struct.pack(
            "<HHHHIIIHH",
            *(NAMES_ARE_UTF8, DEFLATED, TIME, DATE, zlib.crc32(files[name])),
            *(len(packed), len(files[name]), len(encoded), 0),
        )
        directory += b"PK\x01\x02" + struct.pack("<HH", MADE_ON_UNIX | VERSION, VERSION) + described
        directory += struct.pack("<HHHII", 0, 0, 0, PLAIN_FILE, len(body)) + encoded
        body += b"PK\x03\x04" + struct.pack("<H", VERSION) + described + encoded + packed
    end = struct.pack("<HHHHIIH", 0, 0, len(files), len(files), len(directory), len(body), 0)
    return bytes(body + directory + b"PK\x05\x06" + end)


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

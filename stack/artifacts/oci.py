"""OCI image layouts: layers, configuration, manifest and index, to the byte."""

from __future__ import annotations

import io
import json
import struct
import tarfile
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stack.artifacts.artifact import digest_of, write_once
from stack.artifacts.deflate import deflate

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar+gzip"
INDEX_TYPE = "application/vnd.oci.image.index.v1+json"


@dataclass(frozen=True)
class Blob:
    """Content with its type and digest."""

    media_type: str
    content: bytes

    @property
    def digest(self) -> str:
        """`sha256:` and the hex digest."""
        return f"sha256:{digest_of(self.content)}"

    def descriptor(self) -> dict[str, Any]:
        """How a manifest refers to it."""
        return {"mediaType": self.media_type, "digest": self.digest, "size": len(self.content)}


def json_blob(media_type: str, value: Any) -> Blob:
    """Return a JSON document with sorted keys and no spaces."""
    return Blob(media_type, json.dumps(value, sort_keys=True, separators=(",", ":")).encode())


def tar_bytes(files: Mapping[str, bytes]) -> bytes:
    """Return a tar archive: sorted, with its folders, owned by root, at the epoch."""
    folders = {parent for name in files for parent in _parents(name)}
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name in sorted({*files, *folders}):
            entry = tarfile.TarInfo(name)
            if name in folders:
                entry.type, entry.mode = tarfile.DIRTYPE, 0o755
                archive.addfile(entry)
            else:
                entry.size, entry.mode = len(files[name]), 0o644
                archive.addfile(entry, io.BytesIO(files[name]))
    return buffer.getvalue()


def gzip_bytes(content: bytes) -> bytes:
    """Return a gzip stream (RFC 1952) without a name and a time."""
    header = b"\x1f\x8b\x08" + b"\x00" * 6 + b"\xff"
    trailer = struct.pack("<II", zlib.crc32(content), len(content) & 0xFFFFFFFF)
    return header + deflate(content) + trailer


def _parents(name: str) -> list[str]:
    parts = name.split("/")
    return ["/".join(parts[:count]) for count in range(1, len(parts))]


def write_layout(folder: Path, blobs: list[Blob], manifest: Blob) -> None:
    """Write an OCI image layout (image-spec v1.1); old blobs beside the new do no harm."""
    for blob in [*blobs, manifest]:
        write_once(folder / "blobs" / "sha256" / blob.digest.removeprefix("sha256:"), blob.content)
    write_once(folder / "oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
    index = json_blob(
        INDEX_TYPE,
        {"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": [manifest.descriptor()]},
    )
    beside = folder / f".index.{manifest.digest[-16:]}"
    beside.write_bytes(index.content)
    beside.replace(folder / "index.json")

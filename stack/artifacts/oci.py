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

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar+gzip"
INDEX_TYPE = "application/vnd.oci.image.index.v1+json"
LARGEST_STORED_BLOCK = 0xFFFF


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


def gzip_stored(content: bytes) -> bytes:
    """Return a gzip stream without compression (RFC 1951, 3.2.4).

    Registries and runtimes expect gzip; compressors differ between builds of zlib, stored blocks do
    not.
    """
    header = b"\x1f\x8b\x08" + b"\x00" * 6 + b"\xff"
    blocks = []
    for start in range(0, max(len(content), 1), LARGEST_STORED_BLOCK):
        block = content[start : start + LARGEST_STORED_BLOCK]
        last = start + LARGEST_STORED_BLOCK >= len(content)
        blocks.append(struct.pack("<BHH", last, len(block), len(block) ^ 0xFFFF) + block)
    trailer = struct.pack("<II", zlib.crc32(content), len(content) & 0xFFFFFFFF)
    return header + b"".join(blocks) + trailer


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

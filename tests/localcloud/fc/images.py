"""Tiny container images for tests, put straight into the registry."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from typing import Any

from localcloud.registry import ImageStore

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"


def layer(entries: dict[str, str | bytes | tarfile.TarInfo]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in entries.items():
            if isinstance(content, tarfile.TarInfo):
                archive.addfile(content)
                continue
            data = content.encode() if isinstance(content, str) else content
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(data), 0o644
            archive.addfile(entry, io.BytesIO(data))
    return gzip.compress(buffer.getvalue(), mtime=0)


def push(images: ImageStore, repository: str, layers: list[bytes], config: dict[str, Any]) -> str:
    """Put an image into the store and return its reference by digest."""
    document = json.dumps({"architecture": "amd64", "os": "linux", "config": config}).encode()
    blobs = [document, *layers]
    for blob in blobs:
        id_ = images.begin()
        images.upload(id_).write_bytes(blob)
        images.finish(repository, id_, digest_of(blob))
    descriptors = [
        {"digest": digest_of(blob), "size": len(blob), "mediaType": LAYER} for blob in blobs
    ]
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": descriptors[0],
        "layers": descriptors[1:],
    }
    content = json.dumps(manifest).encode()
    digest = images.put_manifest(repository, digest_of(content), MANIFEST, content)
    return f"registry.example.com/{repository}@{digest}"


def digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"

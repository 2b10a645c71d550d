"""What a build yields."""

from __future__ import annotations

import hashlib
import os
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from pathlib import Path

Kind = Literal["code", "image", "bundle"]


@dataclass(frozen=True)
class Artifact:
    """One thing to deploy.

    Attributes:
        name: what it is for, such as `dispatcher`.
        kind: code archive, container image or dependency bundle.
        path: where it lies, relative to the project when below it.
        bytes: its size; of an image, of the blobs that it adds to its base.
        sha256: digest in hex; of an image, of its manifest.
    """

    name: str
    kind: Kind
    path: str
    bytes: int
    sha256: str

    def as_json(self) -> dict[str, Any]:
        """Plain values, in the order above."""
        return asdict(self)


def write_once(path: Path, content: bytes) -> None:
    """Write a file whose name says its content, so that nobody ever sees half of it."""
    if path.exists() and path.stat().st_size == len(content):
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.write_bytes(content)
    beside.replace(path)


def digest_of(content: bytes) -> str:
    """SHA-256 in hex."""
    return hashlib.sha256(content).hexdigest()

"""Blobs by digest, manifests by digest and tag: what a registry keeps."""

from __future__ import annotations

import hashlib
import json
import re
import time
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from localcloud.core.database import open_database
from localcloud.core.errors import CloudError

if TYPE_CHECKING:
    from pathlib import Path

    from localcloud.core.config import CloudConfig

LARGEST_MANIFEST = 4 * 1024 * 1024
LARGEST_BLOB = 1024 * 1024 * 1024
MOST_UPLOADS = 64
_ABANDONED_S = 3600.0
REPOSITORY = re.compile(r"[a-z0-9]+(?:[._-]+[a-z0-9]+)*(?:/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*")
DIGEST = re.compile(r"sha256:[a-f0-9]{64}")
TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
MANIFEST_TYPES = frozenset(
    {
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.v2+json",
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
    }
)
_INDEX_TYPES = frozenset(kind for kind in MANIFEST_TYPES if "index" in kind or "list" in kind)

_SCHEMA = """
CREATE TABLE IF NOT EXISTS blobs (
    repository TEXT NOT NULL, digest TEXT NOT NULL, size INTEGER NOT NULL,
    PRIMARY KEY (repository, digest)
);
CREATE TABLE IF NOT EXISTS manifests (
    repository TEXT NOT NULL, digest TEXT NOT NULL, media_type TEXT NOT NULL, content BLOB NOT NULL,
    PRIMARY KEY (repository, digest)
);
CREATE TABLE IF NOT EXISTS tags (
    repository TEXT NOT NULL, tag TEXT NOT NULL, digest TEXT NOT NULL,
    PRIMARY KEY (repository, tag)
);
"""


@dataclass(frozen=True)
class Manifest:
    """A manifest as it was pushed, to the byte."""

    digest: str
    media_type: str
    content: bytes


@dataclass(frozen=True)
class Image:
    """What is needed to run an image.

    Attributes:
        digest: of the manifest.
        config: the image configuration (image-spec, "config" within it is what runs).
        layers: files of the layers, base first, with their media types.
    """

    digest: str
    config: dict[str, Any]
    layers: tuple[tuple[Path, str], ...]


class RegistryError(CloudError):
    """An error of the distribution API; its code is one of the specification's."""


class ImageStore:
    """Repositories of one account.

    A repository sees only blobs that were pushed to it or mounted into it; the files are shared.

    Args:
        config: where the state lies.

    Raises:
        StateDamaged: the file is no sound database.
    """

    def __init__(self, config: CloudConfig) -> None:
        self._root = config.state_dir / "registry"
        self._blobs = self._root / "blobs"
        self._uploads = self._root / "uploads"
        for folder in (self._blobs, self._uploads):
            folder.mkdir(parents=True, exist_ok=True)
        for left in self._uploads.iterdir():
            left.unlink()
        self._database = open_database(self._root / "registry.sqlite", _SCHEMA)

    def blob(self, repository: str, digest: str) -> Path | None:
        """The file of a blob of a repository, or None."""
        row = self._database.execute(
            "SELECT 1 FROM blobs WHERE repository = ? AND digest = ?", (repository, digest)
        ).fetchone()
        path = self._file(digest)
        return path if row is not None and path.exists() else None

    def begin(self) -> str:
        """Begin an upload and return its id.

        Raises:
            RegistryError: 429, too many uploads are open.
        """
        for upload in list(self._uploads.iterdir()):
            if time.time() - upload.stat().st_mtime > _ABANDONED_S:
                upload.unlink(missing_ok=True)
        if sum(1 for _ in self._uploads.iterdir()) >= MOST_UPLOADS:
            raise RegistryError(429, "TOOMANYREQUESTS", f"at most {MOST_UPLOADS} uploads at a time")
        id_ = uuid.uuid4().hex
        (self._uploads / id_).touch()
        return id_

    def upload(self, id_: str) -> Path:
        """The file of an upload that was begun.

        Raises:
            RegistryError: 404, there is no such upload.
        """
        path = self._uploads / id_
        if not re.fullmatch(r"[0-9a-f]{32}", id_) or not path.exists():
            raise RegistryError(404, "BLOB_UPLOAD_UNKNOWN", f"there is no upload {id_!r}")
        return path

    def cancel(self, id_: str) -> None:
        """Forget an upload."""
        self.upload(id_).unlink()

    def finish(self, repository: str, id_: str, digest: str) -> None:
        """Make an upload a blob; what does not have the digest is thrown away.

        Raises:
            RegistryError: 400, the content has another digest.
        """
        path = self.upload(id_)
        with path.open("rb") as file:
            found = f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
        if found != digest:
            path.unlink()
            raise RegistryError(400, "DIGEST_INVALID", f"the content is {found}, not {digest}")
        size = path.stat().st_size
        path.replace(self._file(digest))
        self._link(repository, digest, size)

    def mount(self, repository: str, digest: str, source: str) -> bool:
        """Have a blob of another repository appear in this one; False when it has none."""
        path = self.blob(source, digest)
        if path is None:
            return False
        self._link(repository, digest, path.stat().st_size)
        return True

    def put_manifest(self, repository: str, reference: str, media_type: str, content: bytes) -> str:
        """Store a manifest under its digest, and under a tag when the reference is one.

        Raises:
            RegistryError: 400 for a wrong digest, broken JSON or a missing part.
        """
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        if ":" in reference and reference != digest:
            raise RegistryError(400, "DIGEST_INVALID", f"the content is {digest}, not {reference}")
        self._check_manifest(repository, media_type, content)
        with self._database:
            self._database.execute("BEGIN IMMEDIATE")
            self._database.execute(
                "INSERT OR IGNORE INTO manifests VALUES (?, ?, ?, ?)",
                (repository, digest, media_type, content),
            )
            if ":" not in reference:
                self._database.execute(
                    "INSERT INTO tags VALUES (?, ?, ?) "
                    "ON CONFLICT (repository, tag) DO UPDATE SET digest = excluded.digest",
                    (repository, reference, digest),
                )
        return digest

    def manifest(self, repository: str, reference: str) -> Manifest | None:
        """A manifest by tag or digest, or None."""
        if ":" not in reference:
            row = self._database.execute(
                "SELECT digest FROM tags WHERE repository = ? AND tag = ?", (repository, reference)
            ).fetchone()
            if row is None:
                return None
            reference = row[0]
        row = self._database.execute(
            "SELECT digest, media_type, content FROM manifests WHERE repository = ? AND digest = ?",
            (repository, reference),
        ).fetchone()
        return None if row is None else Manifest(*row)

    def tags(self, repository: str) -> list[str] | None:
        """Tags of a repository, sorted; None when there is no such repository."""
        known = self._database.execute(
            "SELECT 1 FROM manifests WHERE repository = ? LIMIT 1", (repository,)
        ).fetchone()
        if known is None:
            return None
        rows = self._database.execute(
            "SELECT tag FROM tags WHERE repository = ? ORDER BY tag", (repository,)
        )
        return [row[0] for row in rows]

    def image(self, reference: str) -> Image:
        """Find an image by ``<host>/<repository>@<digest>`` or ``…:<tag>``, whatever the host.

        Raises:
            CloudError: 404, it is not here; 400, it is no image that can be run.
        """
        repository, version = parse_reference(reference)
        manifest = self.manifest(repository, version)
        if manifest is None:
            raise CloudError(404, "ImageNotFound", f"image {reference} is not in the registry")
        if manifest.media_type in _INDEX_TYPES:
            raise CloudError(
                400, "ImageInvalid", f"{reference} is an index: name one platform's image"
            )
        body = json.loads(manifest.content)
        config = self._file(body["config"]["digest"])
        return Image(
            digest=manifest.digest,
            config=json.loads(config.read_bytes()),
            layers=tuple(
                (self._file(layer["digest"]), layer["mediaType"]) for layer in body["layers"]
            ),
        )

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def _check_manifest(self, repository: str, media_type: str, content: bytes) -> None:
        if media_type not in MANIFEST_TYPES:
            raise RegistryError(400, "MANIFEST_INVALID", f"unknown media type {media_type!r}")
        try:
            body = json.loads(content)
            if media_type in _INDEX_TYPES:
                parts = [part["digest"] for part in body["manifests"]]
                missing = [part for part in parts if self.manifest(repository, part) is None]
            else:
                parts = [part["digest"] for part in [body["config"], *body["layers"]]]
                missing = [part for part in parts if self.blob(repository, part) is None]
        except (ValueError, KeyError, TypeError) as bad:
            raise RegistryError(400, "MANIFEST_INVALID", "this is no image manifest") from bad
        if missing:
            raise RegistryError(
                400, "MANIFEST_BLOB_UNKNOWN", f"not pushed yet: {', '.join(missing)}"
            )

    def _link(self, repository: str, digest: str, size: int) -> None:
        self._database.execute(
            "INSERT OR IGNORE INTO blobs VALUES (?, ?, ?)", (repository, digest, size)
        )

    def _file(self, digest: str) -> Path:
        if not DIGEST.fullmatch(digest):
            raise RegistryError(400, "DIGEST_INVALID", f"{digest!r} is no sha256 digest")
        return self._blobs / digest.removeprefix("sha256:")


def parse_reference(reference: str) -> tuple[str, str]:
    """Take an image reference apart: repository path without host, and tag or digest.

    Raises:
        CloudError: 400, it is none.
    """
    name, at, digest = reference.partition("@")
    host, slash, rest = name.partition("/")
    if slash and ("." in host or ":" in host or host == "localhost"):
        name = rest
    name, _, tag = name.partition(":")
    version = digest if at else tag or "latest"
    good = DIGEST.fullmatch(version) if at else TAG.fullmatch(version)
    if not REPOSITORY.fullmatch(name) or not good:
        raise CloudError(400, "InvalidArgument", f"image {reference!r} is no image reference")
    return name, version

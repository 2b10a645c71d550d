"""Buckets and objects, and the rules of their names."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from localcloud.core.errors import CloudError

if TYPE_CHECKING:
    from collections.abc import Mapping

BUCKET_NAME = re.compile(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]")
MAX_KEY_BYTES = 1023
MAX_METADATA_BYTES = 8 * 1024
MAX_OBJECT_BYTES = 1024 * 1024 * 1024
DAY_SECONDS = 86400


@dataclass(frozen=True)
class Expiration:
    """One lifecycle rule: objects of a prefix are deleted some days after they were written."""

    prefix: str
    days: int


@dataclass(frozen=True)
class Bucket:
    """A bucket; its objects are private.

    Attributes:
        created: seconds since the epoch.
        expirations: lifecycle rules that delete.
        encryption: the algorithm that was asked for, which answers report; files are not encrypted.
    """

    name: str
    created: float
    expirations: tuple[Expiration, ...] = ()
    encryption: str | None = None


@dataclass(frozen=True)
class StoredObject:
    """An object: what is known of it, and the digest that names its file.

    Attributes:
        sha256: of the content, in hex.
        md5: of the content, in hex capitals: the entity tag.
        crc64: of the content (ECMA-182, reflected), as OSS reports it.
        written: seconds since the epoch.
        metadata: names and values that the writer gave (`x-oss-meta-…`), sorted.
    """

    bucket: str
    key: str
    size: int
    sha256: str
    md5: str
    crc64: int
    content_type: str
    written: float
    metadata: tuple[tuple[str, str], ...] = ()

    @property
    def etag(self) -> str:
        """The entity tag, quoted as in the header."""
        return f'"{self.md5}"'

    @property
    def modified(self) -> datetime:
        """When it was written."""
        return datetime.fromtimestamp(self.written, UTC)


def check_bucket_name(name: str) -> None:
    """Refuse a name that OSS refuses.

    Raises:
        CloudError: `InvalidBucketName`.
    """
    if not BUCKET_NAME.fullmatch(name):
        raise CloudError(
            400,
            "InvalidBucketName",
            f"bucket name {name!r}: 3 to 63 small letters, digits and dashes, none at an end",
        )


def check_metadata(metadata: Mapping[str, str]) -> None:
    """Refuse what OSS refuses.

    Raises:
        CloudError: `InvalidArgument`; it is over 8 KB.
    """
    if sum(len(name) + len(value) for name, value in metadata.items()) > MAX_METADATA_BYTES:
        raise CloudError(
            400, "InvalidArgument", f"user metadata has {MAX_METADATA_BYTES} bytes at most"
        )


def check_key(key: str) -> None:
    """Refuse a name that OSS refuses.

    Raises:
        CloudError: `InvalidObjectName`.
    """
    if not 1 <= len(key.encode()) <= MAX_KEY_BYTES or key[0] in "/\\":
        raise CloudError(
            400,
            "InvalidObjectName",
            f"object name {key[:80]!r}: 1 to {MAX_KEY_BYTES} bytes, not beginning with a slash",
        )

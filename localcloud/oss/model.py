"""Buckets and objects, and the rules of their names."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from localcloud.core.errors import CloudError

BUCKET_NAME = re.compile(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]")
MAX_KEY_BYTES = 1023
MAX_OBJECT_BYTES = 1024 * 1024 * 1024
MAX_METADATA_BYTES = 8 * 1024
MAX_PARTS = 10_000
LEAST_PART_BYTES = 100 * 1024
"""Of every part but the last ("Multipart upload" [D])."""
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


Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Attributes:
    """What a writer says of an object beside its content.

    Attributes:
        content_type: reported to readers.
        headers: standard headers that are reported as they were given, such as Cache-Control.
        metadata: of the user, by name without `x-oss-meta-`.
    """

    content_type: str = "application/octet-stream"
    headers: Pairs = ()
    metadata: Pairs = ()

    def __post_init__(self) -> None:
        if sum(len(name) + len(value) for name, value in self.metadata) > MAX_METADATA_BYTES:
            raise CloudError(
                400, "InvalidArgument", f"user metadata has {MAX_METADATA_BYTES} bytes at most"
            )


@dataclass(frozen=True)
class StoredObject:
    """An object: what is known of it, and the digest that names its file.

    Attributes:
        sha256: of the content, in hex.
        tag: the entity tag: the MD5 of the content in hex capitals, or that of the MD5s of its
            parts and their number.
        crc64: of the content (ECMA-182, reflected), as OSS reports it.
        written: seconds since the epoch.
    """

    bucket: str
    key: str
    size: int
    sha256: str
    tag: str
    crc64: int
    written: float
    attributes: Attributes = Attributes()

    @property
    def etag(self) -> str:
        """The entity tag, quoted as in the header."""
        return f'"{self.tag}"'

    @property
    def content_type(self) -> str:
        """What its writer said that it is."""
        return self.attributes.content_type

    @property
    def modified(self) -> datetime:
        """When it was written; OSS counts whole seconds."""
        return datetime.fromtimestamp(int(self.written), UTC)


def check_bucket_name(name: str) -> None:
    """Refuse a name that OSS refuses.

    Raises:
        CloudError: `InvalidBucketName`.
    """
    if not BUCKET_NAME.fullmatch(name):
        raise CloudError(
            400,
            "InvalidBucketName",
            f"bucket name {name[:80]!r}: 3 to 63 small letters, digits and dashes, none at an end",
        )


def check_key(key: str) -> None:
    """Refuse a name that OSS refuses.

    Raises:
        CloudError: `InvalidObjectName`.
    """
    if not 1 <= len(key.encode(errors="replace")) <= MAX_KEY_BYTES or key[0] in "/\\":
        raise CloudError(
            400,
            "InvalidObjectName",
            f"object name {key[:80]!r}: 1 to {MAX_KEY_BYTES} bytes, not beginning with a slash",
        )

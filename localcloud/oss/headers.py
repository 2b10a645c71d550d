"""What a request's headers and parameters ask for; what is not here is refused with its name."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING
from urllib.parse import unquote

from localcloud.core.errors import CloudError, NotSupported
from localcloud.oss.answers import METADATA, OVERRIDES
from localcloud.oss.model import Attributes
from localcloud.oss.signature import UNSIGNED

if TYPE_CHECKING:
    from starlette.requests import Request

    from localcloud.oss.content import Digests

STANDARD = ("cache-control", "content-disposition", "content-encoding", "expires")
SIGNATURE_PARAMETERS = frozenset(
    {
        "x-oss-signature",
        "x-oss-signature-version",
        "x-oss-credential",
        "x-oss-date",
        "x-oss-expires",
        "x-oss-additional-headers",
        "x-oss-security-token",
    }
)
_ANY_REQUEST = frozenset({"x-oss-date", "x-oss-content-sha256", "x-oss-security-token"})
_OWN_HEADERS = _ANY_REQUEST | {
    "x-oss-forbid-overwrite",
    "x-oss-range-behavior",
    "x-oss-complete-all",
    "x-oss-copy-source",
    "x-oss-metadata-directive",
}
_FIXED = {
    "x-oss-object-acl": ("default", "private"),
    "x-oss-storage-class": ("standard",),
    "x-oss-server-side-encryption": ("aes256", "kms"),
}


def check_headers(request: Request) -> None:
    """Refuse what would be ignored otherwise.

    Raises:
        CloudError: a header asks for something that is not here.
    """
    for name, value in request.headers.items():
        if not name.startswith("x-oss-") or name in _OWN_HEADERS or name.startswith(METADATA):
            continue
        if value.lower() not in _FIXED.get(name, ()):
            raise NotSupported("oss", f"header {name}: {value[:64]}")


def parameters(request: Request) -> frozenset[str]:
    """The parameters that say which operation it is."""
    return frozenset(request.query_params) - SIGNATURE_PARAMETERS - {"encoding-type"}


def attributes_of(request: Request) -> Attributes:
    """What a writer says of its object.

    Raises:
        CloudError: the user metadata is too large.
    """
    headers = request.headers
    kept = [(name, headers[name]) for name in STANDARD if name in headers]
    if (encryption := headers.get("x-oss-server-side-encryption")) is not None:
        kept.append(("x-oss-server-side-encryption", encryption))
    return Attributes(
        headers.get("content-type", "application/octet-stream"),
        tuple(kept),
        tuple(
            sorted(
                (name.removeprefix(METADATA), value)
                for name, value in headers.items()
                if name.startswith(METADATA)
            )
        ),
    )


def may_overwrite(request: Request) -> bool:
    """Whether an object may take the place of another."""
    return request.headers.get("x-oss-forbid-overwrite", "").lower() != "true"


def overrides(request: Request) -> dict[str, str]:
    """Headers that a reader wants in place of the object's own.

    Raises:
        CloudError: a value cannot be a header.
    """
    found = {
        header: request.query_params[name]
        for name, header in OVERRIDES.items()
        if name in request.query_params
    }
    if any(not value.isprintable() or not value.isascii() for value in found.values()):
        raise CloudError(400, "InvalidArgument", "response-…: printable ASCII characters")
    return found


def copy_source(request: Request) -> tuple[str, str]:
    """Bucket and key of CopyObject.

    Raises:
        CloudError: it is no `/bucket/key`, or one with a version.
    """
    source = request.headers["x-oss-copy-source"]
    if "?" in source:
        raise NotSupported("oss", "CopyObject of a version")
    bucket, _, key = unquote(source).lstrip("/").partition("/")
    if not bucket or not key:
        raise CloudError(400, "InvalidArgument", "x-oss-copy-source is /bucket/key")
    return bucket, key


def check_digests(request: Request, digests: Digests) -> None:
    """Hold the body against what `Content-MD5` and `x-oss-content-sha256` say.

    Raises:
        CloudError: `InvalidDigest`.
    """
    signed = request.headers.get("x-oss-content-sha256", UNSIGNED)
    if signed not in (UNSIGNED, digests.sha256):
        raise CloudError(400, "InvalidDigest", "x-oss-content-sha256 is not the body's")
    given = request.headers.get("content-md5")
    if given is None:
        return
    try:
        wanted = base64.b64decode(given, validate=True).hex().upper()
    except (binascii.Error, ValueError):
        wanted = ""
    if wanted != digests.md5:
        raise CloudError(400, "InvalidDigest", "Content-MD5 is not the body's")

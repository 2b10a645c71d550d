"""How answers look: XML documents, headers of objects, errors."""

from __future__ import annotations

import base64
from email.utils import format_datetime, parsedate_to_datetime
from typing import TYPE_CHECKING
from urllib.parse import quote
from xml.etree import ElementTree as ET

from starlette.responses import FileResponse, Response

from localcloud.core.errors import CloudError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from starlette.datastructures import Headers
    from starlette.requests import Request

    from localcloud.oss.model import StoredObject

METADATA = "x-oss-meta-"
OVERRIDES = {
    "response-content-type": "content-type",
    "response-content-language": "content-language",
    "response-expires": "expires",
    "response-cache-control": "cache-control",
    "response-content-disposition": "content-disposition",
    "response-content-encoding": "content-encoding",
}
"""Parameters of GetObject that stand in for what the object says."""


def document(name: str, fields: Iterable[tuple[str, str]]) -> ET.Element:
    """An XML element with texts in it."""
    root = ET.Element(name)
    for tag, text in fields:
        ET.SubElement(root, tag).text = text
    return root


def xml(root: ET.Element, headers: dict[str, str] | None = None) -> Response:
    """An XML document as an answer."""
    body = ET.tostring(root, "utf-8", xml_declaration=True)
    return Response(body, headers=headers, media_type="application/xml")


def object_headers(found: StoredObject, encryption: str | None) -> dict[str, str]:
    """The headers that describe an object."""
    attributes = found.attributes
    headers = {
        "etag": found.etag,
        "last-modified": format_datetime(found.modified, usegmt=True),
        "content-type": attributes.content_type,
        "x-oss-hash-crc64ecma": str(found.crc64),
        "x-oss-object-type": "Multipart" if "-" in found.tag else "Normal",
        "x-oss-storage-class": "Standard",
        "accept-ranges": "bytes",
        **dict(attributes.headers),
        **{METADATA + name: value for name, value in attributes.metadata},
    }
    return headers | encryption_header(encryption)


def encryption_header(encryption: str | None) -> dict[str, str]:
    """How an object is said to be encrypted."""
    return {} if encryption is None else {"x-oss-server-side-encryption": encryption}


def check_conditions(headers: Headers, found: StoredObject) -> Response | None:
    """Evaluate `If-Match` and its like: an answer without the object, or None to go on.

    Raises:
        CloudError: 412, the object is not the one that was wanted.
    """
    wanted, unwanted = headers.get("if-match"), headers.get("if-none-match")
    if wanted is not None and found.tag not in _tags(wanted):
        raise CloudError(412, "PreconditionFailed", "the object has another entity tag")
    before, after = _moment(headers, "if-unmodified-since"), _moment(headers, "if-modified-since")
    if wanted is None and before is not None and found.modified.timestamp() > before:
        raise CloudError(412, "PreconditionFailed", "the object was modified since")
    same = unwanted is not None and (found.tag in _tags(unwanted) or unwanted.strip() == "*")
    if same or (unwanted is None and after is not None and found.modified.timestamp() <= after):
        return Response(status_code=304, headers={"etag": found.etag})
    return None


class Content(FileResponse):
    """The bytes of an object. A range that is not one within it gives all of it, as OSS does."""

    def __init__(self, path: Path, headers: dict[str, str], request: Request, size: int) -> None:
        super().__init__(path, headers=headers, media_type=headers["content-type"])
        text = request.headers.get("range")
        if text is None or _is_range(text, size):
            return
        if request.headers.get("x-oss-range-behavior", "").lower() == "standard":
            raise CloudError(416, "InvalidRange", f"the range {text[:64]!r} is not satisfiable")
        request.scope["headers"] = [
            (name, value) for name, value in request.scope["headers"] if name != b"range"
        ]


def error(failure: CloudError, request_id: str, *, head: bool) -> Response:
    """An error as OSS says it; for HEAD, which has no body, in a header."""
    root = document(
        "Error",
        (
            ("Code", failure.code),
            ("Message", _printable(failure.message)),
            ("RequestId", request_id),
            ("HostId", "127.0.0.1"),
        ),
    )
    body = ET.tostring(root, "utf-8", xml_declaration=True)
    if head:
        return Response(None, failure.status, {"x-oss-err": base64.b64encode(body).decode()})
    return Response(body, failure.status, media_type="application/xml")


def encoded(text: str, *, url: bool) -> str:
    """A name for an XML document, which cannot hold every character unless it is encoded."""
    return quote(text, safe="/") if url else _printable(text)


def _printable(text: str) -> str:
    return "".join(char if char >= " " or char in "\t\n" else "\ufffd" for char in text)


def _tags(text: str) -> set[str]:
    return {tag.strip().strip('"').upper() for tag in text.split(",")}


def _moment(headers: Headers, name: str) -> float | None:
    try:
        return parsedate_to_datetime(headers[name]).timestamp()
    except (KeyError, ValueError):
        return None


def _is_range(text: str, size: int) -> bool:
    kind, _, span = text.partition("=")
    first, dash, last = span.strip().partition("-")
    if kind.strip().lower() != "bytes" or not dash or not (first + last).isdecimal():
        return False
    if not first:
        return int(last) > 0 and size > 0
    return int(first) < size and (not last or int(first) <= int(last))

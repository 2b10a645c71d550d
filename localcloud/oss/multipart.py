"""Uploads in parts: the wire."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from localcloud.core.errors import CloudError
from localcloud.oss.answers import document, encoded, xml

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from localcloud.oss.model import StoredObject
    from localcloud.oss.uploads import Part

DOCUMENT_BYTES = 2 * 1024 * 1024
LIST_LIMIT = 1000


def begun(request: Request, place: tuple[str, str], upload: str) -> Response:
    """The answer to InitiateMultipartUpload."""
    fields = [*_place(request, place), ("UploadId", upload)]
    return xml(document("InitiateMultipartUploadResult", fields))


def completed(request: Request, made: StoredObject, headers: dict[str, str]) -> Response:
    """The answer to CompleteMultipartUpload."""
    location = f"http://{request.headers.get('host', '')}/{made.bucket}/{made.key}"
    fields = [
        ("Location", encoded(location, url=False)),
        *_place(request, (made.bucket, made.key)),
        ("ETag", made.etag),
    ]
    return xml(document("CompleteMultipartUploadResult", fields), headers)


def listed(request: Request, place: tuple[str, str], upload: str, parts: list[Part]) -> Response:
    """The answer to ListParts."""
    given = request.query_params
    marker, limit = given.get("part-number-marker", "0"), given.get("max-parts", str(LIST_LIMIT))
    if not marker.isdecimal() or not limit.isdecimal() or not 1 <= int(limit) <= LIST_LIMIT:
        raise CloudError(400, "InvalidArgument", f"max-parts is 1 to {LIST_LIMIT}")
    behind = [part for part in parts if part.number > int(marker)]
    shown = behind[: int(limit)]
    fields = [
        *_place(request, place),
        ("UploadId", upload),
        ("StorageClass", "Standard"),
        ("PartNumberMarker", marker),
        ("NextPartNumberMarker", str(shown[-1].number) if shown else marker),
        ("MaxParts", limit),
        ("IsTruncated", "true" if len(behind) > len(shown) else "false"),
    ]
    root = document("ListPartsResult", fields)
    for part in shown:
        root.append(
            document(
                "Part",
                (
                    ("PartNumber", str(part.number)),
                    ("ETag", f'"{part.md5}"'),
                    ("Size", str(part.size)),
                    ("HashCrc64ecma", str(part.crc64)),
                ),
            )
        )
    return xml(root)


def part_number(request: Request) -> int:
    """The number of UploadPart.

    Raises:
        CloudError: it is none.
    """
    text = request.query_params.get("partNumber", "")
    if not text.isdecimal() or len(text) > 5:
        raise CloudError(400, "InvalidArgument", f"partNumber {text[:16]!r} is no number")
    return int(text)


async def named_parts(request: Request) -> list[tuple[int, str]] | None:
    """The parts that CompleteMultipartUpload names; None where a header says `all`.

    Raises:
        CloudError: the document is malformed or too long.
    """
    if request.headers.get("x-oss-complete-all", "").lower() == "yes":
        return None
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > DOCUMENT_BYTES:
            raise CloudError(400, "MalformedXML", f"the document has over {DOCUMENT_BYTES} bytes")
    return await asyncio.to_thread(_named, bytes(body))


def _named(body: bytes) -> list[tuple[int, str]]:
    # A document type could hold entities that grow without end: the protocol has none.
    if b"<!" in body:
        raise CloudError(400, "MalformedXML", "the document has a declaration in it")
    try:
        root = ET.fromstring(body)  # noqa: S314 - without declarations there is nothing to expand
        found = [
            (int(part.findtext("PartNumber", "")), part.findtext("ETag", ""))
            for part in root.iter("Part")
        ]
    except (ET.ParseError, ValueError):
        raise CloudError(400, "MalformedXML", "the document is no list of parts") from None
    if root.tag != "CompleteMultipartUpload":
        raise CloudError(400, "MalformedXML", "the document is no CompleteMultipartUpload")
    return found


def _place(request: Request, place: tuple[str, str]) -> list[tuple[str, str]]:
    url = request.query_params.get("encoding-type") == "url"
    fields = [("EncodingType", "url")] if url else []
    return [*fields, ("Bucket", place[0]), ("Key", encoded(place[1], url=url))]

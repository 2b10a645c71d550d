"""Object storage behind the door: path-style REST, XML errors."""

from __future__ import annotations

import asyncio
import base64
import binascii
import re
import uuid
from email.utils import format_datetime
from typing import TYPE_CHECKING
from urllib.parse import unquote
from xml.etree import ElementTree as ET

from starlette.responses import FileResponse, Response

from localcloud.core.errors import CloudError, NotSupported
from localcloud.oss.signature import verify
from localcloud.oss.store import ObjectStore

if TYPE_CHECKING:
    from starlette.requests import Request

    from localcloud.core.clock import Clock
    from localcloud.core.config import CloudConfig
    from localcloud.oss.model import StoredObject
    from localcloud.ram import Principal, Ram

OPERATIONS = {
    "PutObject": "checksums, user metadata, x-oss-forbid-overwrite",
    "GetObject": "ranges, links (presigned URLs)",
    "HeadObject": "",
    "DeleteObject": "",
    "ListObjectsV2": "prefix, start-after, continuation; no delimiter",
    "PutBucket": "domain only: private, lifecycle by days, encryption recorded",
}
LIST_LIMIT = 1000
METADATA = "x-oss-meta-"
_LINK_PARAMETERS = re.compile(r"x-oss-.*|response-content-.*|response-cache-control")


class Oss:
    """The service: its store, and its wire.

    Args:
        config: account, region, and where the state lives.
        clock: decides expiry and the age of signatures.
        ram: knows keys and rights.
    """

    name = "oss"
    OPERATIONS = OPERATIONS

    def __init__(self, config: CloudConfig, clock: Clock, ram: Ram) -> None:
        self._config = config
        self._clock = clock
        self._ram = ram
        self.store = ObjectStore(config.state_dir / "oss", clock)

    async def start(self) -> None:
        """Nothing runs beside requests: what has expired goes when it is asked for."""

    async def stop(self) -> None:
        """Close the database."""
        self.store.close()

    def recognises(self, request: Request) -> bool:
        """A signature of its own in the header, or that of a link in the query."""
        signed = request.headers.get("authorization", "").startswith("OSS")
        return signed or "x-oss-signature=" in request.url.query

    async def handle(self, request: Request) -> Response:
        """Answer one operation."""
        request_id = uuid.uuid4().hex[:24].upper()
        try:
            response = await self._perform(request)
        except CloudError as error:
            response = _error(error, request_id, head=request.method == "HEAD")
        response.headers["x-oss-request-id"] = request_id
        response.headers["server"] = "AliyunOSS"
        return response

    async def _perform(self, request: Request) -> Response:
        principal = verify(request, self._ram, self._clock)
        bucket, _, key = unquote(request.url.path).lstrip("/").partition("/")
        parameters = {name for name in request.query_params if not _LINK_PARAMETERS.fullmatch(name)}
        if not bucket:
            raise NotSupported("oss", f"{request.method} of the service")
        if not key:
            if request.method == "GET" and request.query_params.get("list-type") == "2":
                return self._list(request, principal, bucket)
            raise NotSupported("oss", f"{request.method} of a bucket {sorted(parameters)}")
        if parameters:
            raise NotSupported("oss", f"{request.method} of an object with {sorted(parameters)}")
        match request.method:
            case "PUT":
                return await self._put(request, principal, bucket, key)
            case "GET":
                self._authorise(principal, "GetObject", bucket, key)
                found = self.store.head(bucket, key)
                return self._content(found)
            case "HEAD":
                self._authorise(principal, "GetObject", bucket, key)
                found = self.store.head(bucket, key)
                return Response(headers=self._headers(found) | {"content-length": str(found.size)})
            case "DELETE":
                self._authorise(principal, "DeleteObject", bucket, key)
                await asyncio.to_thread(self.store.delete, bucket, key)
                return Response(status_code=204)
        raise NotSupported("oss", f"{request.method} of an object")

    async def _put(self, request: Request, principal: Principal, bucket: str, key: str) -> Response:
        if "x-oss-copy-source" in request.headers:
            raise NotSupported("oss", "CopyObject")
        self._authorise(principal, "PutObject", bucket, key)
        self.store.bucket(bucket)
        with self.store.incoming() as incoming:
            async for chunk in request.stream():
                incoming.write(chunk)
            digests = await asyncio.to_thread(incoming.finish)
            _check_md5(request.headers.get("content-md5"), digests.md5)
            made = await asyncio.to_thread(
                self.store.adopt,
                bucket,
                key,
                incoming,
                digests,
                content_type=request.headers.get("content-type", "application/octet-stream"),
                metadata={
                    name.removeprefix(METADATA): value
                    for name, value in request.headers.items()
                    if name.startswith(METADATA)
                },
                overwrite=request.headers.get("x-oss-forbid-overwrite", "").lower() != "true",
            )
        headers = {"etag": made.etag, "x-oss-hash-crc64ecma": str(made.crc64)}
        return Response(headers=headers | self._encryption(bucket))

    def _content(self, found: StoredObject) -> Response:
        # Ranges are FileResponse's own.
        return FileResponse(
            self.store.content(found), headers=self._headers(found), media_type=found.content_type
        )

    def _list(self, request: Request, principal: Principal, bucket: str) -> Response:
        self._authorise(principal, "ListObjects", bucket, None)
        given = request.query_params
        if given.get("delimiter"):
            raise NotSupported("oss", "ListObjectsV2 with a delimiter")
        text = given.get("max-keys", "100")
        if not text.isdigit() or not 1 <= int(text) <= LIST_LIMIT:
            raise CloudError(400, "InvalidArgument", f"max-keys is 1 to {LIST_LIMIT}")
        limit, prefix = int(text), given.get("prefix", "")
        after = given.get("continuation-token") or given.get("start-after", "")
        found = self.store.list(bucket, prefix, after=after, limit=limit + 1)
        root = ET.Element("ListBucketResult")
        shown = found[:limit]
        for name, value in (
            ("Name", bucket),
            ("Prefix", prefix),
            ("MaxKeys", str(limit)),
            ("KeyCount", str(len(shown))),
            ("IsTruncated", "true" if len(found) > limit else "false"),
        ):
            ET.SubElement(root, name).text = value
        if len(found) > limit:
            ET.SubElement(root, "NextContinuationToken").text = shown[-1].key
        for one in shown:
            entry = ET.SubElement(root, "Contents")
            ET.SubElement(entry, "Key").text = one.key
            ET.SubElement(entry, "LastModified").text = one.modified.strftime(
                "%Y-%m-%dT%H:%M:%S.000Z"
            )
            ET.SubElement(entry, "ETag").text = one.etag
            ET.SubElement(entry, "Size").text = str(one.size)
            ET.SubElement(entry, "StorageClass").text = "Standard"
        return Response(ET.tostring(root, "utf-8"), media_type="application/xml")

    def _authorise(
        self, principal: Principal, operation: str, bucket: str, key: str | None
    ) -> None:
        name = bucket if key is None else f"{bucket}/{key}"
        arn = f"acs:oss:{self._config.region}:{self._config.account_id}:{name}"
        try:
            self._ram.authorise(principal, f"oss:{operation}", arn)
        except CloudError as error:
            raise CloudError(403, "AccessDenied", error.message) from None

    def _headers(self, found: StoredObject) -> dict[str, str]:
        return {
            "etag": found.etag,
            "last-modified": format_datetime(found.modified, usegmt=True),
            "content-type": found.content_type,
            "x-oss-hash-crc64ecma": str(found.crc64),
            "x-oss-object-type": "Normal",
            "x-oss-storage-class": "Standard",
            "accept-ranges": "bytes",
            **{METADATA + name: value for name, value in found.metadata},
        } | self._encryption(found.bucket)

    def _encryption(self, bucket: str) -> dict[str, str]:
        algorithm = self.store.bucket(bucket).encryption
        return {} if algorithm is None else {"x-oss-server-side-encryption": algorithm}


def _check_md5(given: str | None, actual: str) -> None:
    if given is None:
        return
    try:
        wanted = base64.b64decode(given, validate=True).hex().upper()
    except binascii.Error:
        wanted = ""
    if wanted != actual:
        raise CloudError(400, "InvalidDigest", "Content-MD5 is not the body's")


def _error(error: CloudError, request_id: str, *, head: bool) -> Response:
    headers = {"x-oss-ec": error.code}
    if head:
        return Response(status_code=error.status, headers=headers)
    root = ET.Element("Error")
    for name, value in (
        ("Code", error.code),
        ("Message", error.message),
        ("RequestId", request_id),
        ("HostId", "127.0.0.1"),
    ):
        ET.SubElement(root, name).text = value
    body = ET.tostring(root, "utf-8", xml_declaration=True)
    return Response(body, error.status, headers, media_type="application/xml")

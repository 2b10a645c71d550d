"""Object storage behind the door: path-style REST, XML errors."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
import uuid
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from starlette.requests import ClientDisconnect
from starlette.responses import Response

from localcloud.core.errors import CloudError, NotSupported
from localcloud.oss import answers, multipart
from localcloud.oss.headers import (
    attributes_of,
    check_digests,
    check_headers,
    copy_source,
    may_overwrite,
    overrides,
    parameters,
)
from localcloud.oss.listing import list_objects
from localcloud.oss.signature import verify
from localcloud.oss.store import ObjectStore
from localcloud.oss.uploads import Uploads

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from starlette.requests import Request

    from localcloud.core.clock import Clock
    from localcloud.core.config import CloudConfig
    from localcloud.core.faults import Faults
    from localcloud.oss.content import Digests, Incoming
    from localcloud.oss.model import StoredObject
    from localcloud.ram import Principal, Ram

    Operation = Callable[[Request, Principal, tuple[str, str]], Awaitable[Response]]

OPERATIONS = {
    "PutObject": "Content-MD5, user metadata, standard headers, x-oss-forbid-overwrite; up to 1 GB",
    "GetObject": "one range, conditions, response-… overrides, links (presigned URLs)",
    "HeadObject": "conditions",
    "DeleteObject": "complete",
    "CopyObject": "within the account; metadata copied or replaced",
    "ListObjectsV2": "prefix, delimiter, start-after, continuation, encoding",
    "InitiateMultipartUpload": "as PutObject",
    "UploadPart": "Content-MD5; 100 KB at least but for the last",
    "CompleteMultipartUpload": "by a list of parts, or x-oss-complete-all",
    "AbortMultipartUpload": "complete",
    "ListParts": "pages",
    "PutBucket, DeleteBucket": "domain calls: private, lifecycle by days, encryption recorded",
}
SWEEP_SECONDS = 3600.0
# Parameters that do not say which operation it is.
_OPTIONAL = {
    "GET": frozenset(answers.OVERRIDES) | {"max-parts", "part-number-marker"},
    "HEAD": frozenset(answers.OVERRIDES),
}

log = logging.getLogger(__name__)


class Oss:
    """The service: its store, and its wire.

    Args:
        config: account, region, and where the state lives.
        clock: decides expiry and the age of signatures.
        ram: knows keys and rights.
        faults: calls that are to fail, in tests and demonstrations.
    """

    name = "oss"

    def __init__(
        self, config: CloudConfig, clock: Clock, ram: Ram, faults: Faults | None = None
    ) -> None:
        self._config = config
        self._clock = clock
        self._ram = ram
        self._faults = faults
        self.store = ObjectStore(config.state_dir / "oss", clock)
        self.uploads = Uploads(self.store, config.state_dir / "oss" / "parts")
        self._sweeper: asyncio.Task[None] | None = None
        self._operations: dict[tuple[str, frozenset[str]], Operation] = {
            ("PUT", frozenset()): self._put,
            ("GET", frozenset()): self._read,
            ("HEAD", frozenset()): self._read,
            ("DELETE", frozenset()): self._delete,
            ("POST", frozenset({"uploads"})): self._begin,
            ("PUT", frozenset({"partNumber", "uploadId"})): self._put_part,
            ("POST", frozenset({"uploadId"})): self._complete,
            ("DELETE", frozenset({"uploadId"})): self._abort,
            ("GET", frozenset({"uploadId"})): self._parts,
        }

    async def start(self) -> None:
        """Begin to remove what has expired, now and every hour."""
        self._sweeper = asyncio.create_task(self._sweep())

    async def stop(self) -> None:
        """Close the database."""
        if self._sweeper is not None:
            self._sweeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._sweeper
        self.store.close()

    def recognises(self, request: Request) -> bool:
        """A signature of its own in the header, or that of a link in the query."""
        signed = request.headers.get("authorization", "").startswith("OSS")
        return signed or "x-oss-signature=" in request.url.query

    async def handle(self, request: Request) -> Response:
        """Answer one operation."""
        request_id = uuid.uuid4().hex[:24].upper()
        head = request.method == "HEAD"
        try:
            response = await self._perform(request)
        except CloudError as error:
            response = answers.error(error, request_id, head=head)
        except ClientDisconnect:
            gone = CloudError(400, "IncompleteBody", "the connection ended before the body")
            response = answers.error(gone, request_id, head=head)
        except (sqlite3.Error, OSError):
            log.exception("oss failed on %s %s", request.method, request.scope["path"])
            broken = CloudError(500, "InternalError", "internal error; see the log")
            response = answers.error(broken, request_id, head=head)
        response.headers["x-oss-request-id"] = request_id
        response.headers["server"] = "AliyunOSS"
        return response

    async def _perform(self, request: Request) -> Response:
        principal = verify(request, self._ram, self._clock, self._config.region)
        check_headers(request)
        # Decoded once, by the server: a second time would turn one name into another.
        bucket, _, key = request.scope["path"].lstrip("/").partition("/")
        if not bucket:
            raise NotSupported("oss", f"{request.method} of the service")
        if not key:
            return await self._bucket(request, principal, bucket)
        asked = parameters(request)
        optional = _OPTIONAL.get(request.method, frozenset())
        operation = self._operations.get((request.method, asked - optional))
        if operation is None:
            raise NotSupported("oss", f"{request.method} of an object with {sorted(asked)}")
        return await operation(request, principal, (bucket, key))

    async def _bucket(self, request: Request, principal: Principal, bucket: str) -> Response:
        if request.method == "GET" and request.query_params.get("list-type") == "2":
            self._allow(principal, "ListObjects", bucket)
            return await asyncio.to_thread(list_objects, self.store, bucket, request.query_params)
        asked = sorted(parameters(request))
        raise NotSupported("oss", f"{request.method} of a bucket with {asked}")

    async def _read(
        self, request: Request, principal: Principal, place: tuple[str, str]
    ) -> Response:
        self._allow(principal, "GetObject", *place)
        found = await asyncio.to_thread(self.store.head, *place)
        if (early := answers.check_conditions(request.headers, found)) is not None:
            return early
        headers = self._headers(found) | overrides(request)
        if request.method == "HEAD":
            return Response(headers=headers | {"content-length": str(found.size)})
        return answers.Content(self.store.content(found), headers, request, found.size)

    async def _put(
        self, request: Request, principal: Principal, place: tuple[str, str]
    ) -> Response:
        if "x-oss-copy-source" in request.headers:
            return await self._copy(request, principal, place)
        self._allow(principal, "PutObject", *place)
        attributes = attributes_of(request)
        await asyncio.to_thread(self.store.bucket, place[0])
        async with self._received(request) as (incoming, digests):
            made = await asyncio.to_thread(
                self.store.adopt,
                *place,
                incoming,
                digests,
                attributes=attributes,
                overwrite=may_overwrite(request),
            )
        return Response(headers=self._written(made))

    async def _delete(
        self, request: Request, principal: Principal, place: tuple[str, str]
    ) -> Response:
        del request
        self._allow(principal, "DeleteObject", *place)
        await asyncio.to_thread(self.store.delete, *place)
        return Response(status_code=204)

    async def _copy(
        self, request: Request, principal: Principal, place: tuple[str, str]
    ) -> Response:
        source = copy_source(request)
        self._allow(principal, "GetObject", *source)
        self._allow(principal, "PutObject", *place)
        replace = request.headers.get("x-oss-metadata-directive", "").upper() == "REPLACE"
        found = await asyncio.to_thread(self.store.head, *source)
        made = await asyncio.to_thread(
            self.store.copy,
            found,
            *place,
            attributes=attributes_of(request) if replace else None,
            overwrite=may_overwrite(request),
        )
        modified = made.modified.strftime("%Y-%m-%dT%H:%M:%S.000Z")
        fields = (("ETag", made.etag), ("LastModified", modified))
        return answers.xml(answers.document("CopyObjectResult", fields), self._written(made))

    async def _begin(
        self, request: Request, principal: Principal, place: tuple[str, str]
    ) -> Response:
        self._allow(principal, "PutObject", *place)
        upload = await asyncio.to_thread(self.uploads.begin, *place, attributes_of(request))
        return multipart.begun(request, place, upload)

    async def _put_part(
        self, request: Request, principal: Principal, place: tuple[str, str]
    ) -> Response:
        if "x-oss-copy-source" in request.headers:
            raise NotSupported("oss", "UploadPartCopy")
        self._allow(principal, "PutObject", *place)
        upload, number = request.query_params["uploadId"], multipart.part_number(request)
        async with self._received(request) as (incoming, digests):
            part = await asyncio.to_thread(
                self.uploads.put_part, place, upload, number, incoming, digests
            )
        return Response(headers={"etag": f'"{part.md5}"', "x-oss-hash-crc64ecma": str(part.crc64)})

    async def _complete(
        self, request: Request, principal: Principal, place: tuple[str, str]
    ) -> Response:
        self._allow(principal, "PutObject", *place)
        named = await multipart.named_parts(request)
        made = await asyncio.to_thread(
            self.uploads.complete,
            place,
            request.query_params["uploadId"],
            named,
            overwrite=may_overwrite(request),
        )
        return multipart.completed(request, made, self._written(made))

    async def _abort(
        self, request: Request, principal: Principal, place: tuple[str, str]
    ) -> Response:
        self._allow(principal, "AbortMultipartUpload", *place)
        await asyncio.to_thread(self.uploads.abort, place, request.query_params["uploadId"])
        return Response(status_code=204)

    async def _parts(
        self, request: Request, principal: Principal, place: tuple[str, str]
    ) -> Response:
        self._allow(principal, "ListParts", *place)
        upload = request.query_params["uploadId"]
        parts = await asyncio.to_thread(self.uploads.parts, place, upload)
        return multipart.listed(request, place, upload, parts)

    @asynccontextmanager
    async def _received(self, request: Request) -> AsyncIterator[tuple[Incoming, Digests]]:
        """The body in a file, on disk and digested; it vanishes unless somebody keeps it."""
        with self.store.incoming() as incoming:
            async for chunk in request.stream():
                incoming.write(chunk)
            digests = await asyncio.to_thread(incoming.finish)
            check_digests(request, digests)
            yield incoming, digests

    def _allow(self, principal: Principal, operation: str, bucket: str, key: str = "") -> None:
        name = f"{bucket}/{key}" if key else bucket
        arn = f"acs:oss:{self._config.region}:{self._config.account_id}:{name}"
        try:
            self._ram.authorise(principal, f"oss:{operation}", arn)
        except CloudError as error:
            raise CloudError(403, "AccessDenied", error.message) from None
        if self._faults is not None:
            self._faults.raise_if_due(self.name, operation)

    def _headers(self, found: StoredObject) -> dict[str, str]:
        return answers.object_headers(found, self.store.bucket(found.bucket).encryption)

    def _written(self, made: StoredObject) -> dict[str, str]:
        headers = {"etag": made.etag, "x-oss-hash-crc64ecma": str(made.crc64)}
        encryption = self.store.bucket(made.bucket).encryption
        return headers | answers.encryption_header(encryption)

    async def _sweep(self) -> None:
        while True:
            try:
                await asyncio.to_thread(self.store.remove_expired)
            except (sqlite3.Error, OSError):
                log.exception("oss could not remove expired objects")
            await self._clock.sleep(SWEEP_SECONDS)

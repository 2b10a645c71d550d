"""Tablestore behind the door: verify, authorise, do, answer."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from localcloud.core.errors import CloudError
from localcloud.tablestore.errors import invalid, no_permission, unsupported
from localcloud.tablestore.limits import BODY_BYTES
from localcloud.tablestore.operations import OPERATIONS, perform, tables_of
from localcloud.tablestore.wire import messages
from localcloud.tablestore.wire.signature import content_md5, sign_answer, verify

if TYPE_CHECKING:
    from starlette.requests import Request

    from localcloud.core.clock import Clock
    from localcloud.core.config import CloudConfig
    from localcloud.core.faults import Faults
    from localcloud.ram import Principal, Ram
    from localcloud.tablestore.store import Tablestore

__all__ = ["OPERATIONS", "TablestoreService"]

API_VERSION = "2015-12-31"
SWEEP_SECONDS = 3600.0

log = logging.getLogger(__name__)


class TablestoreService:
    """The wire of a `Tablestore`.

    Args:
        store: what it speaks for.
        config: account and region.
        clock: decides how old a signature may be.
        ram: knows keys and rights.
        faults: calls that are to fail, in tests and demonstrations.
    """

    name = "tablestore"

    def __init__(
        self,
        store: Tablestore,
        config: CloudConfig,
        clock: Clock,
        ram: Ram,
        faults: Faults | None = None,
    ) -> None:
        self.store = store
        self._config = config
        self._clock = clock
        self._ram = ram
        self._faults = faults
        # One thread: the database is one file with one writer, and the event loop stays free.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="tablestore")
        self._sweeper: asyncio.Task[None] | None = None

    def recognises(self, request: Request) -> bool:
        """Its requests name a version and an instance in headers of their own."""
        return "x-ots-apiversion" in request.headers or "x-ots-instancename" in request.headers

    async def start(self) -> None:
        """Begin to remove what has expired, now and every hour."""
        self._sweeper = asyncio.create_task(self._sweep())

    async def stop(self) -> None:
        """Finish what is being written and close the file."""
        if self._sweeper is not None:
            self._sweeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._sweeper
        await asyncio.to_thread(self._thread.shutdown)
        self.store.close()

    async def handle(self, request: Request) -> Response:
        """Answer one operation; errors are protobuf messages too."""
        key: bytes | None = None
        try:
            body = await _body(request)
            principal, key = verify(request, body, self._ram, self._clock)
            answer = await self._perform(request, body, principal)
            status = 200
        except CloudError as error:
            answer = messages.new("Error", code=error.code, message=error.message)
            status = error.status
        except sqlite3.Error:
            log.exception("tablestore failed on %s", request.url.path)
            answer = messages.new(
                "Error",
                code="OTSInternalServerError",
                message="Internal server error; see the log.",
            )
            status = 500
        return self._respond(request, status, answer.SerializeToString(), key)

    async def _perform(self, request: Request, body: bytes, principal: Principal) -> Any:
        operation = request.url.path.removeprefix("/")
        if operation not in OPERATIONS:
            raise unsupported(operation[:64])
        if request.method != "POST":
            raise CloudError(
                405, "OTSMethodNotAllowed", "Only POST method for requests is supported."
            )
        version = request.headers["x-ots-apiversion"]
        if version != API_VERSION:
            raise invalid(f"Invalid API version: {version[:64]!r}.")
        instance = request.headers["x-ots-instancename"]
        message = messages.parse(f"{operation}Request", body)
        for table in tables_of(operation, message):
            self._authorise(principal, operation, instance, table)
        self.store.check_instance(instance)
        if self._faults is not None:
            self._faults.raise_if_due(self.name, operation)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(
            self._thread, perform, self.store, operation, instance, message
        )

    def _authorise(self, principal: Principal, operation: str, instance: str, table: str) -> None:
        arn = (
            f"acs:ots:{self._config.region}:{self._config.account_id}"
            f":instance/{instance}/table/{table}"
        )
        try:
            self._ram.authorise(principal, f"ots:{operation}", arn)
        except CloudError as error:
            raise no_permission(error.message) from None

    def _respond(self, request: Request, status: int, body: bytes, key: bytes | None) -> Response:
        now = datetime.fromtimestamp(self._clock.now(), UTC)
        headers = {
            "x-ots-contentmd5": content_md5(body),
            "x-ots-contenttype": "protocol buffer",
            "x-ots-date": now.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z",
            "x-ots-requestid": str(uuid.uuid4()),
        }
        if key is not None:
            signature = sign_answer(request.url.path, headers, key)
            headers["authorization"] = f"OTS {request.headers['x-ots-accesskeyid']}:{signature}"
        return Response(body, status, headers, media_type="application/x-protobuf")

    async def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                await loop.run_in_executor(self._thread, self.store.remove_expired)
            except sqlite3.Error:
                log.exception("tablestore could not remove expired rows")
            await self._clock.sleep(SWEEP_SECONDS)


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_BYTES:
            raise CloudError(413, "OTSRequestBodyTooLarge", "The size of POST data is too large.")
    return bytes(body)

"""The API of Function Compute 3.0 (2023-03-30), as far as it is here."""

from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from starlette.responses import JSONResponse, Response

from localcloud.core.errors import CloudError, NotSupported
from localcloud.fc import limits
from localcloud.ram import acs3

if TYPE_CHECKING:
    from starlette.requests import Request

    from localcloud.core.clock import Clock
    from localcloud.fc.compute import FunctionCompute
    from localcloud.ram import Principal, Ram

OPERATIONS = {
    "InvokeFunction": "Sync and Async, qualifier LATEST, x-fc-log-type, x-fc-async-task-id",
    "GetFunction": "with state and lastUpdateStatus",
    "ListFunctions": "prefix, limit, nextToken",
    "ListInstances": "id, status, qualifier",
    "GetAsyncTask": "by task or request id; status, attempts, error",
    "CreateFunction, UpdateFunction, DeleteFunction": "domain calls",
    "PutAsyncInvokeConfig, PutProvisionConfig, PutConcurrencyConfig": "domain calls, and deletes",
    "CreateTrigger": "domain call; timer",
}
_FUNCTION = re.compile(r"/2023-03-30/functions/([^/]+)(?:/(.+))?")
_PAGE = 20
_LONGEST_PAGE = 100


class Wire:
    """Speaks HTTP for the domain.

    Args:
        compute: the domain.
        ram: knows keys and rights.
        clock: the cloud's, for the age of signatures.
    """

    def __init__(self, compute: FunctionCompute, ram: Ram, clock: Clock) -> None:
        self._compute = compute
        self._ram = ram
        self._clock = clock

    async def handle(self, request: Request) -> Response:
        """Answer; errors in the service's form."""
        request_id = str(uuid.uuid4())
        try:
            return await self._answer(request)
        except CloudError as error:
            body = {"RequestId": request_id, "Code": error.code, "Message": error.message}
            return JSONResponse(body, error.status, {"x-fc-request-id": request_id})

    async def _answer(self, request: Request) -> Response:
        body = await _read(request)
        principal = acs3.verify(request, body, self._ram, self._clock)
        path, method = request.url.path, request.method
        if path == "/2023-03-30/functions" and method == "GET":
            return self._list(request, principal)
        match = _FUNCTION.fullmatch(path)
        if match is None:
            raise NotSupported("fc", f"{method} {path}")
        name, rest = unquote(match[1]), match[2] or ""
        match (method, rest.split("/")):
            case ("POST", ["invocations"]):
                return await self._invoke(request, name, body, principal)
            case ("GET", [""]):
                self._authorise(principal, "fc:GetFunction", name)
                return JSONResponse(self._compute.get_function(name))
            case ("GET", ["instances"]):
                return self._instances(name, principal)
            case ("GET", ["async-tasks", id_]):
                return self._task(name, unquote(id_), principal)
        raise NotSupported("fc", f"{method} /functions/<name>/{rest}".rstrip("/"))

    async def _invoke(
        self, request: Request, name: str, body: bytes, principal: Principal
    ) -> Response:
        # The SDK writes some header values as JSON strings.
        headers = {key: value.strip('"') for key, value in request.headers.items()}
        kind = headers.get("x-fc-invocation-type", "Sync").lower()
        if kind not in ("sync", "async"):
            raise CloudError(
                400, "InvalidArgument", f"x-fc-invocation-type {kind!r}: Sync or Async"
            )
        result = await self._compute.invoke(
            name,
            body,
            asynchronous=kind == "async",
            headers=headers,
            principal=principal,
            qualifier=request.query_params.get("qualifier", ""),
        )
        return Response(result.body, result.status, result.headers)

    def _list(self, request: Request, principal: Principal) -> Response:
        self._authorise(principal, "fc:ListFunctions", "*")
        query = request.query_params
        begin, prefix = query.get("nextToken", ""), query.get("prefix", "")
        limit = query.get("limit", str(_PAGE))
        if not limit.isdecimal() or not 1 <= int(limit) <= _LONGEST_PAGE:
            raise CloudError(400, "InvalidArgument", f"limit {limit!r}: 1 to {_LONGEST_PAGE}")
        names = [
            name
            for name in self._compute.function_names()
            if name.startswith(prefix) and name >= begin
        ]
        page, more = names[: int(limit)], names[int(limit) : int(limit) + 1]
        shown: dict[str, Any] = {"functions": [self._compute.get_function(name) for name in page]}
        if more:
            shown["nextToken"] = more[0]
        return JSONResponse(shown)

    def _instances(self, name: str, principal: Principal) -> Response:
        self._authorise(principal, "fc:ListInstances", name)
        self._compute.get_function(name)
        shown = [
            {
                "instanceId": instance.instance_id,
                "status": instance.state,
                "qualifier": "LATEST",
                "createdTimeMs": int(instance.started_at * 1000),
            }
            for instance in self._compute.instances()
            if instance.function == name
        ]
        return JSONResponse({"instances": shown})

    def _task(self, name: str, id_: str, principal: Principal) -> Response:
        self._authorise(principal, "fc:GetAsyncTask", name)
        found = self._compute.async_request(name, id_)
        if found is None:
            raise CloudError(404, "AsyncTaskNotFound", f"function '{name}' has no task '{id_}'")
        return JSONResponse(
            {
                "taskId": found.task_id or found.request_id,
                "requestId": found.request_id,
                "status": found.state,
                "startedTime": int(found.enqueued_at * 1000),
                "taskErrorMessage": found.error,
                "alreadyRetriedTimes": max(0, found.runs - 1),
            }
        )

    def _authorise(self, principal: Principal, action: str, name: str) -> None:
        self._ram.authorise(principal, action, self._compute.arn(name))


async def _read(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limits.SYNC_PAYLOAD:
            raise CloudError(
                413,
                "EntityTooLarge",
                f"payload size exceeds maximum allowed size ({limits.SYNC_PAYLOAD} bytes)",
            )
    return bytes(body)

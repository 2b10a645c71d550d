"""RPC-style control planes, signed with ACS3-HMAC-SHA256.

The operation stands in ``x-acs-action``, its parameters in the query or in a form.
"""

from __future__ import annotations

import logging
import uuid
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from starlette.responses import JSONResponse, Response

from localcloud.core.errors import CloudError, NotSupported
from localcloud.ram.acs3 import verify

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.requests import Request

    from localcloud.core.clock import Clock
    from localcloud.ram import Principal, Ram

    Operation = Callable[[Principal, Mapping[str, str]], dict[str, Any]]

logger = logging.getLogger(__name__)


class RpcService:
    """One control plane.

    Args:
        name: of the service.
        version: ``x-acs-version`` of its operations.
        operations: by name; each gets the caller and the parameters, and returns the answer.
        ram: verifies the signature.
        clock: the cloud's.
    """

    def __init__(
        self,
        name: str,
        version: str,
        operations: Mapping[str, Operation],
        ram: Ram,
        clock: Clock,
    ) -> None:
        self.name = name
        self._version = version
        self._operations = operations
        self._ram = ram
        self._clock = clock

    def recognises(self, request: Request) -> bool:
        """By the version header."""
        return (
            "x-acs-action" in request.headers
            and request.headers.get("x-acs-version") == self._version
        )

    async def handle(self, request: Request) -> Response:
        """Answer a request; errors have the shape that the SDKs read."""
        request_id = str(uuid.uuid4()).upper()
        try:
            answer = self._answer(request, await request.body())
        except CloudError as error:
            document = {
                "RequestId": request_id,
                "HostId": request.headers.get("host", ""),
                "Code": error.code,
                "Message": error.message,
            }
            return JSONResponse(document, error.status)
        return JSONResponse({"RequestId": request_id, **answer})

    async def start(self) -> None:
        """Nothing runs beside requests."""

    async def stop(self) -> None:
        """Nothing is open."""

    def _answer(self, request: Request, body: bytes) -> dict[str, Any]:
        principal = verify(request, body, self._ram, self._clock)
        action = request.headers["x-acs-action"]
        operation = self._operations.get(action)
        if operation is None:
            raise NotSupported(self.name, action)
        form = body.decode(errors="replace") if _is_form(request) else ""
        pairs = parse_qsl(request.url.query, True) + parse_qsl(form, True)
        return operation(principal, dict(pairs))


def _is_form(request: Request) -> bool:
    kind = request.headers.get("content-type", "")
    return kind.partition(";")[0].strip().lower() == "application/x-www-form-urlencoded"

"""The one port: asks the services in order whose request this is."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Protocol, cast

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.websockets import WebSocket

from localcloud.core.errors import CloudError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.types import Message, Receive, Scope, Send

    from localcloud.core.service import Service

LOOPBACK_NAMES = frozenset({"127.0.0.1", "localhost", "[::1]"})
BODY_LIMIT = 40 * 1024 * 1024
OBJECT_LIMIT = 1024 * 1024 * 1024
STREAMING_SERVICES = frozenset({"oss", "registry"})

log = logging.getLogger(__name__)


class _TooLarge(Exception):
    pass


class _Sockets(Protocol):
    async def websocket(self, websocket: WebSocket) -> None: ...


class Door:
    """An ASGI application in front of all services.

    A request whose `Host` is no loopback name is refused: a page of some web site that a browser on
    this machine has open must not reach the cloud by a name that it rebinds.

    Args:
        services: asked in this order; the last one takes what no other recognises.
    """

    def __init__(self, services: Sequence[Service]) -> None:
        self._services = services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one connection of the ASGI server."""
        if scope["type"] == "websocket":
            await self._socket(WebSocket(scope, receive, send))
        elif scope["type"] == "http":
            await self._request(scope, receive, send)

    async def _socket(self, websocket: WebSocket) -> None:
        if not _is_loopback(websocket.headers.get("host", "")):
            await websocket.close(1008, "unknown host")
            return
        for service in self._services:
            if hasattr(service, "websocket"):
                await cast("_Sockets", service).websocket(websocket)
                return
        await websocket.close(1008, "no service has a WebSocket")

    async def _request(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        if not _is_loopback(request.headers.get("host", "")):
            response: Response = _problem(
                421, "Misdirected Request", "Host must be a loopback name"
            )
        elif request.url.path == "/_local/health":
            names = [service.name for service in self._services]
            response = JSONResponse({"status": "ok", "services": names})
        else:
            service = next(
                (one for one in self._services if one.recognises(request)), self._services[-1]
            )
            limit = OBJECT_LIMIT if service.name in STREAMING_SERVICES else BODY_LIMIT
            response = await _answer(service, Request(scope, _limited(request, receive, limit)))
        await response(scope, receive, send)


async def _answer(service: Service, request: Request) -> Response:
    try:
        return await service.handle(request)
    except _TooLarge:
        return _problem(413, "Content Too Large", "the body is larger than the service takes")
    except CloudError as error:
        return _problem(error.status, error.code, error.message)
    except Exception:
        # One request must not end the cloud; what happened goes to the log of this machine.
        log.exception("%s failed on %s %s", service.name, request.method, request.url.path)
        return _problem(500, "Internal Server Error", f"{service.name} failed; see the log")


def _limited(request: Request, receive: Receive, limit: int) -> Receive:
    try:
        declared = int(request.headers.get("content-length", "0"))
    except ValueError:
        declared = 0
    taken = 0

    async def limited() -> Message:
        nonlocal taken
        if declared > limit:
            raise _TooLarge
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > limit:
            raise _TooLarge
        return message

    return limited


def _is_loopback(host: str) -> bool:
    name = host.rpartition(":")[0] if ":" in host and not host.endswith("]") else host
    return name.lower() in LOOPBACK_NAMES


def _problem(status: int, title: str, detail: str) -> Response:
    content: dict[str, Any] = {"type": "about:blank", "title": title, "status": status}
    return JSONResponse(
        {**content, "detail": detail}, status, media_type="application/problem+json"
    )

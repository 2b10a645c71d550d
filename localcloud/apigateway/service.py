"""The gateway at the door: HTTP requests and WebSocket connections."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from starlette.responses import Response

from localcloud.apigateway.channels import Channels
from localcloud.apigateway.definitions import Definitions
from localcloud.apigateway.errors import GatewayError
from localcloud.apigateway.gateway import BODY_LIMIT, Call, Gateway, new_request_id, refusal
from localcloud.documents import Documents

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.websockets import WebSocket

    from localcloud.apigateway.channel import Limits
    from localcloud.apigateway.gateway import Functions
    from localcloud.core.clock import Clock
    from localcloud.core.config import CloudConfig
    from localcloud.keys import Vault

OPERATIONS = {
    "(call of an API)": "functions (FCEvent, 3.0) and mock answers; modes MAPPING and PASSTHROUGH",
    "(WebSocket channel)": "RG RO RF, H1 HO, calls as frames, NF NO, OS, CR",
    "(WebSocket APIs)": "REGISTER, UNREGISTER (also by the gateway itself), NOTIFY, COMMON",
    "(plugin jwtAuth)": "RS256; token in a header or the query; claims become parameters",
    "(plugin trafficControl)": "basic template; per API, app and user",
    "(app authentication)": "X-Ca-Signature, HmacSHA256; time stamp and nonce are required",
}


_WITHOUT_BODY = {204, 304}


class ApiGateway:
    """API Gateway: control plane (`definitions`), data plane (`gateway`), channels.

    Args:
        config: account, region and state directory.
        clock: the cloud's.
        vault: encrypts AppSecrets at rest.
        functions: calls the backends.
        limits: of the WebSocket channels.
    """

    name = "apigateway"

    def __init__(
        self,
        config: CloudConfig,
        clock: Clock,
        vault: Vault,
        functions: Functions,
        limits: Limits | None = None,
    ) -> None:
        self._documents = Documents(config.state_dir / "apigateway.sqlite")
        self.definitions = Definitions(self._documents, config, clock, vault)
        self.channels = Channels(self.definitions, clock, limits)
        self.gateway = Gateway(self.definitions, clock, functions, self.channels)

    def recognises(self, _request: Request) -> bool:
        """Everything that no other service wants is a call of an API."""
        return True

    async def handle(self, request: Request) -> Response:
        """Answer an HTTP request."""
        try:
            call = await _read(request)
        except GatewayError as error:
            answer = refusal(error, new_request_id())
        else:
            answer = await self.gateway.answer(call)
        body = b"" if answer.status in _WITHOUT_BODY else answer.body
        return Response(body, answer.status, answer.headers)

    async def websocket(self, socket: WebSocket) -> None:
        """Serve a WebSocket connection."""
        await self.channels.serve(socket, self.gateway)

    async def start(self) -> None:
        """Nothing runs before the first call."""

    async def stop(self) -> None:
        """Close the channels, end the calls, close the file."""
        await self.channels.stop()
        await self.gateway.stop()
        self._documents.close()


async def _read(request: Request) -> Call:
    """Read a request, its body up to the limit."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_LIMIT:
            raise GatewayError(
                413,
                "I413RL",
                f"Request body too Large: {BODY_LIMIT} bytes at most",
                {"connection": "close"},
            )
    headers: dict[str, str] = {}
    for name, value in request.headers.items():
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    raw_path = request.scope.get("raw_path", request.url.path.encode()).decode("latin-1")
    query = request.scope["query_string"].decode("latin-1")
    return Call(
        method=request.method,
        raw_path=raw_path.partition("?")[0],
        query=tuple(parse_qsl(query, keep_blank_values=True)),
        headers=headers,
        body=bytes(body),
        source_ip=request.client.host if request.client else "127.0.0.1",
    )

"""The data plane: from a request to the answer of what stands behind its API."""

from __future__ import annotations

import asyncio
import logging
import uuid
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import parse_qsl, unquote

from localcloud.apigateway import signature
from localcloud.apigateway.errors import GatewayError, not_found
from localcloud.apigateway.event import Answer, decode_answer, encode_event
from localcloud.apigateway.jwt_auth import JwtAuth, claim_text
from localcloud.apigateway.model import METHODS, Api, FunctionBackend, MockBackend
from localcloud.apigateway.traffic_control import Counters, TrafficControl
from localcloud.core.errors import CloudError

if TYPE_CHECKING:
    from localcloud.apigateway.definitions import App, Definitions
    from localcloud.core.clock import Clock

logger = logging.getLogger(__name__)

BODY_LIMIT = 8 * 1024 * 1024
"""Bytes of a request's body. The real limit depends on the instance and was not verified."""
_NONCE_LIMIT = 100_000
_DROPPED = ("x-ca-", "x-claim-")
_DROPPED_NAMES = {"connection", "keep-alive", "proxy-authorization", "te", "upgrade", "host"}
_ALWAYS_PASSED = {"content-type", "user-agent", "accept"}


def new_request_id() -> str:
    """What ``X-Ca-Request-Id`` holds."""
    return str(uuid.uuid4()).upper()


def refusal(error: GatewayError, request_id: str) -> Answer:
    """The answer that an error is."""
    headers = {**error.headers(), "x-ca-request-id": request_id}
    return Answer(error.status, headers, error.body())


@dataclass(frozen=True)
class Call:
    """A request, over HTTP or as a frame of the WebSocket channel.

    Attributes:
        raw_path: as in the request line, percent-encoded, without query.
        query: decoded pairs.
        headers: by lower-case name.
        device: id of the device whose channel it came by; None over HTTP.
        kind: what the caller says the API is (``x-ca-websocket_api_type``).
    """

    method: str
    raw_path: str
    query: tuple[tuple[str, str], ...]
    headers: dict[str, str]
    body: bytes = b""
    source_ip: str = "127.0.0.1"
    device: str | None = None
    kind: str = "COMMON"
    request_id: str = field(default_factory=new_request_id)

    @property
    def stage(self) -> str:
        """The stage that is called."""
        return self.headers.get("x-ca-stage", "RELEASE").upper()


class Functions(Protocol):
    """What the gateway needs of Function Compute, called as a role."""

    async def call(self, role: str, function: str, qualifier: str, event: bytes) -> Answer:
        """Invoke as ``role`` and return status, headers and body of the invocation.

        Raises:
            CloudError: the role may not, or there is no such function.
        """
        ...


class Devices(Protocol):
    """What the gateway needs of the WebSocket channels."""

    async def push(self, device: str, text: str) -> bool:
        """Push to a registered device; False when it is not online."""
        ...


class Gateway:
    """Answers calls.

    Args:
        definitions: what exists.
        clock: the cloud's.
        functions: the backend.
        devices: the open channels.
    """

    def __init__(
        self, definitions: Definitions, clock: Clock, functions: Functions, devices: Devices
    ) -> None:
        self._definitions = definitions
        self._clock = clock
        self._functions = functions
        self._devices = devices
        self._counters = Counters()
        self._nonces: dict[tuple[str, str, str], float] = {}
        self._running: set[asyncio.Task[Answer]] = set()

    async def answer(self, call: Call) -> Answer:
        """Answer a call; every error is an answer too."""
        try:
            answer = await self._answer(call)
        except GatewayError as error:
            answer = refusal(error, call.request_id)
        if call.method == "HEAD":
            answer = replace(answer, body=b"")
        return replace(answer, headers={**answer.headers, "x-ca-request-id": call.request_id})

    async def _answer(self, call: Call) -> Answer:
        stage = call.stage
        if call.method not in METHODS:
            raise GatewayError(405, "I405UM", f"Unsupported Method `{call.method}`")
        found = self._route(call, stage)
        if isinstance(found, Answer):
            return found
        api, path_parameters = found
        if len(call.body) > BODY_LIMIT:
            raise GatewayError(413, "I413RL", f"Request body too Large: {BODY_LIMIT} bytes at most")
        self._check_channel(api, call)
        app = self._caller(api, call, stage) if api.auth_type == "APP" else None
        claims = self._plugins(api, call, stage, app)
        if api.websocket_type == "NOTIFY":
            return await self._notify(call)
        if isinstance(api.backend, MockBackend):
            return Answer(200, {"content-type": "application/json"}, api.backend.body.encode())
        headers, query = self._pass_on(api, call, claims)
        event = encode_event(
            method=call.method,
            path=unquote(call.raw_path),
            headers=headers,
            query=query,
            path_parameters=path_parameters,
            body=call.body,
        )
        return await self._invoke(api, api.backend, event)

    def _route(self, call: Call, stage: str) -> tuple[Api, dict[str, str]] | Answer:
        """Find the API. HEAD is served by GET, and OPTIONS answered, where no API says otherwise.

        RFC 9110 asks for both; what the real gateway does there is not documented.
        """
        matches = [
            (api, values)
            for api in self._definitions.published(stage)
            if (values := api.path.match(call.raw_path)) is not None
        ]
        matches.sort(key=lambda match: match[0].path.rank)
        for method in (call.method, "GET") if call.method == "HEAD" else (call.method,):
            for api, values in matches:
                if api.method == method:
                    return api, values
        if call.method == "OPTIONS" and matches:
            allow = {api.method for api, _ in matches} | {"OPTIONS"}
            return Answer(204, {"allow": ", ".join(sorted(allow))}, b"")
        raise not_found(call.method, call.raw_path)

    def _check_channel(self, api: Api, call: Call) -> None:
        if api.websocket_type in ("REGISTER", "UNREGISTER"):
            if call.device is None:
                raise GatewayError(403, "I403PT", "Invalid protocol HTTP unsupported: WEBSOCKET")
            if call.kind != api.websocket_type:
                raise GatewayError(
                    400, "I400HD", f"Invalid Header `x-ca-websocket_api_type` {api.websocket_type}"
                )
        elif call.kind in ("REGISTER", "UNREGISTER"):
            raise GatewayError(
                400,
                "I400HD",
                f"Invalid Header `x-ca-websocket_api_type` {api.name} is no {call.kind}",
            )

    def _caller(self, api: Api, call: Call, stage: str) -> App:
        """The app that signed the request and is authorised for the API."""
        key = call.headers.get("x-ca-key", "")
        if not key:
            raise GatewayError(400, "A400MA", "Need authorization, `X-Ca-Key` is required")
        app = self._definitions.app_of_key(key)
        if app is None:
            raise GatewayError(400, "A400IK", "Invalid AppKey")
        now = self._clock.now()
        signature.verify(
            app.secret,
            method=call.method,
            path=unquote(call.raw_path),
            parameters=[*call.query, *_form(call)],
            headers=call.headers,
            body=call.body,
            now_ms=now * 1000,
        )
        self._use_nonce(app.id, api.id, call.headers.get("x-ca-nonce", ""), now)
        if not self._definitions.is_authorised(app.id, api.id, stage):
            raise GatewayError(
                403, "I403AA", f"Unauthorized: app {app.id} is not attached to {api.name}"
            )
        return app

    def _use_nonce(self, app: str, api: str, nonce: str, now: float) -> None:
        oldest = now - signature.WINDOW_MS / 1000
        if len(self._nonces) >= _NONCE_LIMIT:
            self._nonces = {key: at for key, at in self._nonces.items() if at > oldest}
        if self._nonces.get((app, api, nonce), oldest - 1) > oldest:
            raise GatewayError(403, "S403NU", "Nonce Used")
        self._nonces[app, api, nonce] = now

    def _plugins(
        self, api: Api, call: Call, stage: str, app: App | None
    ) -> dict[tuple[str, str], str]:
        """Run the plugins: who is it, then how often. Returns claims by (location, name)."""
        now = self._clock.now()
        found: dict[tuple[str, str], str] = {}
        plugins = self._definitions.plugins_of(api, stage)
        for plugin in plugins.values():
            if isinstance(plugin, JwtAuth):
                claims = plugin.claims_of(call.headers, dict(call.query), now) or {}
                for item in plugin.claims:
                    if item.claim in claims:
                        found[item.location, item.name] = claim_text(claims[item.claim])
        for id_, plugin in plugins.items():
            if isinstance(plugin, TrafficControl):
                self._counters.take(plugin, id_, api.id, app.id if app else None, now)
        return found

    async def _notify(self, call: Call) -> Answer:
        device = call.headers.get("x-ca-deviceid", "")
        if not device:
            raise GatewayError(400, "I400MH", "Header `x-ca-deviceid` is Required")
        try:
            text = call.body.decode()
        except UnicodeDecodeError:
            raise GatewayError(400, "I400BD", "Invalid Body: a message is UTF-8 text") from None
        if not await self._devices.push(device, text):
            raise GatewayError(404, "I404DV", "Device is offline")
        return Answer(200, {}, b"")

    def _pass_on(
        self, api: Api, call: Call, claims: dict[tuple[str, str], str]
    ) -> tuple[dict[str, str], dict[str, str]]:
        """Headers and query for the backend.

        ``MAPPING`` passes what is declared, ``PASSTHROUGH`` everything; in neither does a client's
        own ``x-ca-*`` or ``x-claim-*`` header, or one that a claim parameter names, arrive.
        """
        own = {name for location, name in claims if location == "header"}
        headers = {
            name: value
            for name, value in call.headers.items()
            if not name.startswith(_DROPPED) and name not in _DROPPED_NAMES | own
        }
        query = dict(call.query)
        if api.mode == "MAPPING":
            headers, query = _map(api, headers, query)
        for (location, name), value in claims.items():
            target = headers if location == "header" else query
            target[name.lower() if location == "header" else name] = value
        headers["x-ca-request-id"] = call.request_id
        headers["x-ca-stage"] = call.stage
        headers["x-forwarded-for"] = call.source_ip
        if call.device is not None:
            headers["x-ca-deviceid"] = call.device
        return headers, query

    async def _invoke(self, api: Api, backend: FunctionBackend, event: bytes) -> Answer:
        """Invoke the function; the gateway stops waiting, the function goes on."""
        task = asyncio.create_task(
            self._functions.call(backend.role, backend.function, backend.qualifier, event)
        )
        self._running.add(task)
        task.add_done_callback(self._finished)
        done, _ = await asyncio.wait({task}, timeout=backend.timeout_ms / 1000)
        if not done:
            message = f"Backend service request timed out after {backend.timeout_ms} ms"
            raise GatewayError(504, "D504TO", message)
        try:
            result = task.result()
        except CloudError as error:
            raise _backend_error(api, error) from error
        return _function_answer(result)

    def _finished(self, task: asyncio.Task[Answer]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.debug("a backend call ended with an error: %s", error)

    async def stop(self) -> None:
        """End the calls that are still on their way to a backend."""
        for task in list(self._running):
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)


def _map(
    api: Api, headers: dict[str, str], query: dict[str, str]
) -> tuple[dict[str, str], dict[str, str]]:
    """Keep the declared parameters under their backend names, and what every backend needs."""
    mapped: dict[str, dict[str, str]] = {"HEAD": {}, "QUERY": {}}
    mapped["HEAD"] |= {name: headers[name] for name in _ALWAYS_PASSED & headers.keys()}
    for item in api.parameters:
        source: dict[str, Any] = {"HEAD": headers, "QUERY": query}.get(item.location, {})
        name = item.name.lower() if item.location == "HEAD" else item.name
        if name in source and item.backend_location in mapped:
            target = item.backend_name
            target = target.lower() if item.backend_location == "HEAD" else target
            mapped[item.backend_location][target] = source[name]
        elif item.required and item.location in ("HEAD", "QUERY"):
            raise GatewayError(400, "I400MP", f"Parameter `{item.name}` is required")
    return mapped["HEAD"], mapped["QUERY"]


def _form(call: Call) -> list[tuple[str, str]]:
    kind = call.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        return []
    return parse_qsl(call.body.decode(errors="replace"), keep_blank_values=True)


def _backend_error(api: Api, error: CloudError) -> GatewayError:
    """Busy is 503, everything else that keeps the function from running 502."""
    if error.status in (429, 503):
        return GatewayError(
            503, "D503BB", f"Backend Service Busy: {error.message}", {"retry-after": "1"}
        )
    logger.warning("API %s: its backend could not be called: %s", api.name, error)
    return GatewayError(502, "D502FC", f"FunctionCompute Error: {error.message}")


def _function_answer(result: Answer) -> Answer:
    if result.status in (429, 503):
        raise GatewayError(503, "D503BB", "Backend Service Busy", {"retry-after": "1"})
    kind = result.headers.get("x-fc-error-type")
    if kind and kind.lower().endswith(("timeout", "timedout")):
        raise GatewayError(504, "D504TO", f"Backend service request timed out: {kind}")
    if kind or result.status >= 400:
        raise GatewayError(502, "D502FC", f"FunctionCompute Error: {kind or result.status}")
    return decode_answer(result.body)

"""A gateway on a real port. Its backend is an object of the test: what functions do behind it is
tested with the whole cloud (tests/localcloud/cli)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket

from localcloud.apigateway.channel import Limits
from localcloud.apigateway.event import Answer
from localcloud.apigateway.service import ApiGateway
from localcloud.core.clock import SystemClock
from localcloud.core.config import CloudConfig
from localcloud.keys import TokenKeys, Vault
from localcloud.server import HOST, open_port, serving

ROLE = "acs:ram::1234567890123456:role/gateway"


class ShiftedClock(SystemClock):
    """The system's time, moved by the test."""

    def __init__(self) -> None:
        super().__init__()
        self.shift = 0.0

    def now(self) -> float:
        return super().now() + self.shift

    def monotonic(self) -> float:
        return super().monotonic() + self.shift

    async def sleep(self, seconds: float) -> None:
        end = self.monotonic() + seconds
        while self.monotonic() < end:
            await asyncio.sleep(0.01)


@dataclass
class Backend:
    """Answers like a function; keeps the events."""

    events: list[dict[str, Any]] = field(default_factory=list)
    roles: list[str] = field(default_factory=list)
    reply: Any = None
    delay: float = 0.0
    error: Exception | None = None

    async def call(self, role: str, function: str, qualifier: str, event: bytes) -> Answer:
        self.roles.append(role)
        self.events.append({"function": function, "qualifier": qualifier, **json.loads(event)})
        await asyncio.sleep(self.delay)
        if self.error is not None:
            raise self.error
        if isinstance(self.reply, Answer):
            return self.reply
        document = self.reply or {"statusCode": 200, "headers": {"x-own": "1"}, "body": "done"}
        return Answer(200, {}, json.dumps(document).encode())


@dataclass
class Running:
    service: ApiGateway
    backend: Backend
    clock: ShiftedClock
    keys: TokenKeys
    port: int
    group: str

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    @property
    def websocket_url(self) -> str:
        return f"ws://{HOST}:{self.port}/"

    def api(self, method: str, path: str, **changes: Any) -> str:
        """Publish an API; `type` is its part in the bidirectional protocol."""
        kind = changes.pop("type", "COMMON")
        inputs = api_inputs(self.group, method, path, **changes)
        return self.service.definitions.put_api(
            inputs, websocket_type=kind, stages=tuple(changes.get("stageNames", ["RELEASE"]))
        )

    def plugin(self, kind: str, data: dict[str, Any]) -> str:
        return self.service.definitions.put_plugin(
            {"pluginName": f"plugin_{kind}", "pluginType": kind, "pluginData": json.dumps(data)}
        )

    def attach(self, kind: str, data: dict[str, Any]) -> None:
        """A plugin on everything in the group."""
        self.service.definitions.attach("RELEASE", plugin=self.plugin(kind, data), group=self.group)

    def jwt(self) -> None:
        """The token's plugin on everything in the group."""
        self.service.definitions.attach("RELEASE", plugin=self.jwt_plugin(), group=self.group)

    def jwt_plugin(self) -> str:
        names = ("sub", "tenant", "scope", "exp")
        return self.plugin(
            "jwtAuth",
            {
                "parameter": "Authorization",
                "parameterLocation": "header",
                "jwks": self.keys.jwks["keys"],
                "claimParameters": [
                    {"claimName": n, "parameterName": f"x-claim-{n}", "location": "header"}
                    for n in names
                ],
            },
        )

    def token(self, sub: str = "ann", seconds: float = 60, **claims: Any) -> str:
        return self.keys.sign(sub, now=self.clock.now(), seconds=seconds, **claims)

    def bearer(self, **claims: Any) -> dict[str, str]:
        return {"authorization": f"Bearer {self.token(**claims)}"}


def api_inputs(group: str, method: str, path: str, **changes: Any) -> dict[str, Any]:
    names = [part[1:-1] for part in path.split("/") if part.startswith("[")]
    return {
        "name": f"{method}_{path}".replace("/", "_").strip("_"),
        "groupId": group,
        "authType": "ANONYMOUS",
        "description": "",
        "requestConfig": {
            "protocol": "HTTP,HTTPS",
            "method": method,
            "path": path,
            "mode": changes.pop("mode", "PASSTHROUGH"),
        },
        "requestParameters": [
            {"name": n, "in": "PATH", "inService": "PATH", "nameService": n, "type": "STRING",
             "required": "REQUIRED"}
            for n in names
        ] + changes.pop("parameters", []),
        "serviceType": "FunctionCompute",
        "fcServiceConfig": {
            "functionVersion": "3.0",
            "functionType": "FCEvent",
            "functionName": "echo",
            "qualifier": "LATEST",
            "arnRole": ROLE,
            "region": "cn-hangzhou",
            "timeout": changes.pop("timeout", 5000),
        },
        **changes,
    }  # fmt: skip


@pytest.fixture
def limits() -> Limits:
    return Limits()


@pytest.fixture(scope="session")
def token_keys(tmp_path_factory: pytest.TempPathFactory) -> TokenKeys:
    return TokenKeys(tmp_path_factory.mktemp("keys") / "signing-key.pem")


@pytest.fixture
async def gateway(tmp_path: Path, limits: Limits, token_keys: TokenKeys) -> AsyncIterator[Running]:
    listener = open_port(0)
    config = CloudConfig(port=listener.getsockname()[1], state_dir=tmp_path)
    clock, backend = ShiftedClock(), Backend()
    service = ApiGateway(config, clock, Vault(tmp_path / "vault.key"), backend, limits)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await service.websocket(WebSocket(scope, receive, send))
        else:
            response = await service.handle(Request(scope, receive))
            await response(scope, receive, send)

    group = service.definitions.put_group({"name": "agent_local"})
    async with serving(app, listener):
        yield Running(service, backend, clock, token_keys, config.port, group)
        await service.stop()

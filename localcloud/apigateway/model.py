"""What an API definition says, read from the inputs of ``apigateway.Api``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from localcloud.apigateway.paths import BadPath, PathPattern
from localcloud.core.errors import CloudError, NotSupported

WebSocketType = Literal["COMMON", "REGISTER", "UNREGISTER", "NOTIFY"]
METHODS = ("GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS")
_MODES = ("MAPPING", "PASSTHROUGH")
_AUTH_TYPES = ("APP", "ANONYMOUS")
_LOCATIONS = ("PATH", "QUERY", "HEAD", "BODY")
_TIMEOUT_LIMIT_MS = 600_000
DEFAULT_TIMEOUT_MS = 10_000


@dataclass(frozen=True)
class FunctionBackend:
    """A function called with the API Gateway event (``FCEvent``).

    Attributes:
        role: ARN of the role that the gateway takes to call the function.
        timeout_ms: how long the gateway waits.
    """

    function: str
    qualifier: str
    role: str
    timeout_ms: int


@dataclass(frozen=True)
class MockBackend:
    """A fixed answer."""

    body: str


@dataclass(frozen=True)
class Parameter:
    """A declared request parameter; in mode ``MAPPING`` only those reach the backend."""

    name: str
    location: str
    backend_name: str
    backend_location: str
    required: bool


@dataclass(frozen=True)
class Api:
    """One API: a method and a path, and what is behind them.

    Attributes:
        id: ``ApiId``; unique in the account.
        stages: where it is published; one that is published nowhere answers to nobody.
        websocket_type: what the API means in the bidirectional protocol.
    """

    id: str
    group_id: str
    name: str
    auth_type: str
    method: str
    path: PathPattern
    mode: str
    websocket_type: WebSocketType
    backend: FunctionBackend | MockBackend
    parameters: tuple[Parameter, ...]
    stages: tuple[str, ...]

    @classmethod
    def parse(
        cls,
        api_id: str,
        inputs: dict[str, Any],
        websocket_type: WebSocketType = "COMMON",
        stages: tuple[str, ...] = (),
    ) -> Api:
        """Read the camelCase inputs of the Pulumi resource.

        Raises:
            CloudError: 400, a value that the service refuses too; the message names the field.
            NotSupported: a backend that the local gateway does not have.
        """
        name = str(inputs.get("name", ""))
        request = inputs.get("requestConfig") or {}
        method = str(request.get("method", "")).upper()
        _one_of(name, "requestConfig.method", method, METHODS)
        mode = str(request.get("mode", "MAPPING"))
        _one_of(name, "requestConfig.mode", mode, _MODES)
        auth_type = str(inputs.get("authType", ""))
        _one_of(name, "authType", auth_type, _AUTH_TYPES)
        try:
            path = PathPattern.parse(str(request.get("path", "")))
        except BadPath as bad:
            raise _invalid(name, "requestConfig.path", str(bad)) from bad
        parameters = tuple(_parameter(name, item) for item in inputs.get("requestParameters") or [])
        declared = {item.name for item in parameters if item.location == "PATH"}
        if undeclared := [part for part in path.names if part not in declared]:
            raise _invalid(
                name,
                "requestParameters",
                f"the path's {undeclared[0]!r} must be declared with in=PATH, in both modes",
            )
        return cls(
            id=api_id,
            group_id=str(inputs["groupId"]),
            name=name,
            auth_type=auth_type,
            method=method,
            path=path,
            mode=mode,
            websocket_type=websocket_type,
            backend=_backend(name, inputs),
            parameters=parameters,
            stages=stages,
        )


def _backend(name: str, inputs: dict[str, Any]) -> FunctionBackend | MockBackend:
    kind = inputs.get("serviceType")
    if kind == "MOCK":
        return MockBackend(str((inputs.get("mockServiceConfig") or {}).get("result", "")))
    if kind != "FunctionCompute":
        raise NotSupported("apigateway", f"serviceType {kind} (of API {name})")
    config = inputs.get("fcServiceConfig") or {}
    version, shape = config.get("functionVersion", "2.0"), config.get("functionType", "FCEvent")
    if (version, shape) != ("3.0", "FCEvent"):
        raise NotSupported("apigateway", f"a {shape} backend of functionVersion {version}")
    for field in ("functionName", "arnRole"):
        if not config.get(field):
            raise _invalid(name, f"fcServiceConfig.{field}", "is required")
    timeout = int(config.get("timeout", DEFAULT_TIMEOUT_MS))
    if not 1 <= timeout <= _TIMEOUT_LIMIT_MS:
        raise _invalid(name, "fcServiceConfig.timeout", f"{timeout} is not 1..{_TIMEOUT_LIMIT_MS}")
    return FunctionBackend(
        function=str(config["functionName"]),
        qualifier=str(config.get("qualifier") or "LATEST"),
        role=str(config["arnRole"]),
        timeout_ms=timeout,
    )


def _parameter(api: str, item: dict[str, Any]) -> Parameter:
    location, target = str(item.get("in", "")).upper(), str(item.get("inService", "")).upper()
    _one_of(api, f"requestParameters.{item.get('name')}.in", location, _LOCATIONS)
    _one_of(api, f"requestParameters.{item.get('name')}.inService", target, _LOCATIONS)
    return Parameter(
        name=str(item["name"]),
        location=location,
        backend_name=str(item.get("nameService") or item["name"]),
        backend_location=target,
        required=str(item.get("required", "OPTIONAL")).upper() == "REQUIRED",
    )


def _one_of(api: str, field: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise _invalid(api, field, f"{value!r} is none of {', '.join(allowed)}")


def _invalid(api: str, field: str, rule: str) -> CloudError:
    return CloudError(400, f"InvalidParameter.{field}", f"API {api}: {field}: {rule}")

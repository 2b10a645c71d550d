"""The gateway's APIs, read from the OpenAPI file that documents and tests share."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

OPENAPI_FILE = Path("functions/openapi.yaml")
Location = Literal["PATH", "QUERY", "HEAD"]
METHODS = ("get", "post", "put", "patch", "delete", "head")
PATH_PARAMETER = re.compile(r"\{([a-z_]+)\}")
PUSH_PATH = "/v1/push"
REGISTER_PATH, UNREGISTER_PATH, NOTIFY_PATH = (
    f"{PUSH_PATH}/{end}" for end in ("register", "unregister", "notify")
)
LOCATIONS: dict[str, Location] = {"path": "PATH", "query": "QUERY", "header": "HEAD"}
TYPES = {"string": "STRING", "integer": "INT", "number": "DOUBLE", "boolean": "BOOLEAN"}


@dataclass(frozen=True)
class Parameter:
    """What a request carries besides its body; the gateway drops what is not declared."""

    name: str
    location: Location
    type: str
    required: bool


@dataclass(frozen=True)
class Route:
    """One operation.

    Attributes:
        operation: its id in snake case.
        method: in capitals.
        path: as API Gateway writes it, parameters in square brackets.
        parameters: of path, query and headers.
        has_body: whether it takes one.
        timeout_ms: of its own, or None for the gateway's.
        summary: for the description.
    """

    operation: str
    method: str
    path: str
    parameters: tuple[Parameter, ...]
    has_body: bool
    timeout_ms: int | None
    summary: str


def read_routes(root: Path) -> tuple[Route, ...]:
    """Read `functions/openapi.yaml`.

    Raises:
        ValueError: it is not what it should be; the message names the file.
    """
    import yaml

    try:
        content = yaml.safe_load((root / OPENAPI_FILE).read_text(encoding="utf-8"))
        return tuple(
            _route(content, path, method, content["paths"][path])
            for path in content["paths"]
            for method in METHODS
            if method in content["paths"][path]
        )
    except (OSError, yaml.YAMLError, KeyError, TypeError) as error:
        raise ValueError(f"{OPENAPI_FILE} cannot be read: {error!r}") from error


def snake_case(operation: str) -> str:
    """`submitTask` becomes `submit_task`: API Gateway's names have no dashes."""
    return re.sub(
        r"[^a-z0-9]+", "_", re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", operation).lower()
    ).strip("_")


def _route(content: dict[str, Any], path: str, method: str, item: dict[str, Any]) -> Route:
    operation = item[method]
    declared = [
        _resolve(content, given)
        for given in [*item.get("parameters", []), *operation.get("parameters", [])]
    ]
    return Route(
        operation=snake_case(operation["operationId"]),
        method=method.upper(),
        path=PATH_PARAMETER.sub(r"[\1]", path),
        parameters=tuple(
            _parameter(content, given) for given in declared if given["in"] in LOCATIONS
        ),
        has_body="requestBody" in operation,
        timeout_ms=operation.get("x-timeout-ms"),
        summary=operation.get("summary", ""),
    )


def _parameter(content: dict[str, Any], given: dict[str, Any]) -> Parameter:
    kind = _resolve(content, given.get("schema", {})).get("type", "string")
    return Parameter(
        given["name"],
        LOCATIONS[given["in"]],
        TYPES.get(kind, "STRING"),
        bool(given.get("required")),
    )


def _resolve(content: dict[str, Any], value: dict[str, Any]) -> dict[str, Any]:
    """Follow a reference inside the file."""
    while "$ref" in value:
        found: Any = content
        for part in value["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        value = found
    return value

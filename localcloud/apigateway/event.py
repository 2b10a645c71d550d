"""What a function gets from the gateway and what it answers: the ``FCEvent`` contract.

Event: {path, httpMethod, headers, queryParameters, pathParameters, body, isBase64Encoded}. Answer:
{isBase64Encoded, statusCode, headers, body}. Source: "Use Function Compute as the backend service
of an API", help.aliyun.com/document_detail/54788.html [D].
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from localcloud.apigateway.errors import GatewayError

if TYPE_CHECKING:
    from collections.abc import Mapping

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HOP_BY_HOP = {
    "connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer",
    "transfer-encoding", "upgrade", "content-length",
}  # fmt: skip


@dataclass(frozen=True)
class Answer:
    """What goes back to the client."""

    status: int
    headers: dict[str, str]
    body: bytes


def encode_event(
    *,
    method: str,
    path: str,
    headers: Mapping[str, str],
    query: Mapping[str, str],
    path_parameters: Mapping[str, str],
    body: bytes,
) -> bytes:
    """Build the event; a body that is not UTF-8 text goes in base64."""
    text, encoded = _body_text(body)
    event = {
        "path": path,
        "httpMethod": method,
        "headers": dict(headers),
        "queryParameters": dict(query),
        "pathParameters": dict(path_parameters),
        "body": text,
        "isBase64Encoded": encoded,
    }
    return json.dumps(event, ensure_ascii=False).encode()


def decode_answer(payload: bytes) -> Answer:
    """Read a function's answer.

    Raises:
        GatewayError: 502 D502FC, naming the field that is wrong.
    """
    try:
        document = json.loads(payload)
    except ValueError as bad:
        raise _bad("it is no JSON") from bad
    if not isinstance(document, dict):
        raise _bad("it is no object")
    status = _status(document.get("statusCode"))
    headers = document.get("headers") or {}
    if not isinstance(headers, dict) or not all(
        isinstance(value, str | int | float | bool) for value in headers.values()
    ):
        raise _bad("headers must be texts by name")
    return Answer(
        status=status,
        headers={
            name.lower(): _header(name, str(value))
            for name, value in headers.items()
            if name.lower() not in _HOP_BY_HOP
        },
        body=_body(document),
    )


def _status(value: Any) -> int:
    try:
        status = int(value)
    except (TypeError, ValueError):
        raise _bad(f"statusCode {value!r} is no number") from None
    if isinstance(value, bool) or not 200 <= status <= 599:
        raise _bad(f"statusCode {value!r} is not 200..599")
    return status


def _header(name: str, value: str) -> str:
    if not _NAME.fullmatch(name) or any(ord(char) < 0x20 or ord(char) > 0xFF for char in value):
        raise _bad(f"header {name!r} has characters that a header cannot hold")
    return value


def _body(document: dict[str, Any]) -> bytes:
    body = document.get("body")
    if body is None:
        return b""
    if not isinstance(body, str):
        raise _bad("body must be a text")
    encoded = str(document.get("isBase64Encoded", False)).lower() == "true"
    try:
        return base64.b64decode(body, validate=True) if encoded else body.encode()
    except (binascii.Error, ValueError) as bad:
        raise _bad("body is no base64" if encoded else "body is no UTF-8") from bad


def _body_text(body: bytes) -> tuple[str, bool]:
    try:
        return body.decode(), False
    except UnicodeDecodeError:
        return base64.b64encode(body).decode(), True


def _bad(why: str) -> GatewayError:
    return GatewayError(502, "D502FC", f"FunctionCompute Error: the answer is not usable: {why}")

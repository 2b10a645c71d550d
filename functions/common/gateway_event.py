"""API Gateway's contract with a function: the event of a request, and the answer.

Event: `{path, httpMethod, headers, queryParameters, pathParameters, body, isBase64Encoded}`.
Answer: `{isBase64Encoded, statusCode, headers, body}`. Source: Alibaba Cloud document 54788.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from functions.common.problems import CONTENT_TYPE, Problem

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Request:
    """A request; header names in lower case."""

    method: str
    path: str
    headers: Mapping[str, str] = field(repr=False)
    query: Mapping[str, str]
    body: bytes = field(repr=False, default=b"")


@dataclass(frozen=True)
class Response:
    """An answer: a JSON document, or nothing."""

    status: int
    document: Any = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json"


def is_request(event: Any) -> bool:
    """Whether an event comes from the gateway."""
    return isinstance(event, dict) and "httpMethod" in event and "path" in event


def read_request(event: Mapping[str, Any]) -> Request:
    """Read an event.

    Raises:
        Problem: 400, the body is no base64 although it says so.
    """
    headers = event.get("headers") or {}
    query = event.get("queryParameters") or {}
    text = event.get("body") or ""
    if event.get("isBase64Encoded") in (True, "true"):
        try:
            body = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError) as error:
            raise Problem(400, "Invalid request", "the body cannot be read") from error
    else:
        body = str(text).encode("utf-8", "surrogatepass")
    return Request(
        method=str(event["httpMethod"]).upper(),
        path=str(event["path"]),
        headers={str(name).lower(): str(value) for name, value in headers.items()},
        query={str(name): str(value) for name, value in query.items()},
        body=body,
    )


def problem_response(problem: Problem) -> Response:
    """The answer to a problem."""
    return Response(problem.status, problem.document(), problem.headers, CONTENT_TYPE)


def encode_response(response: Response) -> bytes:
    """The answer as the gateway wants it. What is said to one caller is kept by no cache."""
    headers = {"cache-control": "no-store", **response.headers}
    body = ""
    if response.document is not None:
        headers["content-type"] = response.content_type
        body = json.dumps(response.document, ensure_ascii=False)
    return json.dumps(
        {
            "isBase64Encoded": False,
            "statusCode": response.status,
            "headers": headers,
            "body": body,
        }
    ).encode()

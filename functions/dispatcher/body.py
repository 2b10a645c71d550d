"""Bodies of requests: JSON objects whose fields are exactly those that are known."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from functions.common.problems import Problem, invalid
from functions.common.strict_json import BadJson, read_json

if TYPE_CHECKING:
    from collections.abc import Iterable

    from functions.common.gateway_event import Request

BODY_BYTES = 256 * 1024
INPUT_CHARACTERS = 32_000
VARIABLES = 64
VARIABLES_BYTES = 16 * 1024
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}", re.ASCII)
_KEY = re.compile(r"[\x21-\x7e]{1,255}")


def read_object(request: Request, fields: Iterable[str]) -> dict[str, Any]:
    """The body's JSON object, with none but these fields.

    Raises:
        Problem: 400, 413 or 415.
    """
    kind = request.headers.get("content-type", "application/json").partition(";")[0].strip()
    if kind.lower() != "application/json":
        raise Problem(415, "Unsupported media type", "content-type: must be application/json")
    if len(request.body) > BODY_BYTES:
        raise Problem(413, "Body too large", f"a body has at most {BODY_BYTES} bytes")
    try:
        document = read_json(request.body)
    except BadJson as error:
        raise Problem(400, "Invalid request", str(error)) from error
    if not isinstance(document, dict):
        raise Problem(400, "Invalid request", "the body must be a JSON object")
    known = sorted(fields)
    for name in document:
        if name not in known:
            raise invalid(name[:64], f"is no field; there are {', '.join(known)}")
    return document


def read_text(document: dict[str, Any], field: str, characters: int) -> str:
    """A required text.

    Raises:
        Problem: 400, naming the field.
    """
    if field not in document:
        raise invalid(field, "is required")
    value = document[field]
    if not isinstance(value, str):
        raise invalid(field, f"must be a text, not {_kind(value)}")
    if not value.strip() or len(value) > characters:
        raise invalid(field, f"must have 1 to {characters} characters, not only spaces")
    return value


def read_choice(document: dict[str, Any], field: str, choices: tuple[str, ...]) -> str:
    """One of some words, the first one by default.

    Raises:
        Problem: 400, naming the field.
    """
    value = document.get(field, choices[0])
    if not isinstance(value, str) or value not in choices:
        raise invalid(field, f"must be one of {', '.join(choices)}")
    return value


def read_flag(document: dict[str, Any], field: str) -> bool:
    """A required `true` or `false`.

    Raises:
        Problem: 400, naming the field.
    """
    if field not in document:
        raise invalid(field, "is required")
    value = document[field]
    if not isinstance(value, bool):
        raise invalid(field, f"must be true or false, not {_kind(value)}")
    return value


def read_variables(document: dict[str, Any]) -> dict[str, Any]:
    """Values by name, none by default.

    Raises:
        Problem: 400, naming the field.
    """
    value = document.get("variables", {})
    if not isinstance(value, dict):
        raise invalid("variables", f"must be an object, not {_kind(value)}")
    for name in value:
        if not _VARIABLE.fullmatch(name):
            raise invalid("variables", f"name {name[:64]!r} must match {_VARIABLE.pattern}")
    check_variables(value)
    return value


def check_variables(variables: dict[str, Any]) -> None:
    """Their number and size, together with those that a session remembers.

    Raises:
        Problem: 400, naming the field.
    """
    size = len(json.dumps(variables, ensure_ascii=False, separators=(",", ":")).encode())
    if len(variables) > VARIABLES or size > VARIABLES_BYTES:
        raise invalid(
            "variables",
            f"at most {VARIABLES} names and {VARIABLES_BYTES} bytes, with those of the session; "
            f"these are {len(variables)} and {size}",
        )


def read_key(request: Request) -> str | None:
    """The header `Idempotency-Key`, if there is one.

    Raises:
        Problem: 400.
    """
    key = request.headers.get("idempotency-key")
    if key is not None and not _KEY.fullmatch(key):
        raise invalid("Idempotency-Key", "must have 1 to 255 visible ASCII characters")
    return key


def _kind(value: Any) -> str:
    names = {bool: "true or false", int: "a number", float: "a number", str: "a text"}
    names |= {list: "an array", dict: "an object", type(None): "null"}
    return names.get(type(value), "something else")

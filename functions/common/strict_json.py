"""Reading JSON from strangers: what is not exactly JSON is refused, and what is too deep."""

from __future__ import annotations

import json
import math
from typing import Any

MAX_DEPTH = 16


class BadJson(ValueError):
    """The text says why it cannot be used."""


def read_json(data: bytes) -> Any:
    """Read a document.

    Refused are: no UTF-8, no JSON, `NaN` and infinities, a name that stands twice in one object,
    half a surrogate pair, and more than 16 levels of nesting.

    Raises:
        BadJson: it is refused.
    """
    try:
        document = json.loads(
            data.decode(),
            parse_constant=_no_constant,
            parse_float=_finite,
            object_pairs_hook=_unique,
        )
    except UnicodeDecodeError as error:
        raise BadJson("the body is not UTF-8") from error
    except BadJson:
        raise
    except RecursionError as error:
        raise BadJson(f"the body nests deeper than {MAX_DEPTH} levels") from error
    except ValueError as error:
        raise BadJson(f"the body is not JSON: {error}") from error
    _check(document, MAX_DEPTH)
    return document


def _check(value: Any, depth: int) -> None:
    if isinstance(value, str):
        if not value.isascii() and any(0xD800 <= ord(char) <= 0xDFFF for char in value):
            raise BadJson("a text holds half a surrogate pair")
    elif isinstance(value, (dict, list)):
        if depth == 0:
            raise BadJson(f"the body nests deeper than {MAX_DEPTH} levels")
        for name in value if isinstance(value, dict) else ():
            _check(name, depth)
        for item in value.values() if isinstance(value, dict) else value:
            _check(item, depth - 1)


def _no_constant(name: str) -> Any:
    raise BadJson(f"the body is not JSON: {name} is no value")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise BadJson(f"the number {text[:32]} is too large")
    return number


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise BadJson(f"the name {twice[:64]!r} stands twice in one object")
    return found

"""Parameters of a target: what an event becomes on its way.

Forms: ORIGINAL, JSONPATH, CONSTANT, TEMPLATE.
"""

from __future__ import annotations

import json
import re
from typing import Any

from localcloud.core.errors import CloudError

_STEP = re.compile(r"\.([A-Za-z0-9_-]+)|\[(\d+)\]|\['([^']+)'\]")
_VARIABLE = re.compile(r"\$\{([A-Za-z0-9_-]+)\}")


def parameters(lists: list[dict[str, Any]], event: dict[str, Any]) -> dict[str, str]:
    """Values of a target's parameters, by resource key.

    Args:
        lists: `resourceKey`, `form`, `value`, `template` each.
        event: as it is delivered.
    """
    return {str(one["resourceKey"]): _value(one, event) for one in lists}


def check_parameter(one: dict[str, Any]) -> None:
    """Refuse what `parameters` could not work out.

    Raises:
        CloudError: 400 that says which parameter, and why.
    """
    key, form = one.get("resourceKey"), one.get("form")
    if not key or form not in ("ORIGINAL", "JSONPATH", "CONSTANT", "TEMPLATE"):
        raise CloudError(400, "InvalidParameter", f"parameter {key!r}: form {form!r} is not known")
    if form == "JSONPATH":
        _steps(str(one.get("value") or ""))
    if form == "TEMPLATE":
        for path in _variables(one).values():
            _steps(path)


def _value(one: dict[str, Any], event: dict[str, Any]) -> str:
    match one["form"]:
        case "ORIGINAL":
            return _text(event)
        case "JSONPATH":
            return _text(_find(event, str(one.get("value") or "")))
        case "TEMPLATE":
            found = {name: _find(event, path) for name, path in _variables(one).items()}
            return _VARIABLE.sub(
                lambda match: _text(found.get(match[1])), str(one.get("template") or "")
            )
    return str(one.get("value") or "")


def _variables(one: dict[str, Any]) -> dict[str, str]:
    try:
        return {str(name): str(path) for name, path in json.loads(one.get("value") or "{}").items()}
    except (ValueError, AttributeError) as bad:
        raise CloudError(
            400, "InvalidParameter", f"parameter {one['resourceKey']!r}: value is no JSON object"
        ) from bad


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _steps(path: str) -> list[str | int]:
    """Steps of a path such as ``$.data.items[0].name``."""
    if not path.startswith("$"):
        raise CloudError(400, "InvalidParameter", f"path {path!r} does not begin with $")
    steps: list[str | int] = []
    position = 1
    while position < len(path):
        match = _STEP.match(path, position)
        if match is None:
            raise CloudError(400, "InvalidParameter", f"path {path!r} is not understood")
        steps.append(int(match[2]) if match[2] else match[1] or match[3])
        position = match.end()
    return steps


def _find(event: Any, path: str) -> Any:
    found = event
    for step in _steps(path):
        try:
            found = found[step]
        except (KeyError, IndexError, TypeError):
            return None
    return found

"""Event patterns: which events a rule takes (help page "Event patterns", 2026-03-11).

A pattern has the shape of an event. All its fields have to match; of the expressions in a field's
list, one has to. An expression is a value (also null or ""), or an object with one operator:
``prefix``, ``suffix``, ``contains``, ``anything-but``, ``numeric``, ``cidr``, ``exists``.
"""

from __future__ import annotations

import ipaddress
import json
import operator
from typing import TYPE_CHECKING, Any

from localcloud.core.errors import CloudError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Test = Callable[[Any], bool]

_MOST_EXPRESSIONS = 5
_DEEPEST = 10
_MISSING = object()
_COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "=": operator.eq,
}


class Pattern:
    """A compiled pattern.

    Args:
        source: JSON text or what it stands for; an empty object takes every event.

    Raises:
        CloudError: 400 that names the field and what is wrong with it.
    """

    def __init__(self, source: str | Mapping[str, Any]) -> None:
        if isinstance(source, str):
            try:
                source = json.loads(source)
            except ValueError as bad:
                raise _bad("", f"is no JSON: {bad}") from bad
        if not isinstance(source, dict):
            raise _bad("", "has to be an object")
        self._fields = _compile(source, "", 0)

    def matches(self, event: Mapping[str, Any]) -> bool:
        """Whether an event is taken."""
        return _fits(self._fields, event)


def _compile(source: Mapping[str, Any], path: str, depth: int) -> dict[str, Any]:
    if depth > _DEEPEST:
        raise _bad(path, f"is more than {_DEEPEST} levels deep")
    fields: dict[str, Any] = {}
    for key, value in source.items():
        here = f"{path}.{key}" if path else str(key)
        if isinstance(value, dict):
            fields[key] = _compile(value, here, depth + 1)
            continue
        expressions = value if isinstance(value, list) else [value]
        if not 1 <= len(expressions) <= _MOST_EXPRESSIONS:
            raise _bad(here, f"takes 1 to {_MOST_EXPRESSIONS} expressions")
        fields[key] = [_expression(one, here) for one in expressions]
    return fields


def _fits(fields: Mapping[str, Any], event: Any) -> bool:
    for key, wanted in fields.items():
        found = event.get(key, _MISSING) if isinstance(event, dict) else _MISSING
        if isinstance(wanted, dict):
            if not _fits(wanted, found):
                return False
        elif not any(test(found) for test in wanted):
            return False
    return True


def _expression(source: Any, path: str) -> Test:
    if not isinstance(source, dict):
        return _any_of(lambda value: _equal(value, source))
    if len(source) != 1:
        raise _bad(path, "an expression has exactly one operator")
    ((name, argument),) = source.items()
    match name:
        case "exists" if isinstance(argument, bool):
            return lambda value: (value is not _MISSING) is argument
        case "prefix" | "suffix" | "contains" if isinstance(argument, str):
            return _any_of(_text_test(name, argument))
        case "anything-but":
            return _anything_but(argument, path)
        case "numeric":
            return _any_of(_numeric(argument, path))
        case "cidr" if isinstance(argument, str):
            return _any_of(_cidr(argument, path))
    raise _bad(path, f"operator {name!r} with {argument!r} is not known")


def _any_of(test: Test) -> Test:
    """A list in an event matches when one of its members does; a missing field never does."""

    def check(value: Any) -> bool:
        if isinstance(value, list):
            return any(test(member) for member in value)
        return value is not _MISSING and test(value)

    return check


def _equal(value: Any, wanted: Any) -> bool:
    # True is no 1, and "1" is no 1.
    if isinstance(value, bool) != isinstance(wanted, bool):
        return False
    return bool(value == wanted)


def _text_test(name: str, argument: str) -> Test:
    match name:
        case "prefix":
            return lambda value: isinstance(value, str) and value.startswith(argument)
        case "suffix":
            return lambda value: isinstance(value, str) and value.endswith(argument)
    return lambda value: isinstance(value, str) and argument in value


def _anything_but(argument: Any, path: str) -> Test:
    if isinstance(argument, dict):
        if set(argument) != {"prefix"} or not isinstance(argument["prefix"], str):
            raise _bad(path, "anything-but takes values or a prefix")
        prefix = argument["prefix"]
        return _any_of(lambda value: not (isinstance(value, str) and value.startswith(prefix)))
    refused = argument if isinstance(argument, list) else [argument]
    return _any_of(lambda value: not any(_equal(value, one) for one in refused))


def _numeric(argument: Any, path: str) -> Test:
    if not isinstance(argument, list) or len(argument) not in (2, 4):
        raise _bad(path, 'numeric takes one or two comparisons, such as [">", 0, "<=", 5]')
    pairs = list(zip(argument[::2], argument[1::2], strict=True))
    for sign, bound in pairs:
        if (
            sign not in _COMPARISONS
            or isinstance(bound, bool)
            or not isinstance(bound, int | float)
        ):
            raise _bad(path, f"numeric {sign!r} {bound!r} is no comparison with a number")

    def check(value: Any) -> bool:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        return all(_COMPARISONS[sign](value, bound) for sign, bound in pairs)

    return check


def _cidr(argument: str, path: str) -> Test:
    try:
        network = ipaddress.ip_network(argument, strict=False)
    except ValueError as bad:
        raise _bad(path, f"cidr: {bad}") from bad

    def check(value: Any) -> bool:
        try:
            return isinstance(value, str) and ipaddress.ip_address(value) in network
        except ValueError:
            return False

    return check


def _bad(path: str, why: str) -> CloudError:
    field = f"field {path!r} of the pattern" if path else "the pattern"
    return CloudError(400, "InvalidEventPattern", f"{field}: {why}")

"""References from a step's arguments to the outputs of earlier steps.

A reference is an object with `$step` and, if not the whole output is meant, a dotted `path`:
`{"$step": "by_month", "path": "rows.0.total"}`. Numbers in a path are places in a list.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MARK = "$step"
KEYS = frozenset({MARK, "path"})
Place = tuple[str | int, ...]


class BadReference(ValueError):
    """A reference that leads nowhere; the text says where it stopped."""


@dataclass(frozen=True)
class Reference:
    """One reference and where it stands in the arguments.

    Attributes:
        step: the step whose output is meant.
        path: the keys and list places that lead into that output.
        place: where the reference itself stands in the arguments.
    """

    step: str
    path: Place
    place: Place = ()


def parse(value: Any) -> Reference | None:
    """Read one value as a reference; `None` if it is an ordinary value.

    Raises:
        BadReference: it has the mark of a reference, but not its shape.
    """
    if not isinstance(value, dict) or MARK not in value:
        return None
    step, path = value[MARK], value.get("path", "")
    if not isinstance(step, str) or not isinstance(path, str) or set(value) - KEYS:
        raise BadReference(
            'a reference is {"$step": "<id>"} or {"$step": "<id>", "path": "<key>.<key>"}'
        )
    parts = path.split(".") if path else []
    return Reference(step, tuple(int(part) if part.isdigit() else part for part in parts))


def find(value: Any, place: Place = ()) -> Iterator[Reference]:
    """Every reference in a value, with its place.

    Raises:
        BadReference: something has the mark of a reference, but not its shape.
    """
    reference = parse(value)
    if reference is not None:
        yield Reference(reference.step, reference.path, place)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from find(item, (*place, key))
    elif isinstance(value, list):
        for position, item in enumerate(value):
            yield from find(item, (*place, position))


def resolve(value: Any, outputs: Mapping[str, Any]) -> Any:
    """A copy of a value with every reference replaced by what it means.

    Args:
        value: JSON values.
        outputs: the outputs of finished steps by their id.

    Raises:
        BadReference: a step has no output, or its output has nothing at that path.
    """
    reference = parse(value)
    if reference is not None:
        return _follow(reference, outputs)
    if isinstance(value, dict):
        return {key: resolve(item, outputs) for key, item in value.items()}
    if isinstance(value, list):
        return [resolve(item, outputs) for item in value]
    return value


def _follow(reference: Reference, outputs: Mapping[str, Any]) -> Any:
    if reference.step not in outputs:
        raise BadReference(f"step '{reference.step}' has no output yet")
    current = outputs[reference.step]
    for part in reference.path:
        if isinstance(current, dict) and str(part) in current:
            current = current[str(part)]
        elif isinstance(current, list) and isinstance(part, int) and part < len(current):
            current = current[part]
        else:
            shown = ".".join(str(item) for item in reference.path)
            raise BadReference(
                f"the output of step '{reference.step}' has nothing at '{shown}' (no '{part}')"
            )
    return current

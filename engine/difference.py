"""What has to happen to a resource: its goal against its old state."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from engine.errors import EngineError
from engine.goal import Goal
from engine.provider import Difference
from engine.state import ResourceState
from engine.values import UNKNOWN_SENTINEL, plain

Op = Literal["create", "same", "update", "replace", "delete", "read", "import"]
Differ = Callable[[Goal, ResourceState], Awaitable[Difference]]
"""Says how the inputs of a goal differ from those of the old state."""

_STEP = re.compile(r'\.?([^.\[\]]+)|\[(\d+)\]|\["((?:[^"\\]|\\.)*)"\]|\[\*\]')
_MISSING: Any = object()


@dataclass(frozen=True)
class Decision:
    """What to do, and why.

    Attributes:
        keys: the input keys that differ.
        replace_keys: those that force a replacement.
        detailed: path of a changed input to ``{"kind": …, "inputDiff": True}``.
        delete_first: a replacement deletes the old resource first.
    """

    op: Op
    keys: tuple[str, ...] = ()
    replace_keys: tuple[str, ...] = ()
    detailed: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    delete_first: bool = False


async def decide(goal: Goal, old: ResourceState | None, differ: Differ) -> Decision:
    """Compare a goal with the old state of its resource.

    Raises:
        EngineError: the resource would have to be replaced, but is protected.
    """
    if old is None or old.external or old.pending_replacement:
        return Decision("import" if goal.import_id else "create")
    difference = await differ(goal, old)
    forced = {_first_key(path) for path in goal.replace_on_changes}
    if difference.kind == "update" and ("*" in forced or forced & set(difference.keys)):
        keys = difference.keys if "*" in forced else tuple(sorted(forced & set(difference.keys)))
        difference = replace(difference, kind="replace", keys=keys)
    if difference.kind == "same":
        return Decision("same")

    changed = changes(plain(old.inputs), plain(goal.inputs))
    keys = tuple(sorted({_first_key(path) for path in changed} | set(difference.keys)))
    if difference.kind == "update":
        return Decision("update", keys, detailed=_detailed(changed, ()))
    if old.protect and goal.protect is not False:
        raise EngineError(
            f"{goal.urn} must be replaced (changed: {', '.join(difference.keys)}), but it is "
            "protected; unprotect it first"
        )
    delete_first = goal.delete_before_replace
    return Decision(
        "replace",
        keys,
        replace_keys=difference.keys,
        detailed=_detailed(changed, difference.keys),
        delete_first=difference.delete_first if delete_first is None else delete_first,
    )


def with_ignored_changes(goal: Goal, old: ResourceState | None) -> Goal:
    """Return the goal with the old values of the inputs whose changes are ignored.

    Raises:
        EngineError: a path of ``ignoreChanges`` is not a property path.
    """
    if old is None or not goal.ignore_changes:
        return goal
    inputs: Any = goal.inputs
    for path in goal.ignore_changes:
        inputs = _restore(inputs, old.inputs, parse_path(path))
    return replace(goal, inputs=inputs)


def changes(old: Any, new: Any, path: str = "") -> dict[str, str]:
    """Return the paths at which two plain values differ: ``add``, ``update`` or ``delete``."""
    if isinstance(old, dict) and isinstance(new, dict):
        found: dict[str, str] = {}
        for key in sorted(old.keys() | new.keys()):
            found |= _change(old.get(key, _MISSING), new.get(key, _MISSING), _join(path, key))
        return found
    if isinstance(old, list) and isinstance(new, list):
        found = {}
        for index in range(max(len(old), len(new))):
            before = old[index] if index < len(old) else _MISSING
            after = new[index] if index < len(new) else _MISSING
            found |= _change(before, after, f"{path}[{index}]")
        return found
    return {} if old == new and new != UNKNOWN_SENTINEL else {path: "update"}


def parse_path(path: str) -> list[str | int]:
    """Read a property path such as ``tags.team``, ``rules[0].port`` or ``tags["a.b"]``.

    Raises:
        EngineError: it is not one.
    """
    steps: list[str | int] = []
    position = 0
    while position < len(path):
        match = _STEP.match(path, position)
        if match is None:
            raise EngineError(f"{path!r} is not a property path")
        name, index, quoted = match.groups()
        if index is not None:
            steps.append(int(index))
        elif quoted is not None:
            steps.append(re.sub(r"\\(.)", r"\1", quoted))
        else:
            steps.append(name or "*")
        position = match.end()
    return steps


def _first_key(path: str) -> str:
    return str(parse_path(path)[0]) if path else ""


def _change(before: Any, after: Any, path: str) -> dict[str, str]:
    if before is _MISSING:
        return {path: "add"}
    if after is _MISSING:
        return {path: "delete"}
    return changes(before, after, path)


def _join(path: str, key: str) -> str:
    if re.fullmatch(r"[A-Za-z_$][\w$-]*", key):
        return f"{path}.{key}" if path else key
    escaped = key.replace("\\", "\\\\").replace('"', '\\"')
    return f'{path}["{escaped}"]'


def _detailed(changed: Mapping[str, str], replacing: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    return {
        path: {
            "kind": f"{kind}-replace" if _first_key(path) in replacing else kind,
            "inputDiff": True,
        }
        for path, kind in changed.items()
    }


def _restore(new: Any, old: Any, steps: list[str | int]) -> Any:
    """Return ``new`` with what ``old`` has at a path, absence included."""
    if not steps:
        return old
    step, *rest = steps
    if isinstance(new, dict) and isinstance(old, dict):
        keys = new.keys() | old.keys() if step == "*" else {str(step)}
        result = dict(new)
        for key in keys:
            value = _restore(new.get(key, _MISSING), old.get(key, _MISSING), rest)
            result.pop(key, None)
            if value is not _MISSING:
                result[key] = value
        return result
    if isinstance(new, list) and isinstance(old, list):
        shared = range(min(len(new), len(old)))
        chosen = shared if step == "*" else {step} & set(shared)
        return [
            _restore(item, old[index], rest) if index in chosen else item
            for index, item in enumerate(new)
        ]
    return new

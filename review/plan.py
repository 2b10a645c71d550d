"""A preview, read: the resources that a program wants, by URN."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""What a preview shows where a value is known only after the deployment ([V], facts of the CLI)."""

GONE = frozenset({"delete", "delete-replaced", "discard"})


class PlanError(Exception):
    """The document is not what `engine preview --json` or `pulumi preview --json` prints."""


@dataclass(frozen=True)
class Resource:
    """One resource as the program wants it; `inputs` without what the provider filled in."""

    urn: str
    type: str
    name: str
    parent: str | None
    custom: bool
    protect: bool
    inputs: dict[str, Any]


@dataclass(frozen=True)
class Plan:
    """All resources of one preview in the order of its steps."""

    resources: dict[str, Resource]

    def component(self, urn: str) -> str:
        """The name of the component right below the root component that holds a resource."""
        lineage: list[str] = []
        while (resource := self.resources.get(urn)) is not None:
            lineage.append(resource.name)
            urn = resource.parent or ""
        # …, component, AgentStack, Stack: what stands directly in one of the last two is its own.
        return lineage[-3] if len(lineage) > 3 else "stack"


def read(document: Mapping[str, Any]) -> Plan:
    """Read the JSON of a preview.

    Raises:
        PlanError: there are no steps, or one of them has no URN.
    """
    steps = document.get("steps")
    if not isinstance(steps, list):
        raise PlanError("the preview has no list `steps`: is it the output of `preview --json`?")
    found: dict[str, Resource] = {}
    for step in steps:
        state = step.get("newState") or {}
        if step.get("op") in GONE or not state:
            continue
        if not isinstance(state.get("urn"), str):
            raise PlanError(f"a step of the preview has no `newState.urn`: {str(step)[:120]}")
        found[state["urn"]] = _resource(state)
    return Plan(found)


def _resource(state: Mapping[str, Any]) -> Resource:
    urn = state["urn"]
    return Resource(
        urn=urn,
        type=state["type"],
        name=urn.rpartition("::")[2],
        parent=state.get("parent"),
        custom=bool(state.get("custom")),
        protect=bool(state.get("protect")),
        inputs=_given(state.get("inputs") or {}),
    )


def _given(value: Any) -> Any:
    """The value without the keys that the provider lists in `__defaults`, at every level."""
    if isinstance(value, dict):
        filled = {*value.get("__defaults", ()), "__defaults"}
        return {key: _given(item) for key, item in value.items() if key not in filled}
    if isinstance(value, list):
        return [_given(item) for item in value]
    return value

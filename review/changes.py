"""What differs between two plans: added, changed with the property paths, deleted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from review.plan import Plan, Resource

HOLDS_DATA = (
    "alicloud:ots/",
    "alicloud:nas/fileSystem:",
    "alicloud:oss/bucket:",
    "alicloud:log/store:",
)


@dataclass(frozen=True)
class Change:
    """One resource that differs.

    Attributes:
        op: `added`, `changed` or `deleted`.
        resource: as head wants it; as base wanted it when it is deleted.
        component: the component that holds it.
        paths: the inputs that differ, as dotted paths, sorted; empty unless `op` is `changed`.
    """

    op: Literal["added", "changed", "deleted"]
    resource: Resource
    component: str
    paths: tuple[str, ...] = ()

    @property
    def loses_data(self) -> bool:
        """Whether something that holds data goes away."""
        return self.op == "deleted" and self.resource.type.startswith(HOLDS_DATA)


def compare(base: Plan, head: Plan) -> list[Change]:
    """The differences, sorted by component, operation and name."""
    changes: list[Change] = []
    for urn, resource in head.resources.items():
        before = base.resources.get(urn)
        if before is None:
            changes.append(Change("added", resource, head.component(urn)))
        elif paths := tuple(sorted(_paths(_all(before), _all(resource)))):
            changes.append(Change("changed", resource, head.component(urn), paths))
    changes += [
        Change("deleted", resource, base.component(urn))
        for urn, resource in base.resources.items()
        if urn not in head.resources
    ]
    return sorted(changes, key=lambda c: (c.component, c.op, c.resource.name))


def _all(resource: Resource) -> dict[str, Any]:
    return {**resource.inputs, "(protect)": resource.protect}


def _paths(before: Any, after: Any, path: str = "") -> Iterator[str]:
    if isinstance(before, dict) and isinstance(after, dict):
        for key in before.keys() | after.keys():
            yield from _paths(before.get(key), after.get(key), f"{path}.{key}" if path else key)
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from _paths(one, other, f"{path}[{index}]")
    elif before != after:
        yield path

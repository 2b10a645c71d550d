"""The state of a resource, in Pulumi's own JSON form (``ResourceV3`` of its checkpoint files).

One form serves the preview, where secrets are masked, and the checkpoint, where they are encrypted.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from engine import urn as urns
from engine.values import MASK, unwire, wire

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from engine.goal import Goal

_JSON_NAMES = {
    "property_dependencies": "propertyDependencies",
    "retain_on_delete": "retainOnDelete",
    "additional_secret_outputs": "additionalSecretOutputs",
    "custom_timeouts": "customTimeouts",
    "ignore_changes": "ignoreChanges",
    "replace_on_changes": "replaceOnChanges",
    "deleted_with": "deletedWith",
    "import_id": "importID",
    "pending_replacement": "pendingReplacement",
    "source_position": "sourcePosition",
}
_VALUES = ("inputs", "outputs")
_ALWAYS = ("urn", "type", "custom")


@dataclass(frozen=True)
class ResourceState:
    """One resource as it is, or as a preview expects it to be.

    Attributes:
        id: the provider's name for it; empty for a component, and while it is unknown.
        delete: it has been replaced and waits to be deleted.
        pending_replacement: it was deleted first, and its successor is not there yet.
        external: it was only looked up; the deployment never changes or deletes it.
    """

    urn: str
    type: str
    custom: bool
    id: str = ""
    inputs: dict[str, Any] = field(default_factory=dict)
    outputs: dict[str, Any] = field(default_factory=dict)
    parent: str = ""
    provider: str = ""
    dependencies: tuple[str, ...] = ()
    property_dependencies: dict[str, tuple[str, ...]] = field(default_factory=dict)
    protect: bool = False
    retain_on_delete: bool = False
    delete: bool = False
    pending_replacement: bool = False
    external: bool = False
    additional_secret_outputs: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    custom_timeouts: dict[str, float] = field(default_factory=dict)
    ignore_changes: tuple[str, ...] = ()
    replace_on_changes: tuple[str, ...] = ()
    deleted_with: str = ""
    import_id: str = ""
    source_position: str = ""
    created: str = ""
    modified: str = ""

    @property
    def name(self) -> str:
        """The name that the program gave."""
        return urns.resource_name(self.urn)


def planned(goal: Goal, outputs: dict[str, Any], *, id_: str = "") -> ResourceState:
    """Return the state that a goal leads to."""
    return ResourceState(
        urn=goal.urn,
        type=goal.type,
        custom=goal.custom,
        id=id_,
        inputs=goal.inputs,
        outputs=outputs,
        parent=goal.parent,
        provider=goal.provider,
        dependencies=goal.dependencies,
        property_dependencies=goal.property_dependencies,
        protect=bool(goal.protect),
        retain_on_delete=bool(goal.retain_on_delete),
        additional_secret_outputs=goal.additional_secret_outputs,
        custom_timeouts=goal.custom_timeouts,
        ignore_changes=goal.ignore_changes,
        replace_on_changes=goal.replace_on_changes,
        deleted_with=goal.deleted_with,
        import_id=goal.import_id,
        source_position=goal.source_position,
    )


def to_json(state: ResourceState, seal: Callable[[Any], Any]) -> dict[str, Any]:
    """Write a state; what is empty is left out, as Pulumi does."""
    document: dict[str, Any] = {}
    for item in fields(state):
        value = getattr(state, item.name)
        if not value and item.name not in _ALWAYS:
            continue
        if item.name in _VALUES:
            value = wire(value, seal)
        elif item.name == "property_dependencies":
            value = {key: list(dependencies) for key, dependencies in value.items()}
        elif isinstance(value, tuple):
            value = list(value)
        document[_JSON_NAMES.get(item.name, item.name)] = value
    return document


def for_people(state: ResourceState, *, outputs: bool = True) -> dict[str, Any]:
    """Write a state with its secrets masked."""
    document = to_json(state, lambda _: MASK)
    if not outputs:
        document.pop("outputs", None)
    return document


def from_json(
    document: Mapping[str, Any], unseal: Callable[[Mapping[str, Any]], Any]
) -> ResourceState:
    """Read a state that ``to_json`` wrote.

    Raises:
        KeyError, TypeError, ValueError: the document is not one of ours.
    """
    values: dict[str, Any] = {}
    for item in fields(ResourceState):
        name = _JSON_NAMES.get(item.name, item.name)
        if name not in document:
            continue
        value = document[name]
        if item.name in _VALUES:
            value = {key: unwire(entry, unseal) for key, entry in value.items()}
        elif item.name == "property_dependencies":
            value = {key: tuple(dependencies) for key, dependencies in value.items()}
        elif isinstance(value, list):
            value = tuple(value)
        values[item.name] = value
    return ResourceState(**values)

"""A goal: one resource as the program declared it, read from its registration request."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from engine import urn as urns
from engine.values import UNKNOWN_SENTINEL, from_struct

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pulumi.runtime.proto import alias_pb2, resource_pb2

_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}


@dataclass(frozen=True)
class Goal:
    """What the program wants one resource to be."""

    urn: str
    type: str
    name: str
    custom: bool
    parent: str = ""
    inputs: dict[str, Any] = field(default_factory=dict)
    provider: str = ""
    dependencies: tuple[str, ...] = ()
    property_dependencies: dict[str, tuple[str, ...]] = field(default_factory=dict)
    protect: bool | None = None
    retain_on_delete: bool | None = None
    delete_before_replace: bool | None = None
    ignore_changes: tuple[str, ...] = ()
    replace_on_changes: tuple[str, ...] = ()
    additional_secret_outputs: tuple[str, ...] = ()
    alias_urns: tuple[str, ...] = ()
    import_id: str = ""
    custom_timeouts: dict[str, float] = field(default_factory=dict)
    deleted_with: str = ""
    source_position: str = ""


@dataclass(frozen=True)
class Naming:
    """Names that requests are relative to."""

    project: str
    stack: str
    root: Path


class GoalReader:
    """Turns requests into goals; it remembers parents, because children inherit from them."""

    def __init__(self, naming: Naming) -> None:
        self._naming = naming
        self._goals: dict[str, Goal] = {}
        self._component_providers: dict[str, dict[str, str]] = {}
        self._packages: dict[str, tuple[str, str, str]] = {}

    def register_package(self, request: resource_pb2.RegisterPackageRequest) -> str:
        """Remember a package and return the reference that later requests use for it."""
        named = request.parameterization if request.HasField("parameterization") else request
        package = (named.name, named.version, request.download_url)
        reference = "-".join(part for part in package if part)
        self._packages[reference] = package
        return reference

    def goal(self, request: resource_pb2.RegisterResourceRequest) -> Goal:
        """Read a registration.

        Raises:
            ValueError: an input is not in a known form.
        """
        parent = self._goals.get(request.parent)
        goal = Goal(
            urn=self.urn(request.parent, request.type, request.name),
            type=request.type,
            name=request.name,
            custom=request.custom,
            parent=request.parent,
            inputs=from_struct(request.object),
            provider=self._provider(request, parent),
            dependencies=tuple(sorted(request.dependencies)),
            property_dependencies={
                key: tuple(sorted(item.urns)) for key, item in request.propertyDependencies.items()
            },
            protect=_own_or(request, "protect", parent.protect if parent else None),
            retain_on_delete=_own_or(
                request, "retainOnDelete", parent.retain_on_delete if parent else None
            ),
            delete_before_replace=(
                request.deleteBeforeReplace if request.deleteBeforeReplaceDefined else None
            ),
            ignore_changes=tuple(request.ignoreChanges),
            replace_on_changes=tuple(request.replaceOnChanges),
            additional_secret_outputs=tuple(request.additionalSecretOutputs),
            alias_urns=tuple(dict.fromkeys(self._aliases(request))),
            import_id=request.importId,
            custom_timeouts=_timeouts(request.customTimeouts),
            deleted_with=request.deletedWith or (parent.deleted_with if parent else ""),
            source_position=self._position(request.sourcePosition),
        )
        if urns.is_provider(goal.type):
            goal.inputs["__internal"] = {}
            if request.version:
                goal.inputs["version"] = request.version
        self._remember(goal, dict(request.providers))
        return goal

    def read_goal(self, request: resource_pb2.ReadResourceRequest) -> Goal:
        """Read a request to look up an existing resource."""
        goal = Goal(
            urn=self.urn(request.parent, request.type, request.name),
            type=request.type,
            name=request.name,
            custom=True,
            parent=request.parent,
            inputs=from_struct(request.properties),
            provider=request.provider or self._default_provider(request),
            dependencies=tuple(sorted(request.dependencies)),
            additional_secret_outputs=tuple(request.additionalSecretOutputs),
            source_position=self._position(request.sourcePosition),
        )
        self._remember(goal, {})
        return goal

    def urn(self, parent: str, type_: str, name: str) -> str:
        """Name a resource of this stack."""
        return urns.make_urn(self._naming.stack, self._naming.project, parent, type_, name)

    def _remember(self, goal: Goal, providers: dict[str, str]) -> None:
        self._goals[goal.urn] = goal
        if not goal.custom:
            inherited = self._component_providers.get(goal.parent, {})
            self._component_providers[goal.urn] = inherited | providers

    def _provider(self, request: resource_pb2.RegisterResourceRequest, parent: Goal | None) -> str:
        """Return the reference of the provider: explicit, of an ancestor, or the default one."""
        if not request.custom or urns.is_provider(request.type):
            return ""
        package = urns.package_of(request.type)
        if request.provider:
            return request.provider
        if parent and f"::{urns.PROVIDER_TYPE_PREFIX}{package}::" in parent.provider:
            return parent.provider
        offered = self._component_providers.get(request.parent, {}) | dict(request.providers)
        return offered.get(package) or self._default_provider(request)

    def _default_provider(
        self, request: resource_pb2.RegisterResourceRequest | resource_pb2.ReadResourceRequest
    ) -> str:
        package, version, url = self._packages.get(
            request.packageRef,
            (urns.package_of(request.type), request.version, request.pluginDownloadURL),
        )
        type_ = urns.PROVIDER_TYPE_PREFIX + package
        urn = self.urn("", type_, default_provider_name(version, url))
        return f"{urn}::{UNKNOWN_SENTINEL}"

    def _aliases(self, request: resource_pb2.RegisterResourceRequest) -> Iterable[str]:
        yield from request.aliasURNs
        own = [self._alias_urn(alias, request) for alias in request.aliases]
        yield from own
        parent = self._goals.get(request.parent)
        for parent_alias in parent.alias_urns if parent else ():
            here = self.urn(request.parent, request.type, request.name)
            for alias in (here, *own):
                yield self._inherited(parent_alias, parent.name if parent else "", alias)

    def _alias_urn(
        self, alias: alias_pb2.Alias, request: resource_pb2.RegisterResourceRequest
    ) -> str:
        if alias.WhichOneof("alias") == "urn":
            return alias.urn
        spec = alias.spec
        parent = "" if spec.noParent else (spec.parentUrn or request.parent)
        return urns.make_urn(
            spec.stack or self._naming.stack,
            spec.project or self._naming.project,
            parent,
            spec.type or request.type,
            spec.name or request.name,
        )

    def _inherited(self, parent_alias: str, parent_name: str, child: str) -> str:
        """Name a child after what its parent was called: names often begin with the parent's."""
        name = urns.resource_name(child)
        if parent_name and name.startswith(parent_name):
            name = urns.resource_name(parent_alias) + name[len(parent_name) :]
        return self.urn(parent_alias, urns.resource_type(child), name)

    def _position(self, position: Any) -> str:
        """Return ``project:///file.py#line`` for a place inside the project."""
        path = Path(unquote(urlsplit(position.uri).path)) if position.uri else Path()
        root = self._naming.root
        if not path.is_absolute() or not path.is_relative_to(root):
            return ""
        return f"project:///{path.relative_to(root).as_posix()}#{position.line}"


def default_provider_name(version: str, download_url: str = "") -> str:
    """Name a default provider: ``default_4_0_0`` for version 4.0.0."""
    parts = ["default", *version.replace("-", ".").replace("+", ".").split(".")]
    if download_url:
        parts.append("".join(c if c.isalnum() or c in "-_." else "_" for c in download_url))
    return "_".join(part for part in parts if part)


def _own_or(
    request: resource_pb2.RegisterResourceRequest, field_name: Any, inherited: bool | None
) -> bool | None:
    return getattr(request, field_name) if request.HasField(field_name) else inherited


def _timeouts(message: Any) -> dict[str, float]:
    names = ("create", "update", "delete", "read")
    texts: Mapping[str, str] = {name: getattr(message, name) for name in names}
    return {name: _seconds(text) for name, text in texts.items() if text}


def _seconds(text: str) -> float:
    """Read a Go duration such as ``1h30m`` or ``45s``.

    Raises:
        ValueError: it is not one.
    """
    total, number = 0.0, ""
    rest = text
    while rest:
        digits = len(rest) - len(rest.lstrip("0123456789."))
        number, rest = rest[:digits], rest[digits:]
        unit = next((u for u in ("ms", "h", "m", "s") if rest.startswith(u)), None)
        if not number or unit is None:
            raise ValueError(f"custom timeout {text!r} is not a duration such as '30m' or '1h30m'")
        total += float(number) * _SECONDS[unit]
        rest = rest[len(unit) :]
    return total

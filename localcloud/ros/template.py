"""Templates: parameters, functions, references, and the order that they demand.

Functions: Ref, Fn::GetAtt, Fn::Join, Fn::Sub, Fn::Select. Pseudo parameters: ALIYUN::Region,
ALIYUN::TenantId (the account), ALIYUN::StackName, ALIYUN::StackId. Source: "Template structure",
help.aliyun.com/document_detail/28858.html [D].
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING, Any

import yaml

from localcloud.core.errors import CloudError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

_FORMAT = "2015-09-01"
_SECTIONS = {
    "ROSTemplateFormatVersion", "Description", "Parameters", "Resources", "Outputs", "Metadata",
}  # fmt: skip
_FUNCTIONS = {"Ref", "Fn::GetAtt", "Fn::Join", "Fn::Sub", "Fn::Select"}
_SUBSTITUTE = re.compile(r"\$\{([^!][^}]*)\}")
_SIZE_LIMIT = 512 * 1024


@dataclass(frozen=True)
class Resource:
    """A resource of a template, its properties still with functions in them."""

    logical_id: str
    type: str
    properties: dict[str, Any]
    depends_on: tuple[str, ...]


@dataclass(frozen=True)
class Template:
    """A parsed template; `resources` are in an order that satisfies every reference."""

    resources: tuple[Resource, ...]
    outputs: dict[str, Any]
    defaults: dict[str, Any]
    required: frozenset[str]

    @classmethod
    def parse(cls, text: str) -> Template:
        """Read a template, JSON or YAML.

        Raises:
            CloudError: 400, naming what is wrong.
        """
        document = _document(text)
        parameters = document.get("Parameters") or {}
        resources = {
            logical_id: _resource(logical_id, body)
            for logical_id, body in (document.get("Resources") or {}).items()
        }
        if not resources:
            raise invalid("it has no Resources")
        graph = {
            id_: _dependencies(resource, resources.keys(), parameters.keys())
            for id_, resource in resources.items()
        }
        try:
            order = tuple(TopologicalSorter(graph).static_order())
        except CycleError as cycle:
            raise invalid(
                f"its resources depend on each other: {' → '.join(cycle.args[1])}"
            ) from cycle
        return cls(
            resources=tuple(resources[id_] for id_ in order),
            outputs={k: (v or {}).get("Value") for k, v in (document.get("Outputs") or {}).items()},
            defaults={k: v["Default"] for k, v in parameters.items() if "Default" in (v or {})},
            required=frozenset(k for k, v in parameters.items() if "Default" not in (v or {})),
        )

    def parameters(self, given: dict[str, Any]) -> dict[str, Any]:
        """Values of the parameters.

        Raises:
            CloudError: 400, one that is missing or not defined.
        """
        if missing := sorted(self.required - given.keys()):
            raise invalid(f"parameter {missing[0]} has no value")
        if unknown := sorted(given.keys() - self.required - self.defaults.keys()):
            raise invalid(f"parameter {unknown[0]} is not defined")
        return {**self.defaults, **given}


def resolve(value: Any, ref: Callable[[str], Any], attribute: Callable[[str, str], Any]) -> Any:
    """Evaluate the functions in a value.

    Args:
        value: anything that a template can hold.
        ref: value of a parameter, pseudo parameter or resource by name.
        attribute: attribute of a resource.
    """
    if isinstance(value, list):
        return [resolve(item, ref, attribute) for item in value]
    if not isinstance(value, dict):
        return value
    function = _function(value)
    if function is None:
        return {key: resolve(item, ref, attribute) for key, item in value.items()}
    argument = value[function]
    if function == "Ref":
        return ref(str(argument))
    if function == "Fn::GetAtt":
        resource, name = _pair(function, argument)
        return attribute(str(resource), str(name))
    if function == "Fn::Sub":
        return _substitute(argument, ref, attribute)
    first, second = _pair(function, resolve(argument, ref, attribute))
    if function == "Fn::Join":
        return str(first).join(str(item) for item in second)
    try:
        return second[int(first)]
    except (ValueError, IndexError, KeyError, TypeError):
        raise invalid(f"Fn::Select: {first!r} selects nothing") from None


def invalid(rule: str) -> CloudError:
    """The service's error for a template that is not valid."""
    return CloudError(400, "InvalidTemplate", f"ROS template: {rule}")


def _substitute(
    argument: Any, ref: Callable[[str], Any], attribute: Callable[[str, str], Any]
) -> str:
    text, values = argument if isinstance(argument, list) else (argument, {})
    own = resolve(values, ref, attribute)

    def replacement(found: re.Match[str]) -> str:
        name = found[1]
        if name in own:
            return str(own[name])
        resource, dot, field = name.partition(".")
        return str(attribute(resource, field) if dot else ref(name))

    return _SUBSTITUTE.sub(replacement, str(text)).replace("${!", "${")


def _document(text: str) -> dict[str, Any]:
    if len(text.encode()) > _SIZE_LIMIT:
        raise invalid(f"it is larger than {_SIZE_LIMIT} bytes")
    try:
        document = json.loads(text) if text.lstrip().startswith("{") else yaml.safe_load(text)
    except (ValueError, yaml.YAMLError) as bad:
        raise invalid("it is neither JSON nor YAML") from bad
    if not isinstance(document, dict):
        raise invalid("it must be an object")
    if str(document.get("ROSTemplateFormatVersion")) != _FORMAT:
        raise invalid(f"ROSTemplateFormatVersion must be {_FORMAT}")
    if unknown := sorted(document.keys() - _SECTIONS):
        raise invalid(f"section {unknown[0]} is not part of the local ROS")
    return document


def _resource(logical_id: str, body: Any) -> Resource:
    if not isinstance(body, dict) or not isinstance(body.get("Type"), str):
        raise invalid(f"resource {logical_id} has no Type")
    allowed = {"Type", "Properties", "DependsOn", "DeletionPolicy", "Description", "Metadata"}
    if unknown := sorted(body.keys() - allowed):
        raise invalid(f"resource {logical_id}: {unknown[0]} is not part of the local ROS")
    properties = body.get("Properties") or {}
    explicit = body.get("DependsOn") or []
    explicit = [explicit] if isinstance(explicit, str) else explicit
    return Resource(logical_id, body["Type"], properties, tuple(explicit))


def _dependencies(
    resource: Resource, resources: Collection[str], parameters: Collection[str]
) -> set[str]:
    """The resources that have to be there first.

    Raises:
        CloudError: 400, a name that the template does not define.
    """
    found: set[str] = set()
    references = [
        *((name, True) for name in resource.depends_on),
        *_references(resource.properties),
    ]
    for name, is_resource in references:
        if name in resources:
            found.add(name)
        elif is_resource or not (name in parameters or name.startswith("ALIYUN::")):
            raise invalid(f"{resource.logical_id} refers to {name}, which is not defined")
    return found


def _references(value: Any) -> Iterator[tuple[str, bool]]:
    """Names that a value refers to; True where only a resource can be meant."""
    if isinstance(value, list):
        for item in value:
            yield from _references(item)
    elif isinstance(value, dict):
        if "Fn::GetAtt" in value:
            yield str(_pair("Fn::GetAtt", value["Fn::GetAtt"])[0]), True
        elif "Ref" in value:
            yield str(value["Ref"]), False
        elif "Fn::Sub" in value:
            yield from _sub_references(value["Fn::Sub"])
        else:
            for item in value.values():
                yield from _references(item)


def _sub_references(argument: Any) -> Iterator[tuple[str, bool]]:
    text, own = argument if isinstance(argument, list) else (argument, {})
    yield from _references(own)
    for name in _SUBSTITUTE.findall(str(text)):
        resource, dot, _ = name.partition(".")
        if name not in own:
            yield resource, bool(dot)


def _function(value: dict[str, Any]) -> str | None:
    names = [key for key in value if key == "Ref" or key.startswith("Fn::")]
    if not names:
        return None
    if len(value) != 1:
        raise invalid(f"{names[0]} stands beside other keys")
    if names[0] not in _FUNCTIONS:
        raise invalid(f"function {names[0]} is not part of the local ROS")
    return names[0]


def _pair(function: str, argument: Any) -> tuple[Any, Any]:
    if not isinstance(argument, list) or len(argument) != 2:
        raise invalid(f"{function} needs a list of two")
    return argument[0], argument[1]

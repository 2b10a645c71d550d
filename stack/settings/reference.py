"""The settings reference, written from the models themselves."""

from __future__ import annotations

import inspect
import types
from enum import Enum
from typing import TYPE_CHECKING, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic_core import PydanticUndefined

from stack.settings.base import Group
from stack.settings.root import GROUPS, Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic.fields import FieldInfo

INTRODUCTION = """\
# Settings

Written by `python -m stack.settings --write` from the models in `stack/settings/`; a test keeps
it true.

One object for each group stands in `Pulumi.<env>.yaml` under `agent-commander:<group>`; a file
holds only what differs from the defaults below.
`pulumi config set --path 'agent-commander:commander.cpu' 4` sets one. Unknown keys are refused, and
so is everything that breaks a rule, all in one message.

Three keys of the provider are read too: `alicloud:region`, `alicloud:accountId` (16 digits) and
`alicloud:accountType` (`Domestic` or `International`; without it a preview asks the network).

The model's key is a secret of its own: `pulumi config set --secret agent-commander:model_key`.
"""
TABLE_HEAD = "| setting | type | default | what it is |\n|---|---|---|---|\n"
TYPE_NAMES = {
    "str": "text",
    "int": "integer",
    "float": "number",
    "bool": "true or false",
    "IPv4Network": "CIDR",
}
SIGNS = {Ge: "≥", Gt: ">", Le: "≤", Lt: "<"}


def reference() -> str:
    """Return the whole reference as Markdown."""
    parts = [INTRODUCTION]
    for name in GROUPS:
        model = _model_of(Settings.model_fields[name])
        parts.append(f"\n## `{name}`\n\n{_description(model)}\n\n{TABLE_HEAD}")
        parts.extend(_rows(model, ""))
        parts.extend(_rules(model))
    own = inspect.getdoc(Settings.broken_rules)
    parts.append(f"\n## Rules between groups\n\n{own}\n")
    return "".join(parts)


def _rows(model: type[Group], prefix: str) -> Iterator[str]:
    for name, field in model.model_fields.items():
        path = f"{prefix}{name}"
        inner = _inner_model(field.annotation)
        text = (field.description or "").replace("|", "\\|").replace("\n", " ")
        kind = f"{_type(field.annotation)}{_bounds(field)}"
        yield f"| `{path}` | {kind} | {_default(field)} | {text} |\n"
        if inner:
            many = get_origin(_without_none(field.annotation)) is tuple
            yield from _rows(inner, f"{path}[]." if many else f"{path}.")


def _rules(model: type[Group]) -> Iterator[str]:
    found = [each for each in _models_below(model) if "broken_rules" in vars(each)]
    if found:
        yield "\nRules:\n\n"
    for each in found:
        yield f"- {' '.join((inspect.getdoc(vars(each)['broken_rules']) or '').split())}\n"


def _models_below(model: type[Group]) -> Iterator[type[Group]]:
    for base in model.__mro__:
        if isinstance(base, type) and issubclass(base, Group) and base is not Group:
            yield base
    for field in model.model_fields.values():
        inner = _inner_model(field.annotation)
        if inner:
            yield from _models_below(inner)


def _model_of(field: FieldInfo) -> type[Group]:
    model = _inner_model(field.annotation)
    if model is None:
        raise TypeError(f"{field.annotation} is no group")
    return model


def _inner_model(annotation: Any) -> type[Group] | None:
    annotation = _without_none(annotation)
    if isinstance(annotation, type) and issubclass(annotation, Group):
        return annotation
    if get_origin(annotation) is tuple:
        return _inner_model(get_args(annotation)[0])
    return None


def _without_none(annotation: Any) -> Any:
    if get_origin(annotation) in {Union, types.UnionType}:
        left = [part for part in get_args(annotation) if part is not type(None)]
        return left[0] if len(left) == 1 else annotation
    return annotation


def _type(annotation: Any) -> str:
    annotation = _without_none(annotation)
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return " or ".join(f"`{part}`" for part in parts)
    if origin is tuple:
        return f"list of {_type(parts[0])}"
    if origin is dict:
        return "object"
    if origin in {Union, types.UnionType}:
        return " or ".join(_type(part) for part in parts)
    if origin is not None and hasattr(annotation, "__metadata__"):
        return _type(annotation.__origin__)
    if issubclass(annotation, Group):
        return "object"
    if issubclass(annotation, Enum):
        return " or ".join(f"`{member.value}`" for member in annotation)
    name: str = annotation.__name__
    return TYPE_NAMES.get(name, name)


def _bounds(field: FieldInfo) -> str:
    bounds = [
        f"{sign} {getattr(rule, kind.__name__.lower())}"
        for rule in field.metadata
        for kind, sign in SIGNS.items()
        if isinstance(rule, kind)
    ]
    return f", {', '.join(bounds)}" if bounds else ""


def _default(field: FieldInfo) -> str:
    value = field.default
    if value is PydanticUndefined:
        return "**required**"
    if value is None:
        return "unset"
    if isinstance(value, Group):
        return "see below"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple):
        return f"`[{', '.join(map(str, value))}]`"
    return f"`{value.value if isinstance(value, Enum) else value}`"


def _description(model: type[Group]) -> str:
    return " ".join((inspect.getdoc(model) or "").split())

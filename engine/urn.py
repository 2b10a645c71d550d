"""URNs: ``urn:pulumi:<stack>::<project>::<types of the ancestors, $ between>::<name>``."""

from __future__ import annotations

STACK_TYPE = "pulumi:pulumi:Stack"
PROVIDER_TYPE_PREFIX = "pulumi:providers:"
DYNAMIC_TYPE_PREFIX = "pulumi-python:dynamic"


def qualified_type(urn: str) -> str:
    """Return the ``$``-joined types of a URN, outermost first."""
    return urn.split("::", 3)[2]


def resource_type(urn: str) -> str:
    """Return the type token of the resource itself."""
    return qualified_type(urn).rsplit("$", 1)[-1]


def resource_name(urn: str) -> str:
    """Return the name of a resource, which may itself contain ``::``."""
    return urn.split("::", 3)[3]


def make_urn(stack: str, project: str, parent: str, type_: str, name: str) -> str:
    """Build a URN as the real engine does: the root stack is nobody's prefix.

    Args:
        stack: name of the stack.
        project: name of the project.
        parent: URN of the parent, or an empty string.
        type_: type token of the resource.
        name: name of the resource.
    """
    prefix = qualified_type(parent) if parent else ""
    types = f"{prefix}${type_}" if prefix and prefix != STACK_TYPE else type_
    return f"urn:pulumi:{stack}::{project}::{types}::{name}"


def package_of(token: str) -> str:
    """Return the package of a type or function token (``alicloud`` of ``alicloud:a/b:C``)."""
    return token.split(":", 1)[0]


def is_provider(type_: str) -> bool:
    """Tell whether a type token is that of a provider resource."""
    return type_.startswith(PROVIDER_TYPE_PREFIX)


def is_dynamic(type_: str) -> bool:
    """Tell whether a resource is implemented in the program itself (``pulumi.dynamic``)."""
    return type_.startswith(DYNAMIC_TYPE_PREFIX)

"""Brings two previews into a form in which they can be compared."""

from __future__ import annotations

import json
from typing import Any

_COMPARED = (
    "type",
    "custom",
    "parent",
    "provider",
    "protect",
    "retainOnDelete",
    "additionalSecretOutputs",
    "ignoreChanges",
    "replaceOnChanges",
    "customTimeouts",
    "deletedWith",
    "importID",
)


def comparable(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return by URN what both sides must agree on.

    Left out: what the real provider fills in itself, which it lists in ``__defaults`` at every
    level of the inputs; the order of dependencies, which the real engine keeps in sets; and how a
    provider's own configuration, which is JSON in texts, is spaced.
    """
    states = {}
    for step in document["steps"]:
        new = step.get("newState", {})
        state = {key: new[key] for key in _COMPARED if key in new}
        state["op"] = step["op"]
        state["inputs"] = without_defaults(new.get("inputs", {}))
        if state.get("type", "").startswith("pulumi:providers:"):
            state["inputs"] = {key: _parsed(text) for key, text in state["inputs"].items()}
        state["dependencies"] = sorted(new.get("dependencies", ()))
        state["propertyDependencies"] = {
            key: sorted(urns) for key, urns in new.get("propertyDependencies", {}).items()
        }
        assert step["urn"] == new.get("urn", step["urn"])
        states[step["urn"]] = state
    return states


def without_defaults(value: Any) -> Any:
    """Return inputs as the program gave them."""
    if isinstance(value, dict):
        filled = {"__defaults", *value.get("__defaults", ())}
        return {key: without_defaults(item) for key, item in value.items() if key not in filled}
    if isinstance(value, list):
        return [without_defaults(item) for item in value]
    return value


def _parsed(text: Any) -> Any:
    try:
        return json.loads(text)
    except (TypeError, ValueError):
        return text

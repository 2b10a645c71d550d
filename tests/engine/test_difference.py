"""Orders, paths and differences."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.difference import changes, parse_path
from engine.errors import EngineError
from engine.ordering import in_order, needs
from engine.state import ResourceState
from engine.urn import make_urn, qualified_type, resource_name, resource_type
from engine.values import UNKNOWN_SENTINEL

KEYS = st.text(min_size=1, max_size=5)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=10,
)
OBJECTS = st.dictionaries(KEYS, JSON, max_size=4)


@given(OBJECTS, OBJECTS)
def test_changed_paths_lead_to_what_changed(old: dict[str, Any], new: dict[str, Any]) -> None:
    found = changes(old, new)

    assert bool(found) == (old != new)
    for path, kind in found.items():
        before, after = _at(old, parse_path(path)), _at(new, parse_path(path))
        assert before != after
        assert (kind == "add") == (before is _ABSENT)
        assert (kind == "delete") == (after is _ABSENT)


def test_paths_are_written_as_the_cli_writes_them() -> None:
    old = {"a": {"b": [1, {"c": 1}]}, "x.y": 1, "same": 1}
    new = {"a": {"b": [1, {"c": 2}, 3]}, "x.y": 2, "same": 1, "computed": UNKNOWN_SENTINEL}

    assert changes(old, new) == {
        "a.b[1].c": "update",
        "a.b[2]": "add",
        "computed": "add",
        '["x.y"]': "update",
    }


def test_an_unknown_value_differs_even_from_itself() -> None:
    assert changes({"a": UNKNOWN_SENTINEL}, {"a": UNKNOWN_SENTINEL}) == {"a": "update"}


def test_a_broken_path_is_an_error() -> None:
    with pytest.raises(EngineError, match="is not a property path"):
        parse_path("a[")


@given(st.permutations(range(12)), st.data())
def test_the_order_is_the_same_whatever_came_first(order: list[int], data: st.DataObject) -> None:
    states = []
    for number in range(12):
        chosen = st.lists(st.integers(0, number - 1), max_size=3) if number else st.just([])
        required = tuple(f"urn:{n:02}" for n in data.draw(chosen))
        states.append(ResourceState(f"urn:{number:02}", "t", custom=True, dependencies=required))

    result = in_order(states[number] for number in order)

    assert result == in_order(states)
    for index, state in enumerate(result):
        assert needs(state) <= {earlier.urn for earlier in result[:index]}


def test_a_cycle_is_still_listed() -> None:
    states = [
        ResourceState("urn:a", "t", custom=True, dependencies=("urn:b",)),
        ResourceState("urn:b", "t", custom=True, dependencies=("urn:a",)),
        ResourceState("urn:c", "t", custom=True, dependencies=("urn:b",)),
    ]

    assert {state.urn for state in in_order(states)} == {"urn:a", "urn:b", "urn:c"}


@given(st.text(min_size=1).filter(lambda name: "\n" not in name))
def test_urns_come_apart_as_they_were_put_together(name: str) -> None:
    stack = make_urn("dev", "p", "", "pulumi:pulumi:Stack", "p-dev")
    parent = make_urn("dev", "p", stack, "a:b:C", "parent")
    child = make_urn("dev", "p", parent, "d:e/f:G", name)

    assert qualified_type(parent) == "a:b:C"
    assert qualified_type(child) == "a:b:C$d:e/f:G"
    assert (resource_type(child), resource_name(child)) == ("d:e/f:G", name)


_ABSENT = object()


def _at(value: Any, path: list[str | int]) -> Any:
    for step in path:
        try:
            value = value[step]
        except (KeyError, IndexError):
            return _ABSENT
    return value

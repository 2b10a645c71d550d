"""Which plans may run, and what is said about those that may not."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.commander import graph, references
from functions.commander.checks import InvalidPlan, Limits, read_plan
from functions.commander.plan import Plan
from functions.commander.tools.builtin import builtin

LOAD = {"id": "load", "tool": "load_dataset", "arguments": {"name": "cars"}}
PROFILE = {
    "id": "profile",
    "tool": "profile_table",
    "arguments": {"table": {"$step": "load", "path": "table"}},
}
REPORT = {
    "id": "report",
    "tool": "report",
    "arguments": {
        "title": "Cars",
        "findings": [{"kind": "overview", "profile": {"$step": "profile"}}],
    },
}


def plan_of(*steps: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"steps": list(steps), **more}


def changed(step: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {**json.loads(json.dumps(step)), **more}


def problems(value: Any, limits: Limits | None = None) -> list[str]:
    with pytest.raises(InvalidPlan) as caught:
        read_plan(value, builtin(), limits)
    return [str(problem) for problem in caught.value.problems]


def test_a_valid_plan_keeps_its_shape() -> None:
    plan = read_plan(plan_of(LOAD, PROFILE, REPORT), builtin())
    assert plan.answer_step == "report"
    assert [step.dependencies for step in plan.steps] == [set(), {"load"}, {"profile"}]
    assert Plan.model_validate(json.loads(json.dumps(plan.document()))) == plan


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (plan_of(), "plan, field 'steps', value []: "),
        (None, "plan, field 'steps', value null: "),
        ([], "plan, field 'steps', value []: "),
        ({"steps": "load"}, "plan, field 'steps', value \"load\": "),
        (plan_of(changed(LOAD, id="Load!")), "step 'Load!', field 'id', value \"Load!\": "),
        (plan_of(changed(LOAD, colour="red")), "step 'load', field 'colour', value \"red\": Extra"),
        (plan_of({"tool": "report"}), "step '#1', field 'id'"),
        (plan_of(changed(LOAD, attempts=99)), "step 'load', field 'attempts', value 99: "),
        (plan_of(changed(LOAD, timeout_s=0)), "step 'load', field 'timeout_s', value 0: "),
        (plan_of(LOAD, LOAD), "step 'load', field 'id', value \"load\": ids must be unique"),
        (
            plan_of(LOAD, answer="end"),
            "plan, field 'answer', value \"end\": must be one of the steps load",
        ),
        (
            plan_of(changed(LOAD, tool="shell")),
            "step 'load', field 'tool', value \"shell\": must be one of agg",
        ),
        (
            plan_of(changed(LOAD, needs=["x"])),
            "step 'load', field 'needs', value \"x\": must be one of the steps",
        ),
        (
            plan_of(PROFILE),
            "step 'profile', field 'arguments.table', value \"load\": must be one of the steps",
        ),
        (
            plan_of(
                LOAD, changed(PROFILE, arguments={"table": {"$step": "load", "path": "tabel"}})
            ),
            "step 'profile', field 'arguments.table', value \"tabel\": the output of tool 'load",
        ),
        (
            plan_of(
                LOAD, changed(PROFILE, arguments={"table": {"$step": "load", "path": "table.x"}})
            ),
            "step 'profile', field 'arguments.table', value \"table.x\": the output of tool 'load",
        ),
        (
            plan_of(LOAD, changed(PROFILE, arguments={"table": {"$step": 7}})),
            "step 'profile', field 'arguments'",
        ),
        (
            plan_of(LOAD, changed(PROFILE, arguments={})),
            "step 'profile', field 'arguments.table', value {}: Field required",
        ),
        (
            plan_of(LOAD, changed(PROFILE, arguments={**PROFILE["arguments"], "top": 99})),
            "step 'profile', field 'arguments.top', value 99: ",
        ),
        (
            plan_of(changed(LOAD, needs=["profile"]), PROFILE),
            "field 'needs', value \"",
        ),
        (
            plan_of(changed(LOAD, needs=["load"])),
            'value "load → load": steps must not need each other',
        ),
    ],
)
def test_a_problem_names_step_field_value_and_rule(value: Any, expected: str) -> None:
    found = problems(value)
    assert any(expected in problem for problem in found), found


def test_every_problem_of_a_plan_is_told_at_once() -> None:
    found = problems(plan_of(changed(LOAD, tool="shell"), changed(PROFILE, arguments={"top": -1})))
    assert len(found) == 3


def test_a_reference_inside_a_list_of_kinds_is_no_problem_but_its_neighbours_are() -> None:
    steps = [LOAD, PROFILE, changed(REPORT)]
    steps[2]["arguments"]["findings"].append(
        {"kind": "extreme", "rows": {"$step": "profile", "path": "columns"}, "label": "name"}
    )
    found = problems(plan_of(*steps))
    assert len(found) == 2
    assert all("arguments.findings.1.extreme." in problem for problem in found)
    assert all("Field required" in problem for problem in found)


@pytest.mark.parametrize(
    ("limits", "rule"),
    [
        (Limits(steps=2), "at most 2 steps"),
        (Limits(depth=2), "the depth of the graph must be at most 2"),
        (Limits(width=0), "the width of the graph must be at most 0"),
        (Limits(step_seconds=5), "must be at most 5, so that it fits into the function's own"),
        (Limits(encoded_bytes=10), "at most 10 bytes as JSON"),
    ],
)
def test_plans_are_bounded(limits: Limits, rule: str) -> None:
    assert any(rule in problem for problem in problems(plan_of(LOAD, PROFILE, REPORT), limits))


def test_a_long_value_is_shortened() -> None:
    assert len(problems(plan_of(changed(LOAD, id="x" * 9000)))[0]) < 9000


needs = st.integers(1, 12).flatmap(
    lambda count: st.lists(
        st.sets(st.integers(0, count - 1), max_size=4), min_size=count, max_size=count
    )
)


@given(needs)
@settings(max_examples=150, deadline=None)
def test_a_graph_is_refused_exactly_if_it_has_a_circle(wanted: list[set[int]]) -> None:
    steps = [
        changed(LOAD, id=f"s{place}", needs=[f"s{other}" for other in sorted(others)])
        for place, others in enumerate(wanted)
    ]
    reachable = [set(others) for others in wanted]
    for _ in wanted:
        reachable = [{*r, *(far for near in r for far in reachable[near])} for r in reachable]
    circular = any(place in far for place, far in enumerate(reachable))
    limits = Limits(width=99, depth=99)
    if circular:
        assert "circle" in problems(plan_of(*steps), limits)[0]
    else:
        plan = read_plan(plan_of(*steps), builtin(), limits)
        levels = graph.levels({step.id: step.dependencies for step in plan.steps})
        assert all(
            levels[step.id] > levels[other] for step in plan.steps for other in step.dependencies
        )


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text("ab$.", max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["steps", "id", "tool", "$step", "path", "arguments"]), inner
        )
    ),
    max_leaves=12,
)


@given(json_values)
@settings(max_examples=200, deadline=None)
def test_whatever_a_model_says_is_a_plan_or_a_list_of_problems(value: Any) -> None:
    with pytest.raises(InvalidPlan) as caught:
        read_plan(value, builtin())
    assert caught.value.problems


@given(st.dictionaries(st.sampled_from("abc"), json_values, max_size=3), st.sampled_from("abc"))
@settings(max_examples=100, deadline=None)
def test_a_reference_gives_what_stands_there(output: dict[str, Any], key: str) -> None:
    wanted = {"here": [{"$step": "one", "path": key}], "there": 1}
    if key in output:
        assert references.resolve(wanted, {"one": output}) == {"here": [output[key]], "there": 1}
    else:
        with pytest.raises(references.BadReference, match="has nothing at"):
            references.resolve(wanted, {"one": output})


def test_a_reference_follows_lists_by_place() -> None:
    output = {"rows": [{"month": "May"}, {"month": "June"}]}
    assert references.resolve({"$step": "a", "path": "rows.1.month"}, {"a": output}) == "June"
    with pytest.raises(references.BadReference, match="no '2'"):
        references.resolve({"$step": "a", "path": "rows.2"}, {"a": output})
    with pytest.raises(references.BadReference, match="has no output yet"):
        references.resolve({"$step": "b"}, {"a": output})

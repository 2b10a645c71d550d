"""Which playbook answers which question, and that its plan runs to the right numbers."""

from __future__ import annotations

import json
from collections import defaultdict
from graphlib import TopologicalSorter
from itertools import chain
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest

from functions.commander import playbook
from functions.commander.bundle import Libraries
from functions.commander.planner import CannotPlan, Planned, PlaybookPlanner, Question
from functions.commander.progress import Output
from functions.commander.steps import StepRunner
from functions.commander.tools.builtin import builtin
from tests.functions.commander.helpers import TICKET, MemoryBucket, context_for, seattle

WETTEST = "Which month is the wettest in Seattle, and how do temperatures run over the year?"
WINDIEST = (
    "Which month has the most wind in the Seattle weather data set, and how warm is each year?"
)


def planned(question: str) -> Planned:
    return PlaybookPlanner(builtin()).plan(Question(question))


def answer(question: str) -> dict[str, Any]:
    """Run the plan for a question, step by step."""
    plan = planned(question).plan
    context = context_for(MemoryBucket())
    runner = StepRunner(
        TICKET, question, builtin(), Libraries(None), context.objects, context.tables
    )
    outputs: dict[str, Output] = {}
    steps = {step.id: step for step in plan.steps}
    order = TopologicalSorter({step.id: step.dependencies for step in plan.steps})
    for step in order.static_order():
        outputs[step] = runner.run(steps[step], outputs)
    found: dict[str, Any] = runner.value(outputs[plan.answer_step])
    return found


def facts(found: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    return {fact["name"]: (fact["label"], fact["value"]) for fact in found["facts"]}


def by_month(column: str, year: str = "") -> dict[str, list[float]]:
    months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    found = defaultdict(list)
    for row in seattle():
        if row["date"].startswith(year):
            found[months[int(row["date"][5:7]) - 1]].append(float(row[column]))
    return found


@pytest.mark.parametrize(
    ("question", "name"),
    [
        (WETTEST, "weather"),
        (WINDIEST, "weather"),
        ("SEATTLE: RAIN?", "weather"),
        ("Describe the data set us-employment", "describe"),
        ("What is in the Iris flowers table?", "describe"),
        ("average price by symbol in the stock prices", "compare"),
        ("What is the highest yield per variety in barley?", "compare"),
    ],
)
def test_the_question_chooses_the_playbook(question: str, name: str) -> None:
    assert planned(question).planner["name"] == name
    assert planned(question).planner["kind"] == "playbook"


@pytest.mark.parametrize(
    "question", ["What is love?", "", "Describe the moon", "wettest month in Rome"]
)
def test_a_question_without_playbook_is_told_what_can_be_asked(question: str) -> None:
    with pytest.raises(CannotPlan, match=r"no playbook answers this question.*Seattle"):
        planned(question)


@pytest.mark.parametrize("each", playbook.playbooks(), ids=lambda each: each.name)
def test_every_example_of_a_playbook_chooses_it_and_gives_a_valid_plan(
    each: playbook.Playbook,
) -> None:
    assert each.examples
    for example in each.examples:
        assert planned(example).planner["name"] == each.name


def test_the_weather_plan_has_the_shape_that_the_design_shows() -> None:
    plan = planned(WETTEST).plan
    needs = {step.id: step.dependencies for step in plan.steps}
    assert needs["profile"] == needs["rank_months"] == needs["temperatures"] == {"load"}
    assert needs["chart"] == {"rank_months", "temperatures"}
    assert needs["report"] == {"load", "profile", "rank_months", "temperatures", "chart"}


def test_the_wettest_month_and_the_course_of_temperatures_are_right() -> None:
    found = answer(WETTEST)
    rain = {month: sum(values) for month, values in by_month("precipitation").items()}
    high = {month: fmean(values) for month, values in by_month("temp_max").items()}
    wettest, warmest = max(rain, key=rain.__getitem__), max(high, key=high.__getitem__)
    coolest = min(high, key=high.__getitem__)
    got = facts(found)
    assert got["max sum_precipitation"][0].startswith(wettest)
    assert got["max sum_precipitation"][1] == pytest.approx(rain[wettest], abs=1e-5)
    assert got["max high"][0].startswith(warmest)
    assert got["max high"][1] == pytest.approx(high[warmest], abs=1e-5)
    assert got["min high"][0].startswith(coolest)
    assert got["min high"][1] == pytest.approx(high[coolest], abs=1e-5)
    assert got["rows used"] == (None, len(seattle()))
    assert f"{rain[wettest]:.1f} mm" in found["text"]
    assert "](chart.png)" in found["text"]


def test_wind_and_years_are_right() -> None:
    got = facts(answer(WINDIEST))
    wind = {month: fmean(values) for month, values in by_month("wind").items()}
    years = {
        year: fmean(chain(*by_month("temp_max", year).values()))
        for year in ("2012", "2013", "2014", "2015")
    }
    windiest, warmest = max(wind, key=wind.__getitem__), max(years, key=years.__getitem__)
    assert got["max mean_wind"][0].startswith(windiest)
    assert got["max mean_wind"][1] == pytest.approx(wind[windiest], abs=1e-5)
    assert got["max high"] == (int(warmest), pytest.approx(years[warmest], abs=1e-5))


def test_a_year_in_the_question_narrows_the_data() -> None:
    got = facts(answer("Which month was the driest in Seattle in 2014?"))
    rain = {month: sum(values) for month, values in by_month("precipitation", "2014").items()}
    driest = min(rain, key=rain.__getitem__)
    assert got["min sum_precipitation"][0].startswith(driest)
    assert got["min sum_precipitation"][1] == pytest.approx(rain[driest], abs=1e-5)
    assert got["rows used"] == (None, 365)


def test_groups_are_compared() -> None:
    found = answer("What is the average price by symbol in the stock prices?")
    assert facts(found)["max value"][0] == "GOOG"
    assert "**GOOG** leads, with an average of 415.9." in found["text"]


def write(folder: Path, **content: Any) -> Path:
    (folder / "mine.json").write_text(
        json.dumps({"title": "t", "when": ["x"], "plan": {}, **content})
    )
    return folder


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"when": ["("]}, r"mine\.json: "),
        ({"colour": 1}, r"mine\.json: .*colour"),
        ({"parameters": {"a": {"cases": [{"value": 1}]}}}, r"mine\.json: 'match' is missing"),
    ],
)
def test_a_broken_playbook_is_named(content: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(playbook.BrokenPlaybook, match=message):
        playbook.playbooks(write(tmp_path, **content))


def test_a_playbook_that_is_no_json_is_named(tmp_path: Path) -> None:
    (tmp_path / "mine.json").write_text("{")
    with pytest.raises(playbook.BrokenPlaybook, match=r"mine\.json"):
        playbook.playbooks(tmp_path)


def test_unknown_and_circular_parameters_are_named(tmp_path: Path) -> None:
    (one,) = playbook.playbooks(write(tmp_path, plan={"steps": {"$parameter": "nothing"}}))
    with pytest.raises(playbook.BrokenPlaybook, match="no parameter 'nothing'"):
        one.apply("x")
    rule = {"a": {"default": {"$parameter": "a"}}}
    one = playbook.Playbook("p", "t", {"s": {"$parameter": "a"}}, ("x",), parameters=rule)
    with pytest.raises(playbook.BrokenPlaybook, match="in a circle"):
        one.apply("x")


def test_an_invalid_plan_of_a_playbook_fails_with_its_problems() -> None:
    one = playbook.Playbook("mine", "t", {"steps": [{"id": "a", "tool": "shell"}]}, ("x",))
    with pytest.raises(
        CannotPlan, match="playbook 'mine' gives an invalid plan: step 'a', field 'too"
    ):
        PlaybookPlanner(builtin(), playbooks=(one,)).plan(Question("x"))


def test_of_two_that_apply_the_lower_order_wins() -> None:
    late = playbook.Playbook("late", "t", {"n": 2}, ("x",), order=2)
    early = playbook.Playbook("early", "t", {"n": 1}, ("x",), order=1)
    found = playbook.choose("x", tuple(sorted((late, early), key=lambda each: each.order)))
    assert found == (early, {"n": 1})

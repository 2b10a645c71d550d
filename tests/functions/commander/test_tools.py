"""Tools compute what the csv module and a calculator compute."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from datetime import datetime
from statistics import fmean
from typing import Any

import pytest

from functions.commander import catalogue
from functions.commander.tools.aggregate import AggregateTable, aggregate_table
from functions.commander.tools.builtin import builtin
from functions.commander.tools.context import ToolContext
from functions.commander.tools.datasets import LoadDataSet, LoadObject, load_dataset, load_object
from functions.commander.tools.profile import ProfileTable, profile_table
from functions.commander.tools.registry import Registry, ToolArguments, ToolError, ToolOutput, tool
from functions.commander.tools.tables import TableReference
from tests.functions.commander.helpers import OWNER, MemoryBucket, context_for, seattle

MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]


@pytest.fixture
def bucket() -> MemoryBucket:
    return MemoryBucket()


@pytest.fixture
def context(bucket: MemoryBucket) -> ToolContext:
    return context_for(bucket)


@pytest.fixture
def weather(context: ToolContext) -> TableReference:
    return load_dataset.run(LoadDataSet(name="seattle-weather"), context).table


def aggregated(context: ToolContext, table: TableReference, **wanted: Any) -> list[dict[str, Any]]:
    arguments = AggregateTable.model_validate({"table": table.model_dump(), **wanted})
    return aggregate_table.run(arguments, context).rows


@pytest.mark.parametrize("name", sorted(catalogue.data_sets()))
def test_every_data_set_of_the_list_loads_and_survives_the_bucket(
    name: str, bucket: MemoryBucket, context: ToolContext
) -> None:
    loaded = load_dataset.run(LoadDataSet(name=name), context)
    held = catalogue.data_sets()[name]
    types = {column.name: column.type for column in loaded.table.columns}
    assert loaded.table.rows > 10
    assert {types[column] for column in held.dates} <= {"date"}
    assert set(held.units) <= set(types)
    assert len(loaded.table.model_dump_json()) < 4096
    fresh = context_for(bucket).tables.load(loaded.table)
    assert fresh.equals(context.tables.load(loaded.table).astype(fresh.dtypes.to_dict()))


def test_only_data_sets_of_the_list_load(context: ToolContext) -> None:
    with pytest.raises(
        ToolError, match=r"argument 'name', value '\.\./secrets': must be one of air"
    ):
        load_dataset.run(LoadDataSet(name="../secrets"), context)


def test_months_are_measured_as_the_csv_module_does(
    context: ToolContext, weather: TableReference
) -> None:
    rain, high, wind = defaultdict(list), defaultdict(list), defaultdict(list)
    for row in seattle():
        month = MONTHS[int(row["date"][5:7]) - 1]
        rain[month].append(float(row["precipitation"]))
        high[month].append(float(row["temp_max"]))
        wind[month].append(float(row["wind"]))
    rows = aggregated(
        context,
        weather,
        period={"column": "date", "unit": "month"},
        measures=[
            {"function": "sum", "column": "precipitation"},
            {"function": "mean", "column": "temp_max"},
            {"function": "max", "column": "wind"},
            {"function": "min", "column": "wind", "name": "calm"},
            {"function": "count", "column": "wind", "name": "days"},
        ],
    )
    assert [row["month"] for row in rows] == MONTHS
    for row in rows:
        month = row["month"]
        assert row["sum_precipitation"] == pytest.approx(sum(rain[month]), abs=1e-5)
        assert row["mean_temp_max"] == pytest.approx(fmean(high[month]), abs=1e-5)
        assert row["max_wind"] == max(wind[month])
        assert row["calm"] == min(wind[month])
        assert row["days"] == len(wind[month])


def test_filters_and_groups_are_those_of_the_csv_module(
    context: ToolContext, weather: TableReference
) -> None:
    expected = defaultdict(list)
    for row in seattle():
        if row["date"].startswith("2014") and float(row["wind"]) >= 3 and row["weather"] != "sun":
            expected[row["weather"]].append(float(row["temp_min"]))
    rows = aggregated(
        context,
        weather,
        by=["weather"],
        measures=[{"function": "mean", "column": "temp_min", "name": "cold"}],
        filters=[
            {"column": "date", "op": "in_year", "value": 2014},
            {"column": "wind", "op": "ge", "value": 3},
            {"column": "weather", "op": "ne", "value": "sun"},
        ],
        order_by="cold",
        descending=True,
    )
    wanted = sorted(((fmean(cold), kind) for kind, cold in expected.items()), reverse=True)
    assert [(row["weather"]) for row in rows] == [kind for _, kind in wanted]
    assert [row["cold"] for row in rows] == pytest.approx([cold for cold, _ in wanted], abs=1e-5)


def test_a_whole_table_is_one_group(context: ToolContext, weather: TableReference) -> None:
    rows = aggregated(context, weather, measures=[{"function": "max", "column": "temp_max"}])
    assert rows == [{"max_temp_max": max(float(row["temp_max"]) for row in seattle())}]


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"by": ["sky"]}, "argument 'by', value 'sky': must be one of date, precipitation"),
        (
            {"period": {"column": "wind", "unit": "year"}},
            "'period.column', value 'wind': must hold",
        ),
        ({"measures": [{"function": "sum", "column": "weather"}]}, "column 'weather' holds no num"),
        ({"measures": [{"function": "sum", "column": "x"}]}, "'measures.0.column', value 'x'"),
        ({"order_by": "x"}, "argument 'order_by', value 'x': must be one of mean_wind"),
        ({"filters": [{"column": "date", "op": "in_year", "value": 1900}]}, "no row of the table"),
        ({"filters": [{"column": "wind", "op": "in_year", "value": 1900}]}, "does not fit column"),
        ({"filters": [{"column": "wind", "op": "lt", "value": "x"}]}, "does not fit column"),
        ({"filters": [{"column": "wind", "op": "one_of", "value": 3}]}, "a list is needed"),
        ({"by": ["weather", "weather"]}, "two columns of one name"),
    ],
)
def test_an_aggregate_that_cannot_be_is_explained(
    wanted: dict[str, Any], message: str, context: ToolContext, weather: TableReference
) -> None:
    measures = [{"function": "mean", "column": "wind"}]
    with pytest.raises(ToolError, match=message):
        aggregated(context, weather, **{"measures": measures, **wanted})


def test_the_profile_is_that_of_the_csv_module(
    context: ToolContext, weather: TableReference
) -> None:
    rows = seattle()
    profile = profile_table.run(ProfileTable(table=weather), context)
    columns = {column.name: column for column in profile.columns}
    rain = [float(row["precipitation"]) for row in rows]
    kinds = [row["weather"] for row in rows]
    assert profile.rows == len(rows)
    assert columns["precipitation"].mean == pytest.approx(fmean(rain), abs=1e-5)
    assert (columns["precipitation"].smallest, columns["precipitation"].largest) == (0, max(rain))
    assert columns["precipitation"].unit == "mm"
    assert (columns["date"].smallest, columns["date"].largest) == ("2012-01-01", "2015-12-31")
    assert columns["weather"].distinct == len(set(kinds))
    top = columns["weather"].frequent[0]
    assert top.count == kinds.count(str(top.value)) == max(map(kinds.count, set(kinds)))


def test_an_object_of_the_owner_loads_and_others_do_not(
    bucket: MemoryBucket, context: ToolContext
) -> None:
    bucket.objects[f"{OWNER}/mine.csv"] = b"day,cups\n2026-01-01,3\n2026-01-02,\n"
    bucket.objects["f" * 32 + "/theirs.csv"] = b"a\n1\n"
    loaded = load_object.run(LoadObject(key=f"{OWNER}/mine.csv", dates=("day",)), context)
    assert [column.type for column in loaded.table.columns] == ["date", "number"]
    bucket.objects[f"{OWNER}/mine.json"] = json.dumps([{"a": 1}, {"a": 2}]).encode()
    assert (
        load_object.run(LoadObject(key=f"{OWNER}/mine.json", format="json"), context).table.rows
        == 2
    )
    for key, rule in (
        ("f" * 32 + "/theirs.csv", "must be one of the user's own objects"),
        (f"{OWNER}/../{'f' * 32}/theirs.csv", "must be one of the user's own objects"),
        (f"{OWNER}/none.csv", "there is no such object"),
    ):
        with pytest.raises(ToolError, match=rule):
            load_object.run(LoadObject(key=key), context)
    with pytest.raises(ToolError, match="argument 'dates', value 'x': must be one of day, cups"):
        load_object.run(LoadObject(key=f"{OWNER}/mine.csv", dates=("x",)), context)


def test_a_forged_table_reference_leads_nowhere(
    context: ToolContext, weather: TableReference
) -> None:
    forged = weather.model_copy(update={"key": "f" * 32 + "/t/x"})
    with pytest.raises(Exception, match="must be one of the user's own objects"):
        profile_table.run(ProfileTable(table=forged), context)


class Twice(ToolArguments):
    number: int


class Doubled(ToolOutput):
    number: int


def test_a_tool_of_ones_own_is_a_function_with_two_models() -> None:
    @tool("twice", imports=("math",))
    def twice(arguments: Twice, context: ToolContext) -> Doubled:
        """Double a number."""
        return Doubled(number=arguments.number * 2)

    registry = Registry([*builtin(), twice])
    found = registry.get("twice")
    assert found is not None
    assert found.description == "Double a number."
    assert found.imports == ("math",)
    assert found.run(Twice(number=4), context_for(MemoryBucket())) == Doubled(number=8)
    with pytest.raises(ValueError, match="tool 'twice' is registered twice"):
        registry.add(twice)


def test_a_tool_without_models_or_docstring_is_refused() -> None:
    with pytest.raises(TypeError, match="must be a function"):

        @tool("bare")
        def bare(arguments: int, context: ToolContext) -> int:  # type: ignore[type-var]
            """Nothing."""
            return arguments

    with pytest.raises(TypeError, match="needs a docstring"):

        @tool("dumb")
        def dumb(arguments: Twice, context: ToolContext) -> Doubled:
            return Doubled(number=1)


def test_the_idempotency_key_is_that_of_ticket_and_step(bucket: MemoryBucket) -> None:
    assert context_for(bucket, "load").idempotency_key == "t-1:load"


def test_missing_dates_and_numbers_are_missing_in_the_rows(
    bucket: MemoryBucket, context: ToolContext
) -> None:
    data = b"day,until,cups\n2026-01-01,,3\n,2026-01-02,4\n2025-05-05,,\n"
    bucket.objects[f"{OWNER}/gaps.csv"] = data
    loaded = load_object.run(LoadObject(key=f"{OWNER}/gaps.csv", dates=("day", "until")), context)
    rows = aggregated(
        context,
        loaded.table,
        period={"column": "day", "unit": "year"},
        measures=[
            {"function": "max", "column": "until", "name": "last"},
            {"function": "mean", "column": "cups", "name": "cups"},
        ],
    )
    assert rows == [
        {"year": 2025, "last": None, "cups": None},
        {"year": 2026, "last": None, "cups": 3.0},
    ]
    assert isinstance(rows[0]["year"], int)


@pytest.mark.parametrize("unit", ["weekday", "hour", "year_month"])
def test_periods_are_those_of_the_standard_library(
    unit: str, context: ToolContext, weather: TableReference
) -> None:
    days = [datetime.fromisoformat(row["date"].replace("/", "-")) for row in seattle()]
    name = {"weekday": "%A", "hour": "%-H", "year_month": "%Y-%m"}[unit]
    counted = Counter(day.strftime(name) for day in days)
    rows = aggregated(
        context,
        weather,
        period={"column": "date", "unit": unit},
        measures=[{"function": "count", "column": "wind", "name": "days"}],
    )
    assert {str(row[unit]): row["days"] for row in rows} == counted

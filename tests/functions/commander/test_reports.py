"""Charts and reports say what the rows say."""

from __future__ import annotations

from typing import Any

import pytest

from functions.commander.tools.chart import Chart, chart
from functions.commander.tools.context import ToolContext
from functions.commander.tools.registry import ToolError
from functions.commander.tools.report import Report, report
from tests.functions.commander.helpers import MemoryBucket, context_for


@pytest.fixture
def bucket() -> MemoryBucket:
    return MemoryBucket()


@pytest.fixture
def context(bucket: MemoryBucket) -> ToolContext:
    return context_for(bucket)


def test_a_chart_is_a_png_and_the_same_numbers_give_the_same_one(
    bucket: MemoryBucket, context: ToolContext
) -> None:
    arguments = Chart.model_validate(
        {
            "title": "Rain",
            "right_title": "°C",
            "series": [
                {
                    "rows": [{"m": "May", "v": 3}, {"m": "June", "v": None}],
                    "x": "m",
                    "y": "v",
                    "kind": "bar",
                },
                {
                    "rows": [{"m": "May", "t": 9.5}],
                    "x": "m",
                    "y": "t",
                    "axis": "right",
                    "title": "t",
                },
            ],
        }
    )
    first, second = chart.run(arguments, context), chart.run(arguments, context)
    assert first == second
    data = bucket.objects[first.artifact.key]
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    assert first.artifact.bytes == len(data) > 5000
    assert bucket.types[first.artifact.key] == "image/png"


@pytest.mark.parametrize(
    ("series", "message"),
    [
        (
            {"rows": [{"a": 1}], "x": "a", "y": "b"},
            "argument 'series.0.y', value 'b': must be one of a",
        ),
        ({"rows": [{"a": 1, "b": "x"}], "x": "a", "y": "b"}, "value 'x': must be a number"),
    ],
)
def test_a_chart_that_cannot_be_is_explained(
    series: dict[str, Any], message: str, context: ToolContext
) -> None:
    with pytest.raises(ToolError, match=message):
        chart.run(Chart.model_validate({"title": "x", "series": [series]}), context)


ROWS = [{"month": "May", "mm": 12.34}, {"month": "June", "mm": None}, {"month": "July", "mm": 2.0}]


def test_a_report_says_what_the_rows_say(bucket: MemoryBucket) -> None:
    findings = [
        {"kind": "extreme", "rows": ROWS, "label": "month", "value": "mm", "unit": "mm",
         "sentence": "{label}: {value} ({mm})."},
        {"kind": "extreme", "rows": ROWS, "label": "month", "value": "mm", "pick": "min",
         "sentence": "Least in {label}."},
        {"kind": "course", "rows": ROWS, "label": "month", "value": "mm",
         "sentence": "From {low} in {low_label} to {high} in {high_label}."},
        {"kind": "listing", "rows": ROWS, "columns": {"month": "month", "mm": "rain | mm"}},
    ]  # fmt: skip
    answer = report.run(
        Report.model_validate({"title": "Rain", "findings": findings, "source": "the sky"}),
        context_for(bucket),
    )
    assert answer.text.splitlines() == [
        "## Rain", "", "**May**: 12.3 mm (12.3).", "", "Least in **July**.", "",
        "From 2.0 in **July** to 12.3 in **May**.", "",
        "| month | rain \\| mm |", "| --- | --- |", "| May | 12.3 |", "| June | – |",
        "| July | 2.0 |", "", "Source: the sky",
    ]  # fmt: skip
    facts = [(fact.name, fact.label, fact.value) for fact in answer.facts]
    assert facts == [
        ("max mm", "May", 12.34),
        ("min mm", "July", 2.0),
        ("min mm", "July", 2.0),
        ("max mm", "May", 12.34),
    ]
    assert not answer.worded_by_model


def test_a_model_words_the_report_from_the_findings_alone(bucket: MemoryBucket) -> None:
    seen: list[tuple[str, str]] = []

    def write(instructions: str, material: str) -> str:
        seen.append((instructions, material))
        return "May was wet."

    finding = {
        "kind": "course",
        "rows": ROWS,
        "label": "month",
        "value": "mm",
        "sentence": "{high}!",
    }
    answer = report.run(
        Report.model_validate({"title": "Rain", "findings": [finding]}),
        context_for(bucket, writer=write, question="How wet?"),
    )
    assert answer.worded_by_model
    assert answer.text == "## Rain\n\nMay was wet.\n\n12.3!"
    assert "How wet?" in seen[0][1]
    assert "12.3!" in seen[0][1]


@pytest.mark.parametrize(
    ("finding", "message"),
    [
        ({"value": "x", "sentence": "-"}, "argument 'value', value 'x': must be one of month, mm"),
        (
            {"value": "mm", "sentence": "{secret}"},
            "argument 'sentence', value 'secret': must be one",
        ),
        ({"value": "month", "sentence": "-"}, "holds no numbers"),
    ],
)
def test_a_finding_that_cannot_be_is_explained(
    finding: dict[str, Any], message: str, bucket: MemoryBucket
) -> None:
    whole = {"kind": "extreme", "rows": ROWS, "label": "month", **finding}
    with pytest.raises(ToolError, match=message):
        report.run(Report.model_validate({"title": "x", "findings": [whole]}), context_for(bucket))

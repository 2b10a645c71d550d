"""The tool that draws: bars and lines over common labels, as a PNG in the owner's objects."""

import io
from threading import Lock
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, JsonValue, StringConstraints

from functions.commander.tools.context import ToolContext
from functions.commander.tools.registry import ToolArguments, ToolError, ToolOutput, tool
from functions.commander.tools.tables import Label

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PNG = "image/png"
MAX_POINTS = 500
TICKS = 16
COLOURS = ("#4c78a8", "#e45756", "#f2a33a", "#54a24b", "#8569a5", "#79706e")
Text = Annotated[str, StringConstraints(max_length=200)]

# Matplotlib keeps caches (fonts, text layouts) that are not made for threads.
_drawing = Lock()


class Series(ToolArguments):
    """One bar or line series: the rows of an aggregate, a column of labels and one of numbers."""

    rows: list[dict[str, JsonValue]] = Field(min_length=1, max_length=MAX_POINTS)
    x: Label
    y: Label
    title: Text = ""
    kind: Literal["bar", "line"] = "line"
    axis: Literal["left", "right"] = "left"


class Chart(ToolArguments):
    """The series and the titles of the chart and its axes."""

    title: Text
    series: tuple[Series, ...] = Field(min_length=1, max_length=6)
    x_title: Text = ""
    left_title: Text = ""
    right_title: Text = ""


class Artifact(ToolOutput):
    """A file for the user: its name, where it is, its size and type."""

    name: str
    key: str
    bytes: int
    content_type: str


class Drawn(ToolOutput):
    """The chart."""

    title: str
    artifact: Artifact


@tool("chart", imports=("matplotlib.figure", "matplotlib.backends.backend_agg"))
def chart(arguments: Chart, context: ToolContext) -> Drawn:
    """Draw a chart of bars and lines from rows of aggregates, with one or two vertical axes."""
    for place, series in enumerate(arguments.series):
        for field, column in (("x", series.x), ("y", series.y)):
            if column not in series.rows[0]:
                columns = ", ".join(series.rows[0])
                raise ToolError(
                    f"argument 'series.{place}.{field}', value '{column}': must be one of {columns}"
                )
    with _drawing:
        data = _draw(arguments)
    key = context.objects.save(data, PNG)
    artifact = Artifact(name=f"{context.step}.png", key=key, bytes=len(data), content_type=PNG)
    return Drawn(title=arguments.title, artifact=artifact)


def _draw(arguments: Chart) -> bytes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4.8), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    left = figure.add_subplot()
    right = left.twinx() if any(each.axis == "right" for each in arguments.series) else None
    labels = _labels(arguments.series)
    bars = [each for each in arguments.series if each.kind == "bar"]
    handles = []
    for place, series in enumerate(arguments.series):
        axes = right if series.axis == "right" and right is not None else left
        offset = bars.index(series) if series.kind == "bar" else 0
        handles.append(_plot(axes, series, labels, COLOURS[place], (offset, len(bars))))
    every = max(1, -(-len(labels) // TICKS))
    ticks = range(0, len(labels), every)
    left.set_xticks(list(ticks), [str(labels[tick]) for tick in ticks], rotation=30, ha="right")
    left.set_title(arguments.title)
    left.set_xlabel(arguments.x_title)
    left.set_ylabel(arguments.left_title)
    if right is not None:
        right.set_ylabel(arguments.right_title)
        left.set_zorder(right.get_zorder() - 1)
    left.grid(axis="y", alpha=0.25)
    if any(each.title for each in arguments.series):
        titles = [each.title for each in arguments.series]
        figure.legend(handles, titles, loc="outside lower center", ncols=len(titles), frameon=False)
    # Without the version of the library in it, the same numbers give the same bytes.
    written = io.BytesIO()
    figure.savefig(written, format="png", metadata={"Software": None})
    return written.getvalue()


def _labels(series: tuple[Series, ...]) -> list[JsonValue]:
    found: dict[str, JsonValue] = {}
    for each in series:
        for row in each.rows:
            found.setdefault(str(row.get(each.x)), row.get(each.x))
    return list(found.values())


def _plot(
    axes: "Axes", series: Series, labels: list[JsonValue], colour: str, bar: tuple[int, int]
) -> Any:
    positions = {str(value): place for place, value in enumerate(labels)}
    places = [positions[str(row.get(series.x))] for row in series.rows]
    heights = [_number(row.get(series.y), series.y) for row in series.rows]
    if series.kind == "line":
        marker = "o" if len(places) <= 60 else None
        return axes.plot(places, heights, color=colour, marker=marker, linewidth=2)[0]
    wide = 0.8 / bar[1]
    shifted = [place - 0.4 + wide * (bar[0] + 0.5) for place in places]
    return axes.bar(shifted, heights, width=wide, color=colour, alpha=0.75)


def _number(value: JsonValue, column: str) -> float:
    if value is None:
        return float("nan")
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ToolError(f"argument 'series', column '{column}', value {value!r}: must be a number")
    return float(value)

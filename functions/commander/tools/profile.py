"""The tool that looks at a table as a whole: what is in each column?"""

from typing import TYPE_CHECKING, Any

from pydantic import Field, JsonValue

from functions.commander.tools.context import ToolContext
from functions.commander.tools.registry import ToolArguments, ToolOutput, tool
from functions.commander.tools.tables import ColumnType, TableReference, type_of
from functions.commander.tools.values import plain

if TYPE_CHECKING:
    from pandas import Series


class ProfileTable(ToolArguments):
    """Which table, and how many of the most frequent texts of a column to name."""

    table: TableReference
    top: int = Field(default=3, ge=0, le=10)


class Frequent(ToolOutput):
    """A text and how often it stands in the column."""

    value: JsonValue
    count: int


class ColumnProfile(ToolOutput):
    """One column; smallest, largest and mean are missing where they make no sense."""

    name: str
    type: ColumnType
    unit: str | None
    missing: int
    distinct: int
    smallest: JsonValue = None
    largest: JsonValue = None
    mean: float | None = None
    frequent: tuple[Frequent, ...] = ()


class Profile(ToolOutput):
    """The table as a whole."""

    rows: int
    columns: tuple[ColumnProfile, ...]


@tool("profile_table", imports=("pandas",))
def profile_table(arguments: ProfileTable, context: ToolContext) -> Profile:
    """Describe every column of a table: type, missing and distinct values, range, mean."""
    frame = context.tables.load(arguments.table)
    columns = tuple(
        _profile(str(name), frame[name], arguments.table.unit_of(str(name)), arguments.top)
        for name in frame.columns
    )
    return Profile(rows=len(frame), columns=columns)


def _profile(name: str, series: "Series[Any]", unit: str | None, top: int) -> ColumnProfile:
    held = type_of(series)
    present = series.dropna()
    found: dict[str, Any] = {}
    if held in {"number", "date"} and len(present):
        found["smallest"], found["largest"] = plain(present.min()), plain(present.max())
    if held == "number" and len(present):
        found["mean"] = plain(float(present.mean()))
    if held == "text":
        counts = present.value_counts().sort_index(kind="stable")
        counts = counts.sort_values(ascending=False, kind="stable").head(top)
        found["frequent"] = tuple(
            Frequent(value=plain(value), count=int(count)) for value, count in counts.items()
        )
    return ColumnProfile(
        name=name,
        type=held,
        unit=unit,
        missing=int(series.isna().sum()),
        distinct=int(present.nunique()),
        **found,
    )

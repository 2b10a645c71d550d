"""The tool that groups a table and measures each group."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, JsonValue, StringConstraints

from functions.commander.tools import periods
from functions.commander.tools.context import ToolContext
from functions.commander.tools.filters import Filter, keep
from functions.commander.tools.periods import Unit
from functions.commander.tools.registry import ToolArguments, ToolError, ToolOutput, tool
from functions.commander.tools.tables import Label, TableReference
from functions.commander.tools.values import plain

if TYPE_CHECKING:
    from pandas import DataFrame

MAX_ROWS = 500


class Period(ToolArguments):
    """Group by a part of a date column; the group's column is named like the unit."""

    column: Label
    unit: Unit


class Measure(ToolArguments):
    """One number for each group; `name` is its column, by default `<function>_<column>`."""

    function: Literal["mean", "sum", "max", "min", "count"]
    column: Label
    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$")] | None = None

    @property
    def result(self) -> str:
        """The name of the column that it makes."""
        return self.name or f"{self.function}_{self.column}"


class AggregateTable(ToolArguments):
    """What to keep, how to group, what to measure, and in which order.

    Without `order_by`, periods come in the order of time and other groups in that of their names.
    """

    table: TableReference
    by: tuple[Label, ...] = Field(default=(), max_length=3)
    period: Period | None = None
    measures: tuple[Measure, ...] = Field(min_length=1, max_length=16)
    filters: tuple[Filter, ...] = Field(default=(), max_length=8)
    order_by: Label | None = None
    descending: bool = False
    limit: int = Field(default=MAX_ROWS, ge=1, le=MAX_ROWS)


class Aggregated(ToolOutput):
    """One row for each group; how many groups there are, and how many table rows they hold."""

    rows: list[dict[str, JsonValue]]
    groups: int
    used: int


@tool("aggregate_table", imports=("pandas",))
def aggregate_table(arguments: AggregateTable, context: ToolContext) -> Aggregated:
    """Filter a table, group it by columns or a part of a date (period), and measure each group."""
    frame = context.tables.load(arguments.table)
    _require_columns(arguments, frame)
    frame = keep(frame, arguments.filters)
    if frame.empty:
        raise ToolError("argument 'filters': no row of the table is left")
    keys = list(arguments.by)
    if arguments.period is not None:
        unit = arguments.period.unit
        frame[unit] = periods.of(frame[arguments.period.column], unit)
        keys.append(unit)
    result = _measure(frame, keys, arguments.measures)
    if arguments.order_by is not None:
        result = result.sort_values(
            arguments.order_by, ascending=not arguments.descending, kind="stable"
        )
    elif arguments.descending:
        result = result.iloc[::-1]
    rows = [
        {str(name): plain(value) for name, value in row.items()}
        for row in result.head(arguments.limit).to_dict("records")
    ]
    if arguments.period is not None:
        for row in rows:
            row[unit] = periods.label(row[unit], unit)
    return Aggregated(rows=rows, groups=len(result), used=len(frame))


def _measure(frame: "DataFrame", keys: list[str], measures: tuple[Measure, ...]) -> "DataFrame":
    import pandas as pd

    named: dict[str, Any] = {each.result: (each.column, each.function) for each in measures}
    if keys:
        grouped: DataFrame = frame.groupby(keys, sort=True, dropna=True).agg(**named)
        return grouped.reset_index()
    whole = {name: [frame[column].agg(function)] for name, (column, function) in named.items()}
    return pd.DataFrame(whole)


def _require_columns(arguments: AggregateTable, frame: "DataFrame") -> None:
    from pandas.api import types

    columns = ", ".join(map(str, frame.columns))
    asked = [("by", name) for name in arguments.by]
    asked += [
        (f"measures.{place}.column", each.column) for place, each in enumerate(arguments.measures)
    ]
    asked += [
        (f"filters.{place}.column", each.column) for place, each in enumerate(arguments.filters)
    ]
    if arguments.period is not None:
        asked.append(("period.column", arguments.period.column))
    for field, name in asked:
        if name not in frame.columns:
            raise ToolError(f"argument '{field}', value '{name}': must be one of {columns}")
    for place, each in enumerate(arguments.measures):
        numeric = types.is_numeric_dtype(frame[each.column])
        if each.function in {"mean", "sum"} and not numeric:
            raise ToolError(
                f"argument 'measures.{place}.function', value '{each.function}': "
                f"column '{each.column}' holds no numbers"
            )
    if arguments.period is not None and not types.is_datetime64_any_dtype(
        frame[arguments.period.column]
    ):
        raise ToolError(
            f"argument 'period.column', value '{arguments.period.column}': must hold dates"
        )
    results = [each.result for each in arguments.measures]
    made = [*arguments.by, *([arguments.period.unit] if arguments.period else []), *results]
    if len(set(made)) < len(made):
        raise ToolError(f"arguments make two columns of one name: {', '.join(made)}")
    if arguments.order_by is not None and arguments.order_by not in made:
        raise ToolError(
            f"argument 'order_by', value '{arguments.order_by}': must be one of {', '.join(made)}"
        )

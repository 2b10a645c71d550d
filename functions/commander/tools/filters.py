"""Which rows of a table to keep."""

import operator
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, JsonValue

from functions.commander.tools.registry import ToolArguments, ToolError
from functions.commander.tools.tables import Label

if TYPE_CHECKING:
    from pandas import DataFrame, Series

COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "lt": operator.lt,
    "le": operator.le,
    "gt": operator.gt,
    "ge": operator.ge,
}


class Filter(ToolArguments):
    """Keep rows whose column compares so with the value; `in_year` is for dates.

    `one_of` takes a list; the others take one value. A missing cell never matches.
    """

    column: Label
    op: Literal["eq", "ne", "lt", "le", "gt", "ge", "one_of", "in_year"]
    value: JsonValue = Field(default=None)


def keep(frame: "DataFrame", filters: Iterable[Filter]) -> "DataFrame":
    """The rows that match all filters, as a table of its own.

    Raises:
        ToolError: a value does not fit its column.
    """
    for each in filters:
        column = frame[each.column]
        try:
            matches = _matches(column, each) & column.notna()
        except (TypeError, ValueError, AttributeError) as error:
            raise ToolError(
                f"argument 'filters', value {each.value!r}: does not fit column "
                f"'{each.column}' with '{each.op}' ({error})"
            ) from error
        frame = frame[matches]
    return frame.copy()


def _matches(column: "Series[Any]", wanted: Filter) -> "Series[Any]":
    import pandas as pd

    if wanted.op == "in_year":
        if not isinstance(wanted.value, int):
            raise TypeError("a year is a whole number")
        years: Series[Any] = column.dt.year == wanted.value
        return years
    value: Any = wanted.value
    if pd.api.types.is_datetime64_any_dtype(column):
        value = pd.to_datetime(value)
    if wanted.op == "one_of":
        if not isinstance(wanted.value, list):
            raise TypeError("a list is needed")
        return column.isin(value)
    matching: Series[Any] = COMPARE[wanted.op](column, value)
    return matching

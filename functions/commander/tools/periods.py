"""Parts of dates to group by: months and weekdays come round, the others go on."""

from __future__ import annotations

import calendar
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from pandas import Series
    from pydantic import JsonValue

Unit = Literal["year", "month", "year_month", "weekday", "hour"]


def of(dates: Series[Any], unit: Unit) -> Series[Any]:
    """The part of each date as something that sorts: 1 to 12 for `month`, 0 to 6 for `weekday`."""
    if unit == "year_month":
        text: Series[Any] = dates.dt.strftime("%Y-%m")
        return text
    part: Series[Any] = getattr(dates.dt, "day_of_week" if unit == "weekday" else unit)
    return part


def label(value: JsonValue, unit: Unit) -> JsonValue:
    """The part for people: months and weekdays by their English names."""
    if not isinstance(value, int | float):
        return value
    if unit == "month":
        return calendar.month_name[int(value)]
    if unit == "weekday":
        return calendar.day_name[int(value)]
    return int(value)  # a column with a missing date has parts with a decimal point

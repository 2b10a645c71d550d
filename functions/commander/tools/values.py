"""Numbers and labels from pandas as JSON values, and as text for people."""

from __future__ import annotations

import math
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic import JsonValue

DIGITS = 6
YEARS = range(1500, 2101)  # whole numbers that are shown without separators


def plain(value: Any) -> JsonValue:
    """A cell as a JSON value: missing is `None`, dates are ISO 8601, floats have six decimals."""
    if hasattr(value, "item"):
        value = value.item()
    if value != value:  # noqa: PLR0124 - not a number, or not a time: nothing else differs so
        return None
    if isinstance(value, datetime):
        whole_day = value.time() == datetime.min.time()
        return value.date().isoformat() if whole_day else value.isoformat()
    if isinstance(value, bool | int | str) or value is None:
        return value
    if isinstance(value, float):
        return round(value, DIGITS) if math.isfinite(value) else None
    return str(value)


def shown(value: Any, digits: int = 1) -> str:
    """A JSON value for people: numbers with separators and few decimals, missing as a dash."""
    if value is None:
        return "–"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if isinstance(value, int):
        return str(value) if value in YEARS else f"{value:,}"
    return f"{value:,.{digits}f}"


def with_unit(value: Any, unit: str | None, digits: int = 1) -> str:
    """A value for people, followed by its unit where known."""
    return f"{shown(value, digits)} {unit}" if unit and value is not None else shown(value, digits)

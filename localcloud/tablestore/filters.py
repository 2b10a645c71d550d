"""Conditions on columns: what decides a conditional write and filters a read."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from localcloud.tablestore.errors import invalid
from localcloud.tablestore.limits import FILTER_CONDITIONS

if TYPE_CHECKING:
    from collections.abc import Callable

    from localcloud.tablestore.model import Cells, Value


class Comparator(Enum):
    """How a column's value is compared with the given one."""

    EQUAL = 1
    NOT_EQUAL = 2
    GREATER_THAN = 3
    GREATER_EQUAL = 4
    LESS_THAN = 5
    LESS_EQUAL = 6
    EXIST = 7
    NOT_EXIST = 8


class Combinator(Enum):
    """How conditions go together."""

    NOT = 1
    AND = 2
    OR = 3


@dataclass(frozen=True)
class Single:
    """A condition on one column.

    Attributes:
        pass_if_missing: the outcome for a row without that column.
        latest_only: whether only the newest version counts; otherwise any version may satisfy.
    """

    column: str
    comparator: Comparator
    value: Value
    pass_if_missing: bool = True
    latest_only: bool = True


@dataclass(frozen=True)
class Composite:
    """Conditions together."""

    combinator: Combinator
    parts: tuple[Filter, ...]


@dataclass(frozen=True)
class Pagination:
    """A window on the columns of a row, in the order of their names; every row passes."""

    offset: int
    limit: int


Filter = Single | Composite | Pagination

_COMPARE: dict[Comparator, Callable[[Any, Any], bool]] = {
    Comparator.EQUAL: operator.eq,
    Comparator.NOT_EQUAL: operator.ne,
    Comparator.GREATER_THAN: operator.gt,
    Comparator.GREATER_EQUAL: operator.ge,
    Comparator.LESS_THAN: operator.lt,
    Comparator.LESS_EQUAL: operator.le,
}


def passes(condition: Filter | None, cells: Cells) -> bool:
    """Whether the cells of a row satisfy a condition."""
    if condition is None or isinstance(condition, Pagination):
        return True
    if isinstance(condition, Single):
        return _single(condition, cells)
    outcomes = (passes(part, cells) for part in condition.parts)
    if condition.combinator is Combinator.NOT:
        return not next(outcomes)
    return all(outcomes) if condition.combinator is Combinator.AND else any(outcomes)


def check_filter(condition: Filter) -> None:
    """Refuse a filter that is too large or not well formed.

    Raises:
        CloudError: `OTSParameterInvalid`.
    """
    if _count(condition) > FILTER_CONDITIONS:
        raise invalid(f"A filter has at most {FILTER_CONDITIONS} conditions.")


def window(condition: Filter | None, cells: Cells) -> Cells:
    """Apply a `Pagination`; any other filter leaves the columns as they are."""
    if not isinstance(condition, Pagination):
        return cells
    names = sorted(cells)[condition.offset : condition.offset + condition.limit]
    return {name: cells[name] for name in names}


def _single(condition: Single, cells: Cells) -> bool:
    versions = cells.get(condition.column)
    if condition.comparator is Comparator.EXIST:
        return bool(versions)
    if condition.comparator is Comparator.NOT_EXIST:
        return not versions
    if not versions:
        return condition.pass_if_missing
    newest_first = sorted(versions, reverse=True)
    considered = newest_first[:1] if condition.latest_only else newest_first
    return any(_compare(condition, versions[version]) for version in considered)


def _compare(condition: Single, value: Value) -> bool:
    # Values of different types never satisfy a condition, not even NOT_EQUAL: the service compares
    # within a type [I]. Text compares by its bytes.
    if type(value) is not type(condition.value):
        return False
    given = condition.value
    if isinstance(value, str) and isinstance(given, str):
        return _COMPARE[condition.comparator](value.encode(), given.encode())
    return _COMPARE[condition.comparator](value, given)


def _count(condition: Filter) -> int:
    if not isinstance(condition, Composite):
        if isinstance(condition, Pagination) and (condition.offset < 0 or condition.limit <= 0):
            raise invalid("ColumnPaginationFilter: offset must not be negative, limit positive.")
        return 1
    least = 1 if condition.combinator is Combinator.NOT else 2
    if len(condition.parts) < least or (
        condition.combinator is Combinator.NOT and len(condition.parts) != 1
    ):
        raise invalid(
            f"{condition.combinator.name} of {len(condition.parts)} conditions: NOT has one, "
            "AND and OR have two or more."
        )
    return sum(_count(part) for part in condition.parts)

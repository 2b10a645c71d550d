"""What a reader sees of a row."""

from __future__ import annotations

from typing import TYPE_CHECKING

from localcloud.tablestore.errors import invalid
from localcloud.tablestore.filters import check_filter, passes, window
from localcloud.tablestore.limits import COLUMNS_TO_GET
from localcloud.tablestore.model import Row

if TYPE_CHECKING:
    from localcloud.tablestore.model import Cells, Selection, Table, Value


def check_selection(selection: Selection) -> None:
    """Refuse a read that is not well formed.

    Raises:
        CloudError: `OTSParameterInvalid`.
    """
    if len(selection.columns) > COLUMNS_TO_GET:
        raise invalid(
            f"The number of columns to get exceeded the limit: {len(selection.columns)} > "
            f"{COLUMNS_TO_GET}."
        )
    if selection.max_versions is None and selection.time_range is None:
        raise invalid("No version condition is specified: max_versions or time_range.")
    if selection.max_versions is not None and selection.max_versions < 1:
        raise invalid(f"max_versions must be positive, not {selection.max_versions}.")
    if selection.time_range is not None:
        start, end = selection.time_range
        if not 0 <= start < end:
            raise invalid(f"time_range from {start} to {end}: the start must be before the end.")
    if selection.filter is not None:
        check_filter(selection.filter)


def alive(row: Row | None, table: Table, now: float) -> Row | None:
    """The row without what has expired; None when nothing is left of it.

    Cells expire one by one; a row without cells expires by the time of its writing [I].
    """
    if row is None:
        return None
    limit = table.expired_before(now)
    if row.newest <= limit:
        return None
    cells = {
        name: left
        for name, versions in row.cells.items()
        if (left := {at: value for at, value in versions.items() if at > limit})
    }
    return Row(row.key, cells, row.written)


def select(row: Row, table: Table, selection: Selection) -> Row | None:
    """The part of a living row that a reader asked for; None when it is left out.

    A filter sees the selected columns only, and a row none of whose wanted columns exists is left
    out, unless a primary key column is among them ("GetRange", "Configure a filter" [D]).
    """
    wanted = set(selection.columns)
    cells: Cells = {}
    for name in sorted(row.cells):
        if wanted and name not in wanted:
            continue
        if selection.start_column is not None and name < selection.start_column:
            continue
        if selection.end_column is not None and name >= selection.end_column:
            continue
        if versions := _versions(row.cells[name], table, selection):
            cells[name] = versions
    if not passes(selection.filter, cells):
        return None
    keys = {column.name for column in table.primary_key}
    if not cells and (row.cells or wanted) and not wanted & keys:
        return None
    return Row(row.key, window(selection.filter, cells), row.written)


def _versions(versions: dict[int, Value], table: Table, selection: Selection) -> dict[int, Value]:
    """Newest first; those beyond the table's `max_versions` are not there to a reader."""
    found: dict[int, Value] = {}
    for at in sorted(versions, reverse=True)[: table.options.max_versions]:
        if selection.time_range and not selection.time_range[0] <= at < selection.time_range[1]:
            continue
        found[at] = versions[at]
        if selection.max_versions is not None and len(found) == selection.max_versions:
            break
    return found

"""Rules of table definitions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from localcloud.tablestore.errors import invalid
from localcloud.tablestore.limits import DEFINED_COLUMNS, KEY_COLUMNS, LEAST_TTL, NAME
from localcloud.tablestore.model import KeyColumn, KeyType

if TYPE_CHECKING:
    from collections.abc import Sequence

    from localcloud.tablestore.model import TableOptions

KeySpecification = tuple[str, str] | tuple[str, str, str] | list[str]
COLUMN_TYPES = ("INTEGER", "DOUBLE", "BOOLEAN", "STRING", "BINARY")


def key_columns(specified: Sequence[KeySpecification]) -> tuple[KeyColumn, ...]:
    """Read primary key columns from `(name, type)` or `(name, type, "AUTO_INCREMENT")`.

    Raises:
        CloudError: a type or an option is unknown.
    """
    columns = []
    for name, kind, *option in specified:
        if kind.upper() not in KeyType.__members__:
            raise invalid(f"Invalid type of primary key column {name!r}: {kind!r}.")
        if option not in ([], ["AUTO_INCREMENT"]):
            raise invalid(f"Invalid option of primary key column {name!r}: {option!r}.")
        columns.append(KeyColumn(name, KeyType[kind.upper()], bool(option)))
    return tuple(columns)


def check_table(
    name: str,
    columns: tuple[KeyColumn, ...],
    options: TableOptions,
    defined: Sequence[tuple[str, str]],
) -> None:
    """Refuse a malformed table.

    Raises:
        CloudError: `OTSParameterInvalid`.
    """
    if not NAME.fullmatch(name):
        raise invalid(f"Invalid table name: {name[:64]!r}.")
    if not 1 <= len(columns) <= KEY_COLUMNS:
        raise invalid(
            f"The number of primary key columns must be in range: [1, {KEY_COLUMNS}], "
            f"not {len(columns)}."
        )
    if len(defined) > DEFINED_COLUMNS:
        raise invalid(f"The number of defined columns exceeded the limit {DEFINED_COLUMNS}.")
    names = [column.name for column in columns] + [column for column, _ in defined]
    for column in names:
        if not NAME.fullmatch(column):
            raise invalid(f"Invalid column name: {column[:64]!r}.")
    if len(set(names)) != len(names):
        raise invalid(f"Duplicated column name among {', '.join(names)}.")
    for column, kind in defined:
        if kind not in COLUMN_TYPES:
            raise invalid(f"Invalid type of defined column {column!r}: {kind!r}.")
    _check_auto_increment(columns)
    check_options(options)


def check_options(options: TableOptions) -> None:
    """Refuse impossible options.

    Raises:
        CloudError: `OTSParameterInvalid`.
    """
    if options.time_to_live != -1 and options.time_to_live < LEAST_TTL:
        raise invalid(
            f"time_to_live must be -1 or at least {LEAST_TTL} seconds, not {options.time_to_live}."
        )
    if options.max_versions < 1:
        raise invalid(f"max_versions must be positive, not {options.max_versions}.")
    if options.deviation < 1:
        raise invalid(f"The deviation of versions must be positive, not {options.deviation}.")


def _check_auto_increment(columns: tuple[KeyColumn, ...]) -> None:
    """At most one such column, not the first, an integer ("Auto-increment" [D])."""
    automatic = [column for column in columns if column.auto_increment]
    if len(automatic) > 1:
        raise invalid("A table has at most one auto-increment column.")
    if automatic and (columns[0].auto_increment or automatic[0].type is not KeyType.INTEGER):
        raise invalid(
            f"Auto-increment column {automatic[0].name!r} must be an integer and not the first "
            "primary key column."
        )

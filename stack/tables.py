"""The tables of the session store, read from the file that the functions read too."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

TABLES_FILE = Path("functions/tables.json")
COLUMN_TYPES = {"STRING": "String", "INTEGER": "Integer", "BINARY": "Binary"}


@dataclass(frozen=True)
class Table:
    """One table.

    Attributes:
        name: of the table.
        primary_key: columns and their types, as the provider calls them, in order.
        time_to_live_s: seconds that a row lives, or -1.
        max_versions: versions of a cell that are kept.
    """

    name: str
    primary_key: tuple[tuple[str, str], ...]
    time_to_live_s: int
    max_versions: int


def read_tables(root: Path) -> tuple[Table, ...]:
    """Read `functions/tables.json`.

    Raises:
        ValueError: it is not what it should be; the message names the file.
    """
    try:
        content = json.loads((root / TABLES_FILE).read_text(encoding="utf-8"))
        return tuple(
            Table(
                name=row["name"],
                primary_key=tuple(
                    (column, COLUMN_TYPES[kind]) for column, kind in row["primary_key"]
                ),
                time_to_live_s=row["time_to_live_seconds"],
                max_versions=row["max_versions"],
            )
            for row in content["tables"]
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{TABLES_FILE} cannot be read: {error!r}") from error

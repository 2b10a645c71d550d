"""Rows and tables as the database keeps them: JSON in which every value carries its type."""

from __future__ import annotations

import base64
import json
from dataclasses import asdict
from typing import Any

from localcloud.tablestore.model import (
    Cells,
    Encryption,
    KeyColumn,
    KeyType,
    Table,
    TableOptions,
    Value,
)


def dump_cells(cells: Cells) -> str:
    """Cells as JSON."""
    return json.dumps(
        {
            name: [[at, *_dump(value)] for at, value in versions.items()]
            for name, versions in cells.items()
        },
        ensure_ascii=False,
        separators=(",", ":"),
    )


def load_cells(text: str) -> Cells:
    """Cells from JSON."""
    return {
        name: {at: _load(kind, value) for at, kind, value in versions}
        for name, versions in json.loads(text).items()
    }


def dump_table(table: Table) -> str:
    """All of a table but its number, instance and name."""
    return json.dumps(
        {
            "primary_key": [[c.name, c.type.value, c.auto_increment] for c in table.primary_key],
            "options": asdict(table.options),
            "defined_columns": table.defined_columns,
            "encryption": asdict(table.encryption) if table.encryption else None,
            "created": table.created,
        }
    )


def load_table(number: int, instance: str, name: str, text: str) -> Table:
    """The table that `dump_table` wrote."""
    content: dict[str, Any] = json.loads(text)
    encryption = content["encryption"]
    return Table(
        number=number,
        instance=instance,
        name=name,
        primary_key=tuple(
            KeyColumn(column, KeyType(kind), auto) for column, kind, auto in content["primary_key"]
        ),
        options=TableOptions(**content["options"]),
        defined_columns=tuple((column, kind) for column, kind in content["defined_columns"]),
        encryption=Encryption(**encryption) if encryption else None,
        created=content["created"],
    )


def _dump(value: Value) -> tuple[str, Any]:
    match value:
        case bool():
            return "t", value
        case int():
            return "i", value
        case float():
            return "d", value.hex()
        case str():
            return "s", value
        case bytes():
            return "b", base64.b64encode(value).decode()


def _load(kind: str, value: Any) -> Value:
    if kind == "d":
        return float.fromhex(value)
    if kind == "b":
        return base64.b64decode(value)
    loaded: Value = value
    return loaded

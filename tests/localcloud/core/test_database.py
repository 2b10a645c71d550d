"""Files: private, durable, and checked when they are opened."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

import pytest

from localcloud.core.database import open_database
from localcloud.core.errors import StateDamaged

if TYPE_CHECKING:
    from pathlib import Path

SCHEMA = "CREATE TABLE IF NOT EXISTS t (a INTEGER PRIMARY KEY, b TEXT);"


def test_nobody_else_reads_it_nor_what_lies_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "state" / "x.db"
    database = open_database(path, SCHEMA)
    database.execute("INSERT INTO t VALUES (1, 'secret')")
    files = list(path.parent.iterdir())
    assert {file.suffix for file in files} >= {".db", ".db-wal"}
    assert [file.name for file in files if file.stat().st_mode & 0o077] == []
    assert path.parent.stat().st_mode & 0o077 == 0
    database.close()


def test_what_is_written_is_there_after_opening_again(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    database = open_database(path, SCHEMA)
    database.execute("INSERT INTO t VALUES (1, 'x')")
    database.close()
    database = open_database(path, SCHEMA)
    assert database.execute("SELECT b FROM t").fetchall() == [("x",)]
    database.close()


@pytest.mark.parametrize("damage", ["no database", "cut", "folder", "scribbled"])
def test_a_damaged_file_is_named(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "x.db"
    if damage == "folder":
        path.mkdir()
    elif damage == "no database":
        path.write_bytes(b"this is text" * 100)
    else:
        with sqlite3.connect(path) as database:
            database.executescript(SCHEMA)
            database.executemany("INSERT INTO t VALUES (?, ?)", [(n, "x" * 99) for n in range(999)])
        database.close()
        whole = path.read_bytes()
        scribbled = whole[:9000] + b"\xff" * 9000 + whole[18000:]
        path.write_bytes(whole[: len(whole) // 2] if damage == "cut" else scribbled)
    with pytest.raises(StateDamaged, match=r"x\.db is damaged") as caught:
        open_database(path, SCHEMA)
    assert caught.value.path == path

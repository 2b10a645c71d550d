"""SQLite files: durable before the answer, checked when they are opened."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from localcloud.core.errors import StateDamaged

if TYPE_CHECKING:
    from pathlib import Path


def open_database(path: Path, schema: str, version: int = 0) -> sqlite3.Connection:
    """Open a database and make what its schema lacks.

    The connection may be used from any thread, but by one at a time: its owner holds a lock.

    Args:
        path: the file; its folder is made.
        schema: statements that are harmless when repeated (`CREATE TABLE IF NOT EXISTS …`).
        version: of the schema; to be raised with every change that such statements do not make.

    Raises:
        StateDamaged: the file is no database, cannot be opened, fails a check, or is of another
            version.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        # Nobody else may read it, nor the files that SQLite puts beside it with the same mode.
        path.touch(mode=0o600)
        connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        try:
            _prepare(connection, path, schema, version)
        except BaseException:
            connection.close()
            raise
    except (sqlite3.DatabaseError, OSError) as error:
        raise StateDamaged(path, str(error)) from error
    return connection


def _prepare(connection: sqlite3.Connection, path: Path, schema: str, version: int) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA busy_timeout = 5000")
    (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        raise StateDamaged(path, str(verdict))
    (found,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if tables and found != version:
        raise StateDamaged(path, f"its version is {found} and this program's {version}")
    connection.executescript(schema)
    connection.execute(f"PRAGMA user_version = {version:d}")

"""Small JSON documents in one SQLite file: what the control planes of the local cloud remember."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any

from localcloud.core.database import open_database

if TYPE_CHECKING:
    from pathlib import Path

_SCHEMA = """
CREATE TABLE IF NOT EXISTS documents (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    body TEXT NOT NULL,
    UNIQUE (kind, id)
);
"""


class Documents:
    """Documents by kind and id. A write is on disk when the call returns.

    Args:
        path: the SQLite file; made when it is not there.

    Raises:
        StateDamaged: the file is no sound database.
    """

    def __init__(self, path: Path) -> None:
        self._database = open_database(path, _SCHEMA)
        self._lock = threading.Lock()

    def put(self, kind: str, id_: str, body: dict[str, Any]) -> None:
        """Write a document; an existing one keeps its place in the order of `all`."""
        with self._lock:
            self._database.execute(
                "INSERT INTO documents (kind, id, body) VALUES (?, ?, ?) "
                "ON CONFLICT (kind, id) DO UPDATE SET body = excluded.body",
                (kind, id_, json.dumps(body, ensure_ascii=False)),
            )

    def get(self, kind: str, id_: str) -> dict[str, Any] | None:
        """Return a document, or None."""
        with self._lock:
            row = self._database.execute(
                "SELECT body FROM documents WHERE kind = ? AND id = ?", (kind, id_)
            ).fetchone()
        return None if row is None else json.loads(row[0])

    def all(self, kind: str) -> dict[str, dict[str, Any]]:
        """Return the documents of a kind by id, oldest first."""
        with self._lock:
            rows = self._database.execute(
                "SELECT id, body FROM documents WHERE kind = ? ORDER BY number", (kind,)
            ).fetchall()
        return {id_: json.loads(body) for id_, body in rows}

    def remove(self, kind: str, id_: str) -> None:
        """Forget a document; one that is not there is no error."""
        with self._lock:
            self._database.execute("DELETE FROM documents WHERE kind = ? AND id = ?", (kind, id_))

    def close(self) -> None:
        """Close the file."""
        self._database.close()

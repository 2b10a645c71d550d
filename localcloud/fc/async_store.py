"""Asynchronous requests on disk."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from localcloud.core.database import open_database

if TYPE_CHECKING:
    from pathlib import Path

FINISHED = ("Succeeded", "Failed", "Expired")
_KEPT_FINISHED = 10_000

_SCHEMA = """
CREATE TABLE IF NOT EXISTS requests (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    request_id TEXT NOT NULL UNIQUE,
    function TEXT NOT NULL,
    task_id TEXT,
    payload BLOB NOT NULL,
    enqueued_at REAL NOT NULL,
    due_at REAL NOT NULL,
    runs INTEGER NOT NULL DEFAULT 0,
    refusals INTEGER NOT NULL DEFAULT 0,
    state TEXT NOT NULL,
    error TEXT NOT NULL DEFAULT ''
);
CREATE UNIQUE INDEX IF NOT EXISTS requests_by_task ON requests (function, task_id)
    WHERE task_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS requests_by_due ON requests (state, due_at);
"""


@dataclass(frozen=True)
class AsyncRequest:
    """One request.

    Attributes:
        task_id: given by the caller for a task, or None.
        enqueued_at: Unix seconds.
        due_at: when to run it, or run it again.
        runs: runs that the function or its instance failed.
        refusals: times that the platform had no room for it.
        state: Enqueued, Running, Retrying, Succeeded, Failed or Expired.
        error: type of the last error.
    """

    request_id: str
    function: str
    task_id: str | None
    payload: bytes
    enqueued_at: float
    due_at: float
    runs: int
    refusals: int
    state: str
    error: str


_COLUMNS = ", ".join(AsyncRequest.__dataclass_fields__)


class AsyncStore:
    """The queue's rows.

    Args:
        path: the SQLite file.

    Raises:
        StateDamaged: it is no sound database.
    """

    def __init__(self, path: Path) -> None:
        self._database = open_database(path, _SCHEMA)
        # What was running when the cloud ended was not finished: at least once.
        self._database.execute("UPDATE requests SET state = 'Enqueued' WHERE state = 'Running'")

    def add(self, request: AsyncRequest) -> bool:
        """Write a request; False when the function has had that task."""
        with self._database:
            self._database.execute("BEGIN IMMEDIATE")
            added = self._database.execute(
                f"INSERT INTO requests ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "  # noqa: S608
                "ON CONFLICT (function, task_id) WHERE task_id IS NOT NULL DO NOTHING",
                tuple(getattr(request, name) for name in AsyncRequest.__dataclass_fields__),
            ).rowcount
            self._database.execute(
                "DELETE FROM requests WHERE state IN ('Succeeded', 'Failed', 'Expired') "
                "AND number <= (SELECT max(number) FROM requests) - ?",
                (_KEPT_FINISHED,),
            )
        return added == 1

    def due(self, now: float, limit: int) -> list[AsyncRequest]:
        """Requests whose time has come, oldest first."""
        rows = self._database.execute(
            f"SELECT {_COLUMNS} FROM requests WHERE state IN ('Enqueued', 'Retrying') "  # noqa: S608
            "AND due_at <= ? ORDER BY due_at, number LIMIT ?",
            (now, limit),
        )
        return [AsyncRequest(*row) for row in rows]

    def next_due(self) -> float | None:
        """When the next request is due."""
        row = self._database.execute(
            "SELECT min(due_at) FROM requests WHERE state IN ('Enqueued', 'Retrying')"
        ).fetchone()
        return None if row[0] is None else float(row[0])

    def mark(
        self,
        request_id: str,
        state: str,
        *,
        error: str = "",
        due_at: float = 0.0,
        runs: int = 0,
        refusals: int = 0,
    ) -> None:
        """Write a new state; the counters are added to. A finished request's payload is let go."""
        self._database.execute(
            "UPDATE requests SET state = ?1, error = ?2, due_at = ?3, runs = runs + ?4, "
            "refusals = refusals + ?5, "
            "payload = "
            "CASE WHEN ?1 IN ('Succeeded', 'Failed', 'Expired') THEN x'' ELSE payload END "
            "WHERE request_id = ?6",
            (state, error, due_at, runs, refusals, request_id),
        )

    def get(self, function: str, id_: str) -> AsyncRequest | None:
        """A request by its id or task id."""
        row = self._database.execute(
            f"SELECT {_COLUMNS} FROM requests WHERE function = ?1 "  # noqa: S608
            "AND (request_id = ?2 OR task_id = ?2)",
            (function, id_),
        ).fetchone()
        return None if row is None else AsyncRequest(*row)

    def close(self) -> None:
        """Close the file."""
        self._database.close()

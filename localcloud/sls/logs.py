"""Projects, logstores and their lines, bounded, in one SQLite file."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from localcloud.core.database import open_database
from localcloud.core.errors import CloudError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from localcloud.core.config import CloudConfig

OPERATIONS = {
    "CreateProject": "domain call; names by the service's rule, 3 to 63 characters",
    "DeleteProject": "domain call; with its logstores",
    "CreateLogStore": "domain call; ttl is recorded, a line limit bounds the store",
    "DeleteLogStore": "domain call",
    "PutLogs": "domain call `append`",
    "GetLogs": "domain calls `tail` and `query` (time range, text, exact fields); no SQL, no index",
}

_SCHEMA = """
CREATE TABLE IF NOT EXISTS projects (name TEXT PRIMARY KEY, description TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS logstores (
    project TEXT NOT NULL REFERENCES projects (name),
    name TEXT NOT NULL,
    ttl_days INTEGER NOT NULL,
    PRIMARY KEY (project, name)
);
CREATE TABLE IF NOT EXISTS lines (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    project TEXT NOT NULL,
    logstore TEXT NOT NULL,
    at REAL NOT NULL,
    message TEXT NOT NULL,
    fields TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS lines_by_store ON lines (project, logstore, number);
"""
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{1,61}[a-z0-9]")
_LONGEST_LINE = 64 * 1024
_TRIM_EVERY = 500


@dataclass(frozen=True)
class LogLine:
    """One line.

    Attributes:
        at: Unix seconds.
        message: its text, 64 KB at most (the rest is cut off).
        fields: what the writer adds, such as ``requestId``.
    """

    at: float
    message: str
    fields: Mapping[str, str] = field(default_factory=dict)


class LogService:
    """Logstores of one account.

    Args:
        config: where the state lies.
        keep: lines kept in a logstore; the oldest go first.

    Raises:
        StateDamaged: the file is no sound database.
    """

    name = "sls"

    def __init__(self, config: CloudConfig, *, keep: int = 50_000) -> None:
        self._database = open_database(config.state_dir / "sls.sqlite", _SCHEMA)
        # A line that a power cut takes is no loss; a flush for each batch would slow functions.
        self._database.execute("PRAGMA synchronous = NORMAL")
        self._keep = keep
        self._since_trim = 0

    def put_project(self, name: str, description: str = "") -> None:
        """Create a project, or change its description.

        Raises:
            CloudError: 400, the name breaks the service's rule.
        """
        _check("projectName", name)
        with self._database:
            self._database.execute(
                "INSERT INTO projects VALUES (?, ?) "
                "ON CONFLICT (name) DO UPDATE SET description = excluded.description",
                (name, description),
            )

    def delete_project(self, name: str) -> None:
        """Delete a project with everything in it; one that is gone is no error."""
        with self._database:
            self._database.execute("BEGIN IMMEDIATE")
            for table, column in (
                ("lines", "project"),
                ("logstores", "project"),
                ("projects", "name"),
            ):
                self._database.execute(f"DELETE FROM {table} WHERE {column} = ?", (name,))  # noqa: S608

    def projects(self) -> list[str]:
        """Names, sorted."""
        return [row[0] for row in self._database.execute("SELECT name FROM projects ORDER BY name")]

    def put_logstore(self, project: str, name: str, ttl_days: int = 30) -> None:
        """Create a logstore, or change its time to live (which is recorded; the line limit rules).

        Raises:
            CloudError: 400 for a bad name, 404 when there is no such project.
        """
        _check("logstoreName", name)
        if not self._database.execute(
            "SELECT 1 FROM projects WHERE name = ?", (project,)
        ).fetchone():
            raise CloudError(404, "ProjectNotExist", f"The Project does not exist : {project}")
        with self._database:
            self._database.execute(
                "INSERT INTO logstores VALUES (?, ?, ?) "
                "ON CONFLICT (project, name) DO UPDATE SET ttl_days = excluded.ttl_days",
                (project, name, int(ttl_days)),
            )

    def delete_logstore(self, project: str, name: str) -> None:
        """Delete a logstore and its lines; one that is gone is no error."""
        with self._database:
            self._database.execute("BEGIN IMMEDIATE")
            self._database.execute(
                "DELETE FROM lines WHERE project = ? AND logstore = ?", (project, name)
            )
            self._database.execute(
                "DELETE FROM logstores WHERE project = ? AND name = ?", (project, name)
            )

    def logstores(self, project: str) -> list[str]:
        """Names of a project's logstores, sorted."""
        return [
            row[0]
            for row in self._database.execute(
                "SELECT name FROM logstores WHERE project = ? ORDER BY name", (project,)
            )
        ]

    def append(self, project: str, logstore: str, lines: Iterable[LogLine]) -> None:
        """Write lines.

        Raises:
            CloudError: 404, there is no such logstore.
        """
        self._require(project, logstore)
        rows = [
            (
                project,
                logstore,
                line.at,
                line.message[:_LONGEST_LINE],
                json.dumps(dict(line.fields)),
            )
            for line in lines
        ]
        with self._database:
            self._database.execute("BEGIN IMMEDIATE")
            self._database.executemany(
                "INSERT INTO lines (project, logstore, at, message, fields) VALUES (?, ?, ?, ?, ?)",
                rows,
            )
            self._since_trim += len(rows)
            if self._since_trim >= min(_TRIM_EVERY, self._keep):
                self._since_trim = 0
                self._trim(project, logstore)

    def tail(self, project: str, logstore: str, n: int = 100) -> list[LogLine]:
        """The last lines, oldest first.

        Raises:
            CloudError: 404, there is no such logstore.
        """
        self._require(project, logstore)
        found = self._database.execute(
            "SELECT at, message, fields FROM lines WHERE project = ? AND logstore = ? "
            "ORDER BY number DESC LIMIT ?",
            (project, logstore, n),
        ).fetchall()
        return [_line(row) for row in reversed(found)]

    def query(
        self,
        project: str,
        logstore: str,
        *,
        begin: float = 0.0,
        end: float = float("inf"),
        text: str = "",
        fields: Mapping[str, str] | None = None,
    ) -> list[LogLine]:
        """Lines with ``begin <= at < end`` that contain a text and have these fields, oldest first.

        Raises:
            CloudError: 404, there is no such logstore.
        """
        self._require(project, logstore)
        rows = self._database.execute(
            "SELECT at, message, fields FROM lines WHERE project = ? AND logstore = ? "
            "AND at >= ? AND at < ? ORDER BY number",
            (project, logstore, begin, end),
        )
        wanted = dict(fields or {}).items()
        return [
            line
            for line in map(_line, rows)
            if text in line.message and wanted <= line.fields.items()
        ]

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def _require(self, project: str, logstore: str) -> None:
        row = self._database.execute(
            "SELECT 1 FROM logstores WHERE project = ? AND name = ?", (project, logstore)
        ).fetchone()
        if row is None:
            raise CloudError(
                404, "LogStoreNotExist", f"logstore {project}/{logstore} does not exist"
            )

    def _trim(self, project: str, logstore: str) -> None:
        self._database.execute(
            "DELETE FROM lines WHERE project = ?1 AND logstore = ?2 AND number <= ("
            "SELECT number FROM lines WHERE project = ?1 AND logstore = ?2 "
            "ORDER BY number DESC LIMIT 1 OFFSET ?3)",
            (project, logstore, self._keep),
        )


def _check(field_name: str, name: str) -> None:
    if not _NAME.fullmatch(name):
        raise CloudError(
            400,
            "ParameterInvalid",
            f"{field_name} {name!r}: 3 to 63 lower-case letters, digits, - and _, "
            "with a letter or digit at both ends",
        )


def _line(row: tuple[float, str, str]) -> LogLine:
    return LogLine(row[0], row[1], json.loads(row[2]))

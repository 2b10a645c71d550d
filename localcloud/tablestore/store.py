"""Instances and tables, and every operation on them: one SQLite file, durable before the answer."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from localcloud.core.database import open_database
from localcloud.core.errors import CloudError
from localcloud.tablestore import rows
from localcloud.tablestore.changes import check_size
from localcloud.tablestore.errors import already_exists, auth_failed, invalid, quota, table_missing
from localcloud.tablestore.keys import checked_key, encode_key
from localcloud.tablestore.limits import (
    INSTANCE,
    INSTANCES,
    READ_ROWS,
    ROW_BYTES,
    TABLES,
    WRITE_ROWS,
)
from localcloud.tablestore.model import Answer, Edge, Table, TableOptions
from localcloud.tablestore.schema import check_options, check_table, key_columns
from localcloud.tablestore.stored import dump_table, load_table

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Sequence

    from localcloud.core.clock import Clock
    from localcloud.core.config import CloudConfig
    from localcloud.tablestore.model import (
        Encryption,
        NamedKey,
        Page,
        Selection,
        Write,
    )
    from localcloud.tablestore.schema import KeySpecification

_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS instances (name TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS tables (
    number INTEGER PRIMARY KEY AUTOINCREMENT, instance TEXT NOT NULL, name TEXT NOT NULL,
    content TEXT NOT NULL, UNIQUE (instance, name)
);
{rows.SCHEMA}
"""

Outcome = Answer | CloudError


class Tablestore:
    """All instances of one account.

    Every method may be called from any thread; one at a time works on the file.

    Raises:
        StateDamaged: the file is no database, or a check of it fails.
    """

    def __init__(self, config: CloudConfig, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.RLock()
        self._db = open_database(config.state_dir / "tablestore.sqlite", _SCHEMA)
        self._tables: dict[tuple[str, str], Table] = {
            (instance, name): load_table(number, instance, name, content)
            for number, instance, name, content in self._db.execute("SELECT * FROM tables")
        }

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    def create_instance(self, name: str) -> None:
        """Make an instance.

        Raises:
            CloudError: the name is malformed or taken, or there are too many.
        """
        if not INSTANCE.fullmatch(name):
            raise invalid(
                f"Invalid instance name: {name[:64]!r}: 3 to 16 letters, digits and hyphens, "
                "beginning with a letter and not ending with a hyphen."
            )
        with self._transaction() as db:
            if name in self._instances():
                raise already_exists(f"instance {name}")
            if len(self._instances()) >= INSTANCES:
                raise quota(f"An account has at most {INSTANCES} instances.")
            db.execute("INSERT INTO instances VALUES (?)", (name,))

    def delete_instance(self, name: str) -> None:
        """Remove an instance without tables.

        Raises:
            CloudError: it is not there, or still has tables.
        """
        with self._transaction() as db:
            self.check_instance(name)
            if self.list_tables(name):
                raise CloudError(409, "OTSObjectNotEmpty", f"Instance {name} still has tables.")
            db.execute("DELETE FROM instances WHERE name = ?", (name,))

    def list_instances(self) -> list[str]:
        """The names of all instances."""
        with self._lock:
            return sorted(self._instances())

    def check_instance(self, name: str) -> None:
        """Refuse a name of no instance.

        Raises:
            CloudError: `OTSAuthFailed`, as the service says it.
        """
        with self._lock:
            if name not in self._instances():
                raise auth_failed("The instance is not found.")

    def create_table(  # noqa: PLR0913 - what a table has
        self,
        instance: str,
        name: str,
        primary_key: Sequence[KeySpecification],
        ttl: int = -1,
        max_versions: int = 1,
        *,
        deviation: int = 86400,
        allow_update: bool = True,
        defined_columns: Sequence[tuple[str, str]] = (),
        encryption: Encryption | None = None,
    ) -> Table:
        """Make a table.

        Args:
            instance: where.
            name: letters, digits and underscores.
            primary_key: for each column its name, its type (STRING, INTEGER, BINARY) and, as a
                third item, `AUTO_INCREMENT` where wanted.
            ttl: seconds that cells live; -1 for ever.
            max_versions: of each cell.
            deviation: how many seconds a given version may be off the clock.
            allow_update: whether UpdateRow is allowed.
            defined_columns: predefined attribute columns, recorded.
            encryption: recorded.

        Raises:
            CloudError: something is malformed, the name is taken, or there are too many tables.
        """
        options = TableOptions(ttl, max_versions, deviation, allow_update)
        columns = key_columns(primary_key)
        check_table(name, columns, options, defined_columns)
        with self._transaction() as db:
            self.check_instance(instance)
            if (instance, name) in self._tables:
                raise already_exists("table")
            if len(self.list_tables(instance)) >= TABLES:
                raise quota(f"Number of tables exceeded the quota of {TABLES}.")
            table = Table(
                0,
                instance,
                name,
                columns,
                options,
                tuple(defined_columns),
                encryption,
                self._clock.now(),
            )
            number = db.execute(
                "INSERT INTO tables (instance, name, content) VALUES (?, ?, ?)",
                (instance, name, dump_table(table)),
            ).lastrowid
        made = replace(table, number=number or 0)
        self._tables[instance, name] = made
        return made

    def update_table(self, instance: str, name: str, **changes: Any) -> Table:
        """Change options of a table: `time_to_live`, `max_versions`, `deviation`, `allow_update`.

        Raises:
            CloudError: there is no such table, or a value is malformed.
        """
        with self._transaction() as db:
            table = self.table(instance, name)
            given = {key: value for key, value in changes.items() if value is not None}
            changed = replace(table, options=replace(table.options, **given))
            check_options(changed.options)
            db.execute(
                "UPDATE tables SET content = ? WHERE number = ?",
                (dump_table(changed), table.number),
            )
        self._tables[instance, name] = changed
        return changed

    def delete_table(self, instance: str, name: str) -> None:
        """Remove a table and its rows.

        Raises:
            CloudError: there is no such table.
        """
        with self._transaction() as db:
            table = self.table(instance, name)
            for owner in ("rows", "sequences", "tables"):
                db.execute(f"DELETE FROM {owner} WHERE number = ?", (table.number,))  # noqa: S608
        del self._tables[instance, name]

    def table(self, instance: str, name: str) -> Table:
        """Describe a table.

        Raises:
            CloudError: there is no such table.
        """
        with self._lock:
            found = self._tables.get((instance, name))
        if found is None:
            raise table_missing(name)
        return found

    def list_tables(self, instance: str) -> list[str]:
        """The names of an instance's tables."""
        with self._lock:
            return sorted(name for owner, name in self._tables if owner == instance)

    def get_row(self, instance: str, name: str, key: NamedKey, selection: Selection) -> Answer:
        """Read one row; see `rows.get_row`."""
        with self._lock:
            table = self.table(instance, name)
            return rows.get_row(self._db, table, key, selection, self._clock.now())

    def write_row(self, instance: str, name: str, write: Write) -> Answer:
        """Put, update or delete one row; see `rows.write_row`."""
        with self._transaction() as db:
            table = self.table(instance, name)
            return rows.write_row(db, table, write, self._clock.now())

    def get_range(
        self,
        instance: str,
        name: str,
        bounds: tuple[NamedKey, NamedKey],
        selection: Selection,
        *,
        forward: bool = True,
        limit: int | None = None,
    ) -> Page:
        """Read a part of a range; see `rows.get_range`."""
        with self._lock:
            table = self.table(instance, name)
            now = self._clock.now()
            return rows.get_range(
                self._db, table, bounds, selection, now, forward=forward, limit=limit
            )

    def batch_get(
        self, instance: str, reads: Sequence[tuple[str, Sequence[NamedKey], Selection]]
    ) -> list[tuple[str, list[Outcome]]]:
        """Read rows of several tables; each has its own outcome.

        Raises:
            CloudError: the batch as a whole is malformed.
        """
        _check_batch([(name, len(keys)) for name, keys, _ in reads], READ_ROWS)
        with self._lock:
            return [
                (name, [self._outcome(self.get_row, instance, name, key, wanted) for key in keys])
                for name, keys, wanted in reads
            ]

    def batch_write(
        self, instance: str, writes: Sequence[tuple[str, Sequence[Write]]]
    ) -> list[tuple[str, list[Outcome]]]:
        """Write rows of several tables; each is atomic alone and has its own outcome.

        Raises:
            CloudError: the batch as a whole is malformed: too many rows, too large, a row twice.
        """
        _check_batch([(name, len(of_table)) for name, of_table in writes], WRITE_ROWS)
        with self._transaction() as db:
            now = self._clock.now()
            self._check_writes(instance, writes)

            def one(name: str, write: Write) -> Answer:
                return rows.write_row(db, self.table(instance, name), write, now)

            return [
                (name, [self._outcome(one, name, write) for write in of_table])
                for name, of_table in writes
            ]

    def remove_expired(self) -> int:
        """Delete rows that have expired; gives their number."""
        with self._transaction() as db:
            now = self._clock.now()
            return sum(rows.remove_expired(db, table, now) for table in self._tables.values())

    def _check_writes(self, instance: str, writes: Sequence[tuple[str, Sequence[Write]]]) -> None:
        total = 0
        for name, of_table in writes:
            table = self._tables.get((instance, name))
            if table is None:
                continue
            seen: set[bytes] = set()
            for write in of_table:
                parts = checked_key(table.primary_key, write.key, frozenset({Edge.AUTO}))
                total += check_size(parts, write.changes, table)
                if Edge.AUTO in parts:
                    continue
                key = encode_key(parts)
                if key in seen:
                    raise invalid(f"Duplicated primary key: {rows.parts_text(parts)}.")
                seen.add(key)
        if total > ROW_BYTES:
            raise invalid(
                f"The total data size of BatchWriteRow request exceeded the limit: {total} > "
                f"{ROW_BYTES} bytes."
            )

    def _outcome(self, call: Any, *arguments: Any) -> Outcome:
        try:
            answer: Answer = call(*arguments)
        except CloudError as error:
            return error
        return answer

    def _instances(self) -> set[str]:
        return {name for (name,) in self._db.execute("SELECT name FROM instances").fetchall()}

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise


def _check_batch(tables: Sequence[tuple[str, int]], limit: int) -> None:
    names = [name for name, _ in tables]
    if len(set(names)) != len(names):
        raise invalid("A table is named twice in the batch.")
    if any(count == 0 for _, count in tables) or not tables:
        raise invalid("No row is specified in the batch.")
    if (count := sum(count for _, count in tables)) > limit:
        raise invalid(f"Rows count exceeds the upper limit: {count} > {limit}.")

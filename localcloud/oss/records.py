"""What the database keeps of objects; its owner calls it under a lock."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from localcloud.oss.model import Attributes, StoredObject

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

VERSION = 1
SCHEMA = """
CREATE TABLE IF NOT EXISTS buckets (name TEXT PRIMARY KEY, definition TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS objects (
    bucket TEXT NOT NULL, key TEXT NOT NULL, size INTEGER NOT NULL, sha256 TEXT NOT NULL,
    tag TEXT NOT NULL, crc64 TEXT NOT NULL, written REAL NOT NULL, attributes TEXT NOT NULL,
    PRIMARY KEY (bucket, key)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS contents ON objects (sha256);
CREATE TABLE IF NOT EXISTS uploads (
    id TEXT PRIMARY KEY, bucket TEXT NOT NULL, key TEXT NOT NULL, begun REAL NOT NULL,
    attributes TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS parts (
    upload TEXT NOT NULL, number INTEGER NOT NULL, size INTEGER NOT NULL, md5 TEXT NOT NULL,
    crc64 TEXT NOT NULL, file TEXT NOT NULL, PRIMARY KEY (upload, number)
) WITHOUT ROWID;
"""
_OBJECT = "bucket, key, size, sha256, tag, crc64, written, attributes"


class Records:
    """The table of objects."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def get(self, bucket: str, key: str) -> StoredObject | None:
        """One object."""
        row = self._database.execute(
            f"SELECT {_OBJECT} FROM objects WHERE bucket = ? AND key = ?",  # noqa: S608 - a constant
            (bucket, key),
        ).fetchone()
        return None if row is None else _object(row)

    def list(self, bucket: str, prefix: str = "", after: str = "") -> Iterator[StoredObject]:
        """Objects of a prefix, by the bytes of their names; read as it is asked for more."""
        rows = self._database.execute(
            f"SELECT {_OBJECT} FROM objects"  # noqa: S608 - a constant
            " WHERE bucket = ? AND key > ? AND key >= ? ORDER BY key",
            (bucket, after, prefix),
        )
        for row in rows:
            found = _object(row)
            if not found.key.startswith(prefix):
                return
            yield found

    def put(self, made: StoredObject) -> None:
        """Write an object's record in one statement: it is there, or not."""
        self._database.execute(
            f"INSERT OR REPLACE INTO objects ({_OBJECT}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
            (
                made.bucket,
                made.key,
                made.size,
                made.sha256,
                made.tag,
                # SQLite's integers are signed: the checksum is kept as text.
                str(made.crc64),
                made.written,
                dump_attributes(made.attributes),
            ),
        )

    def delete(self, found: StoredObject) -> None:
        """Forget an object."""
        self._database.execute(
            "DELETE FROM objects WHERE bucket = ? AND key = ?", (found.bucket, found.key)
        )

    def uses(self, sha256: str) -> bool:
        """Whether some object has this content."""
        found = self._database.execute(
            "SELECT 1 FROM objects WHERE sha256 = ? LIMIT 1", (sha256,)
        ).fetchone()
        return found is not None


def dump_attributes(attributes: Attributes) -> str:
    """Attributes as JSON."""
    return json.dumps([attributes.content_type, attributes.headers, attributes.metadata])


def load_attributes(text: str) -> Attributes:
    """Attributes from JSON."""
    content_type, headers, metadata = json.loads(text)
    return Attributes(
        content_type,
        tuple((name, value) for name, value in headers),
        tuple((name, value) for name, value in metadata),
    )


def _object(row: Any) -> StoredObject:
    bucket, key, size, sha256, tag, crc64, written, attributes = row
    return StoredObject(
        bucket, key, size, sha256, tag, int(crc64), written, load_attributes(attributes)
    )

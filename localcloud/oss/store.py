"""The buckets of one account: records in SQLite, contents as files named by their digest."""

from __future__ import annotations

import json
import threading
from dataclasses import asdict
from typing import TYPE_CHECKING

from localcloud.core.database import open_database
from localcloud.core.errors import CloudError
from localcloud.oss.content import Incoming
from localcloud.oss.model import (
    DAY_SECONDS,
    Bucket,
    Expiration,
    StoredObject,
    check_bucket_name,
    check_key,
    check_metadata,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from localcloud.core.clock import Clock
    from localcloud.oss.content import Digests

_SCHEMA = """
CREATE TABLE IF NOT EXISTS buckets (name TEXT PRIMARY KEY, definition TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS objects (
    bucket TEXT NOT NULL, key TEXT NOT NULL, size INTEGER, sha256 TEXT, md5 TEXT, crc64 TEXT,
    content_type TEXT, written REAL, metadata TEXT, PRIMARY KEY (bucket, key)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS contents ON objects (sha256);
"""
_COLUMNS = "bucket, key, size, sha256, md5, crc64, content_type, written, metadata"


class ObjectStore:
    """Buckets and objects. Methods may be called from any thread.

    Args:
        folder: the database, and the contents below it.
        clock: decides what has expired.
    """

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._folder = folder
        self._clock = clock
        self._lock = threading.RLock()
        self._database = open_database(folder / "oss.db", _SCHEMA)
        for left_over in (folder / "incoming").glob("*"):
            left_over.unlink()

    def close(self) -> None:
        """Close the database."""
        with self._lock:
            self._database.close()

    def create_bucket(
        self,
        name: str,
        *,
        expirations: Sequence[Expiration] = (),
        encryption: str | None = None,
    ) -> Bucket:
        """Make a bucket, or change the rules of the one that is there.

        Raises:
            CloudError: the name is none for a bucket.
        """
        check_bucket_name(name)
        with self._lock:
            old = self._find(name)
            created = old.created if old else self._clock.now()
            bucket = Bucket(name, created, tuple(expirations), encryption)
            self._database.execute(
                "INSERT OR REPLACE INTO buckets VALUES (?, ?)", (name, json.dumps(asdict(bucket)))
            )
        return bucket

    def delete_bucket(self, name: str, *, force: bool = False) -> None:
        """Remove a bucket.

        Args:
            name: of the bucket; one that is not there is no error.
            force: delete its objects too.

        Raises:
            CloudError: it is not empty.
        """
        with self._lock:
            if force:
                for found in self.list(name, limit=None):
                    self.delete(name, found.key)
            elif self._find(name) and self.list(name, limit=1):
                raise CloudError(409, "BucketNotEmpty", f"bucket {name} is not empty")
            self._database.execute("DELETE FROM buckets WHERE name = ?", (name,))

    def bucket(self, name: str) -> Bucket:
        """The bucket of a name.

        Raises:
            CloudError: there is none.
        """
        with self._lock:
            found = self._find(name)
        if found is None:
            raise CloudError(404, "NoSuchBucket", f"the bucket {name} does not exist")
        return found

    def incoming(self) -> Incoming:
        """A place for a content that comes in parts."""
        return Incoming(self._folder / "incoming")

    def adopt(
        self,
        bucket: str,
        key: str,
        incoming: Incoming,
        digests: Digests,
        *,
        content_type: str = "application/octet-stream",
        metadata: Mapping[str, str] | None = None,
        overwrite: bool = True,
    ) -> StoredObject:
        """Make a finished content the object of a name; readers see all of it or what was before.

        Raises:
            CloudError: there is no such bucket, the name is none, or `overwrite` is off and there
                is an object already.
        """
        check_key(key)
        check_metadata(metadata or {})
        made = StoredObject(
            bucket=bucket,
            key=key,
            size=digests.size,
            sha256=digests.sha256,
            md5=digests.md5,
            crc64=digests.crc64,
            content_type=content_type,
            written=self._clock.now(),
            metadata=tuple(sorted((metadata or {}).items())),
        )
        with self._lock:
            self.bucket(bucket)
            old = self._object(bucket, key)
            if old is not None and not overwrite:
                raise CloudError(409, "FileAlreadyExists", f"the object {key} exists already")
            target = self.content(made)
            target.parent.mkdir(parents=True, exist_ok=True)
            incoming.path.replace(target)
            # SQLite's integers are signed: the checksum is kept as text.
            given = json.dumps(made.metadata)
            head = (bucket, key, made.size, made.sha256, made.md5, str(made.crc64))
            self._database.execute(
                f"INSERT OR REPLACE INTO objects ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - a constant
                (*head, content_type, made.written, given),
            )
            if old is not None:
                self._drop_content(old)
        return made

    def put_object(
        self,
        bucket: str,
        key: str,
        data: bytes | Path,
        content_type: str = "application/octet-stream",
    ) -> StoredObject:
        """Write an object from bytes or from a file.

        Raises:
            CloudError: as `adopt`.
        """
        with self.incoming() as incoming:
            if isinstance(data, bytes):
                incoming.write(data)
            else:
                with data.open("rb") as file:
                    while chunk := file.read(1 << 20):
                        incoming.write(chunk)
            return self.adopt(bucket, key, incoming, incoming.finish(), content_type=content_type)

    def head(self, bucket: str, key: str) -> StoredObject:
        """What is known of an object.

        Raises:
            CloudError: there is no such bucket or object.
        """
        with self._lock:
            self.bucket(bucket)
            found = self._object(bucket, key)
        if found is None:
            raise CloudError(404, "NoSuchKey", f"the object {key} does not exist")
        return found

    def get_object(self, bucket: str, key: str) -> bytes:
        """An object's content, whole.

        Raises:
            CloudError: there is no such bucket or object.
        """
        return self.content(self.head(bucket, key)).read_bytes()

    def content(self, found: StoredObject) -> Path:
        """The file that holds an object's content."""
        return self._folder / "contents" / found.sha256[:2] / found.sha256

    def list(
        self, bucket: str, prefix: str = "", *, after: str = "", limit: int | None = 100
    ) -> list[StoredObject]:
        """Objects whose names begin so, in order of their names' bytes, behind `after`.

        Raises:
            CloudError: there is no such bucket.
        """
        with self._lock:
            rules = self.bucket(bucket).expirations
            rows = self._database.execute(
                f"SELECT {_COLUMNS} FROM objects WHERE bucket = ? AND key > ? AND"  # noqa: S608 - a constant
                " substr(key, 1, length(?)) = ? ORDER BY key",
                (bucket, after, prefix, prefix),
            )
            alive = []
            for row in rows:
                found = _object(row)
                if not self._expired(found, rules):
                    alive.append(found)
                    if limit is not None and len(alive) == limit:
                        break
            return alive

    def delete(self, bucket: str, key: str) -> None:
        """Remove an object; one that is not there is no error.

        Raises:
            CloudError: there is no such bucket.
        """
        with self._lock:
            self.bucket(bucket)
            row = self._row(bucket, key)
            self._database.execute(
                "DELETE FROM objects WHERE bucket = ? AND key = ?", (bucket, key)
            )
            if row is not None:
                self._drop_content(row)

    def _find(self, name: str) -> Bucket | None:
        row = self._database.execute(
            "SELECT definition FROM buckets WHERE name = ?", (name,)
        ).fetchone()
        if row is None:
            return None
        content = json.loads(row[0])
        rules = tuple(Expiration(**rule) for rule in content.pop("expirations"))
        return Bucket(expirations=rules, **content)

    def _row(self, bucket: str, key: str) -> StoredObject | None:
        row = self._database.execute(
            f"SELECT {_COLUMNS} FROM objects WHERE bucket = ? AND key = ?",  # noqa: S608 - a constant
            (bucket, key),
        ).fetchone()
        return None if row is None else _object(row)

    def _object(self, bucket: str, key: str) -> StoredObject | None:
        found = self._row(bucket, key)
        if found is not None and self._expired(found, self.bucket(bucket).expirations):
            self.delete(bucket, key)
            return None
        return found

    def _expired(self, found: StoredObject, rules: Sequence[Expiration]) -> bool:
        age = self._clock.now() - found.written
        return any(
            found.key.startswith(rule.prefix) and age >= rule.days * DAY_SECONDS for rule in rules
        )

    def _drop_content(self, found: StoredObject) -> None:
        still = self._database.execute(
            "SELECT 1 FROM objects WHERE sha256 = ?", (found.sha256,)
        ).fetchone()
        if still is None:
            self.content(found).unlink(missing_ok=True)


def _object(row: tuple[str, str, int, str, str, str, str, float, str]) -> StoredObject:
    bucket, key, size, sha256, md5, crc64, content_type, written, metadata = row
    given = tuple((name, value) for name, value in json.loads(metadata))
    return StoredObject(bucket, key, size, sha256, md5, int(crc64), content_type, written, given)

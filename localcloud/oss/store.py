"""The buckets of one account: records in SQLite, contents as files named by their digest."""

from __future__ import annotations

import json
import threading
from dataclasses import asdict
from typing import TYPE_CHECKING

from localcloud.core.database import open_database
from localcloud.core.errors import CloudError
from localcloud.oss.content import Contents
from localcloud.oss.model import (
    DAY_SECONDS,
    Attributes,
    Bucket,
    Expiration,
    StoredObject,
    check_bucket_name,
    check_key,
)
from localcloud.oss.records import SCHEMA, VERSION, Records

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from localcloud.core.clock import Clock
    from localcloud.oss.content import Digests, Incoming


class ObjectStore:
    """Buckets and objects. Methods may be called from any thread.

    Args:
        folder: the database, and the contents below it.
        clock: decides what has expired.

    Raises:
        StateDamaged: the database cannot be used.
    """

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._clock = clock
        self.lock = threading.RLock()
        self.database = open_database(folder / "oss.sqlite", SCHEMA, VERSION)
        self._records = Records(self.database)
        self._contents = Contents(folder, clock)
        self._contents.remove_strays(self._records.uses)

    def close(self) -> None:
        """Close the database."""
        with self.lock:
            self.database.close()

    def now(self) -> float:
        """Seconds since the epoch, on the store's clock."""
        return self._clock.now()

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
        with self.lock:
            old = self._find(name)
            created = old.created if old else self._clock.now()
            bucket = Bucket(name, created, tuple(expirations), encryption)
            self.database.execute(
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
        with self.lock:
            if self._find(name) is None:
                return
            if force:
                for found in list(self._records.list(name)):
                    self._remove(found)
            elif self.list(name, limit=1):
                raise CloudError(409, "BucketNotEmpty", f"bucket {name} is not empty")
            self.database.execute("DELETE FROM buckets WHERE name = ?", (name,))

    def bucket(self, name: str) -> Bucket:
        """The bucket of a name.

        Raises:
            CloudError: there is none.
        """
        with self.lock:
            found = self._find(name)
        if found is None:
            raise CloudError(404, "NoSuchBucket", f"the bucket {name[:80]} does not exist")
        return found

    def incoming(self) -> Incoming:
        """A place for a content that comes in parts."""
        return self._contents.incoming()

    def adopt(
        self,
        bucket: str,
        key: str,
        incoming: Incoming,
        digests: Digests,
        *,
        attributes: Attributes | None = None,
        overwrite: bool = True,
        tag: str | None = None,
    ) -> StoredObject:
        """Make a finished content the object of a name; readers see all of it or what was before.

        Args:
            bucket: where.
            key: its name.
            incoming: the content.
            digests: of the content.
            attributes: what else is to be known of it.
            overwrite: whether it may take the place of another object.
            tag: the entity tag, where it is not the MD5 of the content.

        Raises:
            CloudError: there is no such bucket, the name is none, or `overwrite` is off and there
                is an object already.
        """
        made = StoredObject(
            bucket=bucket,
            key=key,
            size=digests.size,
            sha256=digests.sha256,
            tag=tag or digests.md5,
            crc64=digests.crc64,
            written=self._clock.now(),
            attributes=attributes or Attributes(),
        )
        with self.lock:
            old = self._replaceable(made, overwrite=overwrite)
            self._contents.keep(incoming, made.sha256)
            self._write(made, old)
        return made

    def copy(
        self,
        source: StoredObject,
        bucket: str,
        key: str,
        *,
        attributes: Attributes | None = None,
        overwrite: bool = True,
    ) -> StoredObject:
        """Give the content of an object another name; without `attributes` it keeps its own.

        Raises:
            CloudError: as `adopt`, or the source is gone.
        """
        with self.lock:
            found = self.head(source.bucket, source.key)
            made = StoredObject(
                bucket=bucket,
                key=key,
                size=found.size,
                sha256=found.sha256,
                tag=found.tag,
                crc64=found.crc64,
                written=self._clock.now(),
                attributes=attributes or found.attributes,
            )
            self._write(made, self._replaceable(made, overwrite=overwrite))
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
                incoming.read(data)
            digests = incoming.finish()
            return self.adopt(bucket, key, incoming, digests, attributes=Attributes(content_type))

    def head(self, bucket: str, key: str) -> StoredObject:
        """What is known of an object.

        Raises:
            CloudError: there is no such bucket or object.
        """
        with self.lock:
            rules = self.bucket(bucket).expirations
            found = self._records.get(bucket, key)
        if found is None or self._expired(found, rules):
            raise CloudError(404, "NoSuchKey", f"the object {key[:80]} does not exist")
        return found

    def get_object(self, bucket: str, key: str) -> bytes:
        """An object's content, whole.

        Raises:
            CloudError: there is no such bucket or object.
        """
        return self.content(self.head(bucket, key)).read_bytes()

    def content(self, found: StoredObject) -> Path:
        """The file that holds an object's content; it stays for a minute after the object."""
        return self._contents.path(found.sha256)

    def list(
        self, bucket: str, prefix: str = "", *, after: str = "", limit: int | None = 100
    ) -> list[StoredObject]:
        """Objects whose names begin so, in order of their names' bytes, behind `after`.

        Raises:
            CloudError: there is no such bucket.
        """
        with self.lock:
            rules = self.bucket(bucket).expirations
            alive: list[StoredObject] = []
            for found in self._records.list(bucket, prefix, after):
                if limit is not None and len(alive) == limit:
                    break
                if not self._expired(found, rules):
                    alive.append(found)
            return alive

    def delete(self, bucket: str, key: str) -> None:
        """Remove an object; one that is not there is no error.

        Raises:
            CloudError: there is no such bucket.
        """
        with self.lock:
            self.bucket(bucket)
            found = self._records.get(bucket, key)
            if found is not None:
                self._remove(found)

    def remove_expired(self) -> int:
        """Delete the objects that readers do not see any more; gives their number."""
        with self.lock:
            names = self.database.execute("SELECT name FROM buckets").fetchall()
            count = 0
            for bucket in [self.bucket(name) for (name,) in names]:
                for rule in bucket.expirations:
                    for found in list(self._records.list(bucket.name, rule.prefix)):
                        if self._expired(found, (rule,)):
                            self._remove(found)
                            count += 1
            self._contents.remove_discarded(self._records.uses)
            return count

    def _find(self, name: str) -> Bucket | None:
        row = self.database.execute(
            "SELECT definition FROM buckets WHERE name = ?", (name,)
        ).fetchone()
        if row is None:
            return None
        content = json.loads(row[0])
        rules = tuple(Expiration(**rule) for rule in content.pop("expirations"))
        return Bucket(expirations=rules, **content)

    def _replaceable(self, made: StoredObject, *, overwrite: bool) -> StoredObject | None:
        """What is there under the name of an object that is about to be written."""
        check_key(made.key)
        rules = self.bucket(made.bucket).expirations
        old = self._records.get(made.bucket, made.key)
        if old is not None and not overwrite and not self._expired(old, rules):
            raise CloudError(409, "FileAlreadyExists", f"the object {made.key} exists already")
        return old

    def _write(self, made: StoredObject, old: StoredObject | None) -> None:
        self._records.put(made)
        if old is not None and old.sha256 != made.sha256:
            self._contents.discard(old.sha256)
        self._contents.remove_discarded(self._records.uses)

    def _remove(self, found: StoredObject) -> None:
        self._records.delete(found)
        self._contents.discard(found.sha256)

    def _expired(self, found: StoredObject, rules: Sequence[Expiration]) -> bool:
        age = self._clock.now() - found.written
        return any(
            found.key.startswith(rule.prefix) and age >= rule.days * DAY_SECONDS for rule in rules
        )

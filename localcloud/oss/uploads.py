"""Uploads in parts: each part a file of its own until all of them become one object."""

from __future__ import annotations

import hashlib
import secrets
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from localcloud.core.errors import CloudError
from localcloud.oss.model import LEAST_PART_BYTES, MAX_PARTS, Attributes, check_key
from localcloud.oss.records import dump_attributes, load_attributes

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from localcloud.oss.content import Digests, Incoming
    from localcloud.oss.model import StoredObject
    from localcloud.oss.store import ObjectStore


@dataclass(frozen=True)
class Part:
    """One part.

    Attributes:
        md5: of the part, in hex capitals.
    """

    number: int
    size: int
    md5: str
    crc64: int
    file: str


class Uploads:
    """The uploads that are under way. Methods may be called from any thread.

    Args:
        store: where the objects go; its database and its lock are shared.
        folder: of the parts.
    """

    def __init__(self, store: ObjectStore, folder: Path) -> None:
        self._store = store
        self._folder = folder
        with store.lock:
            known = {name for (name,) in store.database.execute("SELECT id FROM uploads")}
        for stray in folder.glob("*"):
            if stray.name not in known:
                shutil.rmtree(stray)

    def begin(self, bucket: str, key: str, attributes: Attributes) -> str:
        """Begin an upload and give its id.

        Raises:
            CloudError: there is no such bucket, or the name is none.
        """
        check_key(key)
        upload = secrets.token_hex(16).upper()
        with self._store.lock:
            self._store.bucket(bucket)
            self._store.database.execute(
                "INSERT INTO uploads VALUES (?, ?, ?, ?, ?)",
                (upload, bucket, key, self._store.now(), dump_attributes(attributes)),
            )
        return upload

    def put_part(
        self,
        place: tuple[str, str],
        upload: str,
        number: int,
        incoming: Incoming,
        digests: Digests,
    ) -> Part:
        """Keep a finished content as a part; it takes the place of an earlier one of its number.

        Args:
            place: bucket and key, which have to be the upload's.
            upload: its id.
            number: 1 to 10,000.
            incoming: the content.
            digests: of the content.

        Raises:
            CloudError: there is no such upload, or the number is none.
        """
        if not 1 <= number <= MAX_PARTS:
            raise CloudError(400, "InvalidArgument", f"partNumber is 1 to {MAX_PARTS}")
        made = Part(number, digests.size, digests.md5, digests.crc64, secrets.token_hex(8))
        with self._store.lock:
            self._check(place, upload)
            folder = self._folder / upload
            folder.mkdir(parents=True, exist_ok=True)
            old = self._parts(upload).get(number)
            incoming.path.replace(folder / made.file)
            self._store.database.execute(
                "INSERT OR REPLACE INTO parts VALUES (?, ?, ?, ?, ?, ?)",
                (upload, number, made.size, made.md5, str(made.crc64), made.file),
            )
            if old is not None:
                (folder / old.file).unlink(missing_ok=True)
        return made

    def parts(self, place: tuple[str, str], upload: str) -> list[Part]:
        """The parts that are there, by number.

        Raises:
            CloudError: there is no such upload.
        """
        with self._store.lock:
            self._check(place, upload)
            return list(self._parts(upload).values())

    def complete(
        self,
        place: tuple[str, str],
        upload: str,
        named: Sequence[tuple[int, str]] | None,
        *,
        overwrite: bool = True,
    ) -> StoredObject:
        """Make an object of the parts.

        Args:
            place: bucket and key, which have to be the upload's.
            upload: its id.
            named: number and entity tag of each part, ascending; None for all that are there.
            overwrite: whether it may take the place of another object.

        Raises:
            CloudError: there is no such upload, a part is missing, changed, out of order or too
                small, or the object is too large.
        """
        with self._store.lock:
            attributes = self._check(place, upload)
            there = self._parts(upload)
        chosen = list(there.values()) if named is None else _chosen(there, named)
        if not chosen:
            raise CloudError(400, "InvalidPart", "an object has at least one part")
        if any(part.size < LEAST_PART_BYTES for part in chosen[:-1]):
            raise CloudError(
                400, "EntityTooSmall", f"parts but the last have {LEAST_PART_BYTES} bytes"
            )
        with self._store.incoming() as incoming:
            self._join(upload, chosen, incoming)
            digests = incoming.finish()
            with self._store.lock:
                self._check(place, upload)
                made = self._store.adopt(
                    *place,
                    incoming,
                    digests,
                    attributes=attributes,
                    overwrite=overwrite,
                    tag=_tag(chosen),
                )
                self._forget(upload)
        return made

    def abort(self, place: tuple[str, str], upload: str) -> None:
        """Give an upload up.

        Raises:
            CloudError: there is no such upload.
        """
        with self._store.lock:
            self._check(place, upload)
            self._forget(upload)

    def _join(self, upload: str, parts: list[Part], incoming: Incoming) -> None:
        """Without the lock: it may take seconds, and a part that changes meanwhile is noticed."""
        for part in parts:
            try:
                incoming.read(self._folder / upload / part.file)
            except FileNotFoundError:
                raise CloudError(
                    400, "InvalidPart", f"part {part.number} was changed meanwhile"
                ) from None

    def _check(self, place: tuple[str, str], upload: str) -> Attributes:
        self._store.bucket(place[0])
        row = self._store.database.execute(
            "SELECT attributes FROM uploads WHERE id = ? AND bucket = ? AND key = ?",
            (upload, *place),
        ).fetchone()
        if row is None:
            raise CloudError(404, "NoSuchUpload", f"there is no upload {upload[:64]!r} of it")
        return load_attributes(row[0])

    def _parts(self, upload: str) -> dict[int, Part]:
        rows = self._store.database.execute(
            "SELECT number, size, md5, crc64, file FROM parts WHERE upload = ? ORDER BY number",
            (upload,),
        ).fetchall()
        return {row[0]: Part(row[0], row[1], row[2], int(row[3]), row[4]) for row in rows}

    def _forget(self, upload: str) -> None:
        database = self._store.database
        database.execute("BEGIN IMMEDIATE")
        database.execute("DELETE FROM parts WHERE upload = ?", (upload,))
        database.execute("DELETE FROM uploads WHERE id = ?", (upload,))
        database.execute("COMMIT")
        shutil.rmtree(self._folder / upload, ignore_errors=True)


def _chosen(there: dict[int, Part], named: Sequence[tuple[int, str]]) -> list[Part]:
    numbers = [number for number, _ in named]
    if numbers != sorted(set(numbers)):
        raise CloudError(400, "InvalidPartOrder", "the parts are not in ascending order")
    for number, tag in named:
        if number not in there or there[number].md5 != tag.strip('"').upper():
            raise CloudError(400, "InvalidPart", f"part {number} is not there, or is another")
    return [there[number] for number in numbers]


def _tag(parts: list[Part]) -> str:
    """The entity tag of an object of several parts: a digest of their digests, and their number."""
    joined = b"".join(bytes.fromhex(part.md5) for part in parts)
    return f"{hashlib.md5(joined, usedforsecurity=False).hexdigest().upper()}-{len(parts)}"

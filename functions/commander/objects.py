"""The owner's part of the results bucket: the only objects that a ticket's tools can reach.

Objects of a ticket are named by their content, `{owner}/{ticket}/{sha256}`, and never overwritten,
so that a step that runs again writes the same thing or nothing.
"""

from __future__ import annotations

import hashlib
from typing import Protocol

from functions.common.oss import ObjectTooLarge

MAX_READ_BYTES = 64 * 1024 * 1024


class ObjectRefused(Exception):
    """An object that this owner cannot have; the text says why."""


class Bucket(Protocol):
    """What is needed of object storage."""

    def put_if_absent(self, key: str, data: bytes, content_type: str) -> None:
        """Write an object unless one of that key exists."""

    def get(self, key: str, max_bytes: int) -> bytes | None:
        """Read an object; `None` if there is none.

        Raises:
            ObjectTooLarge: it is larger than `max_bytes`.
            ValueError: the key is no plain name.
        """


class OwnerObjects:
    """Saves and reads objects below the owner's prefix."""

    def __init__(self, bucket: Bucket, owner: str, ticket_id: str) -> None:
        self._bucket = bucket
        self._prefix = f"{owner}/"
        self._ticket_prefix = f"{owner}/{ticket_id}/"

    def save(self, data: bytes, content_type: str) -> str:
        """Keep bytes for this ticket, named by their content; gives the key."""
        key = self._ticket_prefix + hashlib.sha256(data).hexdigest()
        self._bucket.put_if_absent(key, data, content_type)
        return key

    def read(self, key: str) -> bytes:
        """The bytes under a key.

        Raises:
            ObjectRefused: the key is not the owner's, there is no such object, or it is too large.
        """
        if not key.startswith(self._prefix) or ".." in key.split("/"):
            raise ObjectRefused("must be one of the user's own objects")
        try:
            data = self._bucket.get(key, MAX_READ_BYTES)
        except ObjectTooLarge as error:
            raise ObjectRefused(f"must have at most {MAX_READ_BYTES} bytes") from error
        except ValueError as error:
            raise ObjectRefused(str(error)) from error
        if data is None:
            raise ObjectRefused("there is no such object")
        return data

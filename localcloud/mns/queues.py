"""Queues of Message Service, in one SQLite file."""

from __future__ import annotations

import hashlib
import re
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from localcloud.core.database import open_database
from localcloud.core.errors import CloudError

if TYPE_CHECKING:
    from localcloud.core.clock import Clock
    from localcloud.core.config import CloudConfig

OPERATIONS = {
    "CreateQueue": "domain call; visibility timeout and retention as on the platform",
    "DeleteQueue": "domain call; with its messages",
    "SendMessage": "domain call; 64 KB",
    "ReceiveMessage": "domain call; at once, without long polling",
    "PeekMessage": "domain call",
    "DeleteMessage": "domain call",
}
LARGEST_MESSAGE = 64 * 1024

_SCHEMA = """
CREATE TABLE IF NOT EXISTS queues (
    name TEXT PRIMARY KEY,
    visibility_timeout REAL NOT NULL,
    retention REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS messages (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    queue TEXT NOT NULL,
    id TEXT NOT NULL UNIQUE,
    body BLOB NOT NULL,
    sent_at REAL NOT NULL,
    visible_at REAL NOT NULL,
    received INTEGER NOT NULL DEFAULT 0,
    handle TEXT
);
CREATE INDEX IF NOT EXISTS messages_by_queue ON messages (queue, visible_at);
"""
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,119}")
_ARN = re.compile(r"acs:mns:([^:]+):([^:]+):/queues/([^/]+)(/messages)?")


@dataclass(frozen=True)
class Message:
    """A message as its receiver sees it.

    Attributes:
        handle: what `delete` wants; None for a message that was only peeked at.
        received: how often it has been received.
    """

    id: str
    body: bytes
    sent_at: float
    received: int
    handle: str | None = None

    @property
    def md5(self) -> str:
        """Of the body, in upper case, as the service reports it."""
        return hashlib.md5(self.body, usedforsecurity=False).hexdigest().upper()


class Queues:
    """The queues of one account and region.

    Args:
        config: where the state lies, account and region.
        clock: the cloud's.

    Raises:
        StateDamaged: the file is no sound database.
    """

    name = "mns"

    def __init__(self, config: CloudConfig, clock: Clock) -> None:
        self._config = config
        self._clock = clock
        self._database = open_database(config.state_dir / "mns.sqlite", _SCHEMA)

    def put_queue(
        self, name: str, *, visibility_timeout: float = 30, retention: float = 4 * 86400
    ) -> None:
        """Create a queue, or change its attributes.

        Args:
            name: 1 to 120 letters, digits and -, a letter first.
            visibility_timeout: seconds for which a received message is hidden.
            retention: seconds after which a message is gone.

        Raises:
            CloudError: 400, the name breaks the rule.
        """
        if not _NAME.fullmatch(name):
            raise CloudError(
                400, "InvalidArgument", f"queueName {name!r}: a letter, then letters, digits and -"
            )
        with self._database:
            self._database.execute(
                "INSERT INTO queues VALUES (?, ?, ?) ON CONFLICT (name) DO UPDATE SET "
                "visibility_timeout = excluded.visibility_timeout, retention = excluded.retention",
                (name, visibility_timeout, retention),
            )

    def delete_queue(self, name: str) -> None:
        """Delete a queue and its messages; one that is gone is no error."""
        with self._database:
            self._database.execute("BEGIN IMMEDIATE")
            self._database.execute("DELETE FROM messages WHERE queue = ?", (name,))
            self._database.execute("DELETE FROM queues WHERE name = ?", (name,))

    def names(self) -> list[str]:
        """All queues, sorted."""
        return [row[0] for row in self._database.execute("SELECT name FROM queues ORDER BY name")]

    def queue_of(self, arn: str) -> str:
        """The queue's name in an ARN of this account and region.

        Raises:
            CloudError: 400, it is no such ARN.
        """
        match = _ARN.fullmatch(arn)
        if not match or match[1] != self._config.region or match[2] != self._config.account_id:
            raise CloudError(
                400, "InvalidArgument", f"{arn!r} names no queue of this account and region"
            )
        return match[3]

    def send(self, queue: str, body: bytes) -> str:
        """Send a message and return its id.

        Raises:
            CloudError: 404 for an unknown queue, 400 for a body over 64 KB.
        """
        self._attributes(queue)
        if len(body) > LARGEST_MESSAGE:
            raise CloudError(
                400,
                "InvalidArgument",
                f"message body: {len(body)} bytes, at most {LARGEST_MESSAGE}",
            )
        now, id_ = self._clock.now(), uuid.uuid4().hex.upper()
        with self._database:
            self._database.execute(
                "INSERT INTO messages (queue, id, body, sent_at, visible_at) "
                "VALUES (?, ?, ?, ?, ?)",
                (queue, id_, body, now, now),
            )
        return id_

    def receive(self, queue: str) -> Message | None:
        """Take the oldest visible message and hide it for a while; None when there is none.

        Raises:
            CloudError: 404, there is no such queue.
        """
        visibility, _ = self._expire(queue)
        now, handle = self._clock.now(), uuid.uuid4().hex
        with self._database:
            row = self._database.execute(
                "UPDATE messages SET visible_at = ?, received = received + 1, handle = ? "
                "WHERE number = (SELECT number FROM messages WHERE queue = ? AND visible_at <= ? "
                "ORDER BY number LIMIT 1) RETURNING id, body, sent_at, received, handle",
                (now + visibility, handle, queue, now),
            ).fetchone()
        return None if row is None else Message(*row)

    def peek(self, queue: str, limit: int = 16) -> list[Message]:
        """The oldest messages, visible or not, without taking them.

        Raises:
            CloudError: 404, there is no such queue.
        """
        self._expire(queue)
        rows = self._database.execute(
            "SELECT id, body, sent_at, received FROM messages WHERE queue = ? "
            "ORDER BY number LIMIT ?",
            (queue, limit),
        )
        return [Message(*row) for row in rows]

    def delete(self, queue: str, handle: str) -> None:
        """Delete a received message.

        Raises:
            CloudError: 404 for an unknown queue or handle (it was received again meanwhile).
        """
        self._attributes(queue)
        with self._database:
            gone = self._database.execute(
                "DELETE FROM messages WHERE queue = ? AND handle = ?", (queue, handle)
            ).rowcount
        if not gone:
            raise CloudError(
                404, "MessageNotExist", "the receipt handle is not, or no longer, valid"
            )

    def count(self, queue: str) -> int:
        """How many messages there are, hidden ones included.

        Raises:
            CloudError: 404, there is no such queue.
        """
        self._expire(queue)
        row = self._database.execute(
            "SELECT count(*) FROM messages WHERE queue = ?", (queue,)
        ).fetchone()
        return int(row[0])

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def _attributes(self, queue: str) -> tuple[float, float]:
        row = self._database.execute(
            "SELECT visibility_timeout, retention FROM queues WHERE name = ?", (queue,)
        ).fetchone()
        if row is None:
            raise CloudError(404, "QueueNotExist", f"The queue {queue!r} does not exist.")
        return float(row[0]), float(row[1])

    def _expire(self, queue: str) -> tuple[float, float]:
        visibility, retention = self._attributes(queue)
        with self._database:
            self._database.execute(
                "DELETE FROM messages WHERE queue = ? AND sent_at < ?",
                (queue, self._clock.now() - retention),
            )
        return visibility, retention

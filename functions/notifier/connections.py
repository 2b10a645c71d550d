"""`agent_connections`: which devices an owner listens with, and until when."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from functions.common.tablestore.api import Bound

if TYPE_CHECKING:
    from collections.abc import Callable

    from functions.common.tablestore.api import RowStore

TABLE = "agent_connections"
# More than anybody needs, and few enough that one event is pushed within one invocation.
CONNECTIONS = 20
_DEVICE = re.compile(r"[\x21-\x7e]{1,128}")


class TooManyConnections(Exception):
    """The owner listens with so many devices already."""


@dataclass(frozen=True)
class Connection:
    """A device of an owner; `expires_at` is when its token ends, in Unix seconds."""

    owner: str
    device: str
    expires_at: int


class Connections:
    """The table.

    Args:
        store: where it is.
        now: Unix seconds.
    """

    def __init__(self, store: RowStore, *, now: Callable[[], float] = time.time) -> None:
        self._store = store
        self._now = now

    def add(self, connection: Connection) -> None:
        """Remember a device, or that its token is a newer one.

        Raises:
            ValueError: no usable device id.
            TooManyConnections: the owner has to leave with another one first.
        """
        if not _DEVICE.fullmatch(connection.device):
            raise ValueError("x-ca-deviceid: must have 1 to 128 visible ASCII characters")
        others = {other.device for other in self.of(connection.owner)}
        if len(others - {connection.device}) >= CONNECTIONS:
            raise TooManyConnections(connection.owner)
        self._store.put_row(
            TABLE,
            _key(connection.owner, connection.device),
            {"expires_at": connection.expires_at},
        )

    def remove(self, owner: str, device: str) -> None:
        """Forget a device; one that is not there is no error."""
        self._store.delete_row(TABLE, _key(owner, device))

    def of(self, owner: str) -> list[Connection]:
        """The devices to push to; those whose token ended are forgotten."""
        page = self._store.get_range(
            TABLE,
            (("owner", owner), ("connection_id", Bound.MIN)),
            (("owner", owner), ("connection_id", Bound.MAX)),
            limit=CONNECTIONS * 2,
        )
        found = []
        for row in page.rows:
            expires_at = row.columns.get("expires_at", 0)
            connection = Connection(
                owner,
                str(row.key["connection_id"]),
                expires_at if isinstance(expires_at, int) else 0,
            )
            if connection.expires_at > self._now():
                found.append(connection)
            else:
                self.remove(owner, connection.device)
        return found


def _key(owner: str, device: str) -> tuple[tuple[str, str], ...]:
    return (("owner", owner), ("connection_id", device))

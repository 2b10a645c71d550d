"""Pushing an event of a log to every device of its owner, by the gateway's NOTIFY API."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from functions.common.http import HttpError, HttpPool
from functions.common.tickets.notices import cloud_event
from functions.notifier.signature import signed_headers

if TYPE_CHECKING:
    from collections.abc import Callable

    from functions.common.logs import Log
    from functions.common.rpc import AppSecurity
    from functions.common.tickets.events import Event
    from functions.notifier.connections import Connections

# What a channel takes in one frame is not documented: large rows are announced, and read by HTTP.
MESSAGE_BYTES = 32 * 1024
SMALL_FIELDS = ("step", "status", "attempt", "tool", "ms", "error")
# How the gateway says that a device is offline is not documented beyond "an error": these are the
# answers that say that the request itself was understood, and not taken.
OFFLINE = frozenset({404, 410})


class Pusher:
    """Pushes.

    Args:
        notify_url: the NOTIFY API.
        security: reads AppKey and AppSecret; asked once.
        connections: who listens.
        log: for log lines.
    """

    def __init__(
        self,
        notify_url: str,
        security: Callable[[], AppSecurity],
        connections: Connections,
        log: Log,
    ) -> None:
        parts = urlsplit(notify_url)
        self._pool = HttpPool(f"{parts.scheme}://{parts.netloc}")
        self._path = parts.path or "/"
        self._read_security = security
        self._security: AppSecurity | None = None
        self._connections = connections
        self._log = log

    def push(self, owner: str, ticket_id: str, event: Event) -> int:
        """Push to all devices of an owner; gives how many took it.

        A device that is offline is forgotten. Any other failure is logged and left: whoever missed
        a push finds it in the ticket's log.
        """
        devices = self._connections.of(owner)
        if not devices:
            return 0
        message = _message(ticket_id, event)
        taken = 0
        for connection in devices:
            status = self._notify(connection.device, message)
            if 200 <= status < 300:
                taken += 1
            elif status in OFFLINE:
                self._connections.remove(owner, connection.device)
            else:
                self._log.warning("push_failed", ticket_id=ticket_id, status=status)
        return taken

    def _notify(self, device: str, message: bytes) -> int:
        if self._security is None:
            self._security = self._read_security()
        headers = signed_headers(self._security, self._path, message)
        headers["x-ca-deviceid"] = device
        try:
            # Consumers drop duplicates by id, but the nonce makes the gateway refuse this very
            # request a second time: so it is not repeated.
            return self._pool.request("POST", self._path, headers=headers, body=message).status
        except HttpError as error:
            self._log.warning("push_unreachable", why=str(error))
            return 0


def _message(ticket_id: str, event: Event) -> bytes:
    document = cloud_event(ticket_id, event)
    text = _encode(document)
    if len(text) > MESSAGE_BYTES:
        data = {name: event.data[name] for name in SMALL_FIELDS if name in event.data}
        document["data"] = {**data, "seq": event.seq, "kind": event.kind, "truncated": True}
        text = _encode(document)
    return text


def _encode(document: dict[str, Any]) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()

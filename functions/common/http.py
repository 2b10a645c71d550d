"""One pool of keep-alive connections to one endpoint, over `http.client`.

A request that may be repeated is repeated once on a fresh connection. One that may not is never
sent twice: the caller learns whether it was certainly not sent (`Unreachable`) or perhaps taken in
(`AnswerLost`), and resolves that with what it knows of the operation.
"""

from __future__ import annotations

import http.client
import socket
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

CONNECT_SECONDS = 3.0
READ_SECONDS = 10.0
# A frozen instance thaws with sockets whose other end is long gone.
IDLE_SECONDS = 20.0
POOL_SIZE = 8
ANSWER_BYTES = 32 * 1024 * 1024
CHUNK_BYTES = 1024 * 1024


class HttpError(Exception):
    """A request that got no usable answer."""


class Unreachable(HttpError):
    """No connection: the request was certainly not sent."""


class AnswerLost(HttpError):
    """The connection broke or timed out: the request may have been taken in."""


class AnswerTooLarge(HttpError):
    """The answer has more bytes than the caller wants."""


@dataclass(frozen=True)
class Answer:
    """A complete answer; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


class HttpPool:
    """Connections to one endpoint; safe to use from several threads.

    Args:
        endpoint: `http://host[:port]` or `https://host[:port]`, without a path.
        read_seconds: how long one read may take, unless a request says otherwise.

    Raises:
        ValueError: the endpoint is no such URL.
    """

    def __init__(self, endpoint: str, *, read_seconds: float = READ_SECONDS) -> None:
        parts = urlsplit(endpoint)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.path.strip("/"):
            raise ValueError(f"endpoint {endpoint!r}: must be http(s)://host[:port]")
        self.secure = parts.scheme == "https"
        self.host = parts.hostname
        self.port = parts.port or (443 if self.secure else 80)
        self.authority = parts.netloc.rpartition("@")[2]
        self._read_seconds = read_seconds
        self._idle: list[tuple[float, http.client.HTTPConnection]] = []
        self._lock = threading.Lock()

    def request(
        self,
        method: str,
        target: str,
        *,
        headers: Mapping[str, str],
        body: bytes = b"",
        repeatable: bool = False,
        read_seconds: float | None = None,
        max_bytes: int = ANSWER_BYTES,
    ) -> Answer:
        """Send a request and read the whole answer.

        Args:
            method: of the request.
            target: path and query, encoded.
            headers: without `Host` and `Content-Length`, unless they have to be signed.
            body: of the request.
            repeatable: whether sending it twice does no harm.
            read_seconds: how long one read may take.
            max_bytes: of the answer's body.

        Raises:
            Unreachable: certainly not sent.
            AnswerLost: perhaps taken in.
            AnswerTooLarge: more than `max_bytes`.
        """
        seconds = self._read_seconds if read_seconds is None else read_seconds
        while True:
            connection, reused = self._take(seconds)
            try:
                found = self._send(connection, method, target, headers, body)
                answer = _read(found, max_bytes)
            except HttpError:
                connection.close()
                raise
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                if repeatable and reused:
                    continue
                raise AnswerLost(
                    f"{method} to {self.authority}: {type(error).__name__}: {error}"
                ) from error
            self._give_back(connection, found)
            return answer

    def stream(
        self, method: str, target: str, *, headers: Mapping[str, str]
    ) -> tuple[int, Mapping[str, str], Iterator[bytes]]:
        """Send a request without body and read the answer in chunks of at most 1 MB.

        The connection is closed when the chunks are used up or dropped. Errors are those of
        `request`, while iterating too.
        """
        connection, _ = self._take(self._read_seconds, fresh=True)
        try:
            found = self._send(connection, method, target, headers, b"")
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise AnswerLost(f"{method} to {self.authority}: {error}") from error
        return found.status, _lower(found), _chunks(connection, found)

    def close(self) -> None:
        """Close the idle connections."""
        with self._lock:
            idle, self._idle = self._idle, []
        for _, connection in idle:
            connection.close()

    def _send(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        target: str,
        headers: Mapping[str, str],
        body: bytes,
    ) -> http.client.HTTPResponse:
        connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
        names = {name.lower() for name in headers}
        if "host" not in names:
            connection.putheader("Host", self.authority)
        if "content-length" not in names and (body or method not in {"GET", "HEAD", "DELETE"}):
            connection.putheader("Content-Length", str(len(body)))
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders(body or None)
        return connection.getresponse()

    def _take(
        self, seconds: float, *, fresh: bool = False
    ) -> tuple[http.client.HTTPConnection, bool]:
        """A connection, and whether it was used before."""
        while not fresh:
            with self._lock:
                if not self._idle:
                    break
                since, connection = self._idle.pop()
            if time.monotonic() - since < IDLE_SECONDS and _is_quiet(connection):
                if connection.sock is not None:
                    connection.sock.settimeout(seconds)
                return connection, True
            connection.close()
        return self._connect(seconds), False

    def _connect(self, seconds: float) -> http.client.HTTPConnection:
        connection: http.client.HTTPConnection
        if self.secure:
            connection = http.client.HTTPSConnection(
                self.host, self.port, timeout=CONNECT_SECONDS, context=_tls()
            )
        else:
            connection = http.client.HTTPConnection(self.host, self.port, timeout=CONNECT_SECONDS)
        try:
            connection.connect()
        except OSError as error:
            connection.close()
            raise Unreachable(f"{self.authority}: {type(error).__name__}: {error}") from error
        sock: socket.socket = connection.sock
        # Head and body are two writes: without this the second waits for the first one's ACK.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.settimeout(seconds)
        return connection

    def _give_back(
        self, connection: http.client.HTTPConnection, found: http.client.HTTPResponse
    ) -> None:
        if found.will_close or connection.sock is None:
            connection.close()
            return
        with self._lock:
            if len(self._idle) < POOL_SIZE:
                self._idle.append((time.monotonic(), connection))
                return
        connection.close()


def _read(found: http.client.HTTPResponse, max_bytes: int) -> Answer:
    body = found.read(max_bytes + 1)
    if len(body) > max_bytes:
        raise AnswerTooLarge(f"the answer has more than {max_bytes} bytes")
    if found.length:
        raise http.client.IncompleteRead(body, found.length)
    return Answer(found.status, _lower(found), body)


def _lower(found: http.client.HTTPResponse) -> dict[str, str]:
    return {name.lower(): value for name, value in found.getheaders()}


def _chunks(
    connection: http.client.HTTPConnection, found: http.client.HTTPResponse
) -> Iterator[bytes]:
    try:
        while chunk := found.read(CHUNK_BYTES):
            yield chunk
        if found.length:
            raise AnswerLost(f"the answer ended {found.length} bytes early")
    except (OSError, http.client.HTTPException) as error:
        raise AnswerLost(f"the answer broke off: {error}") from error
    finally:
        connection.close()


def _is_quiet(connection: http.client.HTTPConnection) -> bool:
    """Whether an idle connection still stands: what comes on one is its end, or noise.

    A read is tried rather than asked for: under TLS a session ticket may wait, which is no data.
    """
    sock = connection.sock
    if sock is None:
        return False
    try:
        sock.settimeout(0)
        sock.recv(1)
    except BlockingIOError:
        return True
    except OSError as error:
        return type(error).__name__ == "SSLWantReadError"
    return False


_TLS: Any = None


def _tls() -> Any:
    """The TLS context, made when first needed: loading root certificates is slow."""
    global _TLS  # noqa: PLW0603 - one for the process
    if _TLS is None:
        import ssl

        _TLS = ssl.create_default_context()
    return _TLS

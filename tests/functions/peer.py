"""A server that does with each connection exactly what a test says."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Name: Value\r\n\r\nok"


class Peer:
    """A server that does with each connection what it is told; counts requests."""

    def __init__(self, *scripts: Callable[[socket.socket, Peer], None]) -> None:
        self._scripts = list(scripts)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.requests = 0
        self.connections = 0
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def _run(self) -> None:
        for script in self._scripts:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            with connection:
                connection.settimeout(5)
                script(connection, self)

    def read(self, connection: socket.socket) -> bool:
        """Read one request with its body; False at the end."""
        data = b""
        while b"\r\n\r\n" not in data:
            chunk = connection.recv(65536)
            if not chunk:
                return False
            data += chunk
        head, _, body = data.partition(b"\r\n\r\n")
        length = next(
            (
                int(line.split(b":")[1])
                for line in head.split(b"\r\n")
                if line.lower().startswith(b"content-length")
            ),
            0,
        )
        while len(body) < length:
            body += connection.recv(65536)
        self.requests += 1
        return True

    def close(self) -> None:
        # Whoever still accepts learns of the end by a connection that says nothing.
        with socket.create_connection(self._listener.getsockname()):
            self._listener.close()
        self._thread.join(5)


@contextmanager
def peer(*scripts: Callable[[socket.socket, Peer], None]) -> Iterator[Peer]:
    server = Peer(*scripts)
    try:
        yield server
    finally:
        server.close()


def answer(*answers: bytes) -> Callable[[socket.socket, Peer], None]:
    """Answers one request after the other, then closes."""

    def script(connection: socket.socket, server: Peer) -> None:
        for data in answers:
            if not server.read(connection):
                return
            connection.sendall(data)

    return script

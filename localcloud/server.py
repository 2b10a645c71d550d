"""The HTTP server of the door: a socket of its own, in the running event loop."""

from __future__ import annotations

import asyncio
import errno
import socket
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING

import uvicorn

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from starlette.types import ASGIApp

HOST = "127.0.0.1"
_FRAME_LIMIT = 1024 * 1024
_STOP_SECONDS = 5


class PortUnusable(Exception):
    """The port is taken, or not ours to take; the message says which."""


def open_port(port: int) -> socket.socket:
    """Bind a loopback port; 0 finds a free one.

    Raises:
        PortUnusable: it is in use, forbidden or no port.
    """
    if not 0 <= port <= 65535:
        raise PortUnusable(f"port {port} is not between 0 and 65535")
    # The protocol is named: asyncio turns Nagle's delay off for sockets of TCP by name only, and
    # without that every answer on a reused connection waits for 40 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
        listener.listen(512)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise PortUnusable(
                f"port {port} is in use: choose another, or 0 for a free one"
            ) from None
        raise PortUnusable(f"port {port} cannot be used: {error.strerror}") from None
    return listener


class _Server(uvicorn.Server):
    """Leaves signals to the program: the cloud is stopped by its context, not by uvicorn."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def serving(app: ASGIApp, listener: socket.socket) -> AsyncIterator[None]:
    """Serve an application on a bound socket until the context ends."""
    config = uvicorn.Config(
        app,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        ws_max_size=_FRAME_LIMIT,
        timeout_graceful_shutdown=_STOP_SECONDS,
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        while not server.started:
            if task.done():
                task.result()
            await asyncio.sleep(0.01)
        yield
    finally:
        server.should_exit = True
        await task
        listener.close()

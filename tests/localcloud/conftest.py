"""Any services of the local cloud behind a real door on a free port."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import TYPE_CHECKING

import pytest

from localcloud.core.door import Door
from localcloud.server import HOST, open_port, serving

if TYPE_CHECKING:
    from localcloud.core.service import Service

Serve = Callable[..., AbstractAsyncContextManager[str]]


@contextlib.asynccontextmanager
async def serve(*services: Service) -> AsyncIterator[str]:
    """Start services, serve them, give their URL, and stop everything in the end."""
    async with AsyncExitStack() as stack:
        for service in services:
            stack.push_async_callback(service.stop)
            await service.start()
        listener = open_port(0)
        await stack.enter_async_context(serving(Door(services), listener))
        yield f"http://{HOST}:{listener.getsockname()[1]}"


@pytest.fixture(name="serve")
def serve_fixture() -> Serve:
    """`async with serve(service, …) as url:`."""
    return serve

"""Loops that run beside requests: one that ends by an error says so at once."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Coroutine

log = logging.getLogger(__name__)


def spawn_loop(work: Coroutine[None, None, None], name: str) -> asyncio.Task[None]:
    """Start a loop that nobody waits for until it is cancelled.

    Args:
        work: the loop.
        name: for the log.
    """
    task = asyncio.create_task(work, name=name)
    task.add_done_callback(_ended)
    return task


def _ended(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.critical("%s has stopped working", task.get_name(), exc_info=error)

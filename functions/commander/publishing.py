"""Steps as they happen: every row of the holder goes to the bus as a CloudEvent, beside the work.

Publishing is a courtesy, the log is the truth: what the bus does not take is logged and left, and
whoever follows a ticket reads the rows that no event told of.
"""

from __future__ import annotations

import contextlib
from queue import Empty, SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, Any

from functions.commander.log import LOG
from functions.common.tickets.notices import cloud_event

if TYPE_CHECKING:
    from collections.abc import Callable

    from functions.common.tickets.events import Event

Told = dict[str, Any]
AT_ONCE = 16


class Publisher:
    """Publishes the rows of one ticket in order, in a thread of its own.

    Args:
        ticket_id: the ticket.
        put: hands events to the bus; what it raises is logged.
    """

    def __init__(self, ticket_id: str, put: Callable[[list[Told]], None]) -> None:
        self._ticket_id = ticket_id
        self._put = put
        self._waiting: SimpleQueue[Told | None] = SimpleQueue()
        self._thread = Thread(target=self._work, name="publisher", daemon=True)
        self._thread.start()

    def publish(self, event: Event) -> None:
        """Publish a row soon."""
        self._waiting.put(cloud_event(self._ticket_id, event))

    def close(self, seconds: float = 5.0) -> None:
        """Wait until everything is published, but no longer than so many seconds."""
        self._waiting.put(None)
        self._thread.join(seconds)

    def _work(self) -> None:
        more = True
        while more:
            waiting = [self._waiting.get()]
            with contextlib.suppress(Empty):
                while len(waiting) < AT_ONCE:
                    waiting.append(self._waiting.get_nowait())
            more = None not in waiting
            told = [event for event in waiting if event is not None]
            try:
                if told:
                    self._put(told)
            except Exception as error:  # noqa: BLE001 - a bus that fails must not stop the work
                LOG.warning("not_published", ticket_id=self._ticket_id, error=str(error))

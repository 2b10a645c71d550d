"""Steps as they happen: every row of the holder goes to the bus as a CloudEvent, beside the work.

Publishing is a courtesy, the log is the truth: what the bus does not take is logged and left, and
whoever follows a ticket reads the rows that no event told of.
"""

from __future__ import annotations

from datetime import UTC, datetime
from queue import Empty, SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, Any

from functions.commander.log import LOG

if TYPE_CHECKING:
    from collections.abc import Callable

    from functions.commander.progress import Row

Event = dict[str, Any]
AT_ONCE = 16
TOLD = ("step", "status", "attempt", "tool", "ms")


def event_of(ticket_id: str, row: Row) -> Event:
    """A row as a CloudEvent 1.0: what happened, without outputs; `ticket_id:seq` tells it apart."""
    told = {name: row.data[name] for name in TOLD if name in row.data}
    return {
        "specversion": "1.0",
        "id": f"{ticket_id}:{row.seq}",
        "source": f"/v1/tickets/{ticket_id}",
        "type": f"agent.ticket.{row.kind}",
        "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "datacontenttype": "application/json",
        "data": {"ticket_id": ticket_id, "seq": row.seq, "kind": row.kind, **told},
    }


class Publisher:
    """Publishes the rows of one ticket in order, in a thread of its own.

    Args:
        ticket_id: the ticket.
        put: hands events to the bus; what it raises is logged.
    """

    def __init__(self, ticket_id: str, put: Callable[[list[Event]], None]) -> None:
        self._ticket_id = ticket_id
        self._put = put
        self._waiting: SimpleQueue[Event | None] = SimpleQueue()
        self._thread = Thread(target=self._work, name="publisher", daemon=True)
        self._thread.start()

    def publish(self, row: Row) -> None:
        """Publish a row soon."""
        self._waiting.put(event_of(self._ticket_id, row))

    def close(self, seconds: float = 5.0) -> None:
        """Wait until everything is published, but no longer than so many seconds."""
        self._waiting.put(None)
        self._thread.join(seconds)

    def _work(self) -> None:
        more = True
        while more:
            events = [self._waiting.get()]
            try:
                while len(events) < AT_ONCE:
                    events.append(self._waiting.get_nowait())
            except Empty:
                pass
            more = None not in events
            told = [event for event in events if event is not None]
            if not told:
                return
            try:
                self._put(told)
            except Exception as error:  # noqa: BLE001 - a bus that fails must not stop the work
                LOG.warning("not_published", ticket_id=self._ticket_id, error=str(error))

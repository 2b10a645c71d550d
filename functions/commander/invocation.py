"""One invocation: whose ticket, is there anything to do, then the light or the heavy way.

The payload is a hint. What counts is the ticket's own row and log; the answer of an asynchronous
invocation stays small, since the platform's destination repeats it.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from functions.commander import light
from functions.commander.bundle import BundleError
from functions.commander.journal import Journal
from functions.commander.log import LOG
from functions.commander.publishing import Publisher
from functions.commander.server import TryAgain
from functions.common.credentials import NoCredentials, from_headers
from functions.common.http import HttpError
from functions.common.ids import is_ticket_id
from functions.common.oss import ObjectError
from functions.common.rpc import CallFailed
from functions.common.tablestore import TablestoreError
from functions.common.tickets.events import is_settled
from functions.common.tickets.holding import Contender, Moving, NotAdmitted, Settled, Stale
from functions.common.tickets.sessions import SessionContended

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from functions.commander.instance import Instance
    from functions.commander.server import Request
    from functions.common.tickets.events import Event
    from functions.common.tickets.projection import Ticket

REPLY = "reply"
HEAVY = "functions.commander.reason"
LIBRARIES_SECONDS = 300.0
# Where the platform does not say: no deadline that this code would have to heed.
ENDLESS = 10 * 365 * 86_400.0
PASSING = (
    BundleError,
    CallFailed,
    HttpError,
    NoCredentials,
    ObjectError,
    SessionContended,
    TablestoreError,
)


@dataclass(frozen=True)
class Deadline:
    """How long this invocation may go on.

    The header `x-fc-function-timeout` is not in the documentation that was read (unverified);
    without it there is no deadline.

    Attributes:
        seconds: the function's time-out.
        at: when this invocation is over, on the monotonic clock.
    """

    seconds: float
    at: float

    @classmethod
    def of(cls, headers: Mapping[str, str]) -> Deadline:
        """Read it; the invocation begins now."""
        told = headers.get("x-fc-function-timeout", "")
        seconds = float(told) if told.isascii() and told.isdigit() and int(told) else ENDLESS
        return cls(seconds, time.monotonic() + seconds)


class Commander:
    """The application behind the server.

    Args:
        instance: what the instance keeps.
        contender: takes tickets; by default with the deployment's lease and the real clock.
    """

    def __init__(self, instance: Instance, contender: Contender | None = None) -> None:
        self._instance = instance
        self._contender = contender or Contender(
            instance.tickets.log, instance.tickets.open, lease_ms=instance.settings.lease_ms
        )

    def initialize(self, request: Request) -> dict[str, Any]:
        """Read the model's key; on provisioned instances import the heavy libraries.

        Raises:
            TryAgain: another try may succeed.
        """
        try:
            self._instance.credentials.renew(from_headers(request.headers))
            self._instance.chat()
            if self._instance.settings.prefetch:
                self._prefetch().join()
        except PASSING as error:
            raise TryAgain(f"initialize: {type(error).__name__}: {error}") from error
        return {}

    def invoke(self, request: Request) -> dict[str, Any]:
        """Work on the ticket that the payload names.

        Raises:
            TryAgain: another try may succeed.
        """
        ticket_id = _ticket_id(request.body)
        if ticket_id is None:
            LOG.warning("refused", reason="the payload names no ticket")
            return {"error": "ticket_id: must be the id of a ticket"}
        try:
            self._instance.credentials.renew(from_headers(request.headers))
            return self._invoke(ticket_id, request)
        except PASSING as error:
            raise TryAgain(f"{ticket_id}: {type(error).__name__}: {error}") from error

    def _invoke(self, ticket_id: str, request: Request) -> dict[str, Any]:
        deadline = Deadline.of(request.headers)
        tickets = self._instance.tickets
        ticket = tickets.tickets.read(ticket_id)
        if ticket is None:
            LOG.warning("refused", ticket_id=ticket_id, reason="there is no such ticket")
            return {"ticket_id": ticket_id, "status": "unknown"}
        if ticket.action != REPLY and not ticket.view.settled:
            self._prefetch()
        try:
            hold, events = self._contender.take(
                ticket_id, by=request.headers.get("x-fc-request-id", "")
            )
        except Settled as settled:
            return self._answer(ticket, settled.events)
        except (Moving, Stale):
            return {"ticket_id": ticket_id, "status": "running"}
        except NotAdmitted as error:
            LOG.warning("refused", ticket_id=ticket_id, reason=str(error))
            return {"ticket_id": ticket_id, "status": "unknown"}
        publisher = Publisher(ticket_id, self._instance.put_events)
        everything = self._instance.settings.publish_steps

        def publish(event: Event) -> None:
            # No destination of the platform tells of a synchronous invocation's end.
            if everything or (event.terminal and ticket.action == REPLY):
                publisher.publish(event)

        journal = Journal(hold, events, publish)
        try:
            self._work(journal, ticket, deadline)
        except Stale:
            LOG.warning("superseded", ticket_id=ticket_id, fence=hold.fence)
            return {"ticket_id": ticket_id, "status": "running"}
        finally:
            publisher.close()
        return self._answer(ticket, journal.events)

    def _work(self, journal: Journal, ticket: Ticket, deadline: Deadline) -> None:
        if ticket.action == REPLY:
            session = self._instance.tickets.sessions.read(ticket.session_id)
            history = session.history if session else ()
            light.answer(journal, ticket.input, history, self._instance.chat())
            return
        # From a cold share this takes seconds, in which nobody may take this one for dead.
        libraries = self._instance.libraries
        journal.wait_for(lambda: libraries.require([HEAVY]), LIBRARIES_SECONDS)
        from functions.commander import reason

        if reason.work(self._instance, journal, ticket, deadline) == "handed_over":
            self._project(ticket, journal.events)
            raise TryAgain(f"{ticket.ticket_id}: handed over before the time-out")

    def _answer(self, ticket: Ticket, events: Sequence[Event]) -> dict[str, Any]:
        """Settle what has ended, project what has not, and say how it stands."""
        if is_settled(events):
            view = self._instance.tickets.settle(ticket, events).view
        else:
            view = self._project(ticket, events)
        answer: dict[str, Any] = {"ticket_id": ticket.ticket_id, "status": view.status}
        if ticket.action == REPLY:
            answer |= {"output": view.output, "error": view.error}
        return answer

    def _project(self, ticket: Ticket, events: Sequence[Event]) -> Any:
        view = ticket.view.fold(events)
        self._instance.tickets.tickets.advance(ticket.ticket_id, view)
        return view

    def _prefetch(self) -> Any:
        return self._instance.libraries.prefetch(lambda: [HEAVY], _heavy_modules)


def _heavy_modules() -> list[str]:
    from functions.commander.reason import heavy_modules

    return heavy_modules()


def _ticket_id(body: bytes) -> str | None:
    try:
        payload = json.loads(body)
    except (ValueError, RecursionError):
        return None
    found = payload.get("ticket_id") if isinstance(payload, dict) else None
    return found if isinstance(found, str) and is_ticket_id(found) else None

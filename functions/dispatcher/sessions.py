"""`/v1/sessions/{session_id}`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from functions.common.gateway_event import Response
from functions.common.ids import is_session_id
from functions.common.problems import Problem, not_found
from functions.common.tickets.events import is_settled
from functions.common.tickets.sessions import SessionBusy, SessionGone
from functions.dispatcher.documents import own_key, session_document, ticket_path

if TYPE_CHECKING:
    from collections.abc import Iterable

    from functions.common.gateway_event import Request
    from functions.common.owner import Caller
    from functions.common.tickets.events import Event
    from functions.common.tickets.sessions import Session
    from functions.dispatcher.app import App

# Erasing stops here and asks to be called again: the function's own time-out would tell nothing.
ERASE_SECONDS = 15.0


def read(app: App, request: Request, caller: Caller, session_id: str) -> Response:
    """`GET /v1/sessions/{session_id}`."""
    del request
    session = app.store.sessions.read(session_id) if is_session_id(session_id) else None
    if session is None or session.owner != caller.owner or session.erasing:
        raise not_found("session")
    return Response(200, session_document(session))


def erase(app: App, request: Request, caller: Caller, session_id: str) -> Response:
    """`DELETE /v1/sessions/{session_id}`: objects, logs and tickets first, the session last."""
    del request
    if not is_session_id(session_id):
        raise not_found("session")
    session = _close(app, caller, session_id)
    began = time.monotonic()
    for ticket_id in session.tickets:
        if time.monotonic() - began > ERASE_SECONDS:
            raise Problem(
                503, "Not done yet", "erasing takes longer; ask again", headers={"retry-after": "0"}
            )
        _erase_ticket(app, ticket_id)
    app.store.sessions.erase(session_id)
    return Response(204)


def _close(app: App, caller: Caller, session_id: str) -> Session:
    for attempt in range(2):
        try:
            return app.store.sessions.begin_erasing(session_id, caller.owner)
        except SessionGone:  # noqa: PERF203 - mostly one round
            raise not_found("session") from None
        except SessionBusy as busy:
            events = app.store.log.read(busy.ticket_id)
            other = app.store.tickets.read(busy.ticket_id)
            if attempt or other is None or not is_settled(events):
                raise Problem(
                    409,
                    "Session busy",
                    "a ticket of it is running; wait for it, or cancel it",
                    extra={"ticket": ticket_path(busy.ticket_id)},
                ) from None
            app.store.settle(other, events)
    raise AssertionError("the second attempt returns or raises")


def _erase_ticket(app: App, ticket_id: str) -> None:
    """Everything of a ticket; its row goes last, so that an interrupted erasing finds it again."""
    ticket = app.store.tickets.read(ticket_id)
    if ticket is None:
        return
    events = app.store.log.read(ticket_id)
    keys = {ticket.view.output_ref, *_keys(events)}
    keys |= {str(artifact.get("key", "")) for artifact in ticket.view.artifacts}
    for key in sorted(keys):
        if own_key(ticket, key):
            app.results.delete(key)
    app.store.log.erase(ticket_id)
    app.store.open.close(ticket_id)
    app.store.tickets.erase(ticket_id)


def _keys(events: Iterable[Event]) -> Iterable[str]:
    """The objects that a log refers to."""
    for event in events:
        yield str(event.data.get("output_ref") or "")
        for artifact in event.data.get("artifacts") or ():
            yield str(artifact.get("key", ""))

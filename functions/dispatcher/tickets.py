"""`/v1/tickets/{ticket_id}` and its events."""

from __future__ import annotations

from typing import TYPE_CHECKING

from functions.common.gateway_event import Response
from functions.common.ids import is_ticket_id
from functions.common.problems import Problem, invalid, not_found
from functions.common.tickets import events as kinds
from functions.common.tickets.events import Draft
from functions.common.tickets.log import Collision
from functions.common.tickets.view import AWAITING
from functions.dispatcher.documents import (
    RETRY_AFTER,
    event_document,
    links_of,
    ticket_document,
)

if TYPE_CHECKING:
    from functions.common.gateway_event import Request
    from functions.common.owner import Caller
    from functions.common.tickets.projection import Ticket
    from functions.common.tickets.view import TicketView
    from functions.dispatcher.app import App

EVENTS, EVENTS_LIMIT = 100, 500
SEQ_LIMIT = 1_000_000_000
ATTEMPTS = 8


def own_ticket(app: App, caller: Caller, ticket_id: str) -> Ticket:
    """A ticket of the caller.

    Raises:
        Problem: 404, unknown or somebody else's.
    """
    ticket = app.store.tickets.read(ticket_id) if is_ticket_id(ticket_id) else None
    if ticket is None or ticket.owner != caller.owner:
        raise not_found("ticket")
    return ticket


def current_view(app: App, ticket: Ticket) -> TicketView:
    """How a ticket stands now: the projection and the events behind it."""
    behind = app.store.log.read(ticket.ticket_id, after=ticket.view.as_of_seq)
    return ticket.view.fold(behind)


def read(app: App, request: Request, caller: Caller, ticket_id: str) -> Response:
    """`GET /v1/tickets/{ticket_id}`."""
    ticket = own_ticket(app, caller, ticket_id)
    view = current_view(app, ticket)
    if view.settled and not ticket.view.settled:
        # Whoever finds it so: what the caller reads next, the session say, is to know of it.
        view = app.store.settle(ticket, app.store.log.read(ticket_id)).view
    tag = f'"{view.as_of_seq}"'
    headers = {"etag": tag}
    if not view.settled:
        headers["retry-after"] = RETRY_AFTER[view.status]
    if _matches(request.headers.get("if-none-match", ""), tag):
        return Response(304, None, headers)
    return Response(200, ticket_document(app, ticket, view), headers)


def read_events(app: App, request: Request, caller: Caller, ticket_id: str) -> Response:
    """`GET /v1/tickets/{ticket_id}/events`."""
    after = _number(request, "after", default=0, low=0, high=SEQ_LIMIT)
    limit = _number(request, "limit", default=EVENTS, low=1, high=EVENTS_LIMIT)
    own_ticket(app, caller, ticket_id)
    found = app.store.log.read(ticket_id, after=after, limit=limit + 1)
    return Response(
        200,
        {
            "ticket_id": ticket_id,
            "events": [event_document(event) for event in found[:limit]],
            "more": len(found) > limit,
        },
    )


def cancel(app: App, request: Request, caller: Caller, ticket_id: str) -> Response:
    """`DELETE /v1/tickets/{ticket_id}`."""
    del request
    ticket = own_ticket(app, caller, ticket_id)
    view = current_view(app, ticket)
    for _ in range(ATTEMPTS):
        if view.settled:
            return _status(ticket, view, 200)
        if view.cancel_requested:
            return _status(ticket, view, 202)
        if view.as_of_seq == 0:
            raise Problem(
                409,
                "Not admitted yet",
                "the ticket is being admitted; try again",
                headers={"retry-after": "1"},
            )
        draft = Draft(kinds.CANCEL_REQUESTED, {"by": caller.owner})
        try:
            event = app.store.log.append(ticket_id, draft, after=view.as_of_seq)
        except Collision as collision:
            view = view.fold(collision.events)
            continue
        waits = view.status == AWAITING
        view = view.fold([event])
        if waits:
            # Nobody holds a ticket that waits: somebody has to come and end it.
            app.invoke_later(ticket)
    raise Problem(503, "Try again", "the ticket changes too fast", headers={"retry-after": "1"})


def _status(ticket: Ticket, view: TicketView, status: int) -> Response:
    return Response(
        status,
        {
            "ticket_id": ticket.ticket_id,
            "status": view.status,
            "cancel_requested": view.cancel_requested,
            "links": links_of(ticket, view),
        },
    )


def _number(request: Request, name: str, *, default: int, low: int, high: int) -> int:
    text = request.query.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= 12 and low <= int(text) <= high):
        raise invalid(name, f"must be a whole number from {low} to {high}")
    return int(text)


def _matches(header: str, tag: str) -> bool:
    given = [part.strip().removeprefix("W/") for part in header.split(",")]
    return tag in given or "*" in given

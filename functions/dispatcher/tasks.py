"""`POST /v1/tasks`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from functions.common.gateway_event import Response
from functions.common.ids import is_session_id
from functions.common.problems import Problem, invalid, not_found
from functions.common.tickets import admission
from functions.common.tickets.view import FAILED, QUEUED, REJECTED, TicketView
from functions.dispatcher import body
from functions.dispatcher.documents import RETRY_AFTER, submitted_document, ticket_path

if TYPE_CHECKING:
    from functions.common.gateway_event import Request
    from functions.common.owner import Caller
    from functions.common.tickets.projection import Ticket
    from functions.common.tickets.sessions import Session
    from functions.dispatcher.app import App

FIELDS = ("session_id", "input", "action", "variables")
REASON, REPLY = "reason", "reply"


def submit(app: App, request: Request, caller: Caller) -> Response:
    """Admit a task and have it worked on; a `reply` is waited for.

    Raises:
        Problem: whatever is wrong.
    """
    key = body.read_key(request)
    task = _read(app, request, caller)
    try:
        admitted = app.admission.admit(task, key)
    except admission.KeyReused as reused:
        raise Problem(
            422,
            "Idempotency key reused",
            "Idempotency-Key: it was used before with another body",
            field="Idempotency-Key",
        ) from reused
    ticket = admitted.ticket
    view = ticket.view.fold(admitted.events)
    if view.status == REJECTED:
        raise _rejected(admitted.events[0].data)
    if _to_be_invoked(app, ticket, view, fresh=admitted.fresh):
        state = _state(admitted.session)
        if task.action == REPLY:
            app.invoke_now(ticket, state)
            view = view.fold(app.store.log.read(ticket.ticket_id, after=view.as_of_seq))
        else:
            app.invoke_later(ticket, state)
    return _answer(app, ticket, view)


def _read(app: App, request: Request, caller: Caller) -> admission.Request:
    document = body.read_object(request, FIELDS)
    text = body.read_text(document, "input", body.INPUT_CHARACTERS)
    action = body.read_choice(document, "action", (REASON, REPLY))
    variables = body.read_variables(document)
    session_id = document.get("session_id")
    if session_id is not None and not isinstance(session_id, str):
        raise invalid("session_id", "must be a text, or be left out")
    if session_id is not None:
        session = _session(app, caller, session_id)
        body.check_variables({**session.variables, **variables})
    return admission.Request(
        owner=caller.owner,
        tenant=caller.tenant,
        session_id=session_id,
        action=action,
        input=text,
        variables=variables,
    )


def _session(app: App, caller: Caller, session_id: str) -> Session:
    session = app.store.sessions.read(session_id) if is_session_id(session_id) else None
    if session is None or session.owner != caller.owner or session.erasing:
        raise not_found("session")
    return session


def _to_be_invoked(app: App, ticket: Ticket, view: TicketView, *, fresh: bool) -> bool:
    """A new ticket is; one that was there only if nobody came to invoke it."""
    if fresh:
        return True
    if view.status != QUEUED:
        return False
    row = app.store.open.read(ticket.ticket_id)
    return row is not None and row.invokes == 0 and row.fence == 0


def _state(session: Session | None) -> dict[str, Any]:
    if session is None:
        return {"ref": True}
    return {"history": list(session.history), "variables": dict(session.variables)}


def _answer(app: App, ticket: Ticket, view: TicketView) -> Response:
    path = ticket_path(ticket.ticket_id)
    if not view.settled:
        headers = {"location": path, "retry-after": RETRY_AFTER.get(view.status, "1")}
        return Response(202, submitted_document(app, ticket, view), headers)
    if view.status == FAILED and ticket.action == REPLY:
        raise Problem(502, "The task failed", view.error, extra={"ticket": path})
    return Response(200, submitted_document(app, ticket, view), {"location": path})


def _rejected(data: Any) -> Problem:
    reason, active = data.get("reason"), str(data.get("active_ticket", ""))
    if reason == admission.GONE:
        return not_found("session")
    if reason == admission.FULL:
        return Problem(409, "Session full", "session_id: it has too many tickets; begin a new one")
    if reason == admission.BUSY:
        return Problem(
            409,
            "Session busy",
            "session_id: a ticket of it is running; wait for it, or cancel it",
            field="session_id",
            extra={"ticket": ticket_path(active)} if active else None,
        )
    return Problem(
        409,
        "Task rejected",
        "Idempotency-Key: its task was never begun and never will be; use another key",
        field="Idempotency-Key",
    )

"""`POST /v1/tickets/{ticket_id}/approvals/{step}`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from functions.common.gateway_event import Response
from functions.common.ids import is_step_id, is_ticket_id
from functions.common.owner import APPROVER
from functions.common.problems import Problem, not_found
from functions.common.tickets import events as kinds
from functions.common.tickets.events import Draft, is_settled, tail_of
from functions.common.tickets.log import Collision
from functions.dispatcher import body

if TYPE_CHECKING:
    from collections.abc import Sequence

    from functions.common.gateway_event import Request
    from functions.common.owner import Caller
    from functions.common.tickets.events import Event
    from functions.common.tickets.projection import Ticket
    from functions.dispatcher.app import App

ATTEMPTS = 8


def answer(app: App, request: Request, caller: Caller, ticket_id: str, step: str) -> Response:
    """Record an approver's answer once: the same again is 200, the opposite 409."""
    ticket = _ticket(app, caller, ticket_id)
    approve = body.read_flag(body.read_object(request, ("approve",)), "approve")
    if not is_step_id(step):
        raise not_found("step")
    events = app.store.log.read(ticket_id)
    for _ in range(ATTEMPTS):
        asked = _asked(events, step)
        given = _given(events, asked)
        if given is not None:
            if (given.kind == kinds.APPROVED) is not approve:
                raise Problem(409, "Answered already", f"step {step} was {given.kind}")
            return _recorded(ticket_id, step, given)
        if is_settled(events):
            raise Problem(409, "Not waiting", f"step {step}: the ticket is settled")
        draft = Draft(
            kinds.APPROVED if approve else kinds.DENIED,
            {
                "step": step,
                "arguments_hash": str(asked.data.get("arguments_hash", "")),
                "by": caller.owner,
            },
        )
        try:
            event = app.store.log.append(ticket_id, draft, after=tail_of(events))
        except Collision as collision:
            events = [*events, *collision.events]
            continue
        app.invoke_later(ticket)
        return _recorded(ticket_id, step, event)
    raise Problem(503, "Try again", "the ticket changes too fast", headers={"retry-after": "1"})


def _ticket(app: App, caller: Caller, ticket_id: str) -> Ticket:
    """A ticket that the caller may answer for; to anybody else it does not exist."""
    ticket = app.store.tickets.read(ticket_id) if is_ticket_id(ticket_id) else None
    if ticket is None:
        raise not_found("ticket")
    own, approver = ticket.owner == caller.owner, APPROVER in caller.scopes
    if not own and not (approver and ticket.tenant == caller.tenant):
        raise not_found("ticket")
    if not approver:
        raise Problem(403, "Not an approver", f"the token's scope has no word {APPROVER!r}")
    if own and not app.approve_own:
        raise Problem(403, "Your own ticket", "somebody else has to answer for it")
    return ticket


def _asked(events: Sequence[Event], step: str) -> Event:
    """The last time that the step asked."""
    for event in reversed(events):
        if event.kind == kinds.AWAITING_APPROVAL and event.data.get("step") == step:
            return event
    raise Problem(409, "Not waiting", f"step {step} does not wait for an approval")


def _given(events: Sequence[Event], asked: Event) -> Event | None:
    """The answer to it, if there is one."""
    for event in events:
        answers = event.seq > asked.seq and event.kind in (kinds.APPROVED, kinds.DENIED)
        if answers and event.data.get("step") == asked.data.get("step"):
            return event
    return None


def _recorded(ticket_id: str, step: str, event: Event) -> Response:
    approve = event.kind == kinds.APPROVED
    return Response(
        200, {"ticket_id": ticket_id, "step": step, "approve": approve, "seq": event.seq}
    )

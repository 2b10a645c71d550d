"""How tickets and sessions look to a caller."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from functions.common.tickets.events import Event
    from functions.common.tickets.projection import Ticket
    from functions.common.tickets.sessions import Session
    from functions.common.tickets.view import TicketView
    from functions.dispatcher.app import App

LINK_SECONDS = 900
RETRY_AFTER = {"queued": "1", "running": "1", "awaiting_approval": "10"}


def ticket_path(ticket_id: str) -> str:
    """Where a ticket is read."""
    return f"/v1/tickets/{ticket_id}"


def links_of(ticket: Ticket, view: TicketView, *, name: str = "self") -> dict[str, str]:
    """Where to go from a ticket."""
    path = ticket_path(ticket.ticket_id)
    links = {
        name: path,
        "events": f"{path}/events",
        "session": f"/v1/sessions/{ticket.session_id}",
    }
    if not view.settled:
        links["cancel"] = path
    return links


def ticket_document(app: App, ticket: Ticket, view: TicketView) -> dict[str, Any]:
    """A ticket."""
    steps = list(view.steps.values())
    document: dict[str, Any] = {
        "ticket_id": ticket.ticket_id,
        "session_id": ticket.session_id,
        "action": ticket.action,
        "status": view.status,
        "cancel_requested": view.cancel_requested,
        "steps": {
            "planned": len(steps),
            "succeeded": sum(step.status == "succeeded" for step in steps),
            "failed": sum(step.status == "failed" for step in steps),
            "list": [
                {
                    "id": step.id,
                    "tool": step.tool,
                    "status": step.status,
                    "attempts": step.attempts,
                }
                for step in steps
            ],
        },
        "created_at": ticket.created_at,
        "seq": view.as_of_seq,
        "links": links_of(ticket, view),
    }
    if view.awaiting:
        document["awaiting"] = [_awaiting(step, dict(data)) for step, data in view.awaiting.items()]
    if view.updated_at:
        document["updated_at"] = view.updated_at
    document.update(outcome(app, ticket, view))
    if view.artifacts:
        document["artifacts"] = [
            {
                "name": str(artifact.get("name", "")),
                "bytes": artifact.get("bytes", 0),
                "content_type": str(artifact.get("content_type", "")),
                **_link(app, ticket, str(artifact.get("key", ""))),
            }
            for artifact in view.artifacts
        ]
    return document


def submitted_document(app: App, ticket: Ticket, view: TicketView) -> dict[str, Any]:
    """What a task's submission is answered with."""
    return {
        "ticket_id": ticket.ticket_id,
        "session_id": ticket.session_id,
        "status": view.status,
        **outcome(app, ticket, view),
        "links": links_of(ticket, view, name="ticket"),
    }


def outcome(app: App, ticket: Ticket, view: TicketView) -> dict[str, Any]:
    """Output, link or error of a ticket that ended; nothing before."""
    found: dict[str, Any] = {}
    if view.output_ref:
        found["result"] = _link(app, ticket, view.output_ref)
    elif view.status == "succeeded":
        found["output"] = view.output
    if view.error:
        found["error"] = view.error
    return found


def event_document(event: Event) -> dict[str, Any]:
    """A row of the log."""
    return {"seq": event.seq, "kind": event.kind, "at": event.at, "data": dict(event.data)}


def session_document(session: Session) -> dict[str, Any]:
    """A session."""
    links = {"self": f"/v1/sessions/{session.session_id}"}
    if session.active_ticket:
        links["active_ticket"] = ticket_path(session.active_ticket)
    return {
        "session_id": session.session_id,
        "history": [dict(message) for message in session.history],
        "plan": session.plan,
        "variables": dict(session.variables),
        "active_ticket": session.active_ticket or None,
        "version": session.version,
        "links": links,
    }


def own_key(ticket: Ticket, key: str) -> bool:
    """Whether an object is one of the ticket's owner: links and erasing never leave the prefix."""
    return key.startswith(f"{ticket.owner}/") and ".." not in key


def _awaiting(step: str, data: dict[str, Any]) -> dict[str, Any]:
    shown = ("tool", "arguments", "arguments_hash")
    return {"step": step, **{name: data[name] for name in shown if name in data}}


def _link(app: App, ticket: Ticket, key: str) -> dict[str, Any]:
    if not own_key(ticket, key):
        raise ValueError(f"{ticket.ticket_id} refers to an object outside of its owner's prefix")
    return {"url": app.links.link(key, expires_s=LINK_SECONDS), "expires_in": LINK_SECONDS}

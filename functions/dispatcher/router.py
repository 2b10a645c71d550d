"""Which function answers which method and path."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from functions.common.problems import Problem, not_found
from functions.dispatcher import approvals, sessions, tasks, tickets

if TYPE_CHECKING:
    from collections.abc import Callable

    from functions.common.gateway_event import Request, Response
    from functions.common.owner import Caller
    from functions.dispatcher.app import App

    Endpoint = Callable[..., Response]

_ROUTES: tuple[tuple[str, dict[str, Endpoint]], ...] = (
    (r"/v1/tasks", {"POST": tasks.submit}),
    (r"/v1/tickets/([^/]+)", {"GET": tickets.read, "DELETE": tickets.cancel}),
    (r"/v1/tickets/([^/]+)/events", {"GET": tickets.read_events}),
    (r"/v1/tickets/([^/]+)/approvals/([^/]+)", {"POST": approvals.answer}),
    (r"/v1/sessions/([^/]+)", {"GET": sessions.read, "DELETE": sessions.erase}),
)


def route(app: App, request: Request, caller: Caller) -> Response:
    """Answer a request.

    Raises:
        Problem: whatever is wrong with it.
    """
    for pattern, methods in _ROUTES:
        found = re.fullmatch(pattern, request.path)
        if found is None:
            continue
        endpoint = methods.get("GET" if request.method == "HEAD" else request.method)
        if endpoint is None:
            raise Problem(
                405,
                "Method not allowed",
                f"{request.method} is none of {', '.join(methods)}",
                headers={"allow": ", ".join(methods)},
            )
        return endpoint(app, request, caller, *found.groups())
    raise not_found("path")

"""REGISTER and UNREGISTER of the push channel: what the gateway passes on of a client's frame."""

from __future__ import annotations

from typing import TYPE_CHECKING

from functions.common.gateway_event import Response
from functions.common.owner import caller_of
from functions.common.problems import Problem, invalid, not_found
from functions.notifier.connections import Connection, TooManyConnections

if TYPE_CHECKING:
    from functions.common.gateway_event import Request
    from functions.notifier.connections import Connections

REGISTER_PATH, UNREGISTER_PATH = "/v1/push/register", "/v1/push/unregister"


def answer(connections: Connections, request: Request) -> Response:
    """Answer a frame: 200 lets the channel live.

    The owner comes from the token that the gateway checked, the device from the header that the
    gateway sets: neither from a body.

    Raises:
        Problem: whatever is wrong.
    """
    caller = caller_of(request.headers)
    device = request.headers.get("x-ca-deviceid", "")
    if request.path == UNREGISTER_PATH:
        connections.remove(caller.owner, device)
        return Response(200, {"registered": False})
    if request.path != REGISTER_PATH:
        raise not_found("path")
    if not caller.expires_at:
        # Without an end nobody could say when to stop pushing.
        raise Problem(403, "Token without end", "the token needs a claim 'exp'")
    try:
        connections.add(Connection(caller.owner, device, caller.expires_at))
    except ValueError as error:
        raise invalid("x-ca-deviceid", str(error).partition(": ")[2]) from error
    except TooManyConnections as error:
        raise Problem(
            429, "Too many channels", "close one of your push channels before another is opened"
        ) from error
    return Response(200, {"registered": True, "until": caller.expires_at})

"""The Python client of the HTTP API and of the push channel: `AgentClient` and `PushChannel`."""

from clients.api import AgentClient
from clients.errors import AgentError, ChannelClosed
from clients.models import Event, Submitted, Ticket
from clients.push import PushChannel

__all__ = [
    "AgentClient",
    "AgentError",
    "ChannelClosed",
    "Event",
    "PushChannel",
    "Submitted",
    "Ticket",
]

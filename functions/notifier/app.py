"""Everything that an event needs, made once for an instance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from functions.common.fc import FunctionClient, Invocation
from functions.common.logs import Log
from functions.common.rpc import describe_app_security
from functions.common.tablestore import TablestoreClient
from functions.common.tickets.holding import Contender
from functions.common.tickets.settling import TicketStore
from functions.notifier.completion import Completion
from functions.notifier.connections import Connections
from functions.notifier.push import Pusher
from functions.notifier.sweeper import Sweeper

if TYPE_CHECKING:
    from functions.common.credentials import CredentialSource
    from functions.notifier.settings import Settings


class Functions(Protocol):
    """What is needed of Function Compute."""

    def invoke_async(self, function: str, payload: bytes) -> Invocation:
        """Queue an invocation."""


@dataclass(frozen=True)
class App:
    """The notifier.

    Attributes:
        connections: who listens.
        completion: deals with events of the bus.
        sweeper: deals with the timer.
        log: for log lines.
    """

    connections: Connections
    completion: Completion
    sweeper: Sweeper
    log: Log


def build(settings: Settings, credentials: CredentialSource) -> App:
    """Wire the notifier; nothing is called yet."""
    rows = TablestoreClient(settings.tablestore_endpoint, settings.tablestore_instance, credentials)
    store, log = TicketStore(rows), Log("notifier")
    connections = Connections(rows)
    pusher = Pusher(
        settings.notify_url,
        lambda: describe_app_security(settings.apigateway_endpoint, credentials, settings.app_id),
        connections,
        log,
    )
    sweeper = Sweeper(
        store,
        Contender(store.log, store.open),
        FunctionClient(settings.function_endpoint, credentials),
        settings.commander_function,
        pusher,
        log,
    )
    return App(connections, Completion(store, pusher, sweeper, log), sweeper, log)

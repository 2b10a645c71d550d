"""Everything that a request needs, made once for an instance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from functions.common.fc import FunctionClient, Invocation, InvocationFailed
from functions.common.logs import Log
from functions.common.oss import OssBucket
from functions.common.tablestore import TablestoreClient
from functions.common.tickets.admission import Admission
from functions.common.tickets.notices import invocation
from functions.common.tickets.settling import TicketStore

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from functions.common.credentials import CredentialSource
    from functions.common.tickets.projection import Ticket
    from functions.dispatcher.settings import Settings

# A `reply` is waited for within the dispatcher's own time-out (25 s by default).
REPLY_SECONDS = 20.0


class Functions(Protocol):
    """What is needed of Function Compute."""

    def invoke_async(self, function: str, payload: bytes) -> Invocation:
        """Queue an invocation."""

    def invoke(self, function: str, payload: bytes, *, read_seconds: float) -> Invocation:
        """Invoke and wait."""


class Objects(Protocol):
    """What is needed of the results bucket."""

    def link(self, key: str, *, expires_s: int) -> str:
        """A URL that reads an object for some time."""

    def delete(self, key: str) -> None:
        """Delete an object."""


@dataclass(frozen=True)
class App:
    """The dispatcher.

    Attributes:
        store: the tables.
        admission: how requests become tickets.
        functions: invokes the commander.
        commander: its name.
        results: erases objects.
        links: signs links that callers can reach.
        log: for log lines.
        approve_own: whether approvers may answer for their own tickets.
    """

    store: TicketStore
    admission: Admission
    functions: Functions
    commander: str
    results: Objects
    links: Objects
    log: Log
    approve_own: bool = False

    def invoke_later(self, ticket: Ticket, state: Mapping[str, Any] | None = None) -> None:
        """Have a ticket worked on. If that fails the sweeper does it: the ticket is admitted."""
        self.store.open.count_invocation(ticket.ticket_id)
        try:
            self.functions.invoke_async(self.commander, invocation(ticket, state))
        except InvocationFailed as failed:
            self.log.warning(
                "invocation_failed", ticket_id=ticket.ticket_id, code=failed.code, why=str(failed)
            )

    def invoke_now(self, ticket: Ticket, state: Mapping[str, Any]) -> None:
        """Have a ticket worked on and wait; what came of it is in its log."""
        self.store.open.count_invocation(ticket.ticket_id)
        try:
            self.functions.invoke(
                self.commander, invocation(ticket, state), read_seconds=REPLY_SECONDS
            )
        except InvocationFailed as failed:
            self.log.warning(
                "reply_failed", ticket_id=ticket.ticket_id, code=failed.code, why=str(failed)
            )


def build(settings: Settings, credentials: CredentialSource) -> App:
    """Wire the dispatcher; nothing is called yet."""
    store = TicketStore(
        TablestoreClient(settings.tablestore_endpoint, settings.tablestore_instance, credentials)
    )

    def bucket(endpoint: str) -> OssBucket:
        return OssBucket(endpoint, settings.results_bucket, settings.fc_region, credentials)

    return App(
        store=store,
        admission=Admission(store),
        functions=FunctionClient(settings.function_endpoint, credentials),
        commander=settings.commander_function,
        results=bucket(settings.oss_endpoint),
        links=bucket(settings.results_public_endpoint),
        log=Log("dispatcher"),
        approve_own=settings.approve_own,
    )

"""What an instance keeps between invocations: clients, libraries, the model's key."""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, Any

from functions.commander.bundle import Libraries
from functions.commander.chat import Chat
from functions.common.credentials import LatestCredentials
from functions.common.eventbridge import EventBridgeClient
from functions.common.oss import OssBucket
from functions.common.rpc import get_secret_parameter
from functions.common.tablestore import TablestoreClient
from functions.common.tickets.settling import TicketStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from functions.commander.objects import Bucket
    from functions.commander.settings import Settings


@dataclass
class Instance:
    """One instance of the function.

    Attributes:
        settings: what the deployment says.
        credentials: renewed at every request; the clients ask for them.
        tickets: the tables of the ticket protocol.
        bucket: the results bucket.
        put_events: hands CloudEvents to the bus.
        libraries: the heavy libraries.
    """

    settings: Settings
    credentials: LatestCredentials
    tickets: TicketStore
    bucket: Bucket
    put_events: Callable[[list[dict[str, Any]]], None]
    libraries: Libraries
    _chat: Chat | None = field(default=None, repr=False)
    _asking: Lock = field(default_factory=Lock, repr=False)

    def chat(self) -> Chat | None:
        """The model, if one is configured; its key is read once.

        Raises:
            functions.common.rpc.CallFailed: the key cannot be read.
            functions.common.http.HttpError: the service that keeps it cannot be reached.
        """
        settings = self.settings
        if not settings.has_model:
            return None
        with self._asking:
            if self._chat is None:
                key = ""
                if settings.model_key_parameter:
                    key = get_secret_parameter(
                        settings.oos_endpoint, self.credentials, settings.model_key_parameter
                    )
                self._chat = Chat(settings.model_base_url, settings.model_name, key)
            return self._chat


def make_instance(settings: Settings) -> Instance:
    """Make the clients; nothing is reached before the first request.

    Raises:
        ValueError: an endpoint is no http(s) URL.
    """
    credentials = LatestCredentials()
    store = TablestoreClient(
        settings.tablestore_endpoint, settings.tablestore_instance, credentials
    )
    bus = EventBridgeClient(settings.eventbridge_endpoint, settings.event_bus, credentials)
    return Instance(
        settings=settings,
        credentials=credentials,
        tickets=TicketStore(store),
        bucket=OssBucket(
            settings.oss_endpoint, settings.results_bucket, settings.fc_region, credentials
        ),
        put_events=bus.put,
        libraries=Libraries(settings.bundle),
    )

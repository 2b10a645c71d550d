"""The local cloud's storage services on a port, for tests of our clients against a real wire."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from functions.common.credentials import Credentials
from localcloud.apigateway.control import gateway_control
from localcloud.apigateway.definitions import Definitions
from localcloud.core.clock import SystemClock
from localcloud.core.config import CloudConfig
from localcloud.core.door import Door
from localcloud.core.faults import Faults
from localcloud.documents import Documents
from localcloud.eventbridge import EventBridge
from localcloud.keys import Vault
from localcloud.mns import Queues
from localcloud.oos.parameters import SecretParameters
from localcloud.oos.service import oos_control
from localcloud.oss.service import Oss
from localcloud.ram import Ram
from localcloud.server import HOST, open_port, serving
from localcloud.tablestore import Tablestore, TablestoreService

INSTANCE, BUS, BUCKET = "agent-test", "agent-test", "agent-test-results"


@dataclass
class Wire:
    """What the tests act on."""

    url: str
    region: str
    ram: Ram
    tablestore: Tablestore
    oss: Oss
    eventbridge: EventBridge
    queues: Queues
    parameters: SecretParameters
    definitions: Definitions
    faults: Faults

    def credentials(self) -> Credentials:
        """A `CredentialSource`: the administrator's."""
        key = self.ram.administrator
        return Credentials(key.access_key_id, key.access_key_secret, key.security_token or "")


@asynccontextmanager
async def wire(state_dir: Path) -> AsyncIterator[Wire]:
    """Start the services with all of the project's tables."""
    config = CloudConfig(state_dir=state_dir)
    clock, vault, faults = SystemClock(), Vault(state_dir / "vault.key"), Faults(1)
    ram, store = Ram(config, clock), Tablestore(config, clock)
    store.create_instance(INSTANCE)
    for table in json.loads(Path("functions/tables.json").read_text())["tables"]:
        key = [tuple(column) for column in table["primary_key"]]
        store.create_table(INSTANCE, table["name"], key)
    oss = Oss(config, clock, ram)
    oss.store.create_bucket(BUCKET)
    queues = Queues(config, clock)
    eventbridge = EventBridge(config, clock, ram, queues)
    eventbridge.put_bus(BUS)
    parameters = SecretParameters(Documents(state_dir / "oos.sqlite"), clock, vault)
    definitions = Definitions(Documents(state_dir / "gateway.sqlite"), config, clock, vault)
    tables = TablestoreService(store, config, clock, ram, faults)
    door = Door(
        [
            tables,
            eventbridge,
            oos_control(config, clock, ram, parameters),
            gateway_control(config, clock, ram, definitions),
            oss,
        ]
    )
    listener = open_port(0)
    url = f"http://{HOST}:{listener.getsockname()[1]}"
    started = (tables, eventbridge, oss)
    for service in started:
        await service.start()
    try:
        async with serving(door, listener):
            yield Wire(
                url,
                config.region,
                ram,
                store,
                oss,
                eventbridge,
                queues,
                parameters,
                definitions,
                faults,
            )
    finally:
        for service in started:
            await service.stop()
        ram.close()

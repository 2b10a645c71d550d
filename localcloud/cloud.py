"""All services of one local cloud, wired together."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from localcloud.apigateway.backend import FunctionBackends
from localcloud.apigateway.control import gateway_control
from localcloud.apigateway.service import ApiGateway
from localcloud.core.clock import SystemClock
from localcloud.core.faults import Faults
from localcloud.documents import Documents
from localcloud.eventbridge import EventBridge
from localcloud.fc import FunctionCompute
from localcloud.keys import TokenKeys, Vault
from localcloud.mns import Queues
from localcloud.nas import FileStorage
from localcloud.oos.parameters import SecretParameters
from localcloud.oos.service import oos_control
from localcloud.oss.service import Oss
from localcloud.provider.provider import LocalProvider
from localcloud.provider.types import handlers
from localcloud.ram import Ram
from localcloud.registry import Registry
from localcloud.ros.stacks import Stacks
from localcloud.sls import LogService
from localcloud.tablestore.service import TablestoreService
from localcloud.tablestore.store import Tablestore

if TYPE_CHECKING:
    from pathlib import Path

    from localcloud.core.clock import Clock
    from localcloud.core.config import CloudConfig
    from localcloud.core.service import Service

SIGNING_KEY = "signing-key.pem"
VAULT_KEY = "vault.key"


class Cloud:
    """The services, on one clock and one state directory.

    Args:
        config: account, region, port and state directory.
        project: where a program's relative file names begin.
        clock: another clock, for tests.

    Raises:
        StateDamaged: a file of the state cannot be used.
    """

    def __init__(self, config: CloudConfig, project: Path, clock: Clock | None = None) -> None:
        self.config = config
        self.clock: Clock = clock or SystemClock()
        self.faults = Faults()
        folder = config.state_dir
        vault = Vault(folder / VAULT_KEY)
        self.tokens = TokenKeys(folder / SIGNING_KEY)
        self.ram = Ram(config, self.clock)
        self._inventory = Documents(folder / "inventory.sqlite")
        self._secrets = Documents(folder / "oos.sqlite")
        self._stacks = Documents(folder / "ros.sqlite")
        self.sls = LogService(config)
        self.mns = Queues(config, self.clock)
        self.nas = FileStorage(config)
        self._oss = Oss(config, self.clock, self.ram, self.faults)
        self.oss = self._oss.store
        self.tablestore = Tablestore(config, self.clock)
        self._tablestore = TablestoreService(
            self.tablestore, config, self.clock, self.ram, self.faults
        )
        self.registry = Registry(config, self.ram)
        self.eventbridge = EventBridge(config, self.clock, self.ram, self.mns)
        self.fc = FunctionCompute(
            config,
            self.clock,
            self.ram,
            read_object=self.oss.get_object,
            nas=self.nas,
            sls=self.sls,
            images=self.registry.images,
            eventbridge=self.eventbridge,
            mns=self.mns,
            vswitch_range=self._vswitch_range,
            faults=self.faults,
        )
        self.eventbridge.connect(self.fc)
        self.oos = SecretParameters(self._secrets, self.clock, vault)
        self.apigateway = ApiGateway(config, self.clock, vault, FunctionBackends(self.ram, self.fc))
        self.ros = Stacks(self._stacks, config, self.apigateway.definitions)
        self.provider = LocalProvider(handlers(self, self._inventory, project), self._inventory)
        # The door asks in this order; the gateway takes what nobody else recognises. They stop the
        # other way round: functions end before the bus that hears of it.
        self.services: list[Service] = [
            self._tablestore,
            self.eventbridge,
            self.registry,
            self.fc,
            gateway_control(config, self.clock, self.ram, self.apigateway.definitions),
            oos_control(config, self.clock, self.ram, self.oos),
            self._oss,
            self.apigateway,
        ]

    async def start(self) -> None:
        """Begin with what runs beside requests."""
        for service in self.services:
            await service.start()

    async def stop(self) -> None:
        """End everything: no process, no task and no open file remains."""
        stores = (self._inventory, self._secrets, self._stacks, self.sls, self.mns, self.nas)
        # Last first, and one that fails keeps none of the others from stopping.
        async with AsyncExitStack() as stack:
            for store in (self.ram, *stores):
                stack.callback(store.close)
            for service in self.services:
                stack.push_async_callback(service.stop)

    def _vswitch_range(self, vswitch: str) -> str | None:
        """The address range of a vSwitch of the inventory; rules of NAS go by it."""
        body = self._inventory.get("vswitch", vswitch)
        return None if body is None else str(body["cidrBlock"])

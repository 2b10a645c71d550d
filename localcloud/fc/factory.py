"""Makes instances: the runtime that fits, a place, a log."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from localcloud.fc.builtin import BuiltIn
from localcloud.fc.container import ContainerRuntime
from localcloud.fc.home import Home
from localcloud.fc.instance import Instance
from localcloud.fc.interpreters import interpreter_for
from localcloud.fc.logs import InstanceLog

if TYPE_CHECKING:
    from collections.abc import Callable

    from localcloud.core.clock import Clock
    from localcloud.core.config import CloudConfig
    from localcloud.fc.functions import Function, Functions
    from localcloud.fc.instance import Runtime
    from localcloud.fc.interpreters import Interpreter
    from localcloud.fc.model import Spec
    from localcloud.nas import FileStorage
    from localcloud.ram import Ram
    from localcloud.sls import LogService


class InstanceFactory:
    """Makes instances of one account.

    Args:
        config: account, region, state directory.
        clock: the cloud's.
        ram: gives credentials.
        nas: mounts.
        sls: logs.
        functions: knows where code lies.
        ranges: address range of a vSwitch, where it is known.
    """

    def __init__(
        self,
        config: CloudConfig,
        clock: Clock,
        ram: Ram,
        nas: FileStorage,
        sls: LogService,
        functions: Functions,
        ranges: Callable[[str], str | None],
    ) -> None:
        self._config = config
        self._clock = clock
        self._ram = ram
        self._nas = nas
        self._sls = sls
        self._functions = functions
        self._ranges = ranges
        self._probes: dict[str, asyncio.Task[Interpreter]] = {}

    def probe(self, spec: Spec) -> asyncio.Task[Interpreter] | None:
        """Look for the interpreter of a function, ahead of its first cold start."""
        if spec.container is not None:
            return None
        if spec.runtime not in self._probes:
            work = asyncio.to_thread(interpreter_for, spec.runtime)
            self._probes[spec.runtime] = asyncio.create_task(work)
        return self._probes[spec.runtime]

    async def stop(self) -> None:
        """Wait for the looking to end."""
        await asyncio.gather(*self._probes.values(), return_exceptions=True)

    def make(self, function: Function, provisioned: bool, frozen_at_rest: bool) -> Instance:
        """An instance that is not started yet.

        Raises:
            CloudError: 400, the code package is malformed.
        """
        code, image = self._functions.place(function)
        home = Home(function.spec, code, self._config, self._ram, self._nas, self._ranges)
        log = InstanceLog(self._sls, self._clock, function.spec, home.instance_id)
        probe = self.probe(function.spec)
        runtime: Runtime = (
            ContainerRuntime(home, log, image) if probe is None else BuiltIn(home, log, probe)
        )
        return Instance(
            home,
            runtime,
            log,
            self._clock,
            function.generation,
            provisioned=provisioned,
            frozen_at_rest=frozen_at_rest,
        )

    def tell(self, name: str, message: str) -> None:
        """Write a line to a function's log, apart from any instance."""
        log = InstanceLog(self._sls, self._clock, self._functions.get(name).spec, "")
        log.write(message)
        log.flush()

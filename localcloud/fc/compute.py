"""Function Compute as one object: what the rest of the local cloud sees of it."""

from __future__ import annotations

import asyncio
import uuid
from typing import TYPE_CHECKING, Any

from localcloud.core.errors import CloudError
from localcloud.core.faults import Faults
from localcloud.documents import Documents
from localcloud.fc import limits
from localcloud.fc.answers import accepted, answered
from localcloud.fc.async_queue import AsyncQueue
from localcloud.fc.configurations import Configurations
from localcloud.fc.destinations import DestinationSender
from localcloud.fc.factory import InstanceFactory
from localcloud.fc.fleet import Fleet
from localcloud.fc.functions import Function, Functions
from localcloud.fc.interpreters import interpreter_for
from localcloud.fc.invoker import Invoker, Run
from localcloud.fc.model import BUILT_IN, Call
from localcloud.fc.process import reap
from localcloud.fc.provisioning import Provisioner
from localcloud.fc.timers import Timers
from localcloud.fc.wire import Wire

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.requests import Request
    from starlette.responses import Response

    from localcloud.core.clock import Clock
    from localcloud.core.config import CloudConfig
    from localcloud.fc.async_store import AsyncRequest
    from localcloud.fc.destinations import Buses
    from localcloud.fc.model import InstanceInfo, InvocationRecord, InvokeResult
    from localcloud.mns import Queues
    from localcloud.nas import FileStorage
    from localcloud.ram import Principal, Ram
    from localcloud.registry import ImageStore
    from localcloud.sls import LogService

LATEST = "LATEST"


class FunctionCompute(Configurations):
    """Functions, their instances, and everything that invokes them.

    Domain calls must come from the event loop that the service was started in.

    Args:
        config: account, region, state directory.
        clock: the cloud's.
        ram: roles, rights, temporary credentials.
        read_object: content of an OSS object by bucket and key.
        nas: mounts.
        sls: logs.
        images: of the registry.
        eventbridge: buses, as destinations.
        mns: queues, as destinations.
        vswitch_range: address range of a vSwitch, where it is known; rules of NAS ask for it.
        instance_cap: instances that the account may have at once.
        faults: invocations that are to fail (operation ``InvokeFunction``).
    """

    name = "fc"

    def __init__(  # noqa: PLR0913  (the services that it stands on)
        self,
        config: CloudConfig,
        clock: Clock,
        ram: Ram,
        *,
        read_object: Callable[[str, str], bytes],
        nas: FileStorage,
        sls: LogService,
        images: ImageStore,
        eventbridge: Buses,
        mns: Queues,
        vswitch_range: Callable[[str], str | None] = lambda _: None,
        instance_cap: int = limits.INSTANCES,
        faults: Faults | None = None,
    ) -> None:
        self._config = config
        self._ram = ram
        self._faults = faults or Faults()
        self._documents = Documents(config.state_dir / "fc" / "fc.sqlite")
        self._functions = Functions(
            config, clock, self._documents, images, read_object, self._changed
        )
        factory = InstanceFactory(config, clock, ram, nas, sls, self._functions, vswitch_range)
        self._factory = factory
        self._fleet = Fleet(factory.make, clock, instance_cap)
        self._invoker = Invoker(clock, self._functions, self._fleet, self.concurrency)
        sender = DestinationSender(
            config,
            clock,
            ram,
            eventbridge=eventbridge,
            mns=mns,
            role_of=lambda name: self._functions.get(name).spec.role,
            enqueue=self._enqueue,
            tell=factory.tell,
        )
        self._queue = AsyncQueue(
            config.state_dir / "fc" / "async.sqlite",
            clock,
            self._invoker,
            self.async_config,
            sender,
        )
        self._timers = Timers(clock, self._enqueue)
        self._provisioner = Provisioner(clock, self._provision, self._utilisation)
        self._fleet.on_gone = self._provisioner.gone
        self._wire = Wire(self, ram, clock)
        self._calls: set[asyncio.Task[Run]] = set()

    async def start(self) -> None:
        """Clean up after an earlier run; begin with queue, timers, provisioned instances."""
        homes = self._config.state_dir / "fc" / "instances"
        homes.mkdir(parents=True, exist_ok=True)
        await asyncio.to_thread(reap, homes)
        self._functions.start()
        self._queue.start()
        for name in self._functions.names():
            self._factory.probe(self._functions.get(name).spec)
        self._provisioner.start()
        self._restore()

    async def stop(self) -> None:
        """End everything: no process, no task, no open file remains."""
        await self._timers.stop()
        await self._provisioner.stop()
        await self._queue.stop()
        await self._functions.stop()
        for call in self._calls:
            call.cancel()
        await asyncio.gather(*self._calls, return_exceptions=True)
        await self._fleet.stop()
        # Whoever left its process group still has the temporary directory of its instance.
        await asyncio.to_thread(reap, self._config.state_dir / "fc" / "instances")
        await self._factory.stop()
        self._documents.close()

    def recognises(self, request: Request) -> bool:
        """Everything below /2023-03-30/."""
        return request.url.path.startswith("/2023-03-30/")

    async def handle(self, request: Request) -> Response:
        """Answer a signed request of the API."""
        return await self._wire.handle(request)

    def create_function(self, spec: Mapping[str, Any]) -> dict[str, Any]:
        """Make a function from the inputs of ``fc.V3Function`` and describe it.

        Raises:
            CloudError: 400, 404 or 409; see `Functions.create`.
        """
        function = self._functions.create(spec)
        self._factory.probe(function.spec)
        return self._functions.describe(function)

    def update_function(self, name: str, spec: Mapping[str, Any]) -> dict[str, Any]:
        """Change a function and describe it.

        Raises:
            CloudError: 400 or 404; see `Functions.update`.
        """
        function = self._functions.update(name, spec)
        self._factory.probe(function.spec)
        return self._functions.describe(function)

    def delete_function(self, name: str) -> None:
        """Remove a function with its configurations and triggers; one that is gone is no error."""
        for trigger in self.triggers(name):
            self.delete_trigger(name, trigger)
        self.delete_provision_config(name)
        self.delete_async_config(name)
        self.delete_concurrency(name)
        self._functions.delete(name)

    def get_function(self, name: str) -> dict[str, Any]:
        """Describe a function as GetFunction does.

        Raises:
            CloudError: 404, there is none.
        """
        return self._functions.describe(self._functions.get(name))

    def arn(self, name: str) -> str:
        """Resource name of a function."""
        return self._functions.arn(name)

    def function_names(self) -> list[str]:
        """All functions, sorted."""
        return self._functions.names()

    def async_request(self, name: str, id_: str) -> AsyncRequest | None:
        """An asynchronous request by request or task id, or None."""
        return self._queue.get(name, id_)

    async def invoke(
        self,
        name: str,
        payload: bytes,
        *,
        asynchronous: bool = False,
        headers: Mapping[str, str] | None = None,
        principal: Principal | None = None,
        qualifier: str = LATEST,
    ) -> InvokeResult:
        """Invoke a function.

        A failed function is no error here: status 200 and the header ``x-fc-error-type``.

        Args:
            name: the function.
            payload: the event; 32 MB, asynchronously 128 KB.
            asynchronous: answer 202 as soon as the request is on disk.
            headers: ``x-fc-async-task-id``, ``x-fc-log-type`` (in small letters).
            principal: who invokes; None is the platform itself.
            qualifier: ``LATEST``; the local cloud has no versions and aliases.

        Raises:
            CloudError: 403, 404, 400 (size), 409 (task id), 429 (limits), 503 (not Active).
        """
        headers = headers or {}
        self._faults.raise_if_due(self.name, "InvokeFunction")
        if principal is not None:
            self._ram.authorise(principal, "fc:InvokeFunction", self._functions.arn(name))
        function = self._functions.get(name)
        if qualifier not in ("", LATEST):
            raise CloudError(404, "VersionNotFound", f"qualifier '{qualifier}' does not exist")
        request_id = str(uuid.uuid4())
        if asynchronous:
            self._invoker.require_active(function)
            self._queue.accept(name, request_id, payload, headers.get("x-fc-async-task-id"))
            return accepted(request_id)
        if len(payload) > limits.SYNC_PAYLOAD:
            raise CloudError(
                413,
                "EntityTooLarge",
                f"payload size exceeds maximum allowed size ({limits.SYNC_PAYLOAD} bytes)",
            )
        # The function goes on when its caller leaves.
        call = asyncio.create_task(self._invoker.run(name, Call(request_id, payload), kind="sync"))
        self._calls.add(call)
        call.add_done_callback(self._calls.discard)
        tail = headers.get("x-fc-log-type", "").lower() == "tail"
        return answered(request_id, await asyncio.shield(call), with_log=tail)

    def instances(self) -> list[InstanceInfo]:
        """Instances that are there, oldest first."""
        return self._fleet.infos()

    def invocations(self) -> list[InvocationRecord]:
        """Finished runs, oldest first; the last 10,000."""
        return list(self._invoker.records)

    def runtimes(self) -> dict[str, str]:
        """Which Python runs the built-in runtimes that functions ask for."""
        wanted = {self._functions.get(name).spec.runtime for name in self._functions.names()}
        return {
            runtime: interpreter_for(runtime).describe()
            for runtime in sorted(wanted)
            if BUILT_IN.fullmatch(runtime)
        }

    def _enqueue(self, name: str, payload: bytes) -> None:
        """Invoke asynchronously as the platform."""
        self._functions.get(name)
        self._queue.accept(name, str(uuid.uuid4()), payload, None)

    def _changed(self, name: str) -> None:
        """A function has a new generation or state, or is gone."""
        function = self._found(name)
        self._fleet.retire(name, function.generation if function else None)
        self._provisioner.changed(name)

    def _found(self, name: str) -> Function | None:
        return self._functions.get(name) if name in self._functions.names() else None

    def _provision(self, name: str, target: int, always_cpu: bool) -> None:
        function = self._found(name)
        if function is not None and function.state == "Active":
            self._fleet.provision(function, target, always_cpu=always_cpu)

    def _utilisation(self, name: str) -> tuple[int, float]:
        mine = [
            one for one in self._fleet.instances() if one.home.spec.name == name and one.provisioned
        ]
        slots = sum(one.home.spec.concurrency for one in mine)
        return len(mine), min(1.0, self._invoker.running(name) / slots) if slots else 0.0

"""All instances of all functions: who takes a request, who rests, who has to go."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from localcloud.core.errors import CloudError
from localcloud.fc.instance import Instance, StartFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from localcloud.core.clock import Clock
    from localcloud.fc.functions import Function
    from localcloud.fc.model import Call, InstanceInfo, Outcome

log = logging.getLogger(__name__)

_MEASURE_EVERY_S = 0.2
_STOP_WITHIN_S = 5.0
_MEGABYTE = 1024 * 1024


@dataclass
class Lease:
    """A slot of an instance, for one request.

    Attributes:
        cold: the request waited for the instance to come up.
        init_ms: how long.
    """

    instance: Instance
    cold: bool
    init_ms: float

    async def run(self, call: Call) -> tuple[Outcome, bytes]:
        """Run the request."""
        return await self.instance.run(call)


class Fleet:
    """The instances of one account.

    Args:
        make: makes an instance of a function: provisioned or not, frozen at rest or not.
        clock: the cloud's; idle instances are reclaimed by it.
        cap: instances that there may be at once.
    """

    def __init__(
        self, make: Callable[[Function, bool, bool], Instance], clock: Clock, cap: int
    ) -> None:
        self._make = make
        self._clock = clock
        self._cap = cap
        self._instances: list[Instance] = []
        self._starting: dict[str, asyncio.Task[None]] = {}
        self._background: set[asyncio.Task[None]] = set()
        self._monitor: asyncio.Task[None] | None = None
        self._closing = False
        self.on_gone: Callable[[str], None] = lambda _: None

    def instances(self) -> list[Instance]:
        """Those that are there, oldest first."""
        return list(self._instances)

    def infos(self) -> list[InstanceInfo]:
        """As seen from outside."""
        return [instance.info() for instance in self._instances]

    async def acquire(self, function: Function) -> Lease:
        """Take a slot: of a warm instance, of one that is coming up, or of a new one.

        Raises:
            CloudError: 429, the account has no instance left.
            StartFailed: the instance did not come up.
        """
        instance = self._free(function) or self._add(function)
        instance.load += 1
        instance.wake()
        began, starting = time.perf_counter(), self._starting.get(instance.id)
        if starting is None:
            return Lease(instance, cold=False, init_ms=0.0)
        try:
            await asyncio.shield(starting)
        except BaseException:
            self.release(instance)
            raise
        return Lease(instance, cold=True, init_ms=(time.perf_counter() - began) * 1000)

    def release(self, instance: Instance) -> None:
        """Give a slot back."""
        instance.load -= 1
        if instance.load:
            return
        if instance.retired or not instance.alive:
            self._discard(instance)
        elif instance.id not in self._starting:
            instance.rest()
            if not instance.provisioned:
                instance.reclaim = self._spawn(self._reclaim(instance))

    def retire(self, name: str, generation: int | None = None) -> None:
        """Let the instances of a function go: all, or those of other generations.

        Requests that run on them end in peace.
        """
        for instance in self.instances():
            if instance.home.spec.name != name or instance.generation == generation:
                continue
            instance.retired = True
            if not instance.load:
                self._discard(instance)

    def provision(self, function: Function, target: int, *, always_cpu: bool) -> None:
        """Have so many provisioned instances of a function.

        Raises:
            CloudError: 429, the account has no instance left.
        """
        mine = [
            instance
            for instance in self._instances
            if instance.provisioned and self._current(instance, function)
        ]
        for surplus in sorted(mine, key=lambda one: one.load)[: max(0, len(mine) - target)]:
            surplus.retired = True
            if not surplus.load:
                self._discard(surplus)
        for _ in range(target - len(mine)):
            self._add(function, provisioned=True, frozen_at_rest=not always_cpu)

    async def stop(self) -> None:
        """End all instances; after that there is no process of ours any more."""
        self._closing = True
        for starting in list(self._starting.values()):
            starting.cancel()
        for task in list(self._background):
            if task not in self._starting.values():
                task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        ends = [asyncio.create_task(self._end(instance)) for instance in self._instances]
        if ends:
            await asyncio.wait(ends, timeout=_STOP_WITHIN_S)
            for instance in self._instances:
                instance.kill("ProcessExited", "the cloud was stopped")
            await asyncio.gather(*ends, return_exceptions=True)
        self._instances.clear()

    @staticmethod
    async def _end(instance: Instance) -> None:
        if instance.load:
            instance.kill("ProcessExited", "the cloud was stopped")
        await instance.stop()

    def _free(self, function: Function) -> Instance | None:
        """Warm before coming up, provisioned before others, the last used first."""
        best = None
        for instance in self._instances:
            if (
                self._current(instance, function)
                and instance.load < function.spec.concurrency
                and instance.alive
            ):
                warm = instance.id not in self._starting
                rank = (warm, instance.provisioned, instance.load)
                if best is None or rank >= best[0]:
                    best = (rank, instance)
        return best[1] if best else None

    @staticmethod
    def _current(instance: Instance, function: Function) -> bool:
        return (
            instance.home.spec.name == function.spec.name
            and instance.generation == function.generation
            and not instance.retired
        )

    def _add(
        self, function: Function, *, provisioned: bool = False, frozen_at_rest: bool = True
    ) -> Instance:
        if self._closing:
            raise CloudError(503, "ServiceUnavailable", "the cloud is being stopped")
        if len(self._instances) >= self._cap:
            raise CloudError(
                429, "ResourceThrottled", f"the account has its {self._cap} instances already"
            )
        instance = self._make(function, provisioned, frozen_at_rest)
        self._instances.append(instance)
        self._starting[instance.id] = self._spawn(self._start(instance))
        if self._monitor is None or self._monitor.done():
            self._monitor = self._spawn(self._measure())
        return instance

    async def _start(self, instance: Instance) -> None:
        try:
            await instance.start()
        except BaseException as error:
            del self._starting[instance.id]
            instance.retired = True
            if not instance.load:
                self._discard(instance)
            if isinstance(error, StartFailed) and instance.provisioned and not instance.load:
                log.warning("a provisioned instance of %s: %s", instance.home.spec.name, error)
                return
            raise
        del self._starting[instance.id]
        process = instance.process
        if process is not None:
            process.exited.add_done_callback(lambda _: self._exited(instance))
        if not instance.load:
            instance.rest()

    def _exited(self, instance: Instance) -> None:
        """A process ended by itself, or was killed from outside."""
        if not instance.load and not self._closing:
            self._discard(instance)

    def _discard(self, instance: Instance) -> None:
        if instance in self._instances and instance.state not in ("stopping", "stopped"):
            self._spawn(self._remove(instance))

    async def _remove(self, instance: Instance) -> None:
        await instance.stop()
        if instance in self._instances:
            self._instances.remove(instance)
            self.on_gone(instance.home.spec.name)

    async def _reclaim(self, instance: Instance) -> None:
        await self._clock.sleep(instance.home.spec.idle_timeout)
        instance.reclaim = None
        self._discard(instance)

    async def _measure(self) -> None:
        """Hold the memory of running instances against their limits, while there are any."""
        while self._instances:
            for instance in self.instances():
                if instance.state not in ("running", "starting") or instance.process is None:
                    continue
                used = await asyncio.to_thread(instance.process.resident_bytes)
                limit = instance.home.spec.memory
                if used > limit * _MEGABYTE:
                    message = f"{used // _MEGABYTE} MB in use, {limit} MB allowed"
                    instance.kill("OutOfMemory", message)
            await asyncio.sleep(_MEASURE_EVERY_S)

    def _spawn(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        self._background.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            level = logging.DEBUG if isinstance(error, StartFailed) else logging.ERROR
            log.log(level, "an instance: %s", error)

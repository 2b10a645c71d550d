"""One instance of a function: start, run, rest, end."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from typing import TYPE_CHECKING, Protocol

from localcloud.core.errors import CloudError
from localcloud.fc import limits
from localcloud.fc.model import Call, InstanceInfo, InstanceState, Outcome
from localcloud.fc.process import describe_exit

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from localcloud.core.clock import Clock
    from localcloud.fc.home import Home
    from localcloud.fc.logs import InstanceLog
    from localcloud.fc.process import Process

_EXIT_SEEN_WITHIN_S = 1.0
_TERMINATES_WITHIN_S = 2.0


class Runtime(Protocol):
    """How the platform talks with what runs in an instance.

    Attributes:
        marks: it writes into its log where a request begins and ends.
        sole_connection: there is one connection; when it closes, the instance is of no more use.
        process: what runs, once it does.
    """

    marks: bool
    sole_connection: bool
    process: Process | None

    async def start(self) -> Outcome:
        """Bring the process up."""
        ...

    async def initialize(self, call: Call) -> Outcome:
        """Run the initializer."""
        ...

    async def invoke(self, call: Call) -> Outcome:
        """Run a request."""
        ...

    async def pre_stop(self, call: Call) -> None:
        """Run the pre-stop hook."""
        ...

    async def close(self) -> None:
        """Let go of the connection."""
        ...


class StartFailed(Exception):
    """An instance did not come up; the request that waited for it gets the outcome."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.payload.decode(errors="replace"))
        self.outcome = outcome


class Instance:
    """One instance.

    What a process does is measured and limited in real time; the cloud's clock is for what the
    platform plans.

    Args:
        home: its place.
        runtime: speaks with its process.
        log: its log.
        clock: the cloud's.
        generation: of the function's configuration.
        provisioned: kept without being asked for.
        frozen_at_rest: False for provisioned instances with ``alwaysAllocateCpu``.
    """

    def __init__(
        self,
        home: Home,
        runtime: Runtime,
        log: InstanceLog,
        clock: Clock,
        generation: int,
        *,
        provisioned: bool = False,
        frozen_at_rest: bool = True,
    ) -> None:
        self.home = home
        self.log = log
        self.generation = generation
        self.provisioned = provisioned
        self.frozen_at_rest = frozen_at_rest
        self.retired = False
        self.load = 0
        self.state: InstanceState = "starting"
        self.started_at = clock.now()
        self.reclaim: asyncio.Task[None] | None = None
        self._runtime = runtime
        self._death: tuple[str, str] | None = None
        self._stopped: asyncio.Task[None] | None = None

    @property
    def id(self) -> str:
        """Of the instance."""
        return self.home.instance_id

    @property
    def process(self) -> Process | None:
        """Its process, once there is one."""
        return self._runtime.process

    @property
    def alive(self) -> bool:
        """Whether it can take a request, now or soon."""
        process = self.process
        return (
            self.state not in ("stopping", "stopped")
            and self._death is None
            and (process is None or not process.exited.done())
        )

    def info(self) -> InstanceInfo:
        """As seen from outside."""
        return InstanceInfo(
            function=self.home.spec.name,
            instance_id=self.id,
            pid=self.process.pid if self.process else 0,
            state=self.state,
            started_at=self.started_at,
            provisioned=self.provisioned,
        )

    async def start(self) -> None:
        """Come up: process, connection, initializer.

        Raises:
            StartFailed: it did not.
        """
        spec = self.home.spec
        self.home.prepare()
        outcome = await self._guarded(
            self._runtime.start(), limits.CONTAINER_LISTENS_WITHIN_S, "did not start"
        )
        if outcome.error is None and spec.initializer is not None:
            outcome = await self._guarded(
                self._runtime.initialize(_own_call()),
                spec.initializer.timeout,
                "the initializer timed out",
            )
        if outcome.error is not None:
            raise StartFailed(outcome)
        if self.state == "starting":
            self.state = "idle"

    async def run(self, call: Call) -> tuple[Outcome, bytes]:
        """Run a request; the outcome and the last 4 KB of its log."""
        self.state = "running"
        self.log.begin(call.request_id)
        outcome = await self._guarded(
            self._runtime.invoke(call), self.home.spec.timeout, "the function timed out"
        )
        tail = await self.log.finish(
            call.request_id, marked=self._runtime.marks and self._death is None
        )
        return outcome, tail

    def rest(self) -> None:
        """Between requests: frozen, unless its CPU is paid for."""
        if self.state in ("stopping", "stopped") or self.process is None:
            return
        if self.frozen_at_rest:
            self.process.freeze()
            self.state = "frozen"
        else:
            self.state = "idle"

    def wake(self) -> None:
        """Before a request."""
        if self.reclaim is not None:
            self.reclaim.cancel()
            self.reclaim = None
        if self.state == "frozen" and self.process is not None:
            self.process.thaw()
            self.state = "idle"

    def kill(self, error: str, message: str) -> None:
        """End the process group at once; running requests get this error."""
        if self._death is None:
            self._death = (error, message)
        if self.process is not None:
            self.process.kill()

    async def stop(self) -> None:
        """End it in order: pre-stop, SIGTERM, SIGKILL; nothing of it remains."""
        if self._stopped is None:
            self._stopped = asyncio.create_task(self._stop())
        await asyncio.shield(self._stopped)

    async def _stop(self) -> None:
        self.wake()
        before, self.state = self.state, "stopping"
        process = self.process
        if process is not None and not process.exited.done():
            hook = self.home.spec.pre_stop
            if hook is not None and before == "idle" and self._death is None:
                await self._pre_stop(hook.timeout)
            await process.end(_TERMINATES_WITHIN_S if self._death is None else 0)
        elif process is not None:
            await process.drained()
        await self._runtime.close()
        self.log.flush()
        self.home.remove()
        self.state = "stopped"

    async def _pre_stop(self, timeout: float) -> None:
        try:
            await asyncio.wait_for(self._runtime.pre_stop(_own_call()), timeout)
        except (TimeoutError, ConnectionError, CloudError) as error:
            self.log.write(f"pre-stop did not end well: {error or type(error).__name__}")

    async def _guarded(
        self, work: Coroutine[None, None, Outcome], timeout: float, late: str
    ) -> Outcome:
        """Do something with the process that takes so long at most, and that it may not survive."""
        task = asyncio.create_task(work)
        began = time.perf_counter()
        watched: set[asyncio.Task[Outcome] | asyncio.Task[int]] = {task}
        if self.process is not None:
            watched.add(self.process.exited)
        try:
            done, _ = await asyncio.wait(
                watched, timeout=timeout, return_when=asyncio.FIRST_COMPLETED
            )
            if not done:
                elapsed = time.perf_counter() - began
                self.kill("FunctionTimeout", f"{late} after {timeout:g} seconds ({elapsed:.1f} s)")
            # What was answered before the end still counts.
            await asyncio.wait({task}, timeout=_EXIT_SEEN_WITHIN_S if done else 0)
        except asyncio.CancelledError:
            # Nobody waits for the answer any more, and the next request must not get it.
            self.kill("ProcessExited", "the request was given up")
            raise
        finally:
            task.cancel()
        await asyncio.wait({task})
        if task.cancelled():
            return await self._died()
        error = task.exception()
        if isinstance(error, CloudError):
            return failure("InstanceStartFailed", error.message)
        if isinstance(error, OSError):
            return await self._died(str(error))
        return task.result()

    async def _died(self, why: str = "") -> Outcome:
        """The outcome of a request that its process did not survive."""
        process = self.process
        if process is None:
            return failure("InstanceStartFailed", why)
        await asyncio.wait({process.exited}, timeout=_EXIT_SEEN_WITHIN_S)
        if not process.exited.done():
            if not self._runtime.sole_connection:
                return failure("UnhandledInvocationError", f"the connection was lost: {why}")
            self.kill("ProcessExited", f"the process closed its connection: {why}")
        code = await process.exited
        if self._death is None:
            self._death = ("ProcessExited", f"the process ended: {describe_exit(code)}")
        await process.drained()
        error, message = self._death
        if error == "ProcessExited" and self.log.last:
            message += "\nLogs: " + "\n".join(self.log.last)
        self.log.write(f"{error}: {self._death[1]}")
        return failure(error, message)


def failure(error: str, message: str) -> Outcome:
    """An outcome that the platform reports."""
    document = {"errorMessage": message, "errorType": error}
    return Outcome(json.dumps(document).encode(), error)


def _own_call() -> Call:
    return Call(str(uuid.uuid4()), b"")

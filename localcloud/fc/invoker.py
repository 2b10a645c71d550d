"""Runs a request of a function on an instance, and writes down how it went."""

from __future__ import annotations

import time
from collections import Counter, deque
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from localcloud.core.errors import CloudError
from localcloud.fc.instance import StartFailed
from localcloud.fc.model import InvocationRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from localcloud.core.clock import Clock
    from localcloud.fc.fleet import Fleet
    from localcloud.fc.functions import Function, Functions
    from localcloud.fc.model import Call, Outcome

_KEPT = 10_000


@dataclass(frozen=True)
class Run:
    """A finished run: what came out, the end of its log, where and for how long it ran."""

    outcome: Outcome
    tail: bytes
    instance_id: str
    run_ms: float
    digest: str


@dataclass
class _Trace:
    """What is learned of a run on its way."""

    kind: str
    queued_ms: float
    started_at: float
    cold: bool = False
    init_ms: float = 0.0
    run_ms: float = 0.0
    instance_id: str = ""


class Invoker:
    """Invocations of one account.

    Args:
        clock: the cloud's.
        functions: what can be invoked.
        fleet: gives instances.
        reserved: reserved concurrency of a function, or None.
    """

    def __init__(
        self,
        clock: Clock,
        functions: Functions,
        fleet: Fleet,
        reserved: Callable[[str], int | None],
    ) -> None:
        self._clock = clock
        self._functions = functions
        self._fleet = fleet
        self._reserved = reserved
        self._running: Counter[str] = Counter()
        self.records: deque[InvocationRecord] = deque(maxlen=_KEPT)

    def running(self, name: str) -> int:
        """Requests of a function that are on an instance, or waiting for one to come up."""
        return self._running[name]

    async def run(self, name: str, call: Call, *, kind: str, queued_ms: float = 0.0) -> Run:
        """Run a request.

        Args:
            name: the function.
            call: the request.
            kind: "sync" or "async".
            queued_ms: what it has waited already.

        Raises:
            CloudError: it did not run: 404 for an unknown function, 503 for one that is not Active
                (the platform's code for that is not documented), 429 beyond a limit.
        """
        function = self._functions.get(name)
        trace = _Trace(kind, queued_ms, self._clock.now())
        try:
            outcome, tail = await self._execute(function, call, trace)
        except CloudError as refusal:
            self._record(name, call, trace, refusal.status, refusal.code)
            raise
        self._record(name, call, trace, 200, outcome.error)
        return Run(outcome, tail, trace.instance_id, trace.run_ms, function.digest)

    async def _execute(
        self, function: Function, call: Call, trace: _Trace
    ) -> tuple[Outcome, bytes]:
        self.require_active(function)
        with self._counted(function.name):
            asked = time.perf_counter()
            try:
                lease = await self._fleet.acquire(function)
            except StartFailed as failed:
                trace.cold, trace.init_ms = True, (time.perf_counter() - asked) * 1000
                return failed.outcome, b""
            trace.cold, trace.init_ms = lease.cold, lease.init_ms
            trace.instance_id, began = lease.instance.id, time.perf_counter()
            try:
                return await lease.run(call)
            finally:
                trace.run_ms = (time.perf_counter() - began) * 1000
                self._fleet.release(lease.instance)

    def _record(self, name: str, call: Call, trace: _Trace, status: int, error: str | None) -> None:
        self.records.append(
            InvocationRecord(
                function=name,
                request_id=call.request_id,
                kind=trace.kind,
                cold=trace.cold,
                queued_ms=trace.queued_ms,
                init_ms=trace.init_ms,
                run_ms=trace.run_ms,
                status=status,
                started_at=trace.started_at,
                error=error,
                instance_id=trace.instance_id,
                attempt=call.attempt,
            )
        )

    @contextmanager
    def _counted(self, name: str) -> Iterator[None]:
        reserved = self._reserved(name)
        if reserved is not None and self._running[name] >= reserved:
            raise CloudError(
                429,
                "ResourceThrottled",
                f"function '{name}' runs {reserved} requests, its reserved concurrency",
            )
        self._running[name] += 1
        try:
            yield
        finally:
            self._running[name] -= 1

    @staticmethod
    def require_active(function: Function) -> None:
        """Refuse a function that cannot be invoked.

        Raises:
            CloudError: 503.
        """
        if function.state == "Active":
            return
        reason = f": {function.reason}" if function.reason else ""
        raise CloudError(
            503, "FunctionNotActive", f"function '{function.name}' is {function.state}{reason}"
        )

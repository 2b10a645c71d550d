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
    from localcloud.fc.fleet import Fleet, Lease
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
        started = self._clock.now()
        lease: Lease | None = None
        outcome: Outcome | None = None
        status, error, run_ms, tail = 200, None, 0.0, b""
        cold, asked = False, time.perf_counter()
        init_ms = 0.0
        try:
            self.require_active(function)
            with self._counted(name):
                lease = await self._fleet.acquire(function)
                cold, init_ms = lease.cold, lease.init_ms
                began = time.perf_counter()
                try:
                    outcome, tail = await lease.run(call)
                finally:
                    run_ms = (time.perf_counter() - began) * 1000
                    self._fleet.release(lease.instance)
        except StartFailed as failed:
            outcome = failed.outcome
            cold, init_ms = True, (time.perf_counter() - asked) * 1000
        except CloudError as refusal:
            status, error = refusal.status, refusal.code
            raise
        finally:
            if outcome is not None or error is not None:
                self.records.append(
                    InvocationRecord(
                        function=name,
                        request_id=call.request_id,
                        kind=kind,
                        cold=cold,
                        queued_ms=queued_ms,
                        init_ms=init_ms,
                        run_ms=run_ms,
                        status=status,
                        started_at=started,
                        error=outcome.error if outcome else error,
                        instance_id=lease.instance.id if lease else "",
                        attempt=call.attempt,
                    )
                )
        instance_id = lease.instance.id if lease else ""
        return Run(outcome, tail, instance_id, run_ms, function.digest)

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

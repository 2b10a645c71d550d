"""Asynchronous invocation: accepted, kept on disk, run until it succeeds or is given up.

How often: a run that the function or its instance fails is repeated up to ``maxAsyncRetryAttempts``
times, 1, 2, 4 … seconds later (at most a minute); how long the platform waits there is not
documented. What the platform itself refuses (429, 500, 503) is tried again after 0.5 s, doubled
each time up to 5 hours (help page "Retries"), until the request is older than
``maxAsyncEventAgeInSeconds``.
"""

from __future__ import annotations

import asyncio
import logging
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from localcloud.core.errors import CloudError
from localcloud.fc import limits
from localcloud.fc.async_store import AsyncRequest, AsyncStore
from localcloud.fc.model import Call, Outcome
from localcloud.fc.tasks import spawn_loop

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from localcloud.core.clock import Clock
    from localcloud.fc.invoker import Invoker

log = logging.getLogger(__name__)

_TASK_ID = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,127}")
_SYSTEM_ERRORS = frozenset({429, 500, 503})
_LONGEST_RETRY_S = 60.0
_LONGEST_REFUSAL_S = 5 * 3600.0
_AT_ONCE = 200


@dataclass(frozen=True)
class AsyncConfig:
    """Asynchronous configuration of a function; the defaults are the platform's.

    Attributes:
        retries: runs after the first failed one.
        age: seconds after which a request is given up.
        task: requests have ids, and an id is taken once.
        on_success: ARN of a destination, or "".
        on_failure: ARN of a destination, or "".
    """

    retries: int = limits.ASYNC_RETRIES
    age: float = limits.ASYNC_AGE_S
    task: bool = False
    on_success: str = ""
    on_failure: str = ""

    @classmethod
    def parse(cls, raw: Mapping[str, Any]) -> AsyncConfig:
        """From the inputs of ``fc.V3AsyncInvokeConfig``.

        Raises:
            CloudError: 400 that names field, value and rule.
        """
        destinations = raw.get("destinationConfig") or {}

        def number(key: str, default: float, least: float, most: float) -> float:
            value = raw.get(key)
            value = default if value is None else value
            if not isinstance(value, int | float) or not least <= value <= most:
                raise CloudError(
                    400, "InvalidArgument", f"{key} {value!r}: a number from {least:g} to {most:g}"
                )
            return value

        return cls(
            retries=int(
                number("maxAsyncRetryAttempts", limits.ASYNC_RETRIES, 0, limits.ASYNC_RETRIES_MAX)
            ),
            age=number("maxAsyncEventAgeInSeconds", limits.ASYNC_AGE_S, 1, limits.ASYNC_AGE_MAX_S),
            task=bool(raw.get("asyncTask")),
            on_success=(destinations.get("onSuccess") or {}).get("destination") or "",
            on_failure=(destinations.get("onFailure") or {}).get("destination") or "",
        )


class Destinations(Protocol):
    """Where outcomes go."""

    async def deliver(
        self, arn: str, request: AsyncRequest, outcome: Outcome, condition: str
    ) -> None:
        """Deliver an outcome; what cannot be delivered is logged, and lost."""
        ...


class AsyncQueue:
    """The queue of one account.

    Args:
        path: the SQLite file.
        clock: the cloud's.
        invoker: runs requests.
        config: of a function.
        destinations: where outcomes go.
    """

    def __init__(
        self,
        path: Path,
        clock: Clock,
        invoker: Invoker,
        config: Callable[[str], AsyncConfig],
        destinations: Destinations,
    ) -> None:
        self._store = AsyncStore(path)
        self._clock = clock
        self._invoker = invoker
        self._config = config
        self._destinations = destinations
        self._changed = asyncio.Event()
        self._loop: asyncio.Task[None] | None = None
        self._running: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Begin to run requests, those of the last time first."""
        self._loop = spawn_loop(self._serve(), "the asynchronous queue")

    async def stop(self) -> None:
        """Stop; what runs is run again after the next start."""
        tasks = [*self._running, *([self._loop] if self._loop else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._store.close()

    def accept(self, function: str, request_id: str, payload: bytes, task_id: str | None) -> None:
        """Take a request; it is on disk when this returns.

        Raises:
            CloudError: 400 for a payload over 128 KB or a malformed task id, 409 for a task id that
                the function has had.
        """
        if len(payload) > limits.ASYNC_PAYLOAD:
            raise CloudError(
                400,
                "EntityTooLarge",
                f"payload size exceeds maximum allowed size ({limits.ASYNC_PAYLOAD} bytes)",
            )
        task = self._config(function).task
        if task and task_id and not _TASK_ID.fullmatch(task_id):
            raise CloudError(
                400, "InvalidArgument", f"x-fc-async-task-id {task_id!r}: {_TASK_ID.pattern}"
            )
        now = self._clock.now()
        request = AsyncRequest(
            request_id=request_id,
            function=function,
            # A task without an id of its own has its request's (help page "Task deduplication").
            task_id=(task_id or request_id) if task else None,
            payload=payload,
            enqueued_at=now,
            due_at=now,
            runs=0,
            refusals=0,
            state="Enqueued",
            error="",
        )
        if not self._store.add(request):
            raise CloudError(
                409, "AsyncTaskAlreadyExists", f"function '{function}' has had task {task_id!r}"
            )
        self._changed.set()

    def get(self, function: str, id_: str) -> AsyncRequest | None:
        """A request by its id or task id; finished ones are kept for a while."""
        return self._store.get(function, id_)

    async def _serve(self) -> None:
        while True:
            self._changed.clear()
            now = self._clock.now()
            for request in self._store.due(now, _AT_ONCE - len(self._running)):
                self._store.mark(request.request_id, "Running")
                task = asyncio.create_task(self._process(request))
                self._running.add(task)
                task.add_done_callback(self._finished)
            await self._pause()

    async def _pause(self) -> None:
        """Until something changes or is due."""
        waits: list[asyncio.Task[Any]] = [asyncio.create_task(self._changed.wait())]
        due = self._store.next_due() if len(self._running) < _AT_ONCE else None
        if due is not None:
            seconds = max(0.0, due - self._clock.now())
            waits.append(asyncio.ensure_future(self._clock.sleep(seconds)))
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waits:
                task.cancel()
            await asyncio.gather(*waits, return_exceptions=True)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._changed.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("an asynchronous request was lost", exc_info=error)

    async def _process(self, request: AsyncRequest) -> None:
        config = self._config(request.function)
        waited = self._clock.now() - request.enqueued_at
        if waited > config.age:
            outcome = Outcome(b"", request.error or "EventAgeExceeded")
            await self._give_up(request, config, outcome, "EventAgeExceeded", "Expired")
            return
        call = Call(request.request_id, request.payload, request.runs + 1)
        try:
            run = await self._invoker.run(
                request.function,
                call,
                kind="async",
                queued_ms=(self._clock.now() - request.due_at) * 1000,
            )
        except CloudError as refusal:
            await self._refused(request, config, refusal)
            return
        outcome = run.outcome
        if outcome.error is None:
            await self._deliver(config.on_success, request, outcome, "")
            self._store.mark(request.request_id, "Succeeded", runs=1)
        elif request.runs < config.retries:
            due = self._clock.now() + min(2.0**request.runs, _LONGEST_RETRY_S)
            self._store.mark(
                request.request_id, "Retrying", error=outcome.error, due_at=due, runs=1
            )
        else:
            await self._give_up(request, config, outcome, "RetriesExhausted", "Failed")

    async def _refused(
        self, request: AsyncRequest, config: AsyncConfig, refusal: CloudError
    ) -> None:
        if refusal.status in _SYSTEM_ERRORS:
            due = self._clock.now() + min(0.5 * 2.0**request.refusals, _LONGEST_REFUSAL_S)
            self._store.mark(
                request.request_id, "Retrying", error=refusal.code, due_at=due, refusals=1
            )
            return
        outcome = Outcome(refusal.message.encode(), refusal.code)
        await self._give_up(request, config, outcome, "NotInvocable", "Failed")

    async def _give_up(
        self,
        request: AsyncRequest,
        config: AsyncConfig,
        outcome: Outcome,
        condition: str,
        state: str,
    ) -> None:
        log.warning(
            "request %s of %s ends as %s: %s",
            request.request_id,
            request.function,
            state,
            outcome.error,
        )
        await self._deliver(config.on_failure, request, outcome, condition)
        ran = 1 if state == "Failed" else 0
        self._store.mark(request.request_id, state, error=outcome.error or "", runs=ran)

    async def _deliver(
        self, arn: str, request: AsyncRequest, outcome: Outcome, condition: str
    ) -> None:
        if arn:
            await self._destinations.deliver(arn, request, outcome, condition)

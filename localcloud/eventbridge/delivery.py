"""Undelivered events, on disk, and the loop that delivers them.

An event is delivered at least once to every target of every rule that takes it. A target that
refuses is tried again: BACKOFF_RETRY 3 times, 10 to 20 s apart; EXPONENTIAL_DECAY_RETRY 176 times,
1, 2, 4 … 512 s apart (the provider's documentation). Then the event goes to the target's
dead-letter queue, or is lost with a log line. Functions are invoked synchronously, so that a
function's own failure is one of the target; whether the platform does that is unverified.
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
import re
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from localcloud.core.database import open_database
from localcloud.core.errors import CloudError
from localcloud.eventbridge.rules import BACKOFF, FUNCTION
from localcloud.eventbridge.transform import parameters
from localcloud.fc.tasks import spawn_loop

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from localcloud.core.clock import Clock
    from localcloud.eventbridge.rules import Rules, Target
    from localcloud.fc.model import InvokeResult
    from localcloud.mns import Queues

log = logging.getLogger(__name__)

_RETRIES = {BACKOFF: 3}
_EXPONENTIAL_RETRIES = 176
_EXPONENTIAL_LONGEST_S = 512.0
_AT_ONCE = 50
_FUNCTION_ARN = re.compile(r"acs:fc:[^:]*:[^:]*:(?:services/[^/]+/)?functions/([^/]+)")

_SCHEMA = """
CREATE TABLE IF NOT EXISTS deliveries (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    bus TEXT NOT NULL,
    rule TEXT NOT NULL,
    target TEXT NOT NULL,
    event TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    due_at REAL NOT NULL
);
"""


class FunctionInvoker(Protocol):
    """What EventBridge needs of Function Compute."""

    async def invoke(self, name: str, payload: bytes) -> InvokeResult:
        """Invoke as the platform."""
        ...


class Delivery:
    """Delivers events.

    Args:
        path: the SQLite file.
        clock: the cloud's.
        rules: targets.
        mns: queues, as targets and for dead letters.
    """

    def __init__(self, path: Path, clock: Clock, rules: Rules, mns: Queues) -> None:
        self._database = open_database(path, _SCHEMA)
        self._clock = clock
        self._rules = rules
        self._mns = mns
        self._random = random.Random(0)  # noqa: S311  (spreads retries, no secret)
        self._changed = asyncio.Event()
        self._busy: dict[int, asyncio.Task[None]] = {}
        self._loop: asyncio.Task[None] | None = None
        self.functions: FunctionInvoker | None = None

    def start(self) -> None:
        """Begin to deliver, what is left of the last time first."""
        self._loop = spawn_loop(self._serve(), "the delivery of events")

    async def stop(self) -> None:
        """Stop; what is not delivered stays."""
        tasks = [*self._busy.values(), *([self._loop] if self._loop else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._database.close()

    def add(self, deliveries: Iterable[tuple[str, str, str, dict[str, Any]]]) -> None:
        """Keep events for targets (bus, rule, target, event): on disk when this returns."""
        now = self._clock.now()
        rows = [
            (bus, rule, target, json.dumps(event, ensure_ascii=False), now)
            for bus, rule, target, event in deliveries
        ]
        with self._database:
            self._database.execute("BEGIN IMMEDIATE")
            self._database.executemany(
                "INSERT INTO deliveries (bus, rule, target, event, due_at) VALUES (?, ?, ?, ?, ?)",
                rows,
            )
        self._changed.set()

    def waiting(self) -> int:
        """How many deliveries are not done yet."""
        return int(self._database.execute("SELECT count(*) FROM deliveries").fetchone()[0])

    async def _serve(self) -> None:
        while True:
            self._changed.clear()
            rows = self._database.execute(
                "SELECT number, bus, rule, target, event, attempts FROM deliveries "
                "WHERE due_at <= ? ORDER BY due_at, number LIMIT ?",
                (self._clock.now(), 2 * _AT_ONCE),
            ).fetchall()
            for row in rows:
                if row[0] not in self._busy and len(self._busy) < _AT_ONCE:
                    task = asyncio.create_task(self._deliver(*row))
                    self._busy[row[0]] = task
                    task.add_done_callback(partial(self._done, row[0]))
            await self._pause()

    async def _pause(self) -> None:
        waits: list[asyncio.Task[Any]] = [asyncio.create_task(self._changed.wait())]
        busy = ",".join(str(number) for number in self._busy)
        (due,) = self._database.execute(
            f"SELECT min(due_at) FROM deliveries WHERE number NOT IN ({busy})"  # noqa: S608
        ).fetchone()
        if due is not None and len(self._busy) < _AT_ONCE:
            waits.append(asyncio.ensure_future(self._until(due)))
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waits:
                task.cancel()
            await asyncio.gather(*waits, return_exceptions=True)

    async def _until(self, moment: float) -> None:
        await self._clock.sleep(max(0.0, moment - self._clock.now()))

    def _done(self, number: int, task: asyncio.Task[None]) -> None:
        del self._busy[number]
        self._changed.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a delivery was lost", exc_info=error)

    async def _deliver(
        self, number: int, bus: str, rule: str, target_id: str, event_text: str, attempts: int
    ) -> None:
        target = self._rules.target(bus, rule, target_id)
        if target is not None:
            event = json.loads(event_text)
            try:
                await self._send(target, event)
            except CloudError as error:
                if self._retry(number, target, attempts, error):
                    return
                self._bury(target, event_text, f"{bus}/{rule}/{target_id}", error)
        self._database.execute("DELETE FROM deliveries WHERE number = ?", (number,))

    async def _send(self, target: Target, event: dict[str, Any]) -> None:
        given = parameters(list(target.parameters), event)
        body = given.get("Body") or given.get("body")
        payload = (body if body is not None else json.dumps(event, ensure_ascii=False)).encode()
        if target.kind != FUNCTION:
            queue = given.get("queue") or self._mns.queue_of(target.endpoint)
            self._mns.send(queue, payload)
            return
        if self.functions is None:
            raise CloudError(503, "ServiceUnavailable", "there is no Function Compute")
        match = _FUNCTION_ARN.fullmatch(target.endpoint)
        name = given.get("functionName") or (match[1] if match else "")
        result = await self.functions.invoke(name, payload)
        failed = result.headers.get("x-fc-error-type")
        if failed or result.status >= 400:
            raise CloudError(502, "FunctionFailed", f"function '{name}': {failed or result.status}")

    def _retry(self, number: int, target: Target, attempts: int, error: CloudError) -> bool:
        if attempts >= _RETRIES.get(target.retry, _EXPONENTIAL_RETRIES):
            return False
        if target.retry == BACKOFF:
            pause = self._random.uniform(10.0, 20.0)
        else:
            pause = min(2.0**attempts, _EXPONENTIAL_LONGEST_S)
        log.info("target %s: %s; again in %.0f s", target.endpoint, error.message, pause)
        self._database.execute(
            "UPDATE deliveries SET attempts = attempts + 1, due_at = ? WHERE number = ?",
            (self._clock.now() + pause, number),
        )
        return True

    def _bury(self, target: Target, event: str, where: str, error: CloudError) -> None:
        """The end of an event that could not be delivered."""
        if target.dead_letters:
            try:
                self._mns.send(self._mns.queue_of(target.dead_letters), event.encode())
            except CloudError as second:
                error = second
            else:
                log.warning("%s: %s; the event is a dead letter", where, error.message)
                return
        log.error("%s: %s; the event is lost", where, error.message)

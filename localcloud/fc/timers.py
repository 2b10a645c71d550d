"""Timer triggers: functions invoked asynchronously by the clock.

What was due while the cloud was down is not made up for.
"""

from __future__ import annotations

import asyncio
import json
import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from localcloud.core.errors import CloudError, NotSupported
from localcloud.fc.schedule import Schedule, parse_schedule
from localcloud.fc.tasks import spawn_loop

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from localcloud.core.clock import Clock

log = logging.getLogger(__name__)

_JUMP_S = 30.0


@dataclass(frozen=True)
class Timer:
    """A timer trigger of a function.

    Attributes:
        payload: text that comes with every event.
    """

    function: str
    name: str
    schedule: Schedule
    enabled: bool
    payload: str

    @classmethod
    def parse(cls, function: str, raw: Mapping[str, Any]) -> Timer:
        """From the inputs of ``fc.V3Trigger``.

        Raises:
            CloudError: 400 for a malformed configuration, 501 for another type of trigger.
        """
        kind = raw.get("triggerType")
        if kind != "timer":
            raise NotSupported("fc", f"trigger type {kind!r}")
        config = raw.get("triggerConfig") or "{}"
        try:
            values = json.loads(config) if isinstance(config, str) else dict(config)
        except ValueError as bad:
            raise CloudError(400, "InvalidArgument", f"triggerConfig is no JSON: {bad}") from bad
        name = raw.get("triggerName")
        if not name:
            raise CloudError(400, "InvalidArgument", "triggerName '': a name")
        return cls(
            function=function,
            name=str(name),
            schedule=parse_schedule(str(values.get("cronExpression", ""))),
            enabled=bool(values.get("enable", False)),
            payload=str(values.get("payload") or ""),
        )


class Timers:
    """All timers.

    Args:
        clock: the cloud's.
        enqueue: invokes a function asynchronously.
    """

    def __init__(self, clock: Clock, enqueue: Callable[[str, bytes], None]) -> None:
        self._clock = clock
        self._enqueue = enqueue
        self._tasks: dict[tuple[str, str], asyncio.Task[None]] = {}

    def put(self, timer: Timer) -> None:
        """Set or change a timer."""
        self.remove(timer.function, timer.name)
        if timer.enabled:
            self._tasks[timer.function, timer.name] = spawn_loop(
                self._run(timer), f"timer {timer.name} of {timer.function}"
            )

    def remove(self, function: str, name: str) -> None:
        """Take a timer away; one that is gone is no error."""
        task = self._tasks.pop((function, name), None)
        if task is not None:
            task.cancel()

    async def stop(self) -> None:
        """Stop all."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        self._tasks.clear()

    async def _run(self, timer: Timer) -> None:
        due = timer.schedule.after(self._clock.now())
        while due is not None:
            await self._clock.sleep(due - self._clock.now())
            self._fire(timer, due)
            now = self._clock.now()
            # A clock that jumped, forward or back, is the one to go by from here on.
            due = timer.schedule.after(due if abs(now - due) < _JUMP_S else now)

    def _fire(self, timer: Timer, due: float) -> None:
        event = {
            "triggerTime": datetime.fromtimestamp(due, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "triggerName": timer.name,
            "payload": timer.payload,
        }
        try:
            self._enqueue(timer.function, json.dumps(event).encode())
        except CloudError as error:
            log.warning(
                "timer %s of %s did not fire: %s", timer.name, timer.function, error.message
            )

"""Provisioned instances: fixed, scheduled, target-tracked.

The target in force is that of ``target``, replaced by the scheduled action that fired last within
its window, then by tracking: every 15 seconds, ``ceil(provisioned × utilisation ÷ metricTarget)``
within the policy's capacities, where utilisation is requests in progress over the slots of the
provisioned instances. The platform averages over time and scales in more slowly; not so here.
"""

from __future__ import annotations

import asyncio
import logging
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from localcloud.core.errors import CloudError
from localcloud.fc.schedule import Schedule, parse_schedule
from localcloud.fc.tasks import spawn_loop

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from localcloud.core.clock import Clock

log = logging.getLogger(__name__)

_LOOK_EVERY_S = 15.0
_MOST = 10_000


@dataclass(frozen=True)
class Window:
    """From when until when a rule holds (Unix seconds)."""

    begin: float
    end: float

    def holds(self, moment: float) -> bool:
        """Whether it holds at a moment."""
        return self.begin <= moment < self.end


@dataclass(frozen=True)
class Action:
    """A scheduled target."""

    schedule: Schedule
    window: Window
    target: int


@dataclass(frozen=True)
class Policy:
    """A tracked target."""

    window: Window
    metric: str
    metric_target: float
    least: int
    most: int


@dataclass(frozen=True)
class ProvisionConfig:
    """Provisioning of a function, from the inputs of ``fc.V3ProvisionConfig``."""

    target: int
    always_cpu: bool
    actions: tuple[Action, ...]
    policies: tuple[Policy, ...]

    @classmethod
    def parse(cls, raw: Mapping[str, Any]) -> ProvisionConfig:
        """Read it.

        Raises:
            CloudError: 400 that names field, value and rule.
        """
        target = raw.get("target", 0)
        if not isinstance(target, int | float) or not 0 <= target <= _MOST:
            raise CloudError(400, "InvalidArgument", f"target {target!r}: 0 to {_MOST}")
        always = raw.get("alwaysAllocateCpu")
        return cls(
            target=int(target),
            always_cpu=True if always is None else bool(always),
            actions=tuple(_action(one) for one in raw.get("scheduledActions") or ()),
            policies=tuple(_policy(one) for one in raw.get("targetTrackingPolicies") or ()),
        )

    def scheduled(self, now: float) -> int:
        """The target by the clock alone."""
        latest, target = -math.inf, self.target
        for action in self.actions:
            fired = action.schedule.before(now) if action.window.holds(now) else None
            if fired is not None and fired >= max(latest, action.window.begin):
                latest, target = fired, action.target
        return target

    def tracked(self, now: float, provisioned: int, utilisation: float) -> int:
        """The target with tracking."""
        base = self.scheduled(now)
        wanted = [
            min(
                max(math.ceil(provisioned * utilisation / policy.metric_target), policy.least),
                policy.most,
            )
            for policy in self.policies
            if policy.window.holds(now)
        ]
        return max(wanted) if wanted else base


class Provisioner:
    """Keeps provisioned instances at their targets.

    Args:
        clock: the cloud's.
        apply: brings a function to so many provisioned instances, with or without CPU at rest.
        load: provisioned instances of a function, and their utilisation (0 to 1).
    """

    def __init__(
        self,
        clock: Clock,
        apply: Callable[[str, int, bool], None],
        load: Callable[[str], tuple[int, float]],
    ) -> None:
        self._clock = clock
        self._apply = apply
        self._load = load
        self._configs: dict[str, ProvisionConfig] = {}
        self._targets: dict[str, int] = {}
        self._again: dict[str, asyncio.Task[None]] = {}
        self._failures: dict[str, int] = {}
        self._loop: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look after the targets."""
        self._loop = spawn_loop(self._look(), "the provisioner")

    async def stop(self) -> None:
        """Stop."""
        tasks = [*self._again.values(), *([self._loop] if self._loop else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def put(self, name: str, config: ProvisionConfig) -> None:
        """Set or change the configuration of a function."""
        self._configs[name] = config
        self._failures.pop(name, None)
        self._settle(name)

    def remove(self, name: str) -> None:
        """Let the provisioned instances of a function go."""
        if self._configs.pop(name, None) is not None:
            self._targets.pop(name, None)
            self._apply(name, 0, True)

    def target(self, name: str) -> int:
        """The target in force."""
        return self._targets.get(name, 0)

    def changed(self, name: str) -> None:
        """A function has a new generation, or became Active: provision that one."""
        self._failures.pop(name, None)
        if name in self._configs:
            self._settle(name)

    def gone(self, name: str) -> None:
        """An instance of a function is gone; one that always dies is made anew ever more slowly."""
        if name not in self._configs or name in self._again:
            return
        failures = self._failures[name] = self._failures.get(name, 0) + 1
        self._again[name] = asyncio.create_task(self._later(name, min(2.0 ** (failures - 1), 60.0)))

    async def _later(self, name: str, seconds: float) -> None:
        await self._clock.sleep(seconds)
        del self._again[name]
        self._settle(name)

    async def _look(self) -> None:
        while True:
            await self._clock.sleep(_LOOK_EVERY_S)
            for name in list(self._configs):
                if self._load(name)[0] >= self.target(name):
                    self._failures.pop(name, None)
                self._settle(name)

    def _settle(self, name: str) -> None:
        config = self._configs.get(name)
        if config is None:
            return
        provisioned, utilisation = self._load(name)
        target = config.tracked(self._clock.now(), provisioned, utilisation)
        self._targets[name] = target
        try:
            self._apply(name, target, config.always_cpu)
        except CloudError as error:
            log.warning("%s: %d provisioned instances: %s", name, target, error.message)


def _action(raw: Mapping[str, Any]) -> Action:
    schedule = parse_schedule(
        str(raw.get("scheduleExpression", "")), str(raw.get("timeZone") or "")
    )
    return Action(schedule, _window(raw), int(raw.get("target") or 0))


def _policy(raw: Mapping[str, Any]) -> Policy:
    target = float(raw.get("metricTarget") or 0)
    if not 0 < target <= 1:
        raise CloudError(400, "InvalidArgument", f"metricTarget {target}: above 0, at most 1")
    return Policy(
        window=_window(raw),
        metric=str(raw.get("metricType") or ""),
        metric_target=target,
        least=int(raw.get("minCapacity") or 0),
        most=int(raw.get("maxCapacity") or _MOST),
    )


def _window(raw: Mapping[str, Any]) -> Window:
    zone = str(raw.get("timeZone") or "")
    return Window(
        _moment(raw.get("startTime"), zone, -math.inf), _moment(raw.get("endTime"), zone, math.inf)
    )


def _moment(text: object, zone: str, default: float) -> float:
    if not text:
        return default
    once = parse_schedule(f"at({text})", zone).after(-math.inf)
    return default if once is None else once

"""Time, so that tests can turn it: expiry, timers and leases never ask the system themselves."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from typing import Protocol


class Clock(Protocol):
    """What the services know of time."""

    def now(self) -> float:
        """Seconds since the epoch; may jump."""
        ...

    def monotonic(self) -> float:
        """Seconds since some moment; never goes back."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return that much later on this clock."""
        ...


class SystemClock:
    """The clock of this machine."""

    def now(self) -> float:
        """Seconds since the epoch."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds since some moment."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Sleep."""
        await asyncio.sleep(seconds)


class ManualClock:
    """A clock that stands still until it is told to go on.

    Args:
        now: seconds since the epoch at the start.
    """

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self._wall = now
        self._passed = 0.0
        self._order = itertools.count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []

    def now(self) -> float:
        """Seconds since the epoch."""
        return self._wall + self._passed

    def monotonic(self) -> float:
        """Seconds since the start."""
        return self._passed

    async def sleep(self, seconds: float) -> None:
        """Wait until somebody advances the clock far enough."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._passed + seconds, next(self._order), woken))
        await woken

    def jump(self, seconds: float) -> None:
        """Set the wall clock forward or back; monotonic time and sleepers do not notice."""
        self._wall += seconds

    async def advance(self, seconds: float) -> None:
        """Let time pass; who sleeps no longer than that wakes, in order, each at its own moment."""
        target = self._passed + seconds
        while self._sleepers and self._sleepers[0][0] <= target:
            moment, _, woken = heapq.heappop(self._sleepers)
            self._passed = moment
            if not woken.done():
                woken.set_result(None)
            # Who woke may sleep again within this advance: let it run first.
            for _ in range(5):
                await asyncio.sleep(0)
        self._passed = target
        await asyncio.sleep(0)

"""The clock that tests turn."""

from __future__ import annotations

import asyncio
import time

from localcloud.core.clock import ManualClock, SystemClock


async def test_sleepers_wake_in_order_each_at_its_moment() -> None:
    clock = ManualClock(100.0)
    woken: list[tuple[str, float]] = []

    async def sleeper(name: str, seconds: float, again: float = 0.0) -> None:
        await clock.sleep(seconds)
        woken.append((name, clock.now()))
        if again:
            await clock.sleep(again)
            woken.append((name, clock.now()))

    tasks = [
        asyncio.create_task(sleeper("b", 2)),
        asyncio.create_task(sleeper("a", 1, again=1.5)),
        asyncio.create_task(sleeper("c", 10)),
    ]
    await asyncio.sleep(0)
    await clock.advance(5)
    assert woken == [("a", 101.0), ("b", 102.0), ("a", 102.5)]
    assert (clock.now(), clock.monotonic()) == (105.0, 5.0)
    await clock.advance(5)
    assert woken[-1] == ("c", 110.0)
    await asyncio.gather(*tasks)


async def test_a_jump_is_seen_by_the_wall_clock_alone() -> None:
    clock = ManualClock(100.0)
    task = asyncio.create_task(clock.sleep(1))
    await asyncio.sleep(0)
    clock.jump(-3600)
    assert (clock.now(), clock.monotonic(), task.done()) == (-3500.0, 0.0, False)
    await clock.advance(1)
    assert task.done()


async def test_a_sleeper_that_was_cancelled_wakes_nobody_else_late() -> None:
    clock = ManualClock()
    gone = asyncio.create_task(clock.sleep(1))
    stays = asyncio.create_task(clock.sleep(2))
    await asyncio.sleep(0)
    gone.cancel()
    await clock.advance(2)
    assert stays.done()
    await clock.sleep(0)


async def test_the_system_s_clock() -> None:
    clock = SystemClock()
    before = clock.monotonic()
    await clock.sleep(0.01)
    assert clock.monotonic() > before
    assert abs(clock.now() - time.time()) < 5

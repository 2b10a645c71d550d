"""Threads for work that one task waits for: results in the order in which they come, and time-outs.

A thread cannot be stopped. Work that takes too long is given up: its result, should it still come,
is dropped, and the thread ends with the process at the latest.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from queue import Empty, SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


class TookTooLong(Exception):
    """Work that did not end in its time."""


@dataclass(frozen=True)
class Done:
    """Work that ended.

    Attributes:
        name: what it was called.
        value: what it gave, if it did not fail.
        error: why it failed, if it did.
        started_at: when it began, ISO 8601 in UTC; for information.
        ms: how long it took.
    """

    name: str
    value: Any
    error: BaseException | None
    started_at: str
    ms: int


@dataclass(frozen=True)
class _Running:
    name: str
    seconds: float
    since: float
    started_at: str

    def done(self, value: Any = None, error: BaseException | None = None) -> Done:
        ms = round((time.monotonic() - self.since) * 1000)
        return Done(self.name, value, error, self.started_at, ms)


class Workers:
    """Runs work side by side, one thread each; names are unique among what runs."""

    def __init__(self) -> None:
        self._running: dict[str, _Running] = {}
        self._ended: SimpleQueue[tuple[_Running, Done]] = SimpleQueue()

    @property
    def names(self) -> frozenset[str]:
        """What runs."""
        return frozenset(self._running)

    def start(self, name: str, work: Callable[[], Any], seconds: float) -> None:
        """Begin work that may take so many seconds."""
        started_at = datetime.now(UTC).isoformat(timespec="milliseconds")
        running = _Running(name, seconds, time.monotonic(), started_at)
        self._running[name] = running

        def run() -> None:
            try:
                value = work()
            except BaseException as error:  # noqa: BLE001 - the waiting task decides what it means
                self._ended.put((running, running.done(error=error)))
            else:
                self._ended.put((running, running.done(value)))

        Thread(target=run, name=f"step-{name}", daemon=True).start()

    def wait(self, seconds: float) -> Done | None:
        """The next work that ended or took too long; `None` if nothing did in so many seconds."""
        until = time.monotonic() + max(0.0, seconds)
        while True:
            late = self._late()
            if late is not None:
                return late
            deadlines = [each.since + each.seconds for each in self._running.values()]
            left = min([until, *deadlines]) - time.monotonic()
            try:
                running, done = self._ended.get(timeout=max(0.0, left))
            except Empty:
                if time.monotonic() >= until and self._late() is None:
                    return None
                continue
            if self._running.get(done.name) is running:
                del self._running[done.name]
                return done

    def _late(self) -> Done | None:
        now = time.monotonic()
        for running in self._running.values():
            if now >= running.since + running.seconds and self._ended.empty():
                break
        else:
            return None
        del self._running[running.name]
        return running.done(error=TookTooLong(f"took longer than {running.seconds:g} s"))

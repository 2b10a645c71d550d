"""Work ends, fails or takes too long; a late result is nobody's."""

from __future__ import annotations

import threading

from functions.commander.workers import TookTooLong, Workers


def test_results_come_in_the_order_in_which_work_ends() -> None:
    workers, go = Workers(), threading.Event()
    workers.start("slow", lambda: go.wait(10), 10)
    workers.start("quick", lambda: 7, 10)
    first = workers.wait(10)
    assert first is not None
    assert (first.name, first.value, first.error) == ("quick", 7, None)
    assert workers.names == {"slow"}
    go.set()
    second = workers.wait(10)
    assert second is not None
    assert (second.name, second.value) == ("slow", True)
    assert workers.names == frozenset()


def test_a_failure_is_a_result() -> None:
    workers = Workers()
    workers.start("bad", lambda: 1 // 0, 10)
    done = workers.wait(10)
    assert done is not None
    assert isinstance(done.error, ZeroDivisionError)


def test_waiting_ends_in_time() -> None:
    workers, go = Workers(), threading.Event()
    assert workers.wait(0) is None
    workers.start("slow", lambda: go.wait(10), 10)
    assert workers.wait(0.01) is None
    go.set()


def test_what_takes_too_long_is_given_up_and_its_late_result_dropped() -> None:
    workers, go, gone = Workers(), threading.Event(), threading.Event()

    def stuck() -> str:
        go.wait(10)
        gone.set()
        return "late"

    workers.start("same", stuck, 0.02)
    done = workers.wait(10)
    assert done is not None
    assert isinstance(done.error, TookTooLong)
    workers.start("same", lambda: gone.wait(10) and "new", 10)
    go.set()
    again = workers.wait(10)
    assert again is not None
    assert again.value == "new"
    assert workers.wait(0.05) is None

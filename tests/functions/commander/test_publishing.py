"""Rows become events in order; a bus that fails stops nothing."""

from __future__ import annotations

import threading
from typing import Any

from functions.commander.publishing import Publisher, Told
from tests.functions.commander.helpers import event


def test_rows_arrive_in_order_even_if_the_bus_fails_once() -> None:
    taken: list[Any] = []
    first = threading.Event()

    def put(events: list[Told]) -> None:
        if not first.is_set():
            first.set()
            raise OSError("no bus")
        taken.extend(told["data"]["seq"] for told in events)

    publisher = Publisher("t1", put)
    publisher.publish(event(1, "taken"))
    assert first.wait(10)
    for seq in range(2, 60):
        publisher.publish(event(seq, "step_succeeded", {"step": "a"}))
    publisher.close()
    assert taken == list(range(2, 60))


def test_closing_does_not_wait_for_ever() -> None:
    stuck = threading.Event()

    def put(events: list[Told]) -> None:
        assert stuck.wait(20)

    publisher = Publisher("t1", put)
    publisher.publish(event(1, "taken"))
    publisher.close(0.02)
    stuck.set()

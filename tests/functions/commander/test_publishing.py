"""Rows become events in order; a bus that fails stops nothing."""

from __future__ import annotations

import threading
from typing import Any

from functions.commander.publishing import Event, Publisher, event_of
from tests.functions.commander.helpers import LogRow


def test_a_row_is_told_without_its_output() -> None:
    row = LogRow(4, "step_succeeded", {"step": "load", "ms": 3, "output": {"secret": 1}})
    event = event_of("t1", row)
    assert event["id"] == "t1:4"
    assert event["source"] == "/v1/tickets/t1"
    assert event["type"] == "agent.ticket.step_succeeded"
    assert event["data"] == {
        "ticket_id": "t1",
        "seq": 4,
        "kind": "step_succeeded",
        "step": "load",
        "ms": 3,
    }


def test_rows_arrive_in_order_even_if_the_bus_fails_once() -> None:
    taken: list[Any] = []
    first = threading.Event()

    def put(events: list[Event]) -> None:
        if not first.is_set():
            first.set()
            raise OSError("no bus")
        taken.extend(event["data"]["seq"] for event in events)

    publisher = Publisher("t1", put)
    publisher.publish(LogRow(1, "taken", {}))
    assert first.wait(10)
    for seq in range(2, 60):
        publisher.publish(LogRow(seq, "step_succeeded", {"step": "a"}))
    publisher.close()
    assert taken == list(range(2, 60))


def test_closing_does_not_wait_for_ever() -> None:
    stuck = threading.Event()

    def put(events: list[Event]) -> None:
        assert stuck.wait(20)

    publisher = Publisher("t1", put)
    publisher.publish(LogRow(1, "taken", {}))
    publisher.close(0.02)
    stuck.set()

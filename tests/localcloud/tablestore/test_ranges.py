"""Ranges, with the official SDK as the client."""

from __future__ import annotations

from typing import Any

import pytest
import tablestore as ots

from localcloud.tablestore.model import Change, ChangeType, Write, WriteType
from tests.localcloud.tablestore.bench import INSTANCE, Bench, call, refused

LOW = [("ticket_id", "t"), ("seq", ots.INF_MIN)]
HIGH = [("ticket_id", "t"), ("seq", ots.INF_MAX)]


def fill(bench: Bench, count: int, **values: Any) -> None:
    for ticket in ("s", "t", "u"):
        writes = [
            Write(
                WriteType.PUT,
                [("ticket_id", ticket), ("seq", number)],
                tuple(
                    Change(ChangeType.PUT, name, value)
                    for name, value in {"n": number, **values}.items()
                ),
            )
            for number in range(1, count + 1)
        ]
        bench.store.batch_write(INSTANCE, [("log", writes)])


def numbers(rows: Any) -> list[int]:
    return [dict(row.primary_key)["seq"] for row in rows]


async def test_pages_of_one_ticket(bench: Bench) -> None:
    fill(bench, 7)
    client = bench.client()
    found: list[int] = []
    start: Any = LOW
    pages = 0
    while start is not None:
        _, start, rows, _ = await call(client.get_range, "log", "FORWARD", start, HIGH, limit=3)
        found += numbers(rows)
        pages += 1
    assert (found, pages) == ([1, 2, 3, 4, 5, 6, 7], 3)


async def test_from_and_to(bench: Bench) -> None:
    fill(bench, 5)
    client = bench.client()
    start, end = [("ticket_id", "t"), ("seq", 2)], [("ticket_id", "t"), ("seq", 4)]
    _, following, rows, _ = await call(client.get_range, "log", "FORWARD", start, end)
    assert (numbers(rows), following) == ([2, 3], None)
    _, following, rows, _ = await call(client.get_range, "log", "BACKWARD", end, start)
    assert (numbers(rows), following) == ([4, 3], None)
    _, following, rows, _ = await call(client.get_range, "log", "BACKWARD", HIGH, LOW, limit=1)
    assert numbers(rows) == [5]
    assert following == [("ticket_id", "t"), ("seq", 4)]


@pytest.mark.parametrize("direction", ["FORWARD", "BACKWARD"])
async def test_bounds_in_the_wrong_order(bench: Bench, direction: str) -> None:
    bounds = (HIGH, LOW) if direction == "FORWARD" else (LOW, HIGH)
    answer = await refused(bench.client().get_range, "log", direction, *bounds)
    assert answer == (400, "OTSParameterInvalid")


async def test_a_whole_table_by_the_sdk_s_own_iterator(bench: Bench) -> None:
    fill(bench, 150)
    client = bench.client()

    def everything() -> list[Any]:
        usage = ots.CapacityUnit(0, 0)
        low = [("ticket_id", ots.INF_MIN), ("seq", ots.INF_MIN)]
        high = [("ticket_id", ots.INF_MAX), ("seq", ots.INF_MAX)]
        rows = client.xget_range("log", "FORWARD", low, high, usage, count=400, max_version=1)
        return [tuple(value for _, value in row.primary_key) for row in rows]

    expected = [(ticket, number) for ticket in "stu" for number in range(1, 151)][:400]
    assert await call(everything) == expected


async def test_a_filter_and_columns(bench: Bench) -> None:
    fill(bench, 6, wide="x" * 100)
    client = bench.client()
    even = ots.SingleColumnCondition(
        "n", 4, ots.ComparatorType.GREATER_EQUAL, pass_if_missing=False
    )
    _, following, rows, _ = await call(
        client.get_range, "log", "FORWARD", LOW, HIGH, columns_to_get=["n"], column_filter=even
    )
    assert numbers(rows) == [4, 5, 6]
    assert following is None
    assert [[name for name, _, _ in row.attribute_columns] for row in rows] == [["n"]] * 3
    _, _, rows, _ = await call(
        client.get_range, "log", "FORWARD", LOW, HIGH, start_column="o", end_column="z", limit=1
    )
    assert [name for name, _, _ in rows[0].attribute_columns] == ["wide"]


async def test_a_page_ends_at_4_mb(bench: Bench) -> None:
    client = bench.client()
    for number in range(1, 6):
        row = ots.Row([("ticket_id", "t"), ("seq", number)], [("v", "x" * 1_500_000)])
        await call(client.put_row, "log", row, ots.Condition("IGNORE"))
    _, following, rows, _ = await call(client.get_range, "log", "FORWARD", LOW, HIGH)
    assert numbers(rows) == [1, 2, 3]
    assert following == [("ticket_id", "t"), ("seq", 4)]


async def test_a_filtered_page_may_be_empty_and_go_on(bench: Bench, monkeypatch: Any) -> None:
    monkeypatch.setattr("localcloud.tablestore.rows.RANGE_ROWS", 4)
    fill(bench, 6)
    nothing = ots.SingleColumnCondition("n", 0, ots.ComparatorType.LESS_THAN)
    _, following, rows, _ = await call(
        bench.client().get_range, "log", "FORWARD", LOW, HIGH, column_filter=nothing
    )
    assert rows == []
    assert following == [("ticket_id", "t"), ("seq", 5)]

"""Appending: one place, one row, and an answer that got lost is found out."""

from __future__ import annotations

import pytest

from functions.common.tablestore.api import Expect, UnknownOutcome
from functions.common.tickets.events import (
    CANCEL_REQUESTED,
    FINISHED,
    QUEUED,
    TAKEN,
    DamagedLog,
    Draft,
    encode,
)
from functions.common.tickets.log import Collision, TicketLog
from tests.functions.fakes import FakeTables, calm, lose_answers

T = "t" + "0" * 26


@pytest.fixture
def log(tables: FakeTables) -> TicketLog:
    return TicketLog(tables, now=lambda: 1_800_000_000.25)


def test_rows_are_read_as_they_were_written(log: TicketLog) -> None:
    first = log.append(T, Draft(QUEUED, {"text": "ü", "number": 1.5}), after=0)
    second = log.append(T, Draft(FINISHED, {"status": "failed"}, fence=1), after=1)
    assert log.read(T) == [first, second]
    assert log.read(T, after=1) == [second]
    assert log.read(T, limit=1) == [first]
    assert first.at == "2027-01-15T08:00:00.250Z"
    assert (first.fence, second.fence) == (None, 1)
    assert second.terminal


def test_a_taken_place_is_a_collision_with_everything_behind(log: TicketLog) -> None:
    log.append(T, Draft(QUEUED), after=0)
    log.append(T, Draft(CANCEL_REQUESTED), after=1)
    with pytest.raises(Collision) as caught:
        log.append(T, Draft(TAKEN), after=0)
    assert [event.kind for event in caught.value.events] == [QUEUED, CANCEL_REQUESTED]


@pytest.mark.parametrize("done", [True, False])
def test_a_lost_answer_is_found_out(log: TicketLog, tables: FakeTables, done: bool) -> None:
    lose_answers(tables, {1}, done=done)
    event = log.append(T, Draft(QUEUED), after=0)
    assert log.read(T) == [event]


def test_a_lost_answer_may_hide_a_collision(log: TicketLog, tables: FakeTables) -> None:
    def somebody_else(number: int) -> None:
        calm(tables)
        log.append(T, Draft(QUEUED), after=0)
        raise UnknownOutcome("lost")

    tables.before = somebody_else
    with pytest.raises(Collision):
        log.append(T, Draft(TAKEN), after=0)
    assert [event.kind for event in log.read(T)] == [QUEUED]


def test_a_write_that_arrives_late_is_still_ones_own(log: TicketLog, tables: FakeTables) -> None:
    """The request times out, is not there when it is looked for, and lands before the second."""
    late: list[object] = []
    put = tables.put_row

    def put_row(table: str, key: object, columns: object, **more: object) -> None:
        if not late:
            late.append((table, key, columns))
            raise UnknownOutcome("timed out")
        put(table, key, columns, expect=Expect.ABSENT)  # type: ignore[arg-type]
        put(table, key, columns, **more)  # type: ignore[arg-type]

    tables.put_row = put_row  # type: ignore[assignment,method-assign]
    event = log.append(T, Draft(QUEUED), after=0)
    assert log.read(T) == [event]


def test_nothing_known_after_several_attempts(log: TicketLog, tables: FakeTables) -> None:
    lose_answers(tables, set(range(99)), done=False)
    with pytest.raises(UnknownOutcome):
        log.append(T, Draft(QUEUED), after=0)


def test_what_stands_behind_a_gap_is_not_read(log: TicketLog, tables: FakeTables) -> None:
    log.append(T, Draft(QUEUED), after=0)
    columns = encode(Draft(TAKEN), "other", 0)
    tables.put_row("agent_events", (("ticket_id", T), ("seq", 3)), columns)
    assert [event.seq for event in log.read(T)] == [1]
    assert log.append(T, Draft(TAKEN), after=1).seq == 2


def test_logs_are_apart_and_longer_than_a_page(log: TicketLog) -> None:
    other = "t" + "1" * 26
    log.append(other, Draft(QUEUED), after=0)
    for seq in range(1100):
        log.append(T, Draft(QUEUED if seq == 0 else CANCEL_REQUESTED), after=seq)
    assert [event.seq for event in log.read(T)] == list(range(1, 1101))
    assert len(log.read(T, after=99, limit=501)) == 501
    log.erase(T)
    assert log.read(T) == []
    assert len(log.read(other)) == 1


def test_damaged_rows_are_named(log: TicketLog, tables: FakeTables) -> None:
    tables.put_row("agent_events", (("ticket_id", T), ("seq", 1)), {"kind": "queued"})
    with pytest.raises(DamagedLog, match="agent_events"):
        log.read(T)


@pytest.mark.parametrize(
    "draft",
    [
        Draft("dance"),
        Draft(FINISHED),
        Draft(QUEUED, fence=1),
        Draft(QUEUED, {"x": float("nan")}),
        Draft(QUEUED, {"x": "y" * 1024 * 1024}),
    ],
)
def test_wrong_rows_are_not_written(log: TicketLog, tables: FakeTables, draft: Draft) -> None:
    with pytest.raises(ValueError, match=r"event|Out of range"):
        log.append(T, draft, after=0)
    assert tables.rows == {}

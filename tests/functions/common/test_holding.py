"""Holding: one holder, signs of life, and a stale one that learns it."""

from __future__ import annotations

import pytest

from functions.common.tickets.admission import Admission, Request
from functions.common.tickets.events import (
    AWAITING_APPROVAL,
    CANCEL_REQUESTED,
    FINISHED,
    HANDED_OVER,
    PLANNED,
    QUEUED,
    STEP_SUCCEEDED,
    TAKEN,
    Draft,
    Event,
)
from functions.common.tickets.holding import (
    Contender,
    Hold,
    Interrupted,
    Moving,
    NotAdmitted,
    Settled,
    Stale,
)
from functions.common.tickets.settling import TicketStore
from tests.functions.fakes import FakeTables, Killed, ManualClock, calm, kill_at, lose_answers


@pytest.fixture
def ticket_id(admission: Admission) -> str:
    return admission.admit(Request("owner", "tenant", None, "reason", "why?")).ticket.ticket_id


def contender(store: TicketStore, clock: ManualClock, lease_ms: int = 20_000) -> Contender:
    return Contender(
        store.log, store.open, lease_ms=lease_ms, monotonic=clock.monotonic, sleep=clock.sleep
    )


def take(store: TicketStore, clock: ManualClock, ticket_id: str) -> Hold:
    return contender(store, clock).take(ticket_id)[0]


def test_a_queued_ticket_is_taken_at_once(
    store: TicketStore, clock: ManualClock, ticket_id: str
) -> None:
    store.open.count_invocation(ticket_id)
    hold, events = contender(store, clock).take(ticket_id, by="me")
    assert [event.kind for event in events] == [QUEUED, TAKEN]
    assert events[-1].data == {"lease_ms": 20_000, "by": "me"}
    assert (hold.fence, clock.slept) == (2, [])
    row = store.open.read(ticket_id)
    assert row is not None
    assert (row.fence, row.invokes) == (2, 0)


def test_without_queued_nothing_is_done(store: TicketStore, clock: ManualClock) -> None:
    with pytest.raises(NotAdmitted):
        take(store, clock, "t" + "0" * 26)


def test_rows_of_a_hold(store: TicketStore, clock: ManualClock, ticket_id: str) -> None:
    hold = take(store, clock, ticket_id)
    hold.append(PLANNED, {"plan": {}})
    finished = hold.append(FINISHED, {"status": "succeeded"})
    assert (finished.seq, finished.fence) == (4, 2)
    with pytest.raises(Settled) as caught:
        take(store, clock, ticket_id)
    assert [event.seq for event in caught.value.events] == [1, 2, 3, 4]


def test_a_silent_holder_is_superseded_and_learns_it(
    store: TicketStore, clock: ManualClock, ticket_id: str
) -> None:
    old = take(store, clock, ticket_id)
    new = take(store, clock, ticket_id)
    assert sum(clock.slept) == pytest.approx(20)
    assert new.fence == 3
    with pytest.raises(Stale):
        old.append(PLANNED, {})
    with pytest.raises(Stale):
        old.renew()
    with pytest.raises(Stale):
        old.look()
    new.append(PLANNED, {})
    assert [event.kind for event in store.log.read(ticket_id)] == [QUEUED, TAKEN, TAKEN, PLANNED]


@pytest.mark.parametrize("sign", ["row", "beat", "cancel"])
def test_a_ticket_that_moves_is_left_alone(
    store: TicketStore, clock: ManualClock, ticket_id: str, sign: str
) -> None:
    holder = take(store, clock, ticket_id)

    def live(_: float) -> None:
        if clock.monotonic() < 1_010:
            return
        clock.company = None
        if sign == "row":
            holder.append(PLANNED, {})
        elif sign == "beat":
            assert holder.renew() == []
        else:
            store.log.append(ticket_id, Draft(CANCEL_REQUESTED), after=2)

    clock.company = live
    with pytest.raises(Moving):
        take(store, clock, ticket_id)
    assert sum(clock.slept) < 20


def test_the_holders_own_lease_counts(
    store: TicketStore, clock: ManualClock, ticket_id: str
) -> None:
    contender(store, clock, lease_ms=3_000).take(ticket_id)
    take(store, clock, ticket_id)
    assert sum(clock.slept) == pytest.approx(3)


def test_the_wall_clock_decides_nothing(
    store: TicketStore, clock: ManualClock, ticket_id: str
) -> None:
    take(store, clock, ticket_id)
    clock.wall += 10**6
    take(store, clock, ticket_id)
    assert sum(clock.slept) == pytest.approx(20)


@pytest.mark.parametrize("kind", [HANDED_OVER, AWAITING_APPROVAL])
def test_a_released_ticket_is_taken_at_once(
    store: TicketStore, clock: ManualClock, ticket_id: str, kind: str
) -> None:
    take(store, clock, ticket_id).append(kind, {"step": "a"})
    take(store, clock, ticket_id)
    assert clock.slept == []


def test_two_contenders_one_winner(
    store: TicketStore, clock: ManualClock, ticket_id: str, tables: FakeTables
) -> None:
    winners: list[Hold] = []

    def other(_: int) -> None:
        calm(tables)
        winners.append(take(store, clock, ticket_id))

    tables.before = other
    with pytest.raises(Moving):
        take(store, clock, ticket_id)
    assert winners[0].append(PLANNED, {}).seq == 3


def test_control_rows_interrupt(store: TicketStore, clock: ManualClock, ticket_id: str) -> None:
    hold = take(store, clock, ticket_id)
    store.log.append(ticket_id, Draft(CANCEL_REQUESTED), after=2)
    with pytest.raises(Interrupted) as caught:
        hold.append(PLANNED, {})
    assert [event.kind for event in caught.value.events] == [CANCEL_REQUESTED]
    assert hold.append(FINISHED, {"status": "cancelled"}).seq == 4


def test_an_outcome_is_recorded_whatever_comes_first(
    store: TicketStore, clock: ManualClock, ticket_id: str
) -> None:
    hold = take(store, clock, ticket_id)
    store.log.append(ticket_id, Draft(CANCEL_REQUESTED), after=2)
    seen: list[Event] = []
    assert hold.insist(STEP_SUCCEEDED, {"step": "a"}, seen.extend).seq == 4
    assert [event.kind for event in seen] == [CANCEL_REQUESTED]


def test_beats_are_due_after_a_third_of_the_lease(
    store: TicketStore, clock: ManualClock, ticket_id: str
) -> None:
    hold = take(store, clock, ticket_id)
    assert hold.due_in == pytest.approx(20 / 3)
    clock.pass_(5)
    hold.append(PLANNED, {})
    assert hold.due_in == pytest.approx(20 / 3)
    clock.pass_(7)
    assert hold.due_in < 0
    store.log.append(ticket_id, Draft(CANCEL_REQUESTED), after=3)
    assert [event.kind for event in hold.renew()] == [CANCEL_REQUESTED]
    assert hold.due_in == pytest.approx(20 / 3)
    row = store.open.read(ticket_id)
    assert row is not None
    assert (row.fence, row.beat) == (2, 1)


def test_lost_answers_lose_no_hold(
    store: TicketStore, clock: ManualClock, ticket_id: str, tables: FakeTables
) -> None:
    lose_answers(tables, {tables.writes + 1, tables.writes + 2, tables.writes + 3})
    hold = take(store, clock, ticket_id)
    hold.append(PLANNED, {})
    hold.renew()
    assert [event.kind for event in store.log.read(ticket_id)] == [QUEUED, TAKEN, PLANNED]


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("number", [1, 2])
def test_killed_while_taking(
    store: TicketStore,
    clock: ManualClock,
    ticket_id: str,
    tables: FakeTables,
    number: int,
    after: bool,
) -> None:
    kill_at(tables, tables.writes + number, after=after)
    with pytest.raises(Killed):
        take(store, clock, ticket_id)
    calm(tables)
    hold = take(store, clock, ticket_id)
    hold.append(FINISHED, {"status": "succeeded"})


def test_a_thawed_holder_cannot_end_a_ticket_twice(
    store: TicketStore, clock: ManualClock, ticket_id: str
) -> None:
    frozen = take(store, clock, ticket_id)
    second = take(store, clock, ticket_id)
    second.append(FINISHED, {"status": "succeeded"})
    ticket = store.tickets.read(ticket_id)
    assert ticket is not None
    store.settle(ticket, store.log.read(ticket_id))
    with pytest.raises(Stale):
        frozen.append(FINISHED, {"status": "failed"})
    with pytest.raises(Stale):
        frozen.renew()

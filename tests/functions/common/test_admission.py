"""Admission: four writes, each of which may be the last one; nothing stays locked."""

from __future__ import annotations

from dataclasses import replace

import pytest

from functions.common.ids import is_session_id, is_ticket_id, ticket_id_of
from functions.common.tickets.admission import Admission, Admitted, KeyReused, Request
from functions.common.tickets.events import FINISHED, QUEUED, REJECTED, TAKEN, Draft
from functions.common.tickets.sessions import TICKETS
from functions.common.tickets.settling import TicketStore
from tests.functions.fakes import FakeTables, Killed, calm, kill_at, lose_answers

ASK = Request("owner", "tenant", None, "reason", "why?", {"n": 1})


def finish(store: TicketStore, ticket_id: str, output: str = "done") -> None:
    tail = len(store.log.read(ticket_id))
    store.log.append(ticket_id, Draft(TAKEN, {"lease_ms": 1}), after=tail)
    row = {"status": "succeeded", "output": output}
    store.log.append(ticket_id, Draft(FINISHED, row, fence=tail + 1), after=tail + 1)


def settle(store: TicketStore, ticket_id: str) -> None:
    ticket = store.tickets.read(ticket_id)
    assert ticket is not None
    store.settle(ticket, store.log.read(ticket_id))


def kinds(store: TicketStore, ticket_id: str) -> list[str]:
    return [event.kind for event in store.log.read(ticket_id)]


def follow(admitted: Admitted, text: str = "and?") -> Request:
    return replace(ASK, session_id=admitted.ticket.session_id, input=text)


def test_a_new_ticket(admission: Admission, store: TicketStore) -> None:
    admitted = admission.admit(ASK)
    ticket = admitted.ticket
    assert admitted.fresh
    assert is_ticket_id(ticket.ticket_id)
    assert is_session_id(ticket.session_id)
    assert kinds(store, ticket.ticket_id) == [QUEUED]
    assert store.tickets.read(ticket.ticket_id) == ticket
    assert (ticket.input, ticket.variables, ticket.owner) == ("why?", {"n": 1}, "owner")
    session = store.sessions.read(ticket.session_id)
    assert session == admitted.session
    assert session is not None
    assert session.active_ticket == ticket.ticket_id
    row = store.open.read(ticket.ticket_id)
    assert row is not None
    assert (row.fence, row.beat, row.invokes, row.begun_ms) == (0, 0, 0, 1_800_000_000_000)


def test_a_session_goes_on_when_its_ticket_ended(admission: Admission, store: TicketStore) -> None:
    first = admission.admit(ASK)
    finish(store, first.ticket.ticket_id, "because")
    # Nobody settled it: whoever comes next does, and does not clear without folding.
    second = admission.admit(follow(first))
    assert second.fresh
    assert second.session is not None
    assert [message["content"] for message in second.session.history] == ["why?", "because"]
    assert second.session.variables == {"n": 1}
    assert second.session.active_ticket == second.ticket.ticket_id
    assert store.open.read(first.ticket.ticket_id) is None


def test_a_busy_session_rejects(admission: Admission, store: TicketStore) -> None:
    first = admission.admit(ASK)
    second = admission.admit(follow(first), "key")
    (event,) = second.events
    assert event.kind == REJECTED
    assert event.data == {"reason": "session_busy", "active_ticket": first.ticket.ticket_id}
    # What was asked is forgotten, the key is not; and the live ticket keeps its session.
    ticket = store.tickets.read(second.ticket.ticket_id)
    assert ticket is not None
    assert (ticket.input, ticket.variables, ticket.view.status) == ("", {}, "rejected")
    assert store.open.read(second.ticket.ticket_id) is None
    finish(store, first.ticket.ticket_id)
    again = admission.admit(follow(first), "key")
    assert [event.kind for event in again.events] == [REJECTED]
    assert not again.fresh
    assert store.open.read(second.ticket.ticket_id) is None


def test_one_key_one_ticket(admission: Admission, store: TicketStore) -> None:
    first = admission.admit(ASK, "key")
    again = admission.admit(ASK, "key")
    assert first.ticket.ticket_id == again.ticket.ticket_id == ticket_id_of("owner", "key")
    assert again.ticket.session_id == first.ticket.session_id
    assert (first.fresh, again.fresh) == (True, False)
    assert admission.admit(ASK, "other").ticket.ticket_id != first.ticket.ticket_id
    other = admission.admit(replace(ASK, owner="somebody"), "key")
    assert other.ticket.ticket_id != first.ticket.ticket_id
    finish(store, first.ticket.ticket_id)
    settled = admission.admit(ASK, "key")
    assert settled.ticket.view.status == "succeeded"
    assert store.open.read(first.ticket.ticket_id) is None


@pytest.mark.parametrize(
    "other",
    [
        replace(ASK, input="how?"),
        replace(ASK, action="reply"),
        replace(ASK, variables={}),
        replace(ASK, session_id="s" + "0" * 26),
    ],
)
def test_one_key_one_body(admission: Admission, other: Request) -> None:
    admission.admit(ASK, "key")
    with pytest.raises(KeyReused):
        admission.admit(other, "key")


def test_somebody_elses_session_is_none(admission: Admission) -> None:
    first = admission.admit(ASK)
    admitted = admission.admit(replace(follow(first), owner="somebody"))
    assert admitted.events[0].data == {"reason": "session_gone"}


def test_a_session_has_a_last_ticket(
    admission: Admission, store: TicketStore, tables: FakeTables
) -> None:
    first = admission.admit(ASK)
    finish(store, first.ticket.ticket_id)
    settle(store, first.ticket.ticket_id)
    row = tables.rows["agent_sessions", (first.ticket.session_id,)]
    row["tickets"] = "[" + ",".join(['"t"'] * TICKETS) + "]"
    assert admission.admit(follow(first)).events[0].data == {"reason": "session_full"}


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("number", range(1, 5))
def test_killed_between_any_two_writes(
    admission: Admission, store: TicketStore, tables: FakeTables, number: int, after: bool
) -> None:
    kill_at(tables, number, after=after)
    try:
        admission.admit(ASK, "key")
    except Killed:
        calm(tables)
    # The client comes again with its key: the same ticket, one first row, nothing locked.
    admitted = admission.admit(ASK, "key")
    assert admitted.ticket.ticket_id == ticket_id_of("owner", "key")
    assert kinds(store, admitted.ticket.ticket_id) == [QUEUED]
    finish(store, admitted.ticket.ticket_id)
    settle(store, admitted.ticket.ticket_id)
    assert admission.admit(follow(admitted)).events[0].kind == QUEUED


@pytest.mark.parametrize("done", [False, True])
@pytest.mark.parametrize("number", range(1, 5))
def test_any_answer_may_get_lost(
    admission: Admission, store: TicketStore, tables: FakeTables, number: int, done: bool
) -> None:
    lose_answers(tables, {number}, done=done)
    admitted = admission.admit(ASK)
    assert admitted.fresh
    assert kinds(store, admitted.ticket.ticket_id) == [QUEUED]
    assert admitted.session is not None
    assert admitted.session.active_ticket == admitted.ticket.ticket_id


def test_the_sweeper_was_faster(
    admission: Admission, store: TicketStore, tables: FakeTables
) -> None:
    """Between the session and the first row somebody rejects the admission."""

    def reject(number: int) -> None:
        if number == 3:
            calm(tables)
            ticket_id = ticket_id_of("owner", "key")
            store.log.append(ticket_id, Draft(REJECTED, {"reason": "abandoned"}), after=0)

    tables.after = reject
    admitted = admission.admit(ASK, "key")
    assert [event.kind for event in admitted.events] == [REJECTED]
    session = store.sessions.read(admitted.ticket.session_id)
    assert session is not None
    assert session.active_ticket == ""
    assert store.open.read(admitted.ticket.ticket_id) is None


def test_the_same_key_at_the_same_time(
    admission: Admission, store: TicketStore, tables: FakeTables
) -> None:
    others: list[Admitted] = []

    def other(number: int) -> None:
        calm(tables)
        others.append(admission.admit(ASK, "key"))

    for number in range(1, 5):
        tables.rows.clear()
        others.clear()
        tables.writes = 0
        tables.before = lambda current, number=number: other(current) if current == number else None
        mine = admission.admit(ASK, "key")
        assert mine.ticket.ticket_id == others[0].ticket.ticket_id
        assert mine.ticket.session_id == others[0].ticket.session_id
        assert [mine.fresh, others[0].fresh].count(True) == 1
        assert kinds(store, mine.ticket.ticket_id) == [QUEUED]

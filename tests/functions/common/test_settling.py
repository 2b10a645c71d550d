"""Settling: folding and clearing are one change, projections go forward, the open row goes last."""

from __future__ import annotations

from dataclasses import replace

import pytest

from functions.common.tickets import sessions
from functions.common.tickets.admission import Admission, Admitted, Request
from functions.common.tickets.events import (
    APPROVED,
    AWAITING_APPROVAL,
    CANCEL_REQUESTED,
    DENIED,
    FINISHED,
    HANDED_OVER,
    PLANNED,
    QUEUED,
    REJECTED,
    STEP_FAILED,
    STEP_SUCCEEDED,
    TAKEN,
    Draft,
    Event,
    holder_of,
)
from functions.common.tickets.settling import TicketStore
from functions.common.tickets.view import TicketView
from tests.functions.fakes import FakeTables, Killed, calm, kill_at, lose_answers

ASK = Request("owner", "tenant", None, "reason", "why?", {"n": 1})
PLAN = {"steps": [{"id": "load", "tool": "read"}, {"id": "draw", "tool": "chart"}]}


def log_of(*rows: tuple[str, dict[str, object]]) -> list[Event]:
    return [
        Event(seq, kind, f"row{seq}", f"2026-01-01T00:00:{seq:02d}.000Z", data)
        for seq, (kind, data) in enumerate(rows, 1)
    ]


@pytest.fixture
def admitted(admission: Admission) -> Admitted:
    return admission.admit(ASK)


def run(store: TicketStore, admitted: Admitted, **finished: object) -> list[Event]:
    ticket_id = admitted.ticket.ticket_id
    rows = [
        Draft(TAKEN, {"lease_ms": 1}),
        Draft(PLANNED, {"plan": PLAN}, fence=2),
        Draft(STEP_SUCCEEDED, {"step": "load"}, fence=2),
        Draft(FINISHED, {"status": "succeeded", "output": "because", **finished}, fence=2),
    ]
    for after, draft in enumerate(rows, 1):
        store.log.append(ticket_id, draft, after=after)
    return store.log.read(ticket_id)


def test_everything_is_done_and_may_be_done_again(store: TicketStore, admitted: Admitted) -> None:
    events = run(store, admitted)
    for _ in range(2):
        settled = store.settle(admitted.ticket, events)
        session = store.sessions.read(admitted.ticket.session_id)
        assert session is not None
        assert [message["content"] for message in session.history] == ["why?", "because"]
        assert (session.active_ticket, session.version) == ("", 2)
        assert (session.folded_ticket, session.folded_seq) == (admitted.ticket.ticket_id, 5)
        assert (session.plan, session.variables) == (PLAN, {"n": 1})
        assert store.open.read(admitted.ticket.ticket_id) is None
        assert store.tickets.read(admitted.ticket.ticket_id) == settled
    assert (settled.view.status, settled.view.output, settled.view.as_of_seq) == (
        "succeeded",
        "because",
        5,
    )


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("number", [1, 2, 3])
def test_killed_while_settling(
    store: TicketStore, admitted: Admitted, tables: FakeTables, number: int, after: bool
) -> None:
    events = run(store, admitted)
    kill_at(tables, tables.writes + number, after=after)
    with pytest.raises(Killed):
        store.settle(admitted.ticket, events)
    calm(tables)
    if not (number == 3 and after):
        assert store.open.read(admitted.ticket.ticket_id) is not None
    session = store.sessions.read(admitted.ticket.session_id)
    assert session is not None
    assert bool(session.active_ticket) is not bool(session.history)
    settled_once(store, admitted, events)


def settled_once(store: TicketStore, admitted: Admitted, events: list[Event]) -> None:
    store.settle(admitted.ticket, events)
    session = store.sessions.read(admitted.ticket.session_id)
    assert session is not None
    assert len(session.history) == 2
    assert store.open.read(admitted.ticket.ticket_id) is None


@pytest.mark.parametrize("done", [False, True])
def test_lost_answers(
    store: TicketStore, admitted: Admitted, tables: FakeTables, done: bool
) -> None:
    events = run(store, admitted)
    lose_answers(tables, {tables.writes + 1, tables.writes + 3, tables.writes + 5}, done=done)
    settled_once(store, admitted, events)


def test_a_ticket_that_runs_is_not_folded(store: TicketStore, admitted: Admitted) -> None:
    with pytest.raises(ValueError, match="ended"):
        store.settle(admitted.ticket, admitted.events)


def test_an_old_ticket_changes_nothing(store: TicketStore, admission: Admission) -> None:
    first = admission.admit(ASK)
    events = run(store, first)
    store.settle(first.ticket, events)
    second = admission.admit(replace(ASK, session_id=first.ticket.session_id))
    store.settle(first.ticket, events)
    session = store.sessions.read(first.ticket.session_id)
    assert session == second.session


def test_a_projection_goes_forward_only(store: TicketStore, admitted: Admitted) -> None:
    ticket_id, events = admitted.ticket.ticket_id, run(store, admitted)
    store.tickets.advance(ticket_id, TicketView().fold(events))
    store.tickets.advance(ticket_id, TicketView().fold(events[:2]))
    ticket = store.tickets.read(ticket_id)
    assert ticket is not None
    assert ticket.view == TicketView().fold(events)
    store.tickets.advance("t" + "0" * 26, TicketView().fold(events))
    assert store.tickets.read("t" + "0" * 26) is None


def test_history_stays_small(store: TicketStore, admission: Admission) -> None:
    session_id = None
    for _ in range(30):
        admitted = admission.admit(replace(ASK, session_id=session_id, input="x" * 5_000))
        session_id = admitted.ticket.session_id
        store.settle(admitted.ticket, run(store, admitted, output={"rows": ["y" * 5_000]}))
    assert session_id is not None
    session = store.sessions.read(session_id)
    assert session is not None
    assert len(session.history) == sessions.HISTORY_MESSAGES
    longest = max(len(message["content"]) for message in session.history)
    assert longest == sessions.MESSAGE_CHARACTERS
    assert len(session.tickets) == 30


@pytest.mark.parametrize(
    ("finished", "said"),
    [
        ({"status": "failed", "output": None, "error": "no model"}, "(failed: no model)"),
        ({"status": "cancelled", "output": None}, "(cancelled: no reason given)"),
        ({"output": None, "output_ref": "o/t/x"}, "(a large result, kept with the ticket)"),
        ({"output": {"n": 1}}, '{"n":1}'),
    ],
)
def test_what_a_session_remembers(
    store: TicketStore, admitted: Admitted, finished: dict[str, object], said: str
) -> None:
    store.settle(admitted.ticket, run(store, admitted, **finished))
    session = store.sessions.read(admitted.ticket.session_id)
    assert session is not None
    assert session.history[-1]["content"] == said


VIEWS = [
    ([(QUEUED, {})], "queued"),
    ([(REJECTED, {"reason": "busy"})], "rejected"),
    ([(QUEUED, {}), (CANCEL_REQUESTED, {})], "queued"),
    ([(QUEUED, {}), (TAKEN, {})], "running"),
    ([(QUEUED, {}), (TAKEN, {}), (AWAITING_APPROVAL, {"step": "a"})], "awaiting_approval"),
    (
        [(QUEUED, {}), (AWAITING_APPROVAL, {"step": "a"}), (APPROVED, {"step": "a"})],
        "running",
    ),
    (
        [
            (QUEUED, {}),
            (AWAITING_APPROVAL, {"step": "a"}),
            (AWAITING_APPROVAL, {"step": "b"}),
            (DENIED, {"step": "a"}),
        ],
        "awaiting_approval",
    ),
    ([(QUEUED, {}), (TAKEN, {}), (HANDED_OVER, {})], "running"),
    ([(QUEUED, {}), (TAKEN, {}), (FINISHED, {"status": "cancelled"})], "cancelled"),
    ([(QUEUED, {}), (TAKEN, {}), (FINISHED, {"status": "odd"})], "failed"),
]


@pytest.mark.parametrize(("rows", "status"), VIEWS)
def test_statuses(rows: list[tuple[str, dict[str, object]]], status: str) -> None:
    events = log_of(*rows)
    assert TicketView().fold(events).status == status
    # However the log is cut, and whatever is folded twice, the view is the same.
    for cut in range(len(events)):
        assert TicketView().fold(events[:cut]).fold(events).fold(events) == TicketView().fold(
            events
        )


def test_steps_of_a_view() -> None:
    view = TicketView().fold(
        log_of(
            (QUEUED, {}),
            (PLANNED, {"plan": PLAN}),
            (STEP_FAILED, {"step": "load", "final": False}),
            (STEP_SUCCEEDED, {"step": "load"}),
            (STEP_FAILED, {"step": "draw", "final": True}),
        )
    )
    assert [(step.id, step.tool, step.status, step.attempts) for step in view.steps.values()] == [
        ("load", "read", "succeeded", 2),
        ("draw", "chart", "failed", 1),
    ]


def test_who_holds() -> None:
    assert holder_of([]) is None
    assert holder_of(log_of((QUEUED, {}))) is None
    held = log_of((QUEUED, {}), (TAKEN, {}), (PLANNED, {}), (CANCEL_REQUESTED, {}))
    assert holder_of(held) == held[1]
    assert holder_of(log_of((QUEUED, {}), (TAKEN, {}), (HANDED_OVER, {}))) is None

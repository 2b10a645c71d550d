"""Nothing waits for ever, and nothing that moves is disturbed."""

from __future__ import annotations

import pytest

from functions.common.fc import InvocationFailed
from functions.common.tickets.holding import Stale
from functions.notifier.sweeper import INVOCATIONS
from tests.functions.fakes import Killed, calm, kill_at
from tests.functions.notifier.conftest import OWNER, Notifier


def test_nothing_to_do(notifier: Notifier) -> None:
    assert notifier.sweep() == {}
    notifier.ticket()
    assert notifier.sweep() == {"seen": 1}
    assert notifier.functions.queued == []


def test_what_nobody_picked_up_is_invoked_with_longer_and_longer_waits(notifier: Notifier) -> None:
    ticket_id = notifier.ticket()
    times = []
    for _ in range(40):
        notifier.clock.pass_(60)
        before = len(notifier.functions.queued)
        done = notifier.sweep()
        if len(notifier.functions.queued) > before:
            times.append(round(notifier.clock.now() - 1_800_000_000))
        if done.get("failed"):
            break
    assert times == [60, 120, 240, 480, 960]
    assert len(times) == INVOCATIONS
    assert notifier.functions.queued[0] == {
        "ticket_id": ticket_id,
        "session_id": notifier.store.tickets.read(ticket_id).session_id,  # type: ignore[union-attr]
        "action": "reason",
        "state": {"ref": True},
    }
    # Nobody came: a holder, the sweeper itself, ends it, settles it, and tells.
    assert notifier.clock.now() - 1_800_000_000 == 1920
    assert notifier.kinds(ticket_id) == ["queued", "taken", "finished"]
    ticket = notifier.store.tickets.read(ticket_id)
    assert ticket is not None
    assert (ticket.view.status, ticket.view.error) == (
        "failed",
        "no commander took the ticket in 5 invocations",
    )
    session = notifier.store.sessions.read(ticket.session_id)
    assert session is not None
    assert session.active_ticket == ""
    assert notifier.sweep() == {}


def test_its_end_is_pushed(notifier: Notifier) -> None:
    notifier.frame("/v1/push/register")
    ticket_id = notifier.ticket()
    for _ in range(INVOCATIONS):
        notifier.store.open.count_invocation(ticket_id)
    notifier.clock.pass_(1000)
    assert notifier.sweep() == {"seen": 1, "failed": 1}
    ((_, message),) = notifier.gateway.pushed
    assert (message["id"], message["data"]["status"]) == (f"{ticket_id}:3", "failed")


def test_a_commander_that_takes_begins_the_count_anew(notifier: Notifier) -> None:
    ticket_id = notifier.ticket()
    for _ in range(INVOCATIONS):
        notifier.store.open.count_invocation(ticket_id)
    notifier.take(ticket_id).append("handed_over", {})
    notifier.clock.pass_(3600)
    assert notifier.sweep() == {"seen": 1, "invoked": 1}


def test_an_invocation_that_is_refused_counts_all_the_same(notifier: Notifier) -> None:
    ticket_id = notifier.ticket()
    notifier.functions.error = InvocationFailed("busy", status=429, started=False)
    notifier.clock.pass_(60)
    assert notifier.sweep() == {"seen": 1}
    row = notifier.store.open.read(ticket_id)
    assert row is not None
    assert row.invokes == 1


def test_an_abandoned_admission_is_rejected_after_a_minute(notifier: Notifier) -> None:
    kill_at(notifier.tables, 4, after=False)
    with pytest.raises(Killed):
        notifier.ticket()
    calm(notifier.tables)
    notifier.frame("/v1/push/register")
    notifier.clock.pass_(59)
    assert notifier.sweep() == {"seen": 1}
    notifier.clock.pass_(2)
    assert notifier.sweep() == {"seen": 1, "rejected": 1}
    ((table, key),) = [key for key in notifier.tables.rows if key[0] == "agent_sessions"]
    assert notifier.tables.rows[table, key]["active_ticket"] == ""
    assert notifier.gateway.pushed[0][1]["type"] == "agent.ticket.rejected"
    assert notifier.sweep() == {}


@pytest.mark.parametrize("number", [1, 2])
def test_wherever_the_admission_stopped(notifier: Notifier, number: int) -> None:
    kill_at(notifier.tables, number, after=True)
    with pytest.raises(Killed):
        notifier.ticket()
    calm(notifier.tables)
    notifier.clock.pass_(61)
    assert notifier.sweep() == {"seen": 1, "rejected": 1}
    assert notifier.sweep() == {}


def test_what_ended_is_settled(notifier: Notifier) -> None:
    ticket_id = notifier.ticket()
    notifier.take(ticket_id).append("finished", {"status": "succeeded", "output": "because"})
    assert notifier.sweep() == {"seen": 1, "settled": 1}
    ticket = notifier.store.tickets.read(ticket_id)
    assert ticket is not None
    assert ticket.view.status == "succeeded"
    assert notifier.sweep() == {}


def test_a_holder_that_lives_is_left_alone(notifier: Notifier) -> None:
    ticket_id = notifier.ticket()
    hold = notifier.take(ticket_id)
    notifier.clock.pass_(3600)
    notifier.clock.company = lambda _: hold.renew()
    assert notifier.sweep() == {"seen": 1, "watched": 1}
    assert notifier.clock.slept == [20]
    assert notifier.functions.queued == []


def test_a_holder_that_stands_still_gets_a_rival(notifier: Notifier) -> None:
    ticket_id = notifier.ticket()
    hold = notifier.take(ticket_id)
    notifier.clock.pass_(3600)
    assert notifier.sweep() == {"seen": 1, "watched": 1, "invoked": 1}
    # The sweeper takes nothing away: the commander that comes looks again before it takes over.
    hold.append("planned", {})
    notifier.clock.pass_(30)
    assert notifier.sweep() == {"seen": 1, "watched": 1}


def test_one_wait_for_all_that_is_held(notifier: Notifier) -> None:
    for _ in range(3):
        notifier.take(notifier.ticket())
    notifier.clock.pass_(3600)
    assert notifier.sweep() == {"seen": 3, "watched": 3, "invoked": 3}
    assert notifier.clock.slept == [20]


def test_a_holder_that_never_comes_back_and_no_rival_either(notifier: Notifier) -> None:
    ticket_id = notifier.ticket()
    hold = notifier.take(ticket_id)
    for _ in range(60):
        notifier.clock.pass_(60)
        if notifier.sweep().get("failed"):
            break
    assert notifier.kinds(ticket_id) == ["queued", "taken", "taken", "finished"]
    with pytest.raises(Stale):
        hold.append("finished", {"status": "succeeded"})


def test_people_may_take_their_time(notifier: Notifier) -> None:
    ticket_id = notifier.ticket()
    notifier.take(ticket_id).append("awaiting_approval", {"step": "a"})
    notifier.clock.pass_(10 * 86_400)
    assert notifier.sweep() == {"seen": 1}
    # Their answer is worked on even if nobody was invoked for it.
    notifier.append(ticket_id, "approved", step="a")
    assert notifier.sweep() == {"seen": 1, "invoked": 1}


def test_a_ticket_without_a_row_is_only_closed(notifier: Notifier) -> None:
    ticket_id = notifier.ticket()
    notifier.store.tickets.erase(ticket_id)
    assert notifier.sweep() == {"seen": 1, "settled": 1}
    assert notifier.kinds(ticket_id) == ["queued"]
    assert notifier.sweep() == {}


def test_somebody_elses_session_is_never_touched(notifier: Notifier) -> None:
    first, second = notifier.ticket(), notifier.ticket()
    notifier.take(first).append("finished", {"status": "succeeded"})
    notifier.sweep()
    other = notifier.store.tickets.read(second)
    assert other is not None
    assert other.owner == OWNER
    session = notifier.store.sessions.read(other.session_id)
    assert session is not None
    assert session.active_ticket == second

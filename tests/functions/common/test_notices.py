from __future__ import annotations

import json

import pytest

from functions.common.ids import (
    is_session_id,
    is_step_id,
    is_ticket_id,
    new_row_id,
    new_session_id,
    new_ticket_id,
    ticket_id_of,
)
from functions.common.logs import Log
from functions.common.owner import caller_of, owner_of
from functions.common.problems import Problem
from functions.common.settings import WrongSettings, read_settings
from functions.common.tickets.events import Event
from functions.common.tickets.notices import STATE_BYTES, cloud_event, invocation
from functions.common.tickets.projection import Ticket
from functions.dispatcher.settings import Settings

TICKET = Ticket("t1", "owner", "tenant", "s1", "reason", "why?", {}, "hash", "2026-01-01")


@pytest.mark.parametrize("over", [0, 1])
def test_the_state_is_injected_up_to_24_kb(over: int) -> None:
    empty = len(json.dumps({"history": [], "variables": {"v": ""}}, separators=(",", ":")))
    state = {"history": [], "variables": {"v": "x" * (STATE_BYTES - empty + over)}}
    payload = json.loads(invocation(TICKET, state))
    assert payload["state"] == ({"ref": True} if over else state)
    assert payload | {"state": None} == {
        "ticket_id": "t1",
        "session_id": "s1",
        "action": "reason",
        "state": None,
    }
    assert json.loads(invocation(TICKET))["state"] == {"ref": True}


def test_events_of_a_ticket() -> None:
    event = Event(7, "step_failed", "row", "2026-01-01T00:00:00.000Z", {"step": "a"}, 2)
    assert cloud_event("t1", event) == {
        "specversion": "1.0",
        "id": "t1:7",
        "source": "/v1/tickets/t1",
        "type": "agent.ticket.step_failed",
        "time": "2026-01-01T00:00:00.000Z",
        "datacontenttype": "application/json; charset=utf-8",
        "data": {"step": "a", "seq": 7, "kind": "step_failed"},
    }


def test_ids() -> None:
    assert is_ticket_id(new_ticket_id())
    assert is_session_id(new_session_id())
    assert len({new_ticket_id() for _ in range(100)} | {new_row_id() for _ in range(100)}) == 200
    assert is_ticket_id(ticket_id_of("owner", "key"))
    assert ticket_id_of("owner", "key") == ticket_id_of("owner", "key")
    assert len({ticket_id_of("o", "1k"), ticket_id_of("o1", "k"), ticket_id_of("o", "k")}) == 3
    for odd in ("", "t", "T" + "0" * 26, "t" + "0" * 27, "t" + "w" * 26, "t" + "0" * 26 + "\n"):
        assert not is_ticket_id(odd)
    assert is_step_id("load_1")
    assert not any(is_step_id(odd) for odd in ("", "1a", "A", "a-b", "a" * 41, "a\n"))


def test_callers() -> None:
    caller = caller_of({"x-claim-sub": "alice", "x-claim-exp": "1900000000.5"})
    assert (caller.tenant, caller.expires_at, caller.scopes) == ("alice", 1900000000, frozenset())
    assert caller.owner == owner_of("alice", "alice")
    assert len({owner_of("a", "bc"), owner_of("ab", "c"), owner_of('a","b', "c")}) == 3
    for exp in ("", "soon", "-1", "1e9", "9" * 13):
        assert caller_of({"x-claim-sub": "a", "x-claim-exp": exp}).expires_at == 0
    with pytest.raises(Problem):
        caller_of({})


def test_log_lines_hold_no_secret() -> None:
    lines: list[str] = []
    log = Log("f", write=lines.append, now=lambda: 1.0)
    log.info("done", ticket_id="t1", authorization="Bearer x", status=200)
    log.failure("bad", why="key LTAI5tAbCdEfGh12 was refused " + "x" * 600)
    assert json.loads(lines[0]) == {
        "at": 1.0,
        "level": "info",
        "function": "f",
        "event": "done",
        "ticket_id": "t1",
        "authorization": "(not logged)",
        "status": 200,
    }
    assert "LTAI" not in lines[1]
    assert len(lines[1]) < 700


def test_all_wrong_settings_in_one_message() -> None:
    with pytest.raises(WrongSettings) as caught:
        read_settings(Settings, {"APPROVE_OWN": "yes", "FC_REGION": "cn-hangzhou"})
    text = str(caught.value)
    assert "TABLESTORE_ENDPOINT must be set" in text
    assert "RESULTS_BUCKET must be set" in text
    assert "APPROVE_OWN, value 'yes', must be 'true' or 'false'" in text
    assert "FC_REGION" not in text

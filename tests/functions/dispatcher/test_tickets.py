from __future__ import annotations

import json
from typing import Any

import pytest

from tests.functions.dispatcher.conftest import ALICE, BOB, EVE, Api
from tests.functions.fakes import calm


@pytest.fixture
def ticket(api: Api) -> str:
    return str(api.submit()["ticket_id"])


def test_a_ticket_as_it_goes(api: Api, ticket: str) -> None:
    def status() -> Any:
        return api.call("GET", f"/v1/tickets/{ticket}").json["status"]

    assert status() == "queued"
    api.append(ticket, "taken", lease_ms=1)
    plan = {"steps": [{"id": "load", "tool": "read"}, {"id": "draw", "tool": "chart"}]}
    api.append(ticket, "planned", plan=plan)
    assert status() == "running"
    api.append(ticket, "step_succeeded", step="load", attempt=1, output={"rows": 3})
    api.append(ticket, "step_failed", step="draw", attempt=1, error="no", final=False)
    found = api.call("GET", f"/v1/tickets/{ticket}")
    assert found.json["steps"] == {
        "planned": 2,
        "succeeded": 1,
        "failed": 0,
        "list": [
            {"id": "load", "tool": "read", "status": "succeeded", "attempts": 1},
            {"id": "draw", "tool": "chart", "status": "waiting", "attempts": 1},
        ],
    }
    assert found.headers["retry-after"] == "1"


def test_a_result_with_links(api: Api, ticket: str) -> None:
    owner = api.store.tickets.read(ticket).owner  # type: ignore[union-attr]
    chart = {"name": "chart.png", "key": f"{owner}/{ticket}/c", "bytes": 3}
    chart["content_type"] = "image/png"
    api.finish(ticket, output=None, output_ref=f"{owner}/{ticket}/r", artifacts=[chart])
    found = api.call("GET", f"/v1/tickets/{ticket}").json
    assert found["result"] == {
        "url": f"https://results.example/{owner}/{ticket}/r?expires=900",
        "expires_in": 900,
    }
    assert found["artifacts"][0]["url"].startswith(f"https://results.example/{owner}/{ticket}/c")
    assert "output" not in found
    assert "cancel" not in found["links"]


def test_objects_of_somebody_else_are_not_linked(api: Api, ticket: str) -> None:
    api.finish(ticket, output=None, output_ref="f" * 32 + "/other/x")
    found = api.call("GET", f"/v1/tickets/{ticket}")
    assert found.status == 500
    assert "results.example" not in found.text


def test_an_unchanged_ticket_is_304(api: Api, ticket: str) -> None:
    first = api.call("GET", f"/v1/tickets/{ticket}")
    tag = first.headers["etag"]
    for header in (tag, f"W/{tag}", f'"x", {tag}', "*"):
        again = api.call("GET", f"/v1/tickets/{ticket}", headers={"If-None-Match": header})
        assert (again.status, again.text, again.headers["etag"]) == (304, "", tag)
        assert again.headers["retry-after"] == "1"
    api.append(ticket, "taken", lease_ms=1)
    changed = api.call("GET", f"/v1/tickets/{ticket}", headers={"If-None-Match": tag})
    assert changed.status == 200
    assert changed.headers["etag"] != tag


def test_whoever_reads_that_a_ticket_ended_finds_its_session_free(api: Api, ticket: str) -> None:
    api.finish(ticket)
    found = api.call("GET", f"/v1/tickets/{ticket}")
    assert found.json["status"] == "succeeded"
    session = api.call("GET", found.json["links"]["session"]).json
    assert session["active_ticket"] is None
    assert [message["content"] for message in session["history"]] == ["why?", "because"]
    assert api.store.open.read(ticket) is None


@pytest.mark.parametrize("method", ["GET", "DELETE"])
@pytest.mark.parametrize("who", [BOB, EVE])
def test_somebody_elses_ticket_is_as_unknown(
    api: Api, ticket: str, method: str, who: dict[str, str]
) -> None:
    theirs = api.call(method, f"/v1/tickets/{ticket}", who=who)
    unknown = api.call(method, "/v1/tickets/t00000000000000000000000000", who=who)
    odd = api.call(method, "/v1/tickets/..%2f", who=who)
    assert theirs.status == 404
    assert theirs.text == unknown.text == odd.text
    assert api.call("GET", f"/v1/tickets/{ticket}/events", who=who).status == 404


def test_the_log_in_pages(api: Api, ticket: str) -> None:
    api.append(ticket, "taken", lease_ms=1)
    for number in range(3):
        api.append(ticket, "step_succeeded", step="a", attempt=number)
    found = api.call("GET", f"/v1/tickets/{ticket}/events", query={"limit": "2"}).json
    assert ([event["seq"] for event in found["events"]], found["more"]) == ([1, 2], True)
    found = api.call("GET", f"/v1/tickets/{ticket}/events", query={"after": "2"}).json
    assert ([event["seq"] for event in found["events"]], found["more"]) == ([3, 4, 5], False)
    assert found["events"][0]["data"] == {"step": "a", "attempt": 0}
    found = api.call("GET", f"/v1/tickets/{ticket}/events", query={"after": "5"}).json
    assert (found["events"], found["more"]) == ([], False)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("after", value) for value in ("x", "-1", "1.5", "", "9" * 5000)),
        *(("limit", value) for value in ("0", "501", "٣")),
    ],
)
def test_wrong_query_parameters(api: Api, ticket: str, name: str, value: str) -> None:
    found = api.call("GET", f"/v1/tickets/{ticket}/events", query={name: value})
    assert (found.status, found.json["field"]) == (400, name)


def test_cancel(api: Api, ticket: str) -> None:
    api.append(ticket, "taken", lease_ms=1)
    for _ in range(2):
        found = api.call("DELETE", f"/v1/tickets/{ticket}")
        assert (found.status, found.json["cancel_requested"]) == (202, True)
    kinds = [event.kind for event in api.store.log.read(ticket)]
    assert kinds == ["queued", "taken", "cancel_requested"]
    # A holder reads it by itself: nobody is invoked for it.
    assert len(api.functions.queued) == 1


def test_cancelling_what_waits_for_an_approval_sends_somebody(api: Api, ticket: str) -> None:
    api.append(ticket, "taken", lease_ms=1)
    api.append(ticket, "awaiting_approval", step="a", arguments_hash="h")
    assert api.call("DELETE", f"/v1/tickets/{ticket}").status == 202
    assert len(api.functions.queued) == 2


def test_cancelling_what_ended_says_how(api: Api, ticket: str) -> None:
    api.finish(ticket)
    found = api.call("DELETE", f"/v1/tickets/{ticket}")
    assert (found.status, found.json["status"]) == (200, "succeeded")


def test_cancel_goes_behind_what_came_meanwhile(api: Api, ticket: str) -> None:
    def meanwhile(_: int) -> None:
        calm(api.tables)
        api.append(ticket, "taken", lease_ms=1)

    api.tables.before = meanwhile
    assert api.call("DELETE", f"/v1/tickets/{ticket}").status == 202
    kinds = [event.kind for event in api.store.log.read(ticket)]
    assert kinds == ["queued", "taken", "cancel_requested"]


def test_a_ticket_that_is_being_admitted_cannot_be_cancelled_yet(api: Api, ticket: str) -> None:
    api.store.log.erase(ticket)
    assert api.call("DELETE", f"/v1/tickets/{ticket}").status == 409


@pytest.fixture
def waiting(api: Api, ticket: str) -> str:
    api.append(ticket, "taken", lease_ms=1)
    api.append(ticket, "planned", plan={"steps": [{"id": "send", "tool": "mail"}]})
    api.append(
        ticket,
        "awaiting_approval",
        step="send",
        tool="mail",
        arguments={"to": "x"},
        arguments_hash="h1",
    )
    return ticket


def test_what_waits_is_shown(api: Api, waiting: str) -> None:
    found = api.call("GET", f"/v1/tickets/{waiting}")
    assert found.json["status"] == "awaiting_approval"
    assert found.json["awaiting"] == [
        {"step": "send", "tool": "mail", "arguments": {"to": "x"}, "arguments_hash": "h1"}
    ]
    assert found.headers["retry-after"] == "10"


def approve(
    api: Api, ticket: str, approve: Any, who: dict[str, str] = BOB, step: str = "send"
) -> tuple[int, Any]:
    found = api.call(
        "POST", f"/v1/tickets/{ticket}/approvals/{step}", {"approve": approve}, who=who
    )
    return found.status, found.json


@pytest.mark.parametrize("answer", [True, False])
def test_an_answer_counts_once(api: Api, waiting: str, answer: bool) -> None:
    status, document = approve(api, waiting, answer)
    assert (status, document["approve"], document["seq"]) == (200, answer, 5)
    assert approve(api, waiting, answer) == (200, document)
    assert approve(api, waiting, not answer)[0] == 409
    event = api.store.log.read(waiting)[-1]
    assert (event.kind, event.data["arguments_hash"]) == ("approved" if answer else "denied", "h1")
    assert len(api.functions.queued) == 2


def test_a_step_that_asks_again_is_answered_again(api: Api, waiting: str) -> None:
    approve(api, waiting, True)
    api.append(waiting, "taken", lease_ms=1)
    api.append(waiting, "awaiting_approval", step="send", arguments_hash="h2")
    status, document = approve(api, waiting, False)
    assert (status, document["seq"]) == (200, 8)
    assert api.store.log.read(waiting)[-1].data["arguments_hash"] == "h2"


def test_who_may_answer(api: Api, waiting: str) -> None:
    approver = {**ALICE, "x-claim-scope": "approver"}
    assert approve(api, waiting, True, who=ALICE)[0] == 403
    assert approve(api, waiting, True, who=approver)[0] == 403
    assert approve(api, waiting, True, who=EVE)[0] == 404
    assert approve(api, waiting, True, who={**BOB, "x-claim-scope": "read"})[0] == 404
    assert approve(api, waiting, True, who=BOB)[0] == 200


def test_ones_own_by_setting(api: Api, waiting: str) -> None:
    object.__setattr__(api.app, "approve_own", True)
    assert approve(api, waiting, True, who={**ALICE, "x-claim-scope": "approver"})[0] == 200
    assert approve(api, waiting, True, who=ALICE)[0] == 403


@pytest.mark.parametrize("value", [None, 1, "true", [], {}])
def test_an_answer_is_yes_or_no(api: Api, waiting: str, value: Any) -> None:
    status, problem = approve(api, waiting, value)
    assert (status, problem["field"]) == (400, "approve")


def test_what_does_not_wait_cannot_be_answered(api: Api, waiting: str) -> None:
    assert approve(api, waiting, True, step="other")[0] == 409
    assert approve(api, waiting, True, step="Odd-Name")[0] == 404
    api.append(waiting, "taken", lease_ms=1)
    api.append(waiting, "finished", status="cancelled")
    assert approve(api, waiting, True)[0] == 409


def test_a_session(api: Api) -> None:
    first = api.submit(variables={"n": 1})
    path = f"/v1/sessions/{first['session_id']}"
    found = api.call("GET", path).json
    assert found["active_ticket"] == first["ticket_id"]
    assert found["links"]["active_ticket"] == f"/v1/tickets/{first['ticket_id']}"
    for who in (BOB, EVE):
        assert api.call("GET", path, who=who).status == 404
        assert api.call("DELETE", path, who=who).status == 404
    assert api.call("DELETE", path).status == 409
    assert api.call("GET", "/v1/sessions/x").status == 404


def test_erasing_leaves_nothing(api: Api) -> None:
    first = api.submit()
    session_id, ticket_id = first["session_id"], first["ticket_id"]
    owner = api.store.tickets.read(ticket_id).owner  # type: ignore[union-attr]
    api.append(ticket_id, "taken", lease_ms=1)
    api.append(ticket_id, "step_succeeded", step="a", output_ref=f"{owner}/{ticket_id}/s")
    chart = {"name": "c", "key": f"{owner}/{ticket_id}/c", "bytes": 1, "content_type": "x"}
    evil = {"name": "e", "key": "f" * 32 + "/other/e", "bytes": 1, "content_type": "x"}
    api.append(ticket_id, "finished", status="succeeded", output=1, artifacts=[chart, evil])
    other = api.submit("other")
    # Nobody settled it: erasing does first.
    assert api.call("DELETE", f"/v1/sessions/{session_id}").status == 204
    assert api.objects.deleted == [f"{owner}/{ticket_id}/c", f"{owner}/{ticket_id}/s"]
    left = json.dumps([[table, key] for table, key in api.tables.rows])
    assert session_id not in left
    assert ticket_id not in left
    assert other["ticket_id"] in left
    assert api.call("GET", f"/v1/sessions/{session_id}").status == 404
    assert api.call("DELETE", f"/v1/sessions/{session_id}").status == 404


def test_an_interrupted_erasing_goes_on(api: Api) -> None:
    first = api.submit()
    api.finish(first["ticket_id"])
    api.settle(first["ticket_id"])
    path, writes = f"/v1/sessions/{first['session_id']}", api.tables.writes

    def stop(number: int) -> None:
        if number == writes + 3:
            raise RuntimeError("stopped")

    api.tables.before = stop
    assert api.call("DELETE", path).status == 500
    calm(api.tables)
    assert api.call("GET", path).status == 404
    task = {"input": "x", "session_id": first["session_id"]}
    assert api.call("POST", "/v1/tasks", task).status == 404
    assert api.call("DELETE", path).status == 204
    assert api.tables.rows == {}

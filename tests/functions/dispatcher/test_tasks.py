from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from functions.common.fc import InvocationFailed
from functions.common.tablestore.api import Throttled
from functions.dispatcher import body
from functions.dispatcher.handler import answer
from tests.functions.dispatcher.conftest import ALICE, BOB, EVE, Api
from tests.functions.fakes import Killed, calm, kill_at


def test_a_task_becomes_a_ticket(api: Api) -> None:
    found = api.call("POST", "/v1/tasks", {"input": "why?", "variables": {"n": [1, {"x": None}]}})
    document = found.json
    path = f"/v1/tickets/{document['ticket_id']}"
    assert (found.status, document["status"]) == (202, "queued")
    assert (found.headers["location"], found.headers["retry-after"]) == (path, "1")
    assert document["links"] == {
        "ticket": path,
        "events": f"{path}/events",
        "session": f"/v1/sessions/{document['session_id']}",
        "cancel": path,
    }
    assert api.functions.queued == [
        {
            "ticket_id": document["ticket_id"],
            "session_id": document["session_id"],
            "action": "reason",
            "state": {"history": [], "variables": {}},
        }
    ]
    row = api.store.open.read(document["ticket_id"])
    assert row is not None
    assert (row.invokes, row.invoked_ms) == (1, 1_800_000_000_000)


def test_the_state_of_the_session_goes_along(api: Api) -> None:
    first = api.submit(variables={"n": 1})
    api.finish(first["ticket_id"])
    api.submit("and?", session_id=first["session_id"])
    state = api.functions.queued[-1]["state"]
    assert [message["content"] for message in state["history"]] == ["why?", "because"]
    assert state["variables"] == {"n": 1}


@pytest.mark.parametrize(("rounds", "inline"), [(2, True), (4, False)])
def test_a_large_state_goes_by_reference(api: Api, rounds: int, inline: bool) -> None:
    session: dict[str, str] = {}
    for _ in range(rounds):
        document = api.submit("x" * 4_000, **session)
        session = {"session_id": document["session_id"]}
        api.finish(document["ticket_id"], output="y" * 4_000)
    api.submit("last", **session)
    payload = api.functions.queued[-1]
    assert (payload["state"] != {"ref": True}) is inline
    assert len(json.dumps(payload)) < 25 * 1024


def test_a_failed_invocation_is_the_sweepers(api: Api) -> None:
    api.functions.error = InvocationFailed("busy", status=429, started=False)
    document = api.submit()
    assert api.store.log.read(document["ticket_id"])[0].kind == "queued"
    assert any("invocation_failed" in line for line in api.lines)


@pytest.mark.parametrize(
    ("raw", "status", "field", "words"),
    [
        ("", 400, None, "not JSON"),
        ("{", 400, None, "not JSON"),
        ("[]", 400, None, "object"),
        ("null", 400, None, "object"),
        ("{}", 400, "input", "required"),
        ('{"input": 3}', 400, "input", "a number"),
        ('{"input": null}', 400, "input", "null"),
        ('{"input": ""}', 400, "input", "32000"),
        ('{"input": "  "}', 400, "input", "spaces"),
        ('{"input": NaN}', 400, None, "NaN"),
        ('{"input": "x", "variables": {"n": 1e999}}', 400, None, "too large"),
        ('{"input": "x", "input": "y"}', 400, None, "twice"),
        ('{"input": "\\ud800"}', 400, None, "surrogate"),
        ('{"input": "x", "action": "dance"}', 400, "action", "reason, reply"),
        ('{"input": "x", "action": null}', 400, "action", "reason, reply"),
        ('{"input": "x", "variables": []}', 400, "variables", "an array"),
        ('{"input": "x", "variables": {"1": 1}}', 400, "variables", "'1'"),
        ('{"input": "x", "session_id": 7}', 400, "session_id", "text"),
        ('{"input": "x", "session_id": "../x"}', 404, None, "session"),
        ('{"input": "x", "session_id": "s00000000000000000000000000"}', 404, None, "session"),
        ('{"input": "x", "colour": "red"}', 400, "colour", "no field"),
        ('{"input": ' + "[" * 100_000 + "]" * 100_000 + "}", 400, None, "deeper"),
        ('{"input": "x", "variables": {"d": ' + "[" * 17 + "]" * 17 + "}}", 400, None, "deeper"),
        (json.dumps({"input": "x" * 32_001}), 400, "input", "32000"),
        (json.dumps({"input": "x", "variables": {"v": "y" * 16_400}}), 400, "variables", "bytes"),
        (json.dumps({"input": "x" * 262_200}), 413, None, "262144"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_wrong_bodies(api: Api, raw: str, status: int, field: str | None, words: str) -> None:
    found = api.call("POST", "/v1/tasks", raw=raw)
    assert found.status == status, found.text
    problem = found.json
    assert (problem["status"], problem.get("field")) == (status, field)
    assert words in problem["detail"]
    assert len(found.text) < 700
    assert api.tables.rows == {}


def test_limits_are_met_from_inside(api: Api) -> None:
    size = body.VARIABLES_BYTES - len('{"v":""}')
    found = api.call("POST", "/v1/tasks", {"input": "ü" * 32_000, "variables": {"v": "y" * size}})
    assert found.status == 202
    many = {f"v{number}": number for number in range(64)}
    assert api.call("POST", "/v1/tasks", {"input": "x", "variables": many}).status == 202
    many["one_more"] = 0
    assert api.call("POST", "/v1/tasks", {"input": "x", "variables": many}).status == 400


def test_variables_of_the_session_count_too(api: Api) -> None:
    first = api.submit(variables={"a": "y" * 10_000})
    api.finish(first["ticket_id"])
    api.settle(first["ticket_id"])
    more = {"input": "x", "session_id": first["session_id"]}
    assert api.call("POST", "/v1/tasks", {**more, "variables": {"b": "y" * 10_000}}).status == 400
    assert api.call("POST", "/v1/tasks", {**more, "variables": {"a": "y" * 10_000}}).status == 202


def test_other_media_types_are_refused(api: Api) -> None:
    found = api.call("POST", "/v1/tasks", {"input": "x"}, headers={"Content-Type": "text/plain"})
    assert found.status == 415
    found = api.call(
        "POST", "/v1/tasks", {"input": "x"}, headers={"Content-Type": "application/JSON; q=1"}
    )
    assert found.status == 202


def test_a_body_may_come_in_base64(api: Api) -> None:
    event: dict[str, Any] = {"path": "/v1/tasks", "httpMethod": "POST", "headers": ALICE}
    event |= {"isBase64Encoded": True, "body": base64.b64encode(b'{"input":"x"}').decode()}
    assert answer(api.app, json.dumps(event), "r").status == 202
    event["body"] = base64.b64encode(b'{"input":"\xff"}').decode()
    assert "UTF-8" in answer(api.app, json.dumps(event), "r").document["detail"]
    event["body"] = "!"
    assert answer(api.app, json.dumps(event), "r").status == 400


@pytest.mark.parametrize("event", ["", "{", "[]", "null", '{"triggerName": "x"}', "7"])
def test_events_that_are_no_requests(api: Api, event: str) -> None:
    assert answer(api.app, event, "r").status in (400, 500)


def test_one_key_one_ticket(api: Api) -> None:
    headers = {"Idempotency-Key": "k-1"}
    first = api.call("POST", "/v1/tasks", {"input": "why?"}, headers=headers)
    again = api.call("POST", "/v1/tasks", {"input": "why?", "action": "reason"}, headers=headers)
    assert again.status == 202
    assert again.json == first.json
    assert len(api.functions.queued) == 1
    other = api.call("POST", "/v1/tasks", {"input": "how?"}, headers=headers)
    assert (other.status, other.json["field"]) == (422, "Idempotency-Key")
    bobs = api.call("POST", "/v1/tasks", {"input": "why?"}, headers=headers, who=BOB)
    assert bobs.json["ticket_id"] != first.json["ticket_id"]
    api.finish(first.json["ticket_id"])
    settled = api.call("POST", "/v1/tasks", {"input": "why?"}, headers=headers)
    assert (settled.status, settled.json["output"]) == (200, "because")


@pytest.mark.parametrize("key", ["", "x" * 256, "ä", "a b", "a\n"])
def test_odd_keys(api: Api, key: str) -> None:
    found = api.call("POST", "/v1/tasks", {"input": "x"}, headers={"Idempotency-Key": key})
    assert (found.status, found.json["field"]) == (400, "Idempotency-Key")


@pytest.mark.parametrize("number", range(1, 6))
@pytest.mark.parametrize("after", [False, True])
def test_killed_between_any_two_writes(api: Api, number: int, after: bool) -> None:
    """The fifth write counts the invocation: killed behind it, the sweeper invokes."""
    headers = {"Idempotency-Key": "k-1"}
    kill_at(api.tables, number, after=after)
    with pytest.raises(Killed):
        api.call("POST", "/v1/tasks", {"input": "why?"}, headers=headers)
    calm(api.tables)
    again = api.call("POST", "/v1/tasks", {"input": "why?"}, headers=headers)
    assert (again.status, again.json["status"]) == (202, "queued")
    assert len(api.functions.queued) == (0 if number == 5 and after else 1)


def test_a_busy_session_is_409_with_a_link(api: Api) -> None:
    first = api.submit()
    headers = {"Idempotency-Key": "k-1"}
    task = {"input": "and?", "session_id": first["session_id"]}
    for _ in range(2):
        found = api.call("POST", "/v1/tasks", task, headers=headers)
        assert found.status == 409
        assert found.json["ticket"] == f"/v1/tickets/{first['ticket_id']}"
    api.finish(first["ticket_id"])
    # A rejected key stays rejected; another one is taken.
    assert api.call("POST", "/v1/tasks", task, headers=headers).status == 409
    assert api.call("POST", "/v1/tasks", task).status == 202


def test_somebody_elses_session_is_404(api: Api) -> None:
    first = api.submit()
    for who in (BOB, EVE):
        task = {"input": "and?", "session_id": first["session_id"]}
        assert api.call("POST", "/v1/tasks", task, who=who).status == 404


def test_a_reply_is_waited_for(api: Api) -> None:
    def work(payload: dict[str, Any]) -> None:
        assert payload["action"] == "reply"
        api.finish(payload["ticket_id"], output="hello")
        api.settle(payload["ticket_id"])

    api.functions.work = work
    found = api.call("POST", "/v1/tasks", {"input": "hi", "action": "reply"})
    assert (found.status, found.json["output"], found.json["status"]) == (200, "hello", "succeeded")


def test_a_reply_that_fails_is_502(api: Api) -> None:
    api.functions.work = lambda payload: api.finish(
        payload["ticket_id"], status="failed", error="no model", output=None
    )
    headers = {"Idempotency-Key": "k"}
    for _ in range(2):
        found = api.call("POST", "/v1/tasks", {"input": "x", "action": "reply"}, headers=headers)
        assert (found.status, found.json["detail"]) == (502, "no model")
        assert found.json["ticket"].startswith("/v1/tickets/t")


@pytest.mark.parametrize("error", [None, InvocationFailed("too slow", started=True)])
def test_a_reply_that_takes_too_long_becomes_a_ticket(
    api: Api, error: InvocationFailed | None
) -> None:
    api.functions.error = error
    found = api.call("POST", "/v1/tasks", {"input": "x", "action": "reply"})
    assert found.status == 202
    assert found.headers["retry-after"] == "1"


@pytest.mark.parametrize(
    "headers",
    [{}, {"x-claim-sub": ""}, {"x-claim-sub": "x" * 257}, {"x-claim-tenant": "acme"}],
)
def test_without_a_subject_nobody_comes_in(api: Api, headers: dict[str, str]) -> None:
    found = api.call("POST", "/v1/tasks", {"input": "x"}, who=headers)
    assert (found.status, found.headers["www-authenticate"]) == (401, "Bearer")


def test_paths_and_methods(api: Api) -> None:
    assert api.call("GET", "/v1/nothing").status == 404
    assert api.call("POST", "/v1/tasks/").status == 404
    found = api.call("PUT", "/v1/tasks", {})
    assert (found.status, found.headers["allow"]) == (405, "POST")


def test_a_store_that_does_not_answer_is_503(api: Api) -> None:
    def busy(_: int) -> None:
        raise Throttled("busy", code="OTSServerBusy")

    api.tables.before = busy
    found = api.call("POST", "/v1/tasks", {"input": "x"})
    assert (found.status, found.headers["retry-after"]) == (503, "1")


def test_what_nobody_expected_is_500_and_tells_nothing(api: Api) -> None:
    def broken(_: int) -> None:
        raise RuntimeError("secret-value")

    api.tables.before = broken
    found = api.call("POST", "/v1/tasks", {"input": "private words"})
    assert found.status == 500
    assert "request-1" in found.json["detail"]
    assert "secret-value" not in found.text + "".join(api.lines)


def test_nothing_of_a_request_is_logged(api: Api) -> None:
    headers = {"Authorization": "Bearer abc.def.ghi", "Idempotency-Key": "private-key"}
    api.call("POST", "/v1/tasks", {"input": "private words"}, headers=headers)
    api.call("POST", "/v1/tasks", {"input": "private words", "colour": "private"}, headers=headers)
    logged = "".join(api.lines)
    assert logged
    for secret in ("private", "abc.def", "alice"):
        assert secret not in logged

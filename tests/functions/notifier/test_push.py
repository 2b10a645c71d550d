from __future__ import annotations

import json
from typing import Any

import pytest

from functions.common.tickets.notices import cloud_event
from functions.notifier.connections import CONNECTIONS
from tests.functions.notifier.conftest import OWNER, Notifier

REGISTER, UNREGISTER = "/v1/push/register", "/v1/push/unregister"


def devices(notifier: Notifier, owner: str = OWNER) -> list[str]:
    return [connection.device for connection in notifier.app.connections.of(owner)]


def announced(notifier: Notifier, ticket_id: str, seq: int) -> dict[str, Any]:
    """A row as the commander puts it on the bus; nothing in it but its id is believed."""
    event = cloud_event(ticket_id, notifier.store.log.read(ticket_id)[seq - 1])
    return {**event, "data": {"lies": True}, "aliyuneventbusname": "agent-test"}


def ended(ticket_id: str, **change: Any) -> dict[str, Any]:
    """What an asynchronous destination puts on the bus; its type is not documented."""
    payload = {"ticket_id": ticket_id, "session_id": "s", "action": "reason", "state": {}}
    body = {
        "timestamp": 1660120276975,
        "requestContext": {
            "requestId": "r",
            "functionArn": "acs:fc:r:1:functions/agent-test-commander",
            "condition": "",
            "approximateInvokeCount": 1,
        },
        "requestPayload": json.dumps(payload),
        "responseContext": {"statusCode": 200, "functionError": ""},
        "responsePayload": "{}",
    }
    return {"id": "e", "source": "acs.fc", "type": "fc:Something", "data": {**body, **change}}


def test_registering(notifier: Notifier) -> None:
    assert notifier.frame(REGISTER) == 200
    assert notifier.frame(REGISTER) == 200
    assert notifier.frame(REGISTER, "d2") == 200
    assert devices(notifier) == ["d1", "d2"]
    assert notifier.frame(UNREGISTER, "d2") == 200
    assert notifier.frame(UNREGISTER, "d2") == 200
    assert devices(notifier) == ["d1"]


def test_the_owner_comes_from_the_token(notifier: Notifier) -> None:
    notifier.frame(REGISTER, "d1")
    assert notifier.frame(UNREGISTER, "d1", **{"x-claim-sub": "eve"}) == 200
    assert devices(notifier) == ["d1"]


@pytest.mark.parametrize(
    ("device", "claims", "status"),
    [
        ("", {}, 400),
        ("a b", {}, 400),
        ("x" * 129, {}, 400),
        ("d1", {"x-claim-sub": ""}, 401),
        ("d1", {"x-claim-exp": ""}, 403),
        ("d1", {"x-claim-exp": "never"}, 403),
    ],
)
def test_wrong_frames(notifier: Notifier, device: str, claims: dict[str, str], status: int) -> None:
    assert notifier.frame(REGISTER, device, **claims) == status
    assert notifier.tables.rows == {}


def test_other_paths_are_not_answered(notifier: Notifier) -> None:
    assert notifier.frame("/v1/push/notify") == 404


def test_devices_are_counted(notifier: Notifier) -> None:
    for number in range(CONNECTIONS):
        assert notifier.frame(REGISTER, f"n{number}") == 200
    assert notifier.frame(REGISTER, "n0") == 200
    assert notifier.frame(REGISTER, "one-more") == 429


def test_a_row_that_is_announced_is_pushed_as_the_log_has_it(notifier: Notifier) -> None:
    notifier.frame(REGISTER, "d1")
    notifier.frame(REGISTER, "d2")
    ticket_id = notifier.ticket()
    notifier.append(ticket_id, "taken", lease_ms=1)
    notifier.append(ticket_id, "step_succeeded", step="a", output={"rows": "ü"})
    notifier.append(ticket_id, "finished", status="succeeded")
    notifier.send(announced(notifier, ticket_id, 3))
    assert notifier.gateway.devices() == ["d1", "d2"]
    _, message = notifier.gateway.pushed[0]
    assert message == cloud_event(ticket_id, notifier.store.log.read(ticket_id)[2])
    assert message["data"] == {
        "step": "a",
        "output": {"rows": "ü"},
        "seq": 3,
        "kind": "step_succeeded",
    }
    # AppKey and AppSecret are read once.
    assert notifier.asked == [1]


def test_the_end_of_an_invocation_pushes_the_tail(notifier: Notifier) -> None:
    notifier.frame(REGISTER)
    ticket_id = notifier.ticket()
    notifier.append(ticket_id, "taken", lease_ms=1)
    notifier.append(ticket_id, "finished", status="succeeded")
    for event in (ended(ticket_id), ended(ticket_id)["data"], [ended(ticket_id)]):
        notifier.gateway.pushed.clear()
        notifier.send(event)
        ((_, message),) = notifier.gateway.pushed
        assert (message["id"], message["data"]["status"]) == (f"{ticket_id}:3", "succeeded")
    as_text = {**ended(ticket_id), "data": json.dumps(ended(ticket_id)["data"])}
    notifier.send(as_text)
    assert len(notifier.gateway.pushed) == 2
    assert notifier.functions.queued == []


def test_an_invocation_that_the_platform_gave_up_is_made_again(notifier: Notifier) -> None:
    ticket_id = notifier.ticket()
    context = {"statusCode": 500, "functionError": "FunctionUnhandledError"}
    notifier.send(ended(ticket_id, responseContext=context))
    assert [payload["ticket_id"] for payload in notifier.functions.queued] == [ticket_id]
    notifier.append(ticket_id, "taken", lease_ms=1)
    notifier.append(ticket_id, "finished", status="failed")
    notifier.send(ended(ticket_id, responseContext=context))
    assert len(notifier.functions.queued) == 1


def test_only_the_owner_is_told(notifier: Notifier) -> None:
    notifier.frame(REGISTER, "d1", **{"x-claim-sub": "eve"})
    ticket_id = notifier.ticket()
    notifier.send(announced(notifier, ticket_id, 1))
    assert notifier.gateway.pushed == []


def test_pushing_stops_when_the_token_ends(notifier: Notifier) -> None:
    notifier.frame(REGISTER)
    ticket_id = notifier.ticket()
    notifier.clock.pass_(3599)
    notifier.send(announced(notifier, ticket_id, 1))
    assert notifier.gateway.devices() == ["d1"]
    notifier.clock.pass_(2)
    notifier.send(announced(notifier, ticket_id, 1))
    assert notifier.gateway.devices() == ["d1"]
    assert not [key for table, key in notifier.tables.rows if table == "agent_connections"]


def test_a_device_that_is_offline_is_forgotten(notifier: Notifier) -> None:
    notifier.frame(REGISTER, "d1")
    notifier.frame(REGISTER, "gone")
    ticket_id = notifier.ticket()
    notifier.send(announced(notifier, ticket_id, 1))
    assert notifier.gateway.devices() == ["d1"]
    assert devices(notifier) == ["d1"]


@pytest.mark.parametrize("status", [403, 429, 500])
def test_a_gateway_that_refuses_loses_no_device(notifier: Notifier, status: int) -> None:
    notifier.frame(REGISTER, "d1")
    notifier.gateway.status = status
    notifier.send(announced(notifier, notifier.ticket(), 1))
    assert devices(notifier) == ["d1"]
    assert any(f'"status": {status}' in line for line in notifier.lines)


def test_a_large_row_is_announced_without_its_content(notifier: Notifier) -> None:
    notifier.frame(REGISTER)
    ticket_id = notifier.ticket()
    notifier.append(ticket_id, "taken", lease_ms=1)
    notifier.append(ticket_id, "step_succeeded", step="a", output="x" * 40_000)
    notifier.send(announced(notifier, ticket_id, 3))
    ((_, message),) = notifier.gateway.pushed
    data = {"step": "a", "seq": 3, "kind": "step_succeeded", "truncated": True}
    assert message["data"] == data


@pytest.mark.parametrize(
    "event",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"7",
        b'"text"',
        b'{"TopicOwner": "1", "Message": "x"}',
        b'{"type": "agent.ticket.queued", "id": "t:x"}',
        b'{"type": "agent.ticket.queued", "id": "../etc:1"}',
        b'{"type": "agent.ticket.queued", "id": "t00000000000000000000000000:1"}',
        b'{"data": {"requestContext": {}, "requestPayload": "{"}}',
        b'{"data": {"requestContext": {}, "requestPayload": "[]"}}',
        b'{"data": {"requestContext": 7, "requestPayload": {"ticket_id": 7}}}',
        b'{"data": "text"}',
    ],
)
def test_other_events_are_logged_and_left(notifier: Notifier, event: bytes) -> None:
    notifier.send(event)
    assert notifier.gateway.pushed == []
    if event != b"[]":
        assert any("ignored" in line or "unknown" in line for line in notifier.lines)
    assert "Message" not in "".join(line for line in notifier.lines if '"shape"' not in line)

"""The client of the HTTP API, against scripted answers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from clients import AgentClient, AgentError

if TYPE_CHECKING:
    from collections.abc import Callable

Answer = tuple[int, dict[str, str], Any]


def client(*answers: Answer, seen: list[httpx.Request] | None = None) -> AgentClient:
    left = list(answers)

    def handle(request: httpx.Request) -> httpx.Response:
        if seen is not None:
            seen.append(request)
        status, headers, content = left.pop(0)
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        return httpx.Response(status, headers=headers, content=body)

    return AgentClient("http://api/", "secret", transport=httpx.MockTransport(handle))


ACCEPTED = {"ticket_id": "t1", "session_id": "s1", "status": "queued", "links": {"ticket": "/x"}}


async def test_a_task_is_submitted_with_its_key() -> None:
    seen: list[httpx.Request] = []
    async with client((202, {}, ACCEPTED), seen=seen) as api:
        submitted = await api.submit("do it", variables={"a": 1}, idempotency_key="k")
    assert (submitted.ticket_id, submitted.status) == ("t1", "queued")
    (request,) = seen
    assert (request.method, request.url.path) == ("POST", "/v1/tasks")
    assert request.headers["authorization"] == "Bearer secret"
    assert request.headers["idempotency-key"] == "k"
    body = json.loads(request.content)
    assert body == {"input": "do it", "action": "reason", "variables": {"a": 1}}


async def test_what_is_absent_is_not_sent() -> None:
    seen: list[httpx.Request] = []
    async with client((202, {}, ACCEPTED), seen=seen) as api:
        await api.submit("x")
    assert "idempotency-key" not in seen[0].headers
    assert set(json.loads(seen[0].content)) == {"input", "action"}


async def test_a_problem_document_becomes_an_error() -> None:
    problem = {"title": "Conflict", "detail": "a ticket runs", "status": 409, "ticket": "/t"}
    async with client((409, {}, problem)) as api:
        with pytest.raises(AgentError, match="409 Conflict: a ticket runs") as caught:
            await api.submit("x")
    assert caught.value.problem["ticket"] == "/t"


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"\xff"])
async def test_an_error_that_is_no_document(body: bytes) -> None:
    async with client((502, {}, body)) as api:
        with pytest.raises(AgentError) as caught:
            await api.ticket("t1")
    assert caught.value.status == 502
    assert caught.value.problem == {}


async def test_names_cannot_leave_their_place_in_the_path() -> None:
    seen: list[httpx.Request] = []
    ticket = {"ticket_id": "t", "session_id": "s", "status": "failed"}
    async with client((200, {"etag": '"7"'}, ticket), seen=seen) as api:
        found = await api.ticket("../sessions/x?y")
    assert seen[0].url.raw_path == b"/v1/tickets/..%2Fsessions%2Fx%3Fy"
    assert found.settled
    assert found.etag == '"7"'


async def test_waiting_ends_with_the_ticket() -> None:
    def ticket(status: str) -> Answer:
        return 200, {}, {"ticket_id": "t", "session_id": "s", "status": status}

    async with client(ticket("queued"), ticket("running"), ticket("succeeded")) as api:
        assert (await api.wait("t", poll=0)).status == "succeeded"


async def test_waiting_gives_up() -> None:
    running = (200, {}, {"ticket_id": "t", "session_id": "s", "status": "running"})
    async with client(*[running] * 1000) as api:
        with pytest.raises(TimeoutError):
            await api.wait("t", seconds=0.05, poll=0.01)


@pytest.mark.parametrize(
    ("call", "method", "path"),
    [
        (lambda a: a.events("t", after=3), "GET", "/v1/tickets/t/events?after=3"),
        (lambda a: a.cancel("t"), "DELETE", "/v1/tickets/t"),
        (lambda a: a.approve("t", "pay", approve=True), "POST", "/v1/tickets/t/approvals/pay"),
        (lambda a: a.session("s"), "GET", "/v1/sessions/s"),
        (lambda a: a.erase("s"), "DELETE", "/v1/sessions/s"),
    ],
    ids=["events", "cancel", "approve", "session", "erase"],
)
async def test_every_call_goes_where_the_api_has_it(
    call: Callable[[AgentClient], Any], method: str, path: str
) -> None:
    seen: list[httpx.Request] = []
    row = {"seq": 4, "kind": "queued", "data": {}}
    async with client((200, {}, {"events": [row]}), seen=seen) as api:
        await call(api)
    assert (seen[0].method, seen[0].url.raw_path.decode()) == (method, path)

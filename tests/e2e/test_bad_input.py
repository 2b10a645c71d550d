"""Bad input: one problem document with the right status, and the server still up."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from clients import AgentClient, AgentError

if TYPE_CHECKING:
    from tests.e2e.conftest import Up

ENOUGH = "x" * 2_000_000


@pytest.fixture
async def http(up: Up) -> Any:
    headers = {"authorization": f"Bearer {up.info['token']}"}
    async with httpx.AsyncClient(base_url=up.api_url, headers=headers, timeout=60) as http:
        yield http
        # Whatever was sent, the next one is served.
        assert (await http.get("/v1/tickets/t00000000000000000000000000")).status_code == 404


def is_problem(answer: httpx.Response) -> dict[str, Any]:
    assert answer.headers["content-type"].startswith("application/problem+json"), answer.text
    problem: dict[str, Any] = answer.json()
    assert problem["status"] == answer.status_code
    assert problem["title"]
    return problem


@pytest.mark.parametrize(
    ("body", "status", "names"),
    [
        ("{", 400, "JSON"),
        ("[]", 400, "object"),
        ("{}", 400, "input"),
        ('{"input": 3}', 400, "input"),
        ('{"input": ""}', 400, "input"),
        ('{"input": "x", "action": "dance"}', 400, "action"),
        ('{"input": "x", "variables": []}', 400, "variables"),
        ('{"input": "x", "session_id": 7}', 400, "session_id"),
        ('{"input": "x", "colour": "red"}', 400, "colour"),
        ('{"input": NaN}', 400, ""),
        ("", 400, ""),
        (json.dumps({"input": ENOUGH}), 413, ""),
        ('{"input": "x", "session_id": "s00000000000000000000000000"}', 404, ""),
    ],
    ids=lambda value: str(value)[:24],
)
async def test_a_wrong_task_is_refused(
    http: httpx.AsyncClient, body: str, status: int, names: str
) -> None:
    answer = await http.post(
        "/v1/tasks", content=body, headers={"content-type": "application/json"}
    )
    assert answer.status_code == status, answer.text
    problem = is_problem(answer)
    assert names in json.dumps(problem)


@pytest.mark.parametrize(
    "token",
    [
        None,
        "",
        "Bearer",
        "Bearer not.a.token",
        "Basic dXNlcjpwYXNz",
    ],
)
async def test_without_a_token_nobody_comes_in(up: Up, token: str | None) -> None:
    headers = {} if token is None else {"authorization": token}
    async with httpx.AsyncClient(base_url=up.api_url) as http:
        answer = await http.post("/v1/tasks", json={"input": "x"}, headers=headers)
    # The JWT plugin's own codes: 400 where a token is missing (I400JR), 403 where it is wrong.
    assert answer.status_code in {400, 401, 403}
    is_problem(answer)


async def test_a_forged_token_is_refused(up: Up) -> None:
    head, body, signature = up.info["token"].split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    claims["sub"] = "somebody-else"
    forged = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    async with AgentClient(up.api_url, f"{head}.{forged}.{signature}") as client:
        with pytest.raises(AgentError) as caught:
            await client.submit("x")
    assert caught.value.status in {401, 403}


async def test_an_unsigned_token_is_refused(up: Up) -> None:
    body = up.info["token"].split(".")[1]
    head = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').rstrip(b"=").decode()
    async with AgentClient(up.api_url, f"{head}.{body}.") as client:
        with pytest.raises(AgentError) as caught:
            await client.submit("x")
    assert caught.value.status in {401, 403}


async def test_claims_cannot_be_sent_by_the_client(up: Up, client: AgentClient) -> None:
    other = up.token("--sub", "mallory", "--tenant", "mallory")
    mine = await client.submit("hello", action="reply")
    headers = {
        "authorization": f"Bearer {other}",
        "x-claim-sub": "demo",
        "x-claim-tenant": "demo",
    }
    async with httpx.AsyncClient(base_url=up.api_url, headers=headers) as http:
        answer = await http.get(f"/v1/sessions/{mine.session_id}")
    assert answer.status_code == 404


async def test_somebody_elses_ticket_is_as_unknown(up: Up, client: AgentClient) -> None:
    mine = await client.submit("hello", action="reply")
    assert (await client.ticket(mine.ticket_id)).settled
    async with AgentClient(up.api_url, up.token("--sub", "eve", "--tenant", "eve")) as eve:
        problems = []
        for ticket_id in (mine.ticket_id, "t00000000000000000000000000"):
            with pytest.raises(AgentError) as caught:
                await eve.ticket(ticket_id)
            problems.append((caught.value.status, caught.value.title))
        assert problems[0] == problems[1]
        assert problems[0][0] == 404
        with pytest.raises(AgentError, match="404"):
            await eve.erase(mine.session_id)
    assert (await client.session(mine.session_id))["session_id"] == mine.session_id


async def test_the_same_key_with_another_body(client: AgentClient) -> None:
    first = await client.submit("hello", action="reply", idempotency_key="k-1")
    again = await client.submit("hello", action="reply", idempotency_key="k-1")
    assert again.ticket_id == first.ticket_id
    with pytest.raises(AgentError) as caught:
        await client.submit("something else", action="reply", idempotency_key="k-1")
    assert caught.value.status == 422


async def test_an_unknown_path_and_a_wrong_method(http: httpx.AsyncClient) -> None:
    assert is_problem(await http.get("/v1/nothing"))["status"] == 404
    assert is_problem(await http.put("/v1/tasks", content=b"{}"))["status"] in {404, 405}

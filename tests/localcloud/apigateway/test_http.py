from __future__ import annotations

import asyncio
import base64
import json
import uuid
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from localcloud.apigateway import signature
from localcloud.apigateway.event import Answer
from localcloud.apigateway.gateway import BODY_LIMIT
from localcloud.core.errors import CloudError, NotSupported
from tests.localcloud.apigateway.conftest import ROLE, Running, api_inputs


@pytest.fixture
async def http(gateway: Running) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=gateway.url, timeout=10) as client:
        yield client


def problem(answer: httpx.Response) -> tuple[int, str]:
    document = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert document["status"] == answer.status_code
    assert answer.headers["x-ca-error-message"]
    assert document["code"] == answer.headers["x-ca-error-code"]
    assert answer.headers["x-ca-request-id"]
    return answer.status_code, document["code"]


async def test_the_function_gets_the_documented_event(
    gateway: Running, http: httpx.AsyncClient
) -> None:
    gateway.api("POST", "/v1/tickets/[ticket_id]/approvals/[step]")
    answer = await http.post(
        "/v1/tickets/a%2Fb/approvals/plan?x=1&y=%20&z",
        json={"ü": 1},
        headers={"Idempotency-Key": "k"},
    )
    assert (answer.status_code, answer.text, answer.headers["x-own"]) == (200, "done", "1")
    event = gateway.backend.events[0]
    assert gateway.backend.roles == [ROLE]
    assert event["function"] == "echo"
    assert (event["httpMethod"], event["isBase64Encoded"]) == ("POST", False)
    assert event["pathParameters"] == {"ticket_id": "a/b", "step": "plan"}
    assert event["queryParameters"] == {"x": "1", "y": " ", "z": ""}
    assert json.loads(event["body"]) == {"ü": 1}
    assert event["headers"]["idempotency-key"] == "k"
    assert event["headers"]["x-ca-request-id"] == answer.headers["x-ca-request-id"]


async def test_a_body_that_is_no_text_goes_in_base64_both_ways(
    gateway: Running, http: httpx.AsyncClient
) -> None:
    gateway.api("PUT", "/v1/blob")
    gateway.backend.reply = {
        "statusCode": "201",
        "isBase64Encoded": "true",
        "body": base64.b64encode(b"\xff\x00").decode(),
    }
    answer = await http.put("/v1/blob", content=b"\xff\xfe")
    assert (answer.status_code, answer.content) == (201, b"\xff\x00")
    event = gateway.backend.events[0]
    assert event["isBase64Encoded"] is True
    assert base64.b64decode(event["body"]) == b"\xff\xfe"


async def test_claims_come_from_the_token_and_never_from_the_client(
    gateway: Running, http: httpx.AsyncClient
) -> None:
    gateway.api("GET", "/v1/me")
    gateway.jwt()
    lies = {
        "X-Claim-Sub": "eve",
        "x-claim-scope": "approver",
        "X-Ca-DeviceId": "d",
        "X-Ca-Any": "1",
    }
    answer = await http.get("/v1/me", headers=gateway.bearer(tenant="t") | lies)
    assert answer.status_code == 200
    headers = gateway.backend.events[0]["headers"]
    assert (headers["x-claim-sub"], headers["x-claim-tenant"]) == ("ann", "t")
    assert headers["x-claim-exp"].isdigit()
    assert not {"x-claim-scope", "x-ca-deviceid", "x-ca-any"} & headers.keys()


async def test_without_a_plugin_claim_headers_are_dropped_too(
    gateway: Running, http: httpx.AsyncClient
) -> None:
    gateway.api("GET", "/open")
    await http.get("/open", headers={"x-claim-sub": "eve"})
    assert "x-claim-sub" not in gateway.backend.events[0]["headers"]


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, (400, "I400JR")),
        ({"authorization": "Bearer a.b.c"}, (403, "A403JT")),
        ({"authorization": "Basic YTpi"}, (403, "A403JT")),
    ],
)
async def test_without_a_valid_token_nobody_gets_in(
    gateway: Running, http: httpx.AsyncClient, headers: dict[str, str], expected: tuple[int, str]
) -> None:
    gateway.api("GET", "/v1/me")
    gateway.jwt()
    assert problem(await http.get("/v1/me", headers=headers)) == expected
    assert not gateway.backend.events


async def test_a_token_ends(gateway: Running, http: httpx.AsyncClient) -> None:
    gateway.api("GET", "/v1/me")
    gateway.jwt()
    headers = gateway.bearer(seconds=60)
    assert (await http.get("/v1/me", headers=headers)).status_code == 200
    gateway.clock.shift = 61
    assert problem(await http.get("/v1/me", headers=headers)) == (403, "A403JE")


async def test_what_is_not_published_is_404(gateway: Running, http: httpx.AsyncClient) -> None:
    gateway.api("GET", "/v1/me")
    gateway.api("GET", "/v1/test", stageNames=["TEST"])
    assert problem(await http.get("/nothing")) == (404, "I404NF")
    assert problem(await http.post("/v1/me")) == (404, "I404NF")
    assert problem(await http.get("/v1/test")) == (404, "I404NF")
    assert (await http.get("/v1/test", headers={"x-ca-stage": "TEST"})).status_code == 200


async def test_head_options_and_unknown_methods(gateway: Running, http: httpx.AsyncClient) -> None:
    gateway.api("GET", "/v1/[a]")
    gateway.api("DELETE", "/v1/[a]")
    head = await http.head("/v1/x")
    assert (head.status_code, head.content) == (200, b"")
    options = await http.options("/v1/x")
    assert (options.status_code, options.headers["allow"]) == (204, "DELETE, GET, OPTIONS")
    assert problem(await http.options("/v2")) == (404, "I404NF")
    assert (await http.head("/v2")).status_code == 404
    assert problem(await http.request("PURGE", "/v1/x")) == (405, "I405UM")


async def test_the_limit_of_calls_is_429_with_retry_after(
    gateway: Running, http: httpx.AsyncClient
) -> None:
    gateway.api("GET", "/v1/me")
    gateway.attach("trafficControl", {"unit": "MINUTE", "apiDefault": 1})
    assert (await http.get("/v1/me")).status_code == 200
    refused = await http.get("/v1/me")
    assert problem(refused) == (429, "T429PR")
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    gateway.clock.shift = 61
    assert (await http.get("/v1/me")).status_code == 200


async def test_a_plugin_on_the_api_wins_over_the_groups(
    gateway: Running, http: httpx.AsyncClient
) -> None:
    api = gateway.api("GET", "/v1/me")
    gateway.attach("trafficControl", {"unit": "MINUTE", "apiDefault": 0})
    definitions = gateway.service.definitions
    own = definitions.put_plugin(
        {
            "pluginName": "own_limit",
            "pluginType": "trafficControl",
            "pluginData": '{"unit": "MINUTE", "apiDefault": 5}',
        }
    )
    assert (await http.get("/v1/me")).status_code == 429
    definitions.attach("RELEASE", plugin=own, api=api)
    assert (await http.get("/v1/me")).status_code == 200


async def test_a_body_beyond_the_limit_is_413(gateway: Running, http: httpx.AsyncClient) -> None:
    gateway.api("POST", "/v1/tasks")
    assert problem(await http.post("/v1/tasks", content=b"x" * (BODY_LIMIT + 1))) == (413, "I413RL")
    assert (await http.post("/v1/tasks", content=b"x")).status_code == 200


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (Answer(200, {}, b"no json"), (502, "D502FC")),
        (Answer(200, {}, b"[]"), (502, "D502FC")),
        (Answer(200, {}, b"{}"), (502, "D502FC")),
        ({"statusCode": 99}, (502, "D502FC")),
        ({"statusCode": True}, (502, "D502FC")),
        ({"statusCode": 200, "headers": ["a"]}, (502, "D502FC")),
        ({"statusCode": 200, "headers": {"a": "b\r\nset-cookie: x"}}, (502, "D502FC")),
        ({"statusCode": 200, "headers": {"a b": "c"}}, (502, "D502FC")),
        ({"statusCode": 200, "body": "\ud800"}, (502, "D502FC")),
        ({"statusCode": 200, "body": {"a": 1}}, (502, "D502FC")),
        ({"statusCode": 200, "body": "%", "isBase64Encoded": True}, (502, "D502FC")),
        (Answer(200, {"x-fc-error-type": "UnhandledInvocationError"}, b"{}"), (502, "D502FC")),
        (Answer(200, {"x-fc-error-type": "FunctionTimedOut"}, b"{}"), (504, "D504TO")),
        (Answer(429, {}, b"{}"), (503, "D503BB")),
        (Answer(404, {}, b"{}"), (502, "D502FC")),
    ],
)
async def test_a_backend_that_fails_is_the_gateways_error(
    gateway: Running, http: httpx.AsyncClient, reply: Any, expected: tuple[int, str]
) -> None:
    gateway.api("GET", "/v1/me")
    gateway.backend.reply = reply
    assert problem(await http.get("/v1/me")) == expected


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (CloudError(403, "AccessDenied", "fc:InvokeFunction is denied"), (502, "D502FC")),
        (CloudError(404, "FunctionNotFound", "no echo"), (502, "D502FC")),
        (CloudError(429, "ResourceExhausted", "busy"), (503, "D503BB")),
    ],
)
async def test_a_backend_that_cannot_be_called(
    gateway: Running, http: httpx.AsyncClient, error: Exception, expected: tuple[int, str]
) -> None:
    gateway.api("GET", "/v1/me")
    gateway.backend.error = error
    assert problem(await http.get("/v1/me")) == expected


async def test_a_slow_backend_is_504_and_goes_on(gateway: Running, http: httpx.AsyncClient) -> None:
    gateway.api("GET", "/v1/me", timeout=20)
    gateway.backend.delay = 0.1
    assert problem(await http.get("/v1/me")) == (504, "D504TO")
    await asyncio.sleep(0.15)


async def test_an_error_of_the_function_itself_passes_unchanged(
    gateway: Running, http: httpx.AsyncClient
) -> None:
    gateway.api("GET", "/v1/me")
    gateway.backend.reply = {"statusCode": 409, "headers": {"Location": "/x"}, "body": "{}"}
    answer = await http.get("/v1/me")
    assert (answer.status_code, answer.headers["location"], answer.text) == (409, "/x", "{}")
    assert "x-ca-error-code" not in answer.headers


async def test_an_answer_without_a_body_has_none(gateway: Running, http: httpx.AsyncClient) -> None:
    gateway.api("GET", "/v1/me")
    gateway.backend.reply = {"statusCode": 304, "headers": {"etag": '"1"'}, "body": "too much"}
    answer = await http.get("/v1/me")
    assert (answer.status_code, answer.headers["etag"], answer.content) == (304, '"1"', b"")


async def test_mapping_passes_only_what_is_declared(
    gateway: Running, http: httpx.AsyncClient
) -> None:
    gateway.api(
        "GET",
        "/v1/me",
        mode="MAPPING",
        parameters=[
            {"name": "after", "in": "QUERY", "inService": "QUERY", "nameService": "from",
             "required": "OPTIONAL"},
            {"name": "Idempotency-Key", "in": "HEAD", "inService": "HEAD",
             "nameService": "Idempotency-Key", "required": "REQUIRED"},
        ],
    )  # fmt: skip
    gateway.jwt()
    assert problem(await http.get("/v1/me", headers=gateway.bearer())) == (400, "I400MP")
    await http.get(
        "/v1/me?after=3&x=1", headers=gateway.bearer() | {"idempotency-key": "k", "x-b": "1"}
    )
    event = gateway.backend.events[0]
    assert event["queryParameters"] == {"from": "3"}
    assert event["headers"]["idempotency-key"] == "k"
    assert event["headers"]["x-claim-sub"] == "ann"
    assert not {"x-b", "authorization"} & event["headers"].keys()


def sign(gateway: Running, app: Any, path: str, body: bytes, **headers: str) -> dict[str, str]:
    given = {
        "accept": "application/json",
        "content-type": "application/json",
        "x-ca-key": app.key,
        "x-ca-nonce": str(uuid.uuid4()),
        "x-ca-timestamp": str(int(gateway.clock.now() * 1000)),
        "x-ca-signature-headers": "x-ca-key,x-ca-nonce,x-ca-timestamp",
        "content-md5": signature.content_md5(body),
        **headers,
    }
    names = given["x-ca-signature-headers"].split(",")
    text = signature.string_to_sign("POST", path, [], given, names)
    return given | {"x-ca-signature": signature.sign(app.secret, text)}


async def test_an_app_signs_and_must_be_authorised(
    gateway: Running, http: httpx.AsyncClient
) -> None:
    api = gateway.api("POST", "/v1/signed", authType="APP")
    definitions = gateway.service.definitions
    app = definitions.put_app({"name": "pusher"})
    path, body = "/v1/signed", b"{}"
    assert problem(await http.post(path, content=body)) == (400, "A400MA")
    unknown = sign(gateway, app, path, body) | {"x-ca-key": "1"}
    assert problem(await http.post(path, content=body, headers=unknown)) == (400, "A400IK")
    headers = sign(gateway, app, path, body)
    assert problem(await http.post(path, content=body, headers=headers)) == (403, "I403AA")
    definitions.attach("RELEASE", app=app.id, api=api)
    headers = sign(gateway, app, path, body)
    assert (await http.post(path, content=body, headers=headers)).status_code == 200
    assert problem(await http.post(path, content=body, headers=headers)) == (403, "S403NU")
    forged = sign(gateway, app, path, body) | {"x-ca-signature": "AAAA"}
    assert problem(await http.post(path, content=body, headers=forged)) == (403, "A403IS")


def test_definitions_are_checked(gateway: Running) -> None:
    definitions, group = gateway.service.definitions, gateway.group
    gateway.api("GET", "/v1/[a]")
    for inputs, why in [
        (api_inputs(group, "GET", "/v1/[b]"), "GET /v1/"),
        (api_inputs("nope", "GET", "/x"), "no group"),
        (api_inputs(group, "FETCH", "/x"), "requestConfig.method"),
        (api_inputs(group, "GET", "x"), "begin with a slash"),
        (api_inputs(group, "GET", "/x", mode="OTHER"), "requestConfig.mode"),
        (api_inputs(group, "GET", "/x", authType="OPEN"), "authType"),
        (api_inputs(group, "GET", "/x/[a]", requestParameters=[]), "in=PATH"),
        (api_inputs(group, "GET", "/x", timeout=0), "timeout"),
    ]:
        with pytest.raises(CloudError, match=why):
            definitions.put_api(inputs, stages=("RELEASE",))
    for changes in ({"serviceType": "HTTP"}, {"fcServiceConfig": {"functionVersion": "2.0"}}):
        with pytest.raises(NotSupported):
            definitions.put_api(api_inputs(group, "GET", "/x", **changes))
    with pytest.raises(CloudError, match="still has APIs"):
        definitions.remove_group(group)
    with pytest.raises(NotSupported, match="cors"):
        definitions.put_plugin({"pluginName": "cors", "pluginType": "cors", "pluginData": "{}"})


def test_secrets_are_encrypted_on_disk(gateway: Running, tmp_path: Any) -> None:
    app = gateway.service.definitions.put_app({"name": "pusher"})
    files = [p for p in tmp_path.iterdir() if p.name.startswith("apigateway.sqlite")]
    assert files
    assert all(app.secret.encode() not in path.read_bytes() for path in files)
    assert gateway.service.definitions.app_of_key(app.key) == app

"""The API over HTTP, with the official SDK as its client."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from alibabacloud_fc20230330 import models
from alibabacloud_fc20230330.client import Client
from alibabacloud_tea_openapi.models import Config
from alibabacloud_tea_util.models import RuntimeOptions
from Tea.exceptions import TeaException

from localcloud.core.door import Door
from localcloud.server import open_port, serving
from tests.localcloud.fc.conftest import Bench, until

ECHO = "def handler(event, context):\n    print('hello')\n    return event\n"


@pytest.fixture
async def endpoint(bench: Bench) -> AsyncIterator[str]:
    listener = open_port(0)
    async with serving(Door([bench.fc]), listener):
        yield f"127.0.0.1:{listener.getsockname()[1]}"


def client(
    bench: Bench, endpoint: str, role: str | None = None, secret: str | None = None
) -> Client:
    keys = bench.ram.credentials_for(role) if role else bench.ram.administrator
    # The pinned releases of the SDK's own packages do not agree on what a credential has.
    model = SimpleNamespace(
        access_key_id=keys.access_key_id,
        access_key_secret=secret or keys.access_key_secret,
        security_token=keys.security_token,
        type="sts" if keys.security_token else "access_key",
        provider_name=None,
    )
    return Client(
        Config(
            credential=SimpleNamespace(get_credential=lambda: model),
            endpoint=endpoint,
            protocol="http",
            region_id="cn-hangzhou",
        )
    )


async def invoke(
    sdk: Client, name: str, body: bytes, qualifier: str | None = None, **headers: str
) -> Any:
    request = models.InvokeFunctionRequest(body=body, qualifier=qualifier)
    given = models.InvokeFunctionHeaders(**headers)
    return await asyncio.to_thread(
        sdk.invoke_function_with_options, name, request, given, RuntimeOptions(autoretry=False)
    )


async def test_invoke(bench: Bench, endpoint: str) -> None:
    bench.python("echo", ECHO)
    sdk = client(bench, endpoint)
    answer = await invoke(sdk, "echo", b"\x00binary\xff", "LATEST", x_fc_log_type="Tail")
    assert (answer.status_code, answer.body.read()) == (200, b"\x00binary\xff")
    assert answer.headers["x-fc-request-id"] == bench.fc.invocations()[0].request_id
    assert answer.headers["x-fc-log-result"]
    assert "x-fc-error-type" not in answer.headers


async def test_invoke_asynchronously(bench: Bench, endpoint: str) -> None:
    bench.python("echo", ECHO)
    bench.fc.set_async_config("echo", {"asyncTask": True})
    sdk = client(bench, endpoint)
    given = {"x_fc_invocation_type": "Async", "x_fc_async_task_id": "job"}
    answer = await invoke(sdk, "echo", b"x", **given)
    assert answer.status_code == 202
    await until(bench.fc.invocations)
    with pytest.raises(TeaException) as refused:
        await invoke(sdk, "echo", b"x", **given)
    assert refused.value.statusCode == 409
    found = await asyncio.to_thread(sdk.get_async_task, "echo", "job", models.GetAsyncTaskRequest())
    assert (found.body.task_id, found.body.request_id) == ("job", answer.headers["x-fc-request-id"])


async def test_a_function_that_fails(bench: Bench, endpoint: str) -> None:
    bench.python("bad", "def handler(event, context):\n    raise ValueError('no')\n")
    answer = await invoke(client(bench, endpoint), "bad", b"")
    assert answer.status_code == 200
    assert answer.headers["x-fc-error-type"] == "UnhandledInvocationError"
    assert json.loads(answer.body.read())["errorType"] == "ValueError"


@pytest.mark.parametrize(
    ("name", "qualifier", "status", "code"),
    [("nobody", None, 404, "FunctionNotFound"), ("echo", "7", 404, "VersionNotFound")],
)
async def test_what_is_not_there(
    bench: Bench, endpoint: str, name: str, qualifier: str | None, status: int, code: str
) -> None:
    bench.python("echo", ECHO)
    with pytest.raises(TeaException) as refused:
        await invoke(client(bench, endpoint), name, b"", qualifier)
    assert (refused.value.statusCode, refused.value.code) == (status, code)


async def test_a_role_needs_the_right(bench: Bench, endpoint: str) -> None:
    bench.python("echo", ECHO)
    allowed = bench.role("allowed", ("fc:InvokeFunction", bench.fc.arn("echo")))
    denied = bench.role("denied", ("fc:InvokeFunction", bench.fc.arn("other")))
    answer = await invoke(client(bench, endpoint, allowed), "echo", b"x")
    assert answer.body.read() == b"x"
    with pytest.raises(TeaException) as refused:
        await invoke(client(bench, endpoint, denied), "echo", b"x")
    assert refused.value.statusCode == 403
    assert "fc:InvokeFunction" in refused.value.message
    assert "functions/echo" in refused.value.message


async def test_a_wrong_signature(bench: Bench, endpoint: str) -> None:
    bench.python("echo", ECHO)
    with pytest.raises(TeaException) as refused:
        await invoke(client(bench, endpoint, secret="wrong"), "echo", b"x")
    assert (refused.value.statusCode, refused.value.code) == (403, "SignatureDoesNotMatch")
    async with httpx.AsyncClient() as http:
        bare = await http.post(f"http://{endpoint}/2023-03-30/functions/echo/invocations")
    assert bare.status_code == 401
    assert set(bare.json()) == {"RequestId", "Code", "Message"}
    assert not bench.fc.invocations()


async def test_get_and_list(bench: Bench, endpoint: str) -> None:
    for name in ("b", "a", "c"):
        bench.python(name, ECHO)
    sdk = client(bench, endpoint)
    found = await asyncio.to_thread(sdk.get_function, "a", models.GetFunctionRequest())
    assert (found.body.function_name, found.body.state) == ("a", "Active")
    assert (found.body.last_update_status, found.body.runtime) == ("Successful", "python3.11")
    assert found.body.function_arn == bench.fc.arn("a")
    page = await asyncio.to_thread(sdk.list_functions, models.ListFunctionsRequest(limit=2))
    assert [one.function_name for one in page.body.functions] == ["a", "b"]
    rest = models.ListFunctionsRequest(limit=2, next_token=page.body.next_token)
    page = await asyncio.to_thread(sdk.list_functions, rest)
    assert [one.function_name for one in page.body.functions] == ["c"]


async def test_list_instances(bench: Bench, endpoint: str) -> None:
    bench.python("echo", ECHO)
    sdk = client(bench, endpoint)
    await invoke(sdk, "echo", b"x")
    found = await asyncio.to_thread(sdk.list_instances, "echo", models.ListInstancesRequest())
    assert [one.instance_id for one in found.body.instances] == [
        bench.fc.instances()[0].instance_id
    ]


async def test_what_is_not_supported_says_its_name(bench: Bench, endpoint: str) -> None:
    bench.python("echo", ECHO)
    with pytest.raises(TeaException) as refused:
        await asyncio.to_thread(
            client(bench, endpoint).list_triggers, "echo", models.ListTriggersRequest()
        )
    assert refused.value.statusCode == 501
    assert "triggers" in refused.value.message

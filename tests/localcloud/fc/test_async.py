"""Asynchronous invocation: the queue, retries, destinations, restarts."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from localcloud.core.clock import ManualClock
from localcloud.core.errors import CloudError
from localcloud.fc import limits
from tests.localcloud.fc.conftest import Bench, Maker, close, until

NOTE = """
import pathlib

def handler(event, context):
    with open(event.decode(), "a") as file:
        file.write(context.request_id + chr(10))
    return "noted"
"""
FAIL = """
def handler(event, context):
    if context.retry_count < int(event):
        raise RuntimeError("attempt %d" % (context.retry_count + 1))
    return "at last"
"""
BUS = "acs:eventbridge:cn-hangzhou:1234567890123456:eventbus/done"
QUEUE = "acs:mns:cn-hangzhou:1234567890123456:/queues/done/messages"


async def send(bench: Bench, name: str, payload: bytes, **headers: str) -> str:
    given = {key.replace("_", "-"): value for key, value in headers.items()}
    result = await bench.fc.invoke(name, payload, asynchronous=True, headers=given)
    assert (result.status, result.body) == (202, b"")
    return result.headers["x-fc-request-id"]


async def state(bench: Bench, name: str, request: str, *wanted: str) -> Any:
    """Until a request is in one of these states."""

    def look() -> Any:
        found = bench.fc.async_request(name, request)
        return found if found is not None and found.state in wanted else None

    return await until(look)


async def test_accepted_at_once_and_run(bench: Bench, tmp_path: Path) -> None:
    bench.python("note", NOTE)
    note = tmp_path / "note"
    request = await send(bench, "note", str(note).encode())
    await state(bench, "note", request, "Succeeded")
    assert note.read_text() == f"{request}\n"
    (record,) = bench.fc.invocations()
    assert (record.kind, record.request_id, record.error) == ("async", request, None)


async def test_a_payload_over_128_kb(bench: Bench) -> None:
    bench.python("note", NOTE)
    with pytest.raises(CloudError) as refused:
        await send(bench, "note", b"x" * (limits.ASYNC_PAYLOAD + 1))
    assert (refused.value.status, refused.value.code) == (400, "EntityTooLarge")
    assert not bench.fc.invocations()


async def test_an_unknown_function(bench: Bench) -> None:
    with pytest.raises(CloudError) as refused:
        await send(bench, "nobody", b"")
    assert refused.value.status == 404


async def test_retries_after_1_2_and_4_seconds(timed: Bench, clock: ManualClock) -> None:
    timed.python("fail", FAIL)
    request = await send(timed, "fail", b"3")
    for runs, pause in enumerate((1, 2, 4), start=1):
        found = await state(timed, "fail", request, "Retrying")
        assert (found.runs, found.error) == (runs, "UnhandledInvocationError")
        await clock.advance(pause - 0.01)
        assert timed.fc.async_request("fail", request).state == "Retrying"
        await clock.advance(0.02)
        await until(lambda n=runs: len(timed.fc.invocations()) == n + 1)
    await state(timed, "fail", request, "Succeeded")
    assert [record.attempt for record in timed.fc.invocations()] == [1, 2, 3, 4]


async def test_given_up_after_the_last_retry(timed: Bench, clock: ManualClock) -> None:
    role = timed.role("worker", ("eventbridge:PutEvents", BUS))
    timed.python("fail", FAIL, role=role)
    config = {
        "maxAsyncRetryAttempts": 1,
        "destinationConfig": {"onFailure": {"destination": BUS}},
    }
    timed.fc.set_async_config("fail", config)
    request = await send(timed, "fail", b"9")
    await state(timed, "fail", request, "Retrying")
    await clock.advance(1)
    found = await state(timed, "fail", request, "Failed")
    assert found.runs == 2
    ((bus, event),) = timed.bus.events
    data = event["data"]
    assert bus == "done"
    assert data["requestContext"]["requestId"] == request
    assert data["requestContext"]["functionArn"].endswith(":functions/fail")
    assert data["requestContext"]["approximateInvokeCount"] == 2
    assert data["requestPayload"] == "9"
    assert data["responseContext"] == {
        "statusCode": 200,
        "functionError": "UnhandledInvocationError",
    }
    assert json.loads(data["responsePayload"])["errorMessage"] == "attempt 2"


async def test_no_retries_at_all(bench: Bench) -> None:
    bench.python("fail", FAIL)
    bench.fc.set_async_config("fail", {"maxAsyncRetryAttempts": 0})
    request = await send(bench, "fail", b"9")
    assert (await state(bench, "fail", request, "Failed")).runs == 1


async def test_success_goes_to_a_queue(bench: Bench, tmp_path: Path) -> None:
    bench.mns.put_queue("done")
    bench.python("note", NOTE, role=bench.role("worker", ("mns:SendMessage", QUEUE)))
    bench.fc.set_async_config("note", {"destinationConfig": {"onSuccess": {"destination": QUEUE}}})
    request = await send(bench, "note", str(tmp_path / "note").encode())
    await state(bench, "note", request, "Succeeded")
    (message,) = bench.mns.peek("done")
    body = json.loads(message.body)
    assert body["responsePayload"] == "noted"
    assert body["responseContext"] == {"statusCode": 200, "functionError": ""}


async def test_success_goes_to_another_function(bench: Bench, tmp_path: Path) -> None:
    bench.python("next", "def handler(event, context):\n    print(event.decode())\n")
    arn = bench.fc.arn("next")
    bench.python("note", NOTE, role=bench.role("worker", ("fc:InvokeFunction", arn)))
    bench.fc.set_async_config("note", {"destinationConfig": {"onSuccess": {"destination": arn}}})
    await send(bench, "note", str(tmp_path / "note").encode())
    await until(lambda: [r for r in bench.fc.invocations() if r.function == "next" and not r.error])


@pytest.mark.parametrize("role", ["none", "without rights"])
async def test_a_destination_needs_the_functions_role(
    bench: Bench, tmp_path: Path, role: str, caplog: pytest.LogCaptureFixture
) -> None:
    bench.sls.put_project("proj")
    bench.sls.put_logstore("proj", "store")
    more = {} if role == "none" else {"role": bench.role("worker")}
    bench.python("note", NOTE, logConfig={"project": "proj", "logstore": "store"}, **more)
    bench.fc.set_async_config("note", {"destinationConfig": {"onSuccess": {"destination": BUS}}})
    request = await send(bench, "note", str(tmp_path / "note").encode())
    await state(bench, "note", request, "Succeeded")
    assert not bench.bus.events
    assert f"outcome of request {request} is lost" in caplog.text
    assert any("is lost" in line.message for line in bench.sls.tail("proj", "store"))


async def test_an_envelope_over_64_kb_is_dropped_loudly(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    role = bench.role("worker", ("eventbridge:PutEvents", BUS))
    bench.python("echo", "def handler(event, context):\n    return event\n", role=role)
    bench.fc.set_async_config("echo", {"destinationConfig": {"onSuccess": {"destination": BUS}}})
    request = await send(bench, "echo", b"x" * 40_000)
    await state(bench, "echo", request, "Succeeded")
    assert not bench.bus.events
    assert "at most 65536" in caplog.text


async def test_a_task_id_is_taken_once(bench: Bench, tmp_path: Path) -> None:
    bench.python("note", NOTE)
    bench.fc.set_async_config("note", {"asyncTask": True})
    payload = str(tmp_path / "note").encode()
    request = await send(bench, "note", payload, x_fc_async_task_id="job-1")
    with pytest.raises(CloudError) as refused:
        await send(bench, "note", payload, x_fc_async_task_id="job-1")
    assert refused.value.status == 409
    await send(bench, "note", payload, x_fc_async_task_id="job-2")
    assert (await state(bench, "note", "job-1", "Succeeded")).request_id == request
    with pytest.raises(CloudError) as refused:
        await send(bench, "note", payload, x_fc_async_task_id="1 job")
    assert refused.value.status == 400


async def test_without_tasks_the_id_is_not_looked_at(bench: Bench, tmp_path: Path) -> None:
    bench.python("note", NOTE)
    payload = str(tmp_path / "note").encode()
    for _ in range(2):
        await send(bench, "note", payload, x_fc_async_task_id="job-1")
    await until(lambda: len(bench.fc.invocations()) == 2)


async def test_a_killed_instance_is_made_good_by_a_retry(bench: Bench, tmp_path: Path) -> None:
    source = """
    import pathlib, time

    def handler(event, context):
        began = pathlib.Path(event.decode())
        if not began.exists():
            began.touch()
            time.sleep(60)
        return "resumed"
    """
    bench.python("work", source, timeout=50)
    began = tmp_path / "began"
    request = await send(bench, "work", str(began).encode())
    await until(began.exists)
    os.kill(bench.pids()[0], signal.SIGKILL)
    await state(bench, "work", request, "Succeeded")
    first, second = bench.fc.invocations()
    assert (first.error, second.error) == ("ProcessExited", None)


async def test_a_queued_request_survives_a_restart(make_bench: Maker, tmp_path: Path) -> None:
    bench = await make_bench()
    source = """
    import pathlib, time

    def handler(event, context):
        began = pathlib.Path(event.decode())
        if not began.exists():
            began.touch()
            time.sleep(60)
        (began.parent / "finished").touch()
    """
    bench.python("work", source, timeout=50)
    began = tmp_path / "began"
    request = await send(bench, "work", str(began).encode())
    await until(began.exists)
    await close(bench)
    assert not (tmp_path / "finished").exists()
    again = await make_bench()
    await state(again, "work", request, "Succeeded")
    assert (tmp_path / "finished").exists()


async def test_what_the_platform_refuses_waits(
    timed: Bench, clock: ManualClock, tmp_path: Path
) -> None:
    timed.python("note", NOTE)
    timed.fc.set_concurrency("note", 0)
    request = await send(timed, "note", str(tmp_path / "note").encode())
    found = await state(timed, "note", request, "Retrying")
    assert (found.runs, found.refusals, found.error) == (0, 1, "ResourceThrottled")
    await clock.advance(0.5)
    await until(lambda: timed.fc.async_request("note", request).refusals == 2)
    timed.fc.delete_concurrency("note")
    await clock.advance(1)
    await state(timed, "note", request, "Succeeded")


async def test_a_request_that_is_too_old_expires(timed: Bench, clock: ManualClock) -> None:
    role = timed.role("worker", ("eventbridge:PutEvents", BUS))
    timed.python("fail", FAIL, role=role)
    timed.fc.set_concurrency("fail", 0)
    config = {
        "maxAsyncEventAgeInSeconds": 60,
        "destinationConfig": {"onFailure": {"destination": BUS}},
    }
    timed.fc.set_async_config("fail", config)
    request = await send(timed, "fail", b"0")
    for _ in range(12):
        await clock.advance(30)
        await asyncio.sleep(0)
    await state(timed, "fail", request, "Expired")
    ((_, event),) = timed.bus.events
    assert event["data"]["requestContext"]["condition"] == "EventAgeExceeded"


@pytest.mark.parametrize(
    "config",
    [
        {"maxAsyncRetryAttempts": 9},
        {"maxAsyncEventAgeInSeconds": 0},
        {"maxAsyncRetryAttempts": "x"},
    ],
)
async def test_a_bad_configuration(bench: Bench, config: dict[str, Any]) -> None:
    bench.python("note", NOTE)
    with pytest.raises(CloudError) as refused:
        bench.fc.set_async_config("note", config)
    assert refused.value.status == 400
    assert next(iter(config)) in refused.value.message

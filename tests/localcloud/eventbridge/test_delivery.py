"""From an event to its targets."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from Tea.exceptions import TeaException

from localcloud.core.clock import Clock, ManualClock, SystemClock
from localcloud.core.config import CloudConfig
from localcloud.core.door import Door
from localcloud.core.errors import CloudError, NotSupported
from localcloud.eventbridge import EventBridge
from localcloud.fc import InvokeResult
from localcloud.mns import Queues
from localcloud.ram import Ram
from localcloud.server import open_port, serving

# The SDK itself calls what its credentials package has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:Call to deprecated function")
FUNCTION = "acs:fc:cn-hangzhou:1234567890123456:functions/notifier"
DEAD = "acs:mns:cn-hangzhou:1234567890123456:/queues/dead"


class Compute:
    """Takes down what it is invoked with."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Any]] = []
        self.failures = 0

    async def invoke(self, name: str, payload: bytes) -> InvokeResult:
        self.calls.append((name, json.loads(payload)))
        if self.failures:
            self.failures -= 1
            return InvokeResult(200, {"x-fc-error-type": "UnhandledInvocationError"}, b"")
        return InvokeResult(200, {}, b"")


@dataclass
class Bench:
    config: CloudConfig
    clock: Clock
    ram: Ram
    mns: Queues
    bridge: EventBridge
    compute: Compute = field(default_factory=Compute)

    async def close(self) -> None:
        await self.bridge.stop()
        self.mns.close()
        self.ram.close()


Maker = Callable[..., Awaitable[Bench]]


@pytest.fixture
async def make(tmp_path: Path) -> AsyncIterator[Maker]:
    benches: list[Bench] = []

    async def made(clock: Clock | None = None) -> Bench:
        config, clock = CloudConfig(state_dir=tmp_path), clock or SystemClock()
        ram, mns = Ram(config, clock), Queues(config, clock)
        bench = Bench(config, clock, ram, mns, EventBridge(config, clock, ram, mns))
        bench.bridge.connect(bench.compute)
        benches.append(bench)
        await bench.bridge.start()
        return bench

    yield made
    if benches:
        await benches[-1].close()


@pytest.fixture
async def bench(make: Maker) -> Bench:
    bench = await make()
    bench.bridge.put_bus("done")
    return bench


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def target(**more: Any) -> dict[str, Any]:
    return {"targetId": "notifier", "type": "acs.fc.function", "endpoint": FUNCTION, **more}


def event(**more: Any) -> dict[str, Any]:
    return {
        "id": "1",
        "source": "shop",
        "type": "order",
        "specversion": "1.0",
        "data": {"n": 7},
        **more,
    }


async def until(condition: Callable[[], Any]) -> Any:
    async with asyncio.timeout(10):
        while not (found := condition()):
            await asyncio.sleep(0.01)
    return found


async def test_a_rule_delivers_the_whole_event(bench: Bench) -> None:
    bench.bridge.put_rule("done", "all", "{}", [target()])
    assert await bench.bridge.publish("done", [event()]) == ["1"]
    ((name, given),) = await until(lambda: bench.compute.calls)
    assert name == "notifier"
    assert given["data"] == {"n": 7}
    assert given["aliyuneventbusname"] == "done"
    assert given["time"]
    await until(lambda: bench.bridge.undelivered() == 0)


async def test_only_events_that_match(bench: Bench) -> None:
    bench.bridge.put_rule("done", "some", {"type": ["order"]}, [target()])
    bench.bridge.put_rule("done", "off", {}, [target()], status="DISABLE")
    await bench.bridge.publish("done", [event(id="1", type="refund"), event(id="2")])
    await until(lambda: bench.compute.calls)
    assert [given["id"] for _, given in bench.compute.calls] == ["2"]
    assert bench.bridge.undelivered() == 0


@pytest.mark.parametrize(
    ("parameter", "payload"),
    [
        ({"form": "ORIGINAL"}, None),
        ({"form": "JSONPATH", "value": "$.data"}, {"n": 7}),
        ({"form": "CONSTANT", "value": '"fixed"'}, "fixed"),
        (
            {"form": "TEMPLATE", "value": '{"n": "$.data.n"}', "template": '{"number": ${n}}'},
            {"number": 7},
        ),
    ],
)
async def test_the_body_takes_a_form(bench: Bench, parameter: dict[str, str], payload: Any) -> None:
    lists = [
        {"resourceKey": "functionName", "form": "CONSTANT", "value": "other"},
        {"resourceKey": "Body", **parameter},
    ]
    bench.bridge.put_rule("done", "all", {}, [target(paramLists=lists)])
    await bench.bridge.publish("done", [event()])
    ((name, given),) = await until(lambda: bench.compute.calls)
    assert name == "other"
    assert given == payload if payload is not None else given["id"] == "1"


async def test_a_queue_as_target(bench: Bench) -> None:
    bench.mns.put_queue("dead")
    one = {"targetId": "q", "type": "acs.mns.queue", "endpoint": DEAD}
    bench.bridge.put_rule("done", "all", {}, [one])
    await bench.bridge.publish("done", [event()])
    await until(lambda: bench.mns.count("dead"))


async def test_three_retries_then_a_dead_letter(make: Maker, clock: ManualClock) -> None:
    bench = await make(clock)
    bench.mns.put_queue("dead")
    bench.compute.failures = 99
    bench.bridge.put_rule("default", "all", {}, [target(deadLetterQueue={"arn": DEAD})])
    await bench.bridge.publish("default", [event()])
    for calls in range(1, 5):
        await until(lambda n=calls: len(bench.compute.calls) == n)
        await until(lambda: clock._sleepers or bench.mns.count("dead"))
        await clock.advance(9)
        assert len(bench.compute.calls) == calls
        await clock.advance(11)
    await until(lambda: bench.mns.count("dead") == 1)
    (letter,) = bench.mns.peek("dead")
    assert json.loads(letter.body)["id"] == "1"
    assert len(bench.compute.calls) == 4
    assert bench.bridge.undelivered() == 0


async def test_exponential_retries(make: Maker, clock: ManualClock) -> None:
    bench = await make(clock)
    bench.compute.failures = 3
    retry = "EXPONENTIAL_DECAY_RETRY"
    bench.bridge.put_rule("default", "all", {}, [target(pushRetryStrategy=retry)])
    await bench.bridge.publish("default", [event()])
    for calls, pause in enumerate((1, 2, 4), start=1):
        await until(lambda n=calls: len(bench.compute.calls) == n)
        await until(lambda: clock._sleepers)
        await clock.advance(pause - 0.1)
        assert len(bench.compute.calls) == calls
        await clock.advance(0.2)
    await until(lambda: bench.bridge.undelivered() == 0)
    assert len(bench.compute.calls) == 4


async def test_without_a_queue_the_loss_is_loud(
    make: Maker, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    bench = await make(clock)
    bench.compute.failures = 99
    bench.bridge.put_rule("default", "all", {}, [target()])
    await bench.bridge.publish("default", [event()])
    for _ in range(4):
        await until(lambda: clock._sleepers or not bench.bridge.undelivered())
        await clock.advance(21)
    await until(lambda: bench.bridge.undelivered() == 0)
    assert "the event is lost" in caplog.text


async def test_undelivered_events_survive_a_restart(make: Maker, clock: ManualClock) -> None:
    bench = await make(clock)
    bench.compute.failures = 1
    bench.bridge.put_rule("default", "all", {}, [target()])
    await bench.bridge.publish("default", [event()])
    await until(lambda: bench.compute.calls)
    await until(lambda: clock._sleepers)
    await bench.close()
    again = await make(clock)
    assert again.bridge.undelivered() == 1
    await until(lambda: clock._sleepers)
    await clock.advance(25)
    await until(lambda: again.compute.calls)
    await until(lambda: again.bridge.undelivered() == 0)


@pytest.mark.parametrize(
    ("bus", "given", "status"),
    [
        ("nowhere", event(), 404),
        ("done", event(id=""), 400),
        ("done", {"id": "1"}, 400),
        ("done", event(data="x" * 65_536), 400),
    ],
)
async def test_what_is_refused(bench: Bench, bus: str, given: dict[str, Any], status: int) -> None:
    with pytest.raises(CloudError) as refused:
        await bench.bridge.publish(bus, [given])
    assert refused.value.status == status


@pytest.mark.parametrize(
    ("one", "error"),
    [
        ({"type": "acs.sms"}, NotSupported),
        ({"pushRetryStrategy": "NEVER"}, CloudError),
        ({"paramLists": [{"resourceKey": "Body", "form": "MAGIC"}]}, CloudError),
        (
            {"paramLists": [{"resourceKey": "Body", "form": "JSONPATH", "value": "data"}]},
            CloudError,
        ),
    ],
)
async def test_targets_that_are_refused(
    bench: Bench, one: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        bench.bridge.put_rule("done", "bad", {}, [target(**one)])


@pytest.fixture
async def endpoint(bench: Bench) -> AsyncIterator[str]:
    pytest.importorskip("alibabacloud_eventbridge", reason="`make install` brings its SDK")
    listener = open_port(0)
    async with serving(Door([bench.bridge]), listener):
        yield f"127.0.0.1:{listener.getsockname()[1]}"


def client(bench: Bench, endpoint: str, role: str | None = None, secret: str | None = None) -> Any:
    from alibabacloud_eventbridge import models
    from alibabacloud_eventbridge.client import Client

    keys = bench.ram.credentials_for(role) if role else bench.ram.administrator
    return Client(
        models.Config(
            access_key_id=keys.access_key_id,
            access_key_secret=secret or keys.access_key_secret,
            security_token=keys.security_token,
            endpoint=endpoint,
            protocol="http",
        )
    )


def sent(data: bytes = b'{"n": 7}', bus: str = "done") -> Any:
    from alibabacloud_eventbridge import models

    return models.CloudEvent(
        id="1",
        source="shop",
        type="order",
        data=data,
        datacontenttype="application/json",
        extensions={"aliyuneventbusname": bus},
    )


async def test_the_official_sdk_publishes(bench: Bench, endpoint: str) -> None:
    bench.bridge.put_rule("done", "all", {"data": {"n": [7]}}, [target()])
    answer = await asyncio.to_thread(client(bench, endpoint).put_events, [sent()])
    assert answer.failed_entry_count == 0
    assert [entry.event_id for entry in answer.entry_list] == ["1"]
    await until(lambda: bench.compute.calls)


async def test_a_batch_fails_event_by_event(bench: Bench, endpoint: str) -> None:
    batch = [sent(), sent(bus="nowhere"), sent(json.dumps("x" * 70_000).encode())]
    answer = await asyncio.to_thread(client(bench, endpoint).put_events, batch)
    assert answer.failed_entry_count == 2
    codes = [entry.error_code for entry in answer.entry_list]
    assert codes == [None, "EventBusNotExist", "EventSizeExceeded"]


async def test_a_role_needs_the_right(bench: Bench, endpoint: str) -> None:
    trust = {"Action": "sts:AssumeRole", "Effect": "Allow"}
    trust["Principal"] = {"Service": ["fc.aliyuncs.com"]}  # type: ignore[assignment]
    bench.ram.create_role("worker", json.dumps({"Version": "1", "Statement": [trust]}))
    worker = client(bench, endpoint, bench.ram.arn("worker"))
    answer = await asyncio.to_thread(worker.put_events, [sent()])
    assert [entry.error_code for entry in answer.entry_list] == ["NoPermission"]
    right = {
        "Effect": "Allow",
        "Action": ["eventbridge:PutEvents"],
        "Resource": [bench.bridge.arn("done")],
    }
    bench.ram.put_policy("publish", json.dumps({"Version": "1", "Statement": [right]}))
    bench.ram.attach("worker", "publish")
    answer = await asyncio.to_thread(worker.put_events, [sent()])
    assert answer.failed_entry_count == 0


async def test_a_wrong_signature(bench: Bench, endpoint: str) -> None:
    with pytest.raises(TeaException, match="signature"):
        await asyncio.to_thread(client(bench, endpoint, secret="wrong").put_events, [sent()])


async def test_other_operations_say_their_name(bench: Bench, endpoint: str) -> None:
    from alibabacloud_eventbridge import models

    request = models.ListEventBusesRequest()
    with pytest.raises(TeaException, match="listEventBuses"):
        await asyncio.to_thread(client(bench, endpoint).list_event_buses, request)

"""Timer triggers, schedule expressions, provisioned instances."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from datetime import UTC, datetime
from typing import Any

import psutil
import pytest

from localcloud.core.clock import ManualClock
from localcloud.core.errors import CloudError, NotSupported
from localcloud.fc.provisioning import ProvisionConfig
from localcloud.fc.schedule import parse_schedule
from tests.localcloud.fc.conftest import Bench, Maker, close, gone, until

ECHO = "def handler(event, context):\n    print(event.decode())\n    return event\n"


def trigger(expression: str, **more: Any) -> dict[str, Any]:
    config = {"cronExpression": expression, "enable": True, "payload": "tick", **more}
    return {
        "triggerName": "sweep",
        "triggerType": "timer",
        "triggerConfig": json.dumps(config),
    }


async def sleeping(clock: ManualClock, seconds: float) -> None:
    """Until somebody sleeps for so long."""
    await until(lambda: seconds in [when - clock.monotonic() for when, *_ in clock._sleepers])


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


async def test_every_minute(timed: Bench, clock: ManualClock) -> None:
    timed.sls.put_project("proj")
    timed.sls.put_logstore("proj", "store")
    timed.python("sweep", ECHO, logConfig={"project": "proj", "logstore": "store"})
    timed.fc.put_trigger("sweep", trigger("@every 1m"))
    began = clock.now()
    await asyncio.sleep(0)
    await clock.advance(59)
    assert not timed.fc.invocations()
    await clock.advance(1)
    await until(lambda: len(timed.fc.invocations()) == 1)
    await clock.advance(60)
    await until(lambda: len(timed.fc.invocations()) == 2)
    assert {record.kind for record in timed.fc.invocations()} == {"async"}
    lines = [line.message for line in timed.sls.tail("proj", "store")]
    events = [json.loads(line) for line in lines if line.startswith("{")]
    due = datetime.fromtimestamp(began + 60, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert events[0] == {"triggerTime": due, "triggerName": "sweep", "payload": "tick"}


async def test_a_timer_survives_a_restart_and_can_be_taken_away(
    make_bench: Maker, clock: ManualClock
) -> None:
    bench = await make_bench(clock)
    bench.python("sweep", ECHO)
    bench.fc.put_trigger("sweep", trigger("@every 1m"))
    await close(bench)
    again = await make_bench(clock)
    await asyncio.sleep(0)
    await clock.advance(60)
    await until(lambda: len(again.fc.invocations()) == 1)
    again.fc.delete_trigger("sweep", "sweep")
    await clock.advance(600)
    assert len(again.fc.invocations()) == 1


async def test_a_timer_that_is_switched_off(timed: Bench, clock: ManualClock) -> None:
    timed.python("sweep", ECHO)
    timed.fc.put_trigger("sweep", trigger("@every 1m", enable=False))
    await clock.advance(600)
    assert not timed.fc.invocations()


async def test_a_clock_that_jumps(timed: Bench, clock: ManualClock) -> None:
    timed.python("sweep", ECHO)
    timed.fc.put_trigger("sweep", trigger("@every 1m"))
    for count, jump in enumerate((0, -3600, 7200), start=1):
        clock.jump(jump)
        await sleeping(clock, 60)
        await clock.advance(60)
        await until(lambda n=count: len(timed.fc.invocations()) == n)


async def test_other_triggers_are_refused_loudly(bench: Bench) -> None:
    bench.python("sweep", ECHO)
    with pytest.raises(NotSupported, match="http"):
        bench.fc.put_trigger("sweep", {"triggerName": "web", "triggerType": "http"})


@pytest.mark.parametrize(
    ("expression", "after", "due"),
    [
        ("0 0 4 * * *", "2026-01-01T05:00:00", "2026-01-02T04:00:00"),
        ("CRON_TZ=Asia/Shanghai 0 0 4 * * *", "2026-01-01T05:00:00", "2026-01-01T20:00:00"),
        ("30 */15 * ? * MON", "2026-01-01T05:00:00", "2026-01-05T00:00:30"),
        ("cron(0 30 8 1 * *)", "2026-01-15T00:00:00", "2026-02-01T08:30:00"),
        ("@every 1h30m", "2026-01-01T05:00:00", "2026-01-01T06:30:00"),
        ("at(2026-03-01T12:00:00)", "2026-01-01T05:00:00", "2026-03-01T12:00:00"),
    ],
)
def test_schedules(expression: str, after: str, due: str) -> None:
    assert parse_schedule(expression).after(at(after)) == at(due)


def test_the_last_time() -> None:
    schedule = parse_schedule("0 0 8 * * *")
    assert schedule.before(at("2026-01-02T07:59:59")) == at("2026-01-01T08:00:00")
    assert schedule.before(at("2026-01-02T08:00:00")) == at("2026-01-02T08:00:00")
    once = parse_schedule("at(2026-01-02T08:00:00)")
    assert once.before(at("2026-01-01T00:00:00")) is None
    assert once.after(at("2026-01-03T00:00:00")) is None


@pytest.mark.parametrize(
    "expression",
    ["", "@every 0s", "* * * * *", "0 0 99 * * *", "CRON_TZ=Nowhere/X 0 0 4 * * *", "at(x)"],
)
def test_malformed_schedules(expression: str) -> None:
    with pytest.raises(CloudError) as refused:
        parse_schedule(expression)
    assert refused.value.status == 400


async def test_provisioned_instances_wait_for_requests(timed: Bench, clock: ManualClock) -> None:
    timed.python("warm", ECHO)
    timed.fc.set_provision_config("warm", {"target": 2, "alwaysAllocateCpu": False})
    await until(lambda: [one.state for one in timed.fc.instances()] == ["frozen", "frozen"])
    assert all(one.provisioned for one in timed.fc.instances())
    await timed.fc.invoke("warm", b"x")
    assert not timed.fc.invocations()[0].cold
    await clock.advance(1000)
    assert len(timed.fc.instances()) == 2
    timed.pids()
    timed.fc.set_provision_config("warm", {"target": 0})
    await until(lambda: not timed.fc.instances())


async def test_with_its_cpu_an_instance_is_not_frozen(bench: Bench) -> None:
    bench.python("warm", ECHO)
    bench.fc.set_provision_config("warm", {"target": 1, "alwaysAllocateCpu": True})
    await until(lambda: [one.state for one in bench.fc.instances()] == ["idle"])
    await bench.fc.invoke("warm", b"x")
    (instance,) = bench.fc.instances()
    assert instance.state == "idle"
    assert psutil.Process(instance.pid).status() != psutil.STATUS_STOPPED


async def test_a_provisioned_instance_that_dies_is_replaced(
    timed: Bench, clock: ManualClock
) -> None:
    timed.python("warm", ECHO)
    timed.fc.set_provision_config("warm", {"target": 1})
    await until(lambda: [one.state for one in timed.fc.instances()] == ["idle"])
    (first,) = timed.pids()
    os.kill(first, signal.SIGKILL)
    await until(lambda: gone(first) and not timed.fc.instances())
    await sleeping(clock, 1)
    await clock.advance(1)
    await until(lambda: [one.state for one in timed.fc.instances()] == ["idle"])
    assert timed.pids() != [first]


async def test_an_update_renews_provisioned_instances(bench: Bench) -> None:
    bench.python("warm", ECHO)
    bench.fc.set_provision_config("warm", {"target": 1})
    await until(lambda: [one.state for one in bench.fc.instances()] == ["idle"])
    (first,) = bench.pids()
    bench.fc.update_function("warm", bench.spec("warm", environmentVariables={"A": "b"}))
    await until(lambda: gone(first) and [one.state for one in bench.fc.instances()] == ["idle"])
    await bench.fc.invoke("warm", b"x")
    assert not bench.fc.invocations()[0].cold


async def test_an_instance_that_never_starts_is_tried_ever_more_slowly(
    timed: Bench, clock: ManualClock
) -> None:
    timed.python("broken", "import nothing_here")
    timed.fc.set_provision_config("broken", {"target": 1})
    await until(lambda: not timed.fc.instances())
    for pause in (1, 2):
        await sleeping(clock, pause)
        await clock.advance(pause)
        await until(lambda: not timed.fc.instances())


def test_scheduled_targets_follow_the_clock() -> None:
    config = ProvisionConfig.parse(
        {
            "target": 1,
            "scheduledActions": [
                {
                    "name": "up",
                    "scheduleExpression": "cron(0 0 8 * * *)",
                    "target": 5,
                    "startTime": "2026-01-02T00:00:00Z",
                    "endTime": "2026-01-10T00:00:00Z",
                },
                {
                    "name": "down",
                    "scheduleExpression": "cron(0 0 20 * * *)",
                    "target": 2,
                    "startTime": "2026-01-02T00:00:00Z",
                    "endTime": "2026-01-10T00:00:00Z",
                },
            ],
        }
    )
    assert config.scheduled(at("2026-01-01T12:00:00")) == 1
    assert config.scheduled(at("2026-01-02T07:00:00")) == 1
    assert config.scheduled(at("2026-01-02T08:00:00")) == 5
    assert config.scheduled(at("2026-01-02T20:00:01")) == 2
    assert config.scheduled(at("2026-01-03T09:00:00")) == 5
    assert config.scheduled(at("2026-01-11T09:00:00")) == 1


def test_tracked_targets_follow_the_load() -> None:
    policy = {
        "name": "track",
        "metricType": "ProvisionedConcurrencyUtilization",
        "metricTarget": 0.5,
        "minCapacity": 1,
        "maxCapacity": 4,
        "startTime": "2026-01-02T00:00:00Z",
        "endTime": "2026-01-10T00:00:00Z",
    }
    config = ProvisionConfig.parse({"target": 3, "targetTrackingPolicies": [policy]})
    inside, outside = at("2026-01-05T00:00:00"), at("2026-01-11T00:00:00")
    assert config.tracked(outside, 3, 1.0) == 3
    assert config.tracked(inside, 2, 1.0) == 4
    assert config.tracked(inside, 2, 0.5) == 2
    assert config.tracked(inside, 2, 0.0) == 1
    assert config.tracked(inside, 10, 1.0) == 4


async def test_a_scheduled_action_is_applied(timed: Bench, clock: ManualClock) -> None:
    timed.python("warm", ECHO)
    due = datetime.fromtimestamp(clock.now() + 20, UTC)
    action = {"name": "up", "scheduleExpression": f"at({due:%Y-%m-%dT%H:%M:%S})", "target": 1}
    timed.fc.set_provision_config("warm", {"target": 0, "scheduledActions": [action]})
    await asyncio.sleep(0)
    await clock.advance(16)
    assert not timed.fc.instances()
    await clock.advance(16)
    await until(lambda: [one.state for one in timed.fc.instances()] == ["idle"])
    timed.pids()

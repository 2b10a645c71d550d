"""Function configurations: defaults, and messages for what is wrong."""

from __future__ import annotations

from typing import Any

import pytest

from localcloud.core.errors import CloudError
from localcloud.fc.environment import rewrite_mounts
from localcloud.fc.model import parse_spec
from tests.localcloud.fc.conftest import Bench

CODE = {"ossBucketName": "code", "ossObjectName": "app.zip"}
GOOD: dict[str, Any] = {
    "functionName": "app",
    "runtime": "python3.10",
    "handler": "index.handler",
    "code": CODE,
}


def test_defaults_are_the_platforms() -> None:
    spec = parse_spec(GOOD)
    assert (spec.timeout, spec.memory, spec.concurrency, spec.idle_timeout) == (3, 512, 1, 300)
    assert (spec.initializer, spec.pre_stop, spec.log, spec.mounts) == (None, None, None, ())


def test_numbers_may_be_floats() -> None:
    """Protobuf, which inputs come through, has no integers."""
    spec = parse_spec({**GOOD, "timeout": 60.0, "memorySize": 1024.0, "idleTimeout": -1.0})
    assert (spec.timeout, spec.memory, spec.idle_timeout) == (60, 1024, 300)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"functionName": "1app"}, "functionName"),
        ({"functionName": None}, "functionName"),
        ({"runtime": "nodejs20"}, "runtime"),
        ({"handler": ""}, "handler"),
        ({"timeout": 0}, "timeout"),
        ({"timeout": "long"}, "timeout"),
        ({"timeout": 86_401}, "timeout"),
        ({"memorySize": 100}, "memorySize"),
        ({"memorySize": 65_536}, "memorySize"),
        ({"instanceConcurrency": 2}, "instanceConcurrency"),
        ({"code": {"zipFile": "UEsDB"}}, "code"),
        ({"code": None}, "code"),
        ({"environmentVariables": {"FC_MINE": "x"}}, "FC_MINE"),
        ({"environmentVariables": {"a-b": "x"}}, "a-b"),
        ({"environmentVariables": {"BIG": "x" * 4096}}, "environmentVariables"),
        ({"instanceLifecycleConfig": {"initializer": {"timeout": 301}}}, "initializer.timeout"),
        ({"instanceLifecycleConfig": {"preStop": {"timeout": 91}}}, "preStop.timeout"),
        ({"nasConfig": {"mountPoints": [{"serverAddr": "", "mountDir": "/"}] * 6}}, "mountPoints"),
        ({"runtime": "custom-container"}, "customContainerConfig.image"),
    ],
)
def test_a_message_names_the_field(change: dict[str, Any], field: str) -> None:
    with pytest.raises(CloudError) as refused:
        parse_spec({**GOOD, **change})
    assert refused.value.status == 400
    assert field in refused.value.message


async def test_names_are_taken_once(bench: Bench) -> None:
    bench.python("app", "def handler(event, context):\n    return event\n")
    with pytest.raises(CloudError) as refused:
        bench.fc.create_function(bench.spec("app"))
    assert refused.value.status == 409
    with pytest.raises(CloudError) as refused:
        bench.fc.update_function("nobody", bench.spec("nobody"))
    assert refused.value.status == 404


def test_the_longest_mount_wins() -> None:
    from pathlib import Path

    mounts = {"/mnt": Path("/a"), "/mnt/deep": Path("/b")}
    given = {"X": "/mnt/deep/f", "Y": "/mnt/f:/usr", "Z": "http://mnt/deep", "W": "/mnt"}
    assert rewrite_mounts(given, mounts) == {
        "X": "/b/f",
        "Y": "/a/f:/usr",
        "Z": "http://mnt/deep",
        "W": "/a",
    }

"""A Function Compute of its own for every test: real services around it, tiny functions in it."""

from __future__ import annotations

import asyncio
import io
import json
import textwrap
import zipfile
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest

from localcloud.core.clock import Clock, ManualClock, SystemClock
from localcloud.core.config import CloudConfig
from localcloud.fc import FunctionCompute, InvokeResult
from localcloud.mns import Queues
from localcloud.nas import FileStorage
from localcloud.ram import Ram
from localcloud.registry import ImageStore
from localcloud.sls import LogService

TRUST = json.dumps(
    {
        "Version": "1",
        "Statement": [
            {
                "Action": "sts:AssumeRole",
                "Effect": "Allow",
                "Principal": {"Service": ["fc.aliyuncs.com"]},
            }
        ],
    }
)


class Bus:
    """Takes down what is published."""

    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, Any]]] = []

    async def publish(self, bus: str, events: list[dict[str, Any]]) -> list[str]:
        self.events += [(bus, event) for event in events]
        return [event["id"] for event in events]


@dataclass
class Bench:
    """The services, and shorthands for tests."""

    config: CloudConfig
    clock: Clock
    ram: Ram
    nas: FileStorage
    sls: LogService
    mns: Queues
    images: ImageStore
    bus: Bus
    objects: dict[tuple[str, str], bytes]
    fc: FunctionCompute
    seen: set[int] = field(default_factory=set)

    def python(self, name: str, source: str, **more: Any) -> None:
        """Create a function of the built-in runtime; `source` is its index.py."""
        self.objects["code", f"{name}.zip"] = zipped({"index.py": textwrap.dedent(source)})
        self.fc.create_function(self.spec(name, **more))

    def spec(self, name: str, **more: Any) -> dict[str, Any]:
        return {
            "functionName": name,
            "runtime": "python3.11",
            "handler": "index.handler",
            "timeout": 10,
            "memorySize": 128,
            "code": {"ossBucketName": "code", "ossObjectName": f"{name}.zip"},
            **more,
        }

    async def call(self, name: str, payload: Any = None, **more: Any) -> Any:
        """Invoke and return the JSON of the answer."""
        result = await self.fc.invoke(name, json.dumps(payload).encode(), **more)
        return json.loads(result.body)

    def role(self, name: str, *statements: tuple[str, str]) -> str:
        """A role with rights, its ARN."""
        self.ram.create_role(name, TRUST)
        if statements:
            document = {
                "Version": "1",
                "Statement": [
                    {"Effect": "Allow", "Action": [action], "Resource": [resource]}
                    for action, resource in statements
                ],
            }
            self.ram.put_policy(f"{name}-rights", json.dumps(document))
            self.ram.attach(name, f"{name}-rights")
        return self.ram.arn(name)

    async def settled(self, name: str) -> str:
        """Until a function is no longer Pending; its state."""

        def state() -> str:
            return str(self.fc.get_function(name)["state"])

        await until(lambda: state() != "Pending")
        return state()

    def pids(self) -> list[int]:
        found = [instance.pid for instance in self.fc.instances() if instance.pid]
        self.seen.update(found)
        return found


def zipped(files: dict[str, str | bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


async def until(condition: Callable[[], Any], seconds: float = 15.0) -> Any:
    """Wait for something to become true, and return it."""
    deadline = asyncio.get_running_loop().time() + seconds
    while not (found := condition()):
        assert asyncio.get_running_loop().time() < deadline, "the condition did not come true"
        await asyncio.sleep(0.01)
    return found


def gone(pid: int) -> bool:
    """Whether a process has ended."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def error_of(result: InvokeResult) -> tuple[str | None, Any]:
    return result.error_type, json.loads(result.body)


Maker = Callable[..., Awaitable[Bench]]


@pytest.fixture
async def make_bench(tmp_path: Path) -> AsyncIterator[Maker]:
    """Makes a bench, again on the same state after the last one was stopped."""
    benches: list[Bench] = []

    async def make(clock: Clock | None = None, **options: Any) -> Bench:
        clock = clock or SystemClock()
        config = CloudConfig(state_dir=tmp_path / "state")
        objects = benches[-1].objects if benches else {}
        ram, nas, sls = Ram(config, clock), FileStorage(config), LogService(config)
        mns, images, bus = Queues(config, clock), ImageStore(config), Bus()
        fc = FunctionCompute(
            config,
            clock,
            ram,
            read_object=lambda bucket, key: objects[bucket, key],
            nas=nas,
            sls=sls,
            images=images,
            eventbridge=bus,
            mns=mns,
            **options,
        )
        bench = Bench(config, clock, ram, nas, sls, mns, images, bus, objects, fc)
        benches.append(bench)
        await fc.start()
        return bench

    yield make
    for bench in benches:
        await close(bench)


async def close(bench: Bench) -> None:
    """Stop a bench; nothing of it may remain."""
    if bench.fc in _CLOSED:
        return
    _CLOSED.append(bench.fc)
    bench.pids()
    await bench.fc.stop()
    for service in (bench.ram, bench.nas, bench.sls, bench.mns, bench.images):
        service.close()
    assert all(gone(pid) for pid in bench.seen)
    homes = bench.config.state_dir / "fc" / "instances"
    assert not list(homes.iterdir())


_CLOSED: list[FunctionCompute] = []


@pytest.fixture
async def bench(make_bench: Maker) -> Bench:
    """A bench on the system's clock."""
    return await make_bench()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def timed(make_bench: Maker, clock: ManualClock) -> Bench:
    """A bench on a clock that the test turns."""
    return await make_bench(clock)

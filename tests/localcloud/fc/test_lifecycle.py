"""What happens to instances: freezing, reclaiming, killing, and that nothing is left of them."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import psutil
import pytest

from localcloud.core.clock import ManualClock
from localcloud.core.errors import CloudError
from localcloud.core.faults import Faults
from tests.localcloud.fc.conftest import Bench, Maker, close, error_of, gone, until

ECHO = "def handler(event, context):\n    return event\n"
WAIT = """
import pathlib, time

def handler(event, context):
    pathlib.Path(event.decode(), context.request_id).touch()
    time.sleep(60)
"""
TEMPORARY = """
import os, pathlib, tempfile

def handler(event, context):
    pathlib.Path(tempfile.gettempdir(), "left").write_text("x")
    return tempfile.gettempdir()
"""


def status(pid: int) -> str:
    return psutil.Process(pid).status()


async def started(folder: Path, count: int = 1) -> None:
    """Until so many handlers wrote into the folder."""
    await until(lambda: len(list(folder.iterdir())) >= count)


async def test_an_instance_is_frozen_between_requests(bench: Bench) -> None:
    source = """
    import threading, time
    ticks = [0]

    def tick():
        while True:
            ticks[0] += 1
            time.sleep(0.005)

    threading.Thread(target=tick, daemon=True).start()

    def handler(event, context):
        time.sleep(0.05)
        return ticks[0]
    """
    bench.python("ticking", source)
    before = await bench.call("ticking")
    (instance,) = bench.fc.instances()
    assert instance.state == "frozen"
    await until(lambda: status(instance.pid) == psutil.STATUS_STOPPED)
    await asyncio.sleep(0.3)
    after = await bench.call("ticking")
    assert after - before < 30, "it went on ticking while it was frozen"
    assert bench.fc.instances()[0].pid == instance.pid


async def test_an_idle_instance_is_reclaimed(timed: Bench, clock: ManualClock) -> None:
    timed.python("echo", TEMPORARY, idleTimeout=120)
    folder = Path((await timed.fc.invoke("echo", b"1")).body.decode())
    assert (folder / "left").exists()
    (pid,) = timed.pids()
    await clock.advance(100)
    await timed.fc.invoke("echo", b"1")
    await clock.advance(119)
    assert timed.fc.instances()[0].state == "frozen"
    await clock.advance(2)
    await until(lambda: not timed.fc.instances())
    assert gone(pid)
    assert not folder.exists()


async def test_pre_stop_runs_before_the_end(
    timed: Bench, clock: ManualClock, tmp_path: Path
) -> None:
    source = f"""
    import pathlib

    def handler(event, context):
        return "ok"

    def pre_stop(context):
        pathlib.Path({str(tmp_path)!r}, "said-goodbye").write_text(context.function.name)
    """
    hook = {"preStop": {"handler": "index.pre_stop", "timeout": 5}}
    timed.python("polite", source, instanceLifecycleConfig=hook)
    await timed.fc.invoke("polite", b"")
    timed.pids()
    await clock.advance(301)
    await until(lambda: not timed.fc.instances())
    assert (tmp_path / "said-goodbye").read_text() == "polite"


async def test_a_slow_pre_stop_is_cut_off(timed: Bench, clock: ManualClock) -> None:
    source = """
    import time

    def handler(event, context):
        return "ok"

    def pre_stop(context):
        time.sleep(60)
    """
    hook = {"preStop": {"handler": "index.pre_stop", "timeout": 1}}
    timed.python("slow", source, instanceLifecycleConfig=hook)
    await timed.fc.invoke("slow", b"")
    (pid,) = timed.pids()
    await clock.advance(301)
    await until(lambda: not timed.fc.instances())
    assert gone(pid)


async def test_one_request_per_instance(bench: Bench, tmp_path: Path) -> None:
    source = """
    import os, pathlib, time

    def handler(event, context):
        folder = pathlib.Path(event.decode())
        (folder / str(os.getpid())).touch()
        while len(list(folder.iterdir())) < 2:
            time.sleep(0.005)
        return str(os.getpid())
    """
    bench.python("pair", source)
    folder = tmp_path / "pair"
    folder.mkdir()
    calls = [bench.fc.invoke("pair", str(folder).encode()) for _ in range(2)]
    first, second = await asyncio.gather(*calls)
    assert first.body != second.body
    assert len(bench.fc.instances()) == 2


async def test_a_timeout_kills_the_whole_group(bench: Bench) -> None:
    source = """
    import pathlib, subprocess, sys, time

    def handler(event, context):
        child = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(60)"])
        pathlib.Path(event.decode()).write_text(str(child.pid))
        time.sleep(60)
    """
    bench.python("hang", source, timeout=3)
    note = bench.config.state_dir / "child"
    error, document = error_of(await bench.fc.invoke("hang", str(note).encode()))
    assert error == "FunctionTimeout"
    assert "after 3 seconds" in document["errorMessage"]
    await until(lambda: gone(int(note.read_text())))
    await until(lambda: not bench.fc.instances())
    record = bench.fc.invocations()[0]
    assert (record.error, record.status) == ("FunctionTimeout", 200)
    assert record.run_ms > 2900


async def test_too_much_memory_ends_the_instance(bench: Bench) -> None:
    source = """
    import time

    def handler(event, context):
        hoard = bytearray(200 * 1024 * 1024)
        hoard[::4096] = b"x" * len(hoard[::4096])
        time.sleep(60)
    """
    bench.python("greedy", source, memorySize=128)
    error, document = error_of(await bench.fc.invoke("greedy", b""))
    assert error == "OutOfMemory"
    assert "128 MB allowed" in document["errorMessage"]
    await until(lambda: not bench.fc.instances())


async def test_killed_in_the_middle_of_a_request(bench: Bench, tmp_path: Path) -> None:
    folder = tmp_path / "began"
    folder.mkdir()
    bench.python("wait", WAIT, timeout=50)
    call = asyncio.create_task(bench.fc.invoke("wait", str(folder).encode()))
    await started(folder)
    (instance,) = bench.fc.instances()
    assert instance.state == "running"
    os.kill(instance.pid, signal.SIGKILL)
    error, document = error_of(await call)
    assert error == "ProcessExited"
    assert "SIGKILL" in document["errorMessage"]
    await until(lambda: not bench.fc.instances())


async def test_killed_while_frozen_nobody_notices(bench: Bench) -> None:
    bench.python("echo", ECHO)
    await bench.fc.invoke("echo", b"1")
    os.kill(bench.fc.instances()[0].pid, signal.SIGKILL)
    await until(lambda: not bench.fc.instances())
    assert (await bench.fc.invoke("echo", b"2")).body == b"2"
    assert [record.cold for record in bench.fc.invocations()] == [True, True]


async def test_reserved_concurrency(bench: Bench, tmp_path: Path) -> None:
    folder = tmp_path / "began"
    folder.mkdir()
    bench.python("wait", WAIT)
    bench.fc.set_concurrency("wait", 1)
    call = asyncio.create_task(bench.fc.invoke("wait", str(folder).encode()))
    await started(folder)
    with pytest.raises(CloudError) as refused:
        await bench.fc.invoke("wait", b".")
    assert (refused.value.status, refused.value.code) == (429, "ResourceThrottled")
    assert bench.fc.invocations()[0].status == 429
    os.kill(bench.pids()[0], signal.SIGKILL)
    await call


async def test_the_account_has_so_many_instances(make_bench: Maker) -> None:
    bench = await make_bench(instance_cap=1)
    bench.python("one", ECHO)
    bench.python("two", ECHO)
    await bench.fc.invoke("one", b"")
    with pytest.raises(CloudError) as refused:
        await bench.fc.invoke("two", b"")
    assert (refused.value.status, refused.value.code) == (429, "ResourceThrottled")


async def test_an_update_lets_running_requests_end(bench: Bench, tmp_path: Path) -> None:
    source = """
    import pathlib, time

    def handler(event, context):
        folder = pathlib.Path(event.decode())
        (folder / "began").touch()
        while not (folder / "go").exists():
            time.sleep(0.005)
        return "old"
    """
    folder = tmp_path / "old"
    folder.mkdir()
    bench.python("app", source)
    call = asyncio.create_task(bench.fc.invoke("app", str(folder).encode()))
    await started(folder)
    bench.pids()
    bench.objects["code", "new.zip"] = bench.objects["code", "app.zip"].replace(b'"old"', b'"new"')
    bench.python("other", "def handler(event, context):\n    return 'new'\n")
    code = {"ossBucketName": "code", "ossObjectName": "other.zip"}
    bench.fc.update_function("app", bench.spec("app", code=code))
    assert (await bench.fc.invoke("app", b"")).body == b"new"
    (folder / "go").touch()
    assert (await call).body == b"old"
    await until(lambda: len(bench.fc.instances()) == 1)


async def test_a_deleted_function_leaves_nothing(bench: Bench) -> None:
    bench.python("echo", ECHO)
    await bench.fc.invoke("echo", b"")
    (pid,) = bench.pids()
    bench.fc.delete_function("echo")
    await until(lambda: not bench.fc.instances())
    assert gone(pid)
    with pytest.raises(CloudError, match="does not exist"):
        await bench.fc.invoke("echo", b"")


async def test_stop_ends_what_left_its_group(make_bench: Maker) -> None:
    source = """
    import subprocess, sys

    def handler(event, context):
        sleep = [sys.executable, "-S", "-c", "import time; time.sleep(60)"]
        return str(subprocess.Popen(sleep, start_new_session=True).pid)
    """
    bench = await make_bench()
    bench.python("escape", source)
    pid = int((await bench.fc.invoke("escape", b"")).body)
    assert not gone(pid)
    await close(bench)
    assert gone(pid)


async def test_a_planned_fault(make_bench: Maker) -> None:
    faults = Faults()
    bench = await make_bench(faults=faults)
    bench.python("echo", ECHO)
    faults.fail_next("fc", "InvokeFunction", CloudError(429, "ResourceThrottled", "planned"))
    with pytest.raises(CloudError, match="planned"):
        await bench.fc.invoke("echo", b"x")
    assert (await bench.fc.invoke("echo", b"x")).body == b"x"


async def test_stop_ends_running_and_frozen_instances(make_bench: Maker, tmp_path: Path) -> None:
    bench = await make_bench()
    folder = tmp_path / "began"
    folder.mkdir()
    bench.python("wait", WAIT)
    bench.python("echo", ECHO)
    await bench.fc.invoke("echo", b"")
    call = asyncio.create_task(bench.fc.invoke("wait", str(folder).encode()))
    await started(folder)
    pids = bench.pids()
    await close(bench)
    assert len(pids) == 2
    assert all(gone(pid) for pid in pids)
    with pytest.raises(asyncio.CancelledError):
        await call


async def test_the_caller_leaves_and_the_function_goes_on(bench: Bench, tmp_path: Path) -> None:
    source = """
    import pathlib, time

    def handler(event, context):
        time.sleep(0.3)
        pathlib.Path(event.decode()).write_text("done")
    """
    bench.python("steady", source)
    note = tmp_path / "note"
    call = asyncio.create_task(bench.fc.invoke("steady", str(note).encode()))
    await until(bench.pids)
    call.cancel()
    await until(note.exists)
    await until(bench.fc.invocations)

"""When the cloud itself is killed, or leaves something behind."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from localcloud.fc.process import reap
from tests.localcloud.fc.conftest import gone, until

SCRIPT = Path(__file__).with_name("orphans.py")
SLEEP = [sys.executable, "-S", "-c", "import time; time.sleep(60)"]


@pytest.mark.skipif(sys.platform != "linux", reason="frozen containers need the kernel's help")
async def test_no_process_outlives_a_killed_cloud(tmp_path: Path) -> None:
    cloud = await asyncio.create_subprocess_exec(
        sys.executable, str(SCRIPT), str(tmp_path), stdout=asyncio.subprocess.PIPE
    )
    assert cloud.stdout is not None
    pids = [int(pid) for pid in (await cloud.stdout.readline()).split()]
    assert len(pids) == 3
    assert not any(gone(pid) for pid in pids)
    cloud.send_signal(signal.SIGKILL)
    await cloud.wait()
    await until(lambda: all(gone(pid) for pid in pids))


def test_what_was_left_behind_is_ended(tmp_path: Path) -> None:
    folder = tmp_path / "c-1"
    (folder / "tmp").mkdir(parents=True)
    leader = subprocess.Popen(SLEEP, process_group=0)
    child = subprocess.Popen(SLEEP, env={"TMPDIR": str(folder / "tmp")})
    stranger = subprocess.Popen(SLEEP, env={"TMPDIR": "/tmp"})
    try:
        created = psutil.Process(leader.pid).create_time()
        (folder / "process.json").write_text(json.dumps({"pid": leader.pid, "created": created}))
        reap(tmp_path)
        assert leader.wait(5) == child.wait(5) == -signal.SIGKILL
        assert stranger.poll() is None
        assert not folder.exists()
    finally:
        for process in (leader, child, stranger):
            process.kill()
            process.wait()


def test_a_process_id_that_was_given_anew_is_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "c-1"
    folder.mkdir()
    stranger = subprocess.Popen(SLEEP, process_group=0)
    try:
        created = psutil.Process(stranger.pid).create_time() - 100
        (folder / "process.json").write_text(json.dumps({"pid": stranger.pid, "created": created}))
        reap(tmp_path)
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()

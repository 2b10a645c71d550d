"""`make demo`, as a newcomer runs it, with its output in a pipe."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import uuid
from typing import TYPE_CHECKING

import psutil

from demo.screen import size

if TYPE_CHECKING:
    from pathlib import Path


def test_the_demo_shows_the_main_job_and_leaves_nothing(project: Path) -> None:
    before = tracked_changes(project)
    # Everything that the demo starts inherits this variable: whatever is left can be found by it.
    mark = f"demo-{uuid.uuid4()}"
    environment = {key: value for key, value in os.environ.items() if key[:6] != "MODEL_"}
    done = subprocess.run(
        [sys.executable, "-m", "demo"],
        cwd=project,
        capture_output=True,
        text=True,
        timeout=110,
        env=environment | {"DEMO_MARK": mark},
        check=False,
    )
    assert done.returncode == 0, done.stderr + done.stdout[-2000:]
    assert "\x1b[" not in done.stdout, "a pipe gets plain lines"
    text = done.stdout
    for artifact in ("dispatcher", "notifier", "populator", "commander", "bundle"):
        assert re.search(rf"{artifact}\b.*\s[0-9.]+ [KM]iB", text), artifact
    assert "AgentStack agent" in text
    assert "declared playbooks" in text
    assert "November is the wettest month" in text.replace("*", "")
    assert re.search(r"SIGKILL to the commander, process \d+", text)
    assert re.search(r"resumed: taken \d times, 6 steps, one outcome each", text)
    assert re.search(r"commander async\s+cold", text)
    assert re.search(r"dispatcher sync\s+warm", text)
    charts = re.findall(r"build/demo/\S+\.png", text)
    assert len(charts) == 2
    assert all((project / chart).read_bytes().startswith(b"\x89PNG") for chart in charts)
    assert tracked_changes(project) == before
    assert [process for process in psutil.process_iter() if marked(process, mark)] == []


def tracked_changes(project: Path) -> str:
    command = ["git", "status", "--porcelain"]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    return done.stdout


def marked(process: psutil.Process, mark: str) -> bool:
    try:
        return process.environ().get("DEMO_MARK") == mark
    except psutil.Error:
        return False


def test_sizes_are_for_people() -> None:
    assert [size(n) for n in (0, 1023, 1536, 5 << 20, 3 << 30)] == [
        "0 B",
        "1023 B",
        "1.5 KiB",
        "5.0 MiB",
        "3.0 GiB",
    ]

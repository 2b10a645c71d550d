"""One local cloud for the whole folder, started as a script would start it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from clients import AgentClient

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

START_SECONDS = 90
STOP_SECONDS = 30


@dataclass
class Up:
    """A running `python -m localcloud up --json`."""

    process: subprocess.Popen[str]
    info: dict[str, Any]
    project: Path

    @property
    def api_url(self) -> str:
        return str(self.info["api_url"])

    def token(self, *arguments: str) -> str:
        """A token of somebody else, made by the command line."""
        command = [sys.executable, "-m", "localcloud", "token"]
        done = subprocess.run(
            [*command, "--state-dir", self.info["state_dir"], *arguments],
            cwd=self.project,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    def commanders(self) -> list[psutil.Process]:
        """The processes that run the commander's container."""
        children = psutil.Process(self.process.pid).children(recursive=True)
        return [
            child for child in children if "functions.commander" in " ".join(command_line(child))
        ]

    def stop(self, with_signal: int = signal.SIGTERM) -> int:
        self.process.send_signal(with_signal)
        return self.process.wait(STOP_SECONDS)


def command_line(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except (psutil.NoSuchProcess, psutil.ZombieProcess, psutil.AccessDenied):
        return []


def start(project: Path, state_dir: Path, model: dict[str, str] | None = None) -> Up:
    """Start a local cloud, with a model or without, and wait for its line of JSON."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MODEL_")}
    environment |= model or {}
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "localcloud",
            "up",
            "--json",
            "--state-dir",
            str(state_dir),
            "--port",
            "0",
        ],
        cwd=project,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    line = process.stdout.readline()
    if not line:
        process.wait(STOP_SECONDS)
        pytest.fail("the local cloud did not come up: " + process.stderr.read())
    return Up(process, json.loads(line), project)


@pytest.fixture(scope="session")
def up(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    running = start(project, tmp_path_factory.mktemp("cloud"))
    try:
        yield running
    finally:
        assert running.stop() == 0


@pytest.fixture
async def client(up: Up) -> AsyncIterator[AgentClient]:
    async with AgentClient(up.api_url, up.info["token"]) as client:
        yield client

"""`python -m localcloud`: it keeps its state, ends cleanly, and says in one line what is wrong."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import psutil
import pytest

from clients import AgentClient
from tests.e2e.conftest import start

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.conftest import Up


def fails(project: Path, *arguments: str) -> str:
    """Run `up` with something wrong; its one message."""
    done = subprocess.run(
        [sys.executable, "-m", "localcloud", "up", "--json", *arguments],
        cwd=project,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    return done.stderr


def test_one_line_of_json_says_all(up: Up) -> None:
    assert set(up.info) == {"api_url", "websocket_url", "token", "endpoints", "state_dir", "pid"}
    assert up.info["pid"] == up.process.pid
    services = {"tablestore", "fc", "oss", "eventbridge", "registry"}
    assert services <= set(up.info["endpoints"])


def test_only_loopback_is_listened_on(up: Up) -> None:
    family = [psutil.Process(up.process.pid)]
    family += family[0].children(recursive=True)
    listening = {
        connection.laddr.ip
        for process in family
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    }
    assert listening == {"127.0.0.1"}


async def test_state_survives_a_restart_and_nothing_stays_behind(
    project: Path, tmp_path: Path
) -> None:
    first = start(project, tmp_path)
    async with AgentClient(first.api_url, first.info["token"]) as client:
        said = await client.submit("hello", action="reply")
    children = psutil.Process(first.process.pid).children(recursive=True)
    assert children
    assert await asyncio.to_thread(first.stop, signal.SIGINT) == 0
    assert not [child for child in children if child.is_running() and child.status() != "zombie"]

    second = start(project, tmp_path)
    async with AgentClient(second.api_url, second.info["token"]) as client:
        ticket = await client.ticket(said.ticket_id)
        session = await client.session(said.session_id)
        again = await client.submit("again", action="reply", session_id=said.session_id)
    assert ticket.status == "succeeded"
    assert session["history"]
    assert again.session_id == said.session_id
    assert await asyncio.to_thread(second.stop) == 0


def test_a_port_in_use(project: Path, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert port in fails(project, "--state-dir", str(tmp_path), "--port", port)


@pytest.mark.parametrize("port", ["-1", "65536"])
def test_no_port(project: Path, tmp_path: Path, port: str) -> None:
    assert port in fails(project, "--state-dir", str(tmp_path), "--port", port)


def test_a_state_directory_in_use(project: Path, up: Up) -> None:
    assert "already runs on" in fails(project, "--state-dir", up.info["state_dir"])


@pytest.mark.parametrize(
    "file",
    ["tablestore.sqlite", "oss/oss.sqlite", "fc/async.sqlite", "stack.json", "signing-key.pem"],
)
def test_a_damaged_state_directory(project: Path, tmp_path: Path, file: str) -> None:
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_bytes(b"\x00nonsense\xff" * 500)
    assert file in fails(project, "--state-dir", str(tmp_path))


def test_a_state_directory_that_is_a_file(project: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "file" in fails(project, "--state-dir", str(tmp_path / "file"))


def test_health(up: Up) -> None:
    import httpx

    answer = httpx.get(f"{up.api_url}/_local/health")
    assert answer.json()["status"] == "ok"
    assert json.dumps(answer.json())
    other = httpx.get(f"{up.api_url}/_local/health", headers={"host": "evil.example"})
    assert other.status_code == 421

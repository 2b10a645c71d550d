from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import jwt
import pytest
from typer.testing import CliRunner

from localcloud.cli import app
from localcloud.cloud import SIGNING_KEY, Cloud
from localcloud.core.config import CloudConfig
from localcloud.core.errors import StateDamaged
from localcloud.keys import TokenKeys
from localcloud.lock import state_lock
from localcloud.server import HOST


def run(project: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "localcloud", *arguments],
        cwd=project,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def invoke(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The same in this process, for what needs no process of its own."""
    done = CliRunner().invoke(app, list(arguments))
    return subprocess.CompletedProcess(arguments, done.exit_code, done.stdout, done.stderr)


def refusal(done: subprocess.CompletedProcess[str]) -> str:
    """The one message of a command that was refused."""
    assert done.returncode == 1, done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("error: ")
    return done.stderr


def test_a_port_in_use(project: Path, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        message = refusal(
            run(project, "up", "--json", "--state-dir", str(tmp_path), "--port", port)
        )
    assert f"port {port} is in use" in message


@pytest.mark.parametrize("port", ["70000", "-1", "many", "", "8.5"])
def test_a_port_that_is_none(tmp_path: Path, port: str) -> None:
    message = refusal(invoke("up", "--state-dir", str(tmp_path), f"--port={port}"))
    assert re.search(rf"port '?{re.escape(port)}'? ", message)


def test_two_clouds_on_one_directory(tmp_path: Path) -> None:
    with state_lock(tmp_path):
        message = refusal(invoke("up", "--state-dir", str(tmp_path)))
    assert f"process {os.getpid()}" in message
    assert str(tmp_path) in message


def test_a_damaged_file(tmp_path: Path) -> None:
    (tmp_path / "vault.key").write_bytes(b"this is no key")
    message = refusal(invoke("up", "--json", "--state-dir", str(tmp_path)))
    assert "vault.key" in message
    assert "damaged" in message


async def test_every_file_of_the_state_is_checked(tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    cloud = Cloud(CloudConfig(state_dir=whole), tmp_path)
    await cloud.start()
    await cloud.stop()
    files = [
        path.relative_to(whole)
        for path in whole.rglob("*")
        if path.is_file() and path.suffix in {".db", ".sqlite", ".key", ".pem"}
    ]
    assert len(files) >= 12
    for number, name in enumerate(files):
        damaged = tmp_path / f"damaged-{number}"
        shutil.copytree(whole, damaged)
        (damaged / name).write_bytes(b"this is nothing that anybody can read " * 200)
        with pytest.raises(StateDamaged, match=re.escape(str(damaged / name))):
            Cloud(CloudConfig(state_dir=damaged), tmp_path)


def test_a_directory_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    message = refusal(invoke("up", "--state-dir", str(tmp_path / "file")))
    assert f"{tmp_path / 'file'}: " in message


def test_a_program_with_bad_settings(project: Path, tmp_path: Path) -> None:
    done = run(
        project, "up", "--json", "--state-dir", str(tmp_path), MODEL_BASE_URL="http://model.example"
    )
    message = refusal(done)
    assert "model" in message
    assert "base_url" in message


def test_a_token_is_what_was_asked_for(tmp_path: Path) -> None:
    keys = TokenKeys(tmp_path / SIGNING_KEY)
    arguments = ("--sub", "ann", "--tenant", "t", "--scope", "approver other", "--expires", "90s")
    done = invoke("token", "--state-dir", str(tmp_path), *arguments)
    assert done.returncode == 0, done.stderr
    key = jwt.PyJWK(keys.jwks["keys"][0])
    claims = jwt.decode(done.stdout.strip(), key, ["RS256"])
    assert (claims["sub"], claims["tenant"], claims["scope"]) == ("ann", "t", "approver other")
    assert claims["exp"] - claims["iat"] == 90


@pytest.mark.parametrize("expires", ["soon", "12", "h", "-5m", "1w"])
def test_a_duration_that_is_none(tmp_path: Path, expires: str) -> None:
    TokenKeys(tmp_path / SIGNING_KEY)
    done = invoke("token", "--state-dir", str(tmp_path), f"--expires={expires}")
    assert "--expires" in refusal(done)


def test_a_token_of_no_cloud(tmp_path: Path) -> None:
    assert "no cloud yet" in refusal(invoke("token", "--state-dir", str(tmp_path / "x")))


def test_coverage_names_every_service() -> None:
    done = invoke("coverage")
    assert done.returncode == 0, done.stderr
    for text in (
        "## Tablestore",
        "InvokeFunction",
        "GetSecretParameter",
        "`alicloud:ros/stack:Stack`",
    ):
        assert text in done.stdout

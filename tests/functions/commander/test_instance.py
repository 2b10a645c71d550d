"""What an instance keeps: the model's key is read once, and by its name only."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from functions.commander import instance as module
from functions.commander.instance import make_instance
from functions.commander.settings import Settings
from tests.functions.commander.test_invocation import SETTINGS


def test_without_a_model_no_key_is_read() -> None:
    assert make_instance(Settings(**SETTINGS)).chat() is None


def test_the_key_of_the_model_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, str]] = []

    def read(endpoint: str, _: object, name: str) -> str:
        asked.append((endpoint, name))
        return "s3cret"

    monkeypatch.setattr(module, "get_secret_parameter", read)
    made = make_instance(
        Settings(
            **SETTINGS,
            model_base_url="http://127.0.0.1:1/v1",
            model_name="tiny",
            model_key_parameter="agent-model-key",
            oos_endpoint="http://127.0.0.1:1",
        )
    )
    first, second = made.chat(), made.chat()
    assert first is not None
    assert first is second
    assert first.key == "s3cret"
    assert asked == [("http://127.0.0.1:1", "agent-model-key")]
    assert "s3cret" not in repr(made)


def test_a_wrong_environment_is_told_in_one_line(project: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "functions.commander"],
        cwd=project,
        env={"LEASE_MS": "soon"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "LEASE_MS, value 'soon', must be a whole number" in done.stderr
    assert "RESULTS_BUCKET must be set" in done.stderr

"""What the light functions may import: Python 3.10, the standard library, little of it."""

from __future__ import annotations

import ast
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

LIGHT = ("dispatcher", "notifier", "populator")
HEAVY = {
    "asyncio",
    "ctypes",
    "multiprocessing",
    "sqlite3",
    "unittest",
    "pathlib",
    "dataclasses_json",
}
# Besides what `http.client` brings (about 110 modules). Raise it with a reason, never by accident.
MODULES = {"dispatcher": 75, "notifier": 75, "populator": 70}

SNIPPET = """
import sys, json, http.client
before = set(sys.modules)
sys.path.insert(0, sys.argv[1])
import importlib
importlib.import_module(f"functions.{sys.argv[2]}.handler")
more = sorted(set(sys.modules) - before)
print(json.dumps(more))
"""


def python310() -> str | None:
    """A python3.10 that runs: what stands on PATH may be a shim without one behind it."""
    found = [shutil.which("python3.10") or "python3.10"]
    found += [str(path) for path in Path.home().glob(".pyenv/versions/3.10.*/bin/python3.10")]
    for python in found:
        try:
            subprocess.run([python, "-c", ""], check=True, capture_output=True, timeout=20)
        except (OSError, subprocess.SubprocessError):
            continue
        return python
    return None


def imported(python: str, project: Path, function: str) -> list[str]:
    # -S: no site-packages, as in the platform's runtime, where nothing of ours is installed.
    command = [python, "-I", "-S", "-B", "-c", SNIPPET, str(project), function]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    modules: list[str] = json.loads(done.stdout)
    return modules


@pytest.mark.parametrize("function", LIGHT)
def test_the_import_budget(project: Path, function: str) -> None:
    modules = imported(sys.executable, project, function)
    tops = {name.partition(".")[0] for name in modules}
    assert tops - {"functions"} <= sys.stdlib_module_names
    ours = {name.split(".")[1] for name in modules if name.startswith("functions.")}
    assert ours == {"common", function}
    assert not tops & HEAVY, f"{tops & HEAVY} came in: find who imports it with -X importtime"
    assert len(modules) <= MODULES[function], f"{len(modules)} modules: {modules}"


@pytest.mark.parametrize("function", LIGHT)
def test_python_3_10_runs_it(project: Path, function: str) -> None:
    python = python310()
    if python is None:
        pytest.skip("no python3.10 on this machine; the syntax is checked all the same")
    modules = imported(python, project, function)
    assert f"functions.{function}.handler" in modules


@pytest.mark.parametrize("function", ["common", *LIGHT])
def test_the_syntax_is_that_of_3_10(project: Path, function: str) -> None:
    for path in (project / "functions" / function).rglob("*.py"):
        ast.parse(path.read_text(), str(path), feature_version=(3, 10))


@pytest.mark.parametrize("function", ["common", *LIGHT])
def test_files_stay_small(project: Path, function: str) -> None:
    for path in (project / "functions" / function).rglob("*.py"):
        assert len(path.read_text().splitlines()) <= 350, path

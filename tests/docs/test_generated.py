"""Generated documents are true, links lead somewhere, and the README's commands work."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from localcloud.coverage import coverage_markdown

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)(?:#([^)\s]+))?\)")
CONSOLE = re.compile(r"```console\n(.*?)```", re.DOTALL)
PROSE = ["README.md", "CONTRIBUTING.md", "docs", "docs/adr"]


def documents(project: Path) -> list[Path]:
    found: list[Path] = []
    for name in PROSE:
        path = project / name
        found += sorted(path.glob("*.md")) if path.is_dir() else [path]
    return found


def test_the_coverage_of_the_local_cloud(
    project: Path, golden: Callable[[Path, str], None]
) -> None:
    golden(project / "docs/local-cloud.md", coverage_markdown())


def test_links_lead_somewhere(project: Path) -> None:
    broken = []
    for document in documents(project):
        for target, anchor in LINK.findall(document.read_text(encoding="utf-8")):
            if "://" in target:
                continue
            path = (document.parent / target).resolve()
            if not path.exists():
                broken.append(f"{document.name}: {target}")
            elif anchor and path.suffix == ".md" and anchor not in anchors(path):
                broken.append(f"{document.name}: {target}#{anchor}")
    assert broken == []


def anchors(document: Path) -> set[str]:
    """The anchors that GitHub makes of headings."""
    headings = re.findall(r"^#+ (.*)$", document.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}


def shown_commands(project: Path) -> list[str]:
    text = (project / "README.md").read_text(encoding="utf-8")
    return [
        line.partition(" #")[0].strip()
        for block in CONSOLE.findall(text)
        for line in block.splitlines()
        if line.strip()
    ]


def test_every_make_target_that_is_shown_exists(project: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (project / "Makefile").read_text(), re.MULTILINE))
    shown = {command.split()[1] for command in shown_commands(project) if command[:5] == "make "}
    assert {"demo", "test", "local"} <= shown <= targets


def test_the_preview_that_is_shown_works(project: Path) -> None:
    (command,) = [c for c in shown_commands(project) if "-m engine preview" in c]
    _, *arguments = shlex.split(command)
    done = subprocess.run(
        [sys.executable, *arguments], cwd=project, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "to create" in done.stdout


def test_commands_of_modules_that_are_shown_exist(project: Path) -> None:
    """`up` itself is run by the end-to-end tests, with the very options that are shown."""
    shown = [c for c in shown_commands(project) if c.startswith(".venv/bin/python -m")]
    assert len(shown) >= 2
    for command in shown:
        _, _, module, verb, *options = shlex.split(command)
        help_text = subprocess.run(
            [sys.executable, "-m", module, verb, "--help"],
            cwd=project,
            capture_output=True,
            text=True,
            check=True,
            env={"PATH": "/usr/bin:/bin", "COLUMNS": "200", "NO_COLOR": "1", "TERM": "dumb"},
        ).stdout
        for option in options:
            if option.startswith("--"):
                assert option in help_text, command


@pytest.mark.parametrize("target", ["demo", "test", "local", "bench", "review", "golden", "lock"])
def test_help_names_the_targets(project: Path, target: str) -> None:
    done = subprocess.run(["make", "help"], cwd=project, capture_output=True, text=True, check=True)
    assert f"make {target} " in done.stdout

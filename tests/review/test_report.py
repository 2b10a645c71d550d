"""The comment: its layouts as golden files, and the way through git."""

from __future__ import annotations

import copy
import json
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from review.changes import compare
from review.cost.book import load_book, load_usage
from review.cost.reckon import reckon
from review.plan import read
from review.report import Artifact, Finding, StackReview, document, markdown
from review.worktree import GitError, worktree

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def review(project: Path, *, changed: bool) -> StackReview:
    recording = json.loads((project / "tests/review/recorded_preview.json").read_text())
    head = copy.deepcopy(recording)
    findings, artifacts = [], []
    if changed:
        for step in head["steps"]:
            if step["urn"].endswith("V3Function::cmd"):
                step["newState"]["inputs"]["memorySize"] = 8192
        head["steps"] = [s for s in head["steps"] if "ots/table" not in s["urn"]]
        findings = [Finding("nas-encrypted", "mandatory", "fs", "not | encrypted")]
        artifacts = [Artifact("code", 1000, 2000), Artifact("new", None, 5), Artifact("same", 1, 1)]
    base_plan, head_plan = read(recording), read(head)
    usage, book = load_usage("dev"), load_book()
    return StackReview(
        stack="dev",
        changes=compare(base_plan, head_plan),
        before=reckon(base_plan, usage, book),
        after=reckon(head_plan, usage, book),
        usage=usage,
        findings=findings,
        artifacts=artifacts,
    )


@pytest.mark.parametrize("changed", [True, False], ids=["changed", "unchanged"])
def test_the_comment(project: Path, golden: Callable[[Path, str], None], *, changed: bool) -> None:
    text = markdown([review(project, changed=changed)], load_book(), "origin/main")
    name = "changed" if changed else "unchanged"
    golden(project / f"tests/review/golden/{name}.md", text)


def test_difference_is_after_minus_before(project: Path) -> None:
    found: dict[str, Any] = document([review(project, changed=True)], load_book(), "x")
    cost = found["stacks"][0]["cost"]
    from decimal import Decimal

    assert Decimal(cost["difference"]) == Decimal(cost["after"]) - Decimal(cost["before"])
    assert json.loads(json.dumps(found)) == found


def git(folder: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.com"]
    subprocess.run(
        ["git", "-C", str(folder), *identity, *arguments], check=True, capture_output=True
    )


def test_a_worktree_is_another_commit_and_goes_away(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    (tmp_path / "a").write_text("1")
    git(tmp_path, "add", "a")
    git(tmp_path, "commit", "-qm", "one")
    (tmp_path / "a").write_text("2")
    with worktree(tmp_path, "HEAD") as folder:
        assert (folder / "a").read_text() == "1"
    assert not folder.exists()
    listed = subprocess.run(
        ["git", "-C", str(tmp_path), "worktree", "list"], capture_output=True, text=True, check=True
    )
    assert len(listed.stdout.splitlines()) == 1
    with pytest.raises(GitError, match="names no commit"), worktree(tmp_path, "nothing"):
        pass


def test_a_review_of_two_commits(project: Path, tmp_path: Path) -> None:
    """A change of one setting, seen through git, the engine, the rules and the price book."""
    checkout = tmp_path / "checkout"
    parts = ("stack", "functions", "policies", "config")
    for part in parts:
        shutil.copytree(project / part, checkout / part)
    for file in ("__main__.py", "Pulumi.yaml", "Pulumi.dev.yaml"):
        shutil.copy(project / file, checkout / file)
    git(checkout, "init", "-q")
    git(checkout, "add", ".")
    git(checkout, "commit", "-qm", "base")
    handler = checkout / "functions/notifier/handler.py"
    handler.write_text(handler.read_text() + "\n# another line\n")
    command = [sys.executable, "-m", "review", "--base", "HEAD", "--cwd", str(checkout)]
    done = subprocess.run(
        [*command, "--out", str(tmp_path / "out")],
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "out/review.json").read_text())
    changes = {c["urn"].rpartition("::")[2] for c in found["stacks"][0]["changes"]}
    # The notifier's package, object and function, and the wait for it: nothing of the others.
    assert changes == {"notifier-active", "notifier-function", "results-notifier"}
    assert (tmp_path / "out/review.md").read_text() == done.stdout
    unknown = subprocess.run(
        [*command, "--stack", "nowhere"], cwd=project, capture_output=True, text=True, check=False
    )
    assert unknown.returncode == 1
    assert "nowhere" in unknown.stderr
    assert "Traceback" not in unknown.stderr

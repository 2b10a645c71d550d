"""Another commit of the repository, checked out beside this one for as long as it is looked at."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class GitError(Exception):
    """Git refused; the message is its own."""


@contextlib.contextmanager
def worktree(repository: Path, reference: str) -> Iterator[Path]:
    """Check a commit out into a folder of its own and remove it afterwards.

    Raises:
        GitError: there is no such commit, or this is no repository.
    """
    commit = _git(repository, "rev-parse", "--verify", "--quiet", f"{reference}^{{commit}}")
    if not commit:
        raise GitError(f"`{reference}` names no commit of this repository")
    folder = Path(tempfile.mkdtemp(prefix="review-"))
    try:
        _git(repository, "worktree", "add", "--detach", "--force", str(folder / "base"), commit)
        yield folder / "base"
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        _git(repository, "worktree", "prune")


def _git(repository: Path, *arguments: str) -> str:
    git = shutil.which("git")
    if git is None:
        raise GitError("git is not on PATH")
    done = subprocess.run(  # noqa: S603 - a fixed program, no shell
        [git, "-C", str(repository), *arguments], capture_output=True, text=True, check=False
    )
    if done.returncode and arguments[0] != "rev-parse":
        raise GitError(done.stderr.strip() or f"git {arguments[0]} failed")
    return done.stdout.strip()

"""The command line: `python -m review --base <git ref>` writes review.md and review.json."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from engine.errors import EngineError
from review.build import build, stacks_of
from review.cost.book import BookError, load_book
from review.report import document, markdown
from review.worktree import GitError, worktree

POLICY_VIOLATION = 2


def review(
    base: Annotated[str, typer.Option(help="The commit to compare with.")],
    stack: Annotated[
        list[str] | None, typer.Option(help="An environment; repeatable. Without it, all.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Where the report goes.")] = Path("build/review"),
    project: Annotated[Path, typer.Option("--cwd", "-C", help="The checkout.")] = Path(),
) -> None:
    """Compare this checkout with a commit: resources, policies and cost.

    Exit code 2: a mandatory policy is violated; 1: the review could not be made.
    """
    if not base:
        _fail("name the commit to compare with, for example: make review BASE=origin/main")
    known = stacks_of(project)
    wanted = stack or known
    for name in wanted:
        if name not in known:
            _fail(f"stack {name!r}: there is no Pulumi.{name}.yaml; there are {', '.join(known)}")
    try:
        book = load_book()
        with worktree(project.resolve(), base) as old:
            reviews = asyncio.run(build(old, project.resolve(), wanted, book))
    except (BookError, EngineError, GitError) as error:
        _fail(str(error))
    out.mkdir(parents=True, exist_ok=True)
    text = markdown(reviews, book, base)
    (out / "review.md").write_text(text, encoding="utf-8")
    (out / "review.json").write_text(
        json.dumps(document(reviews, book, base), indent=2, ensure_ascii=False) + "\n",
        encoding="utf-8",
    )
    sys.stdout.write(text)
    if any(finding.level == "mandatory" for one in reviews for finding in one.findings):
        raise typer.Exit(POLICY_VIOLATION)


def _fail(message: str) -> NoReturn:
    sys.stderr.write(f"error: {message}\n")
    raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(review)

"""Both sides of a pull request, previewed without an account, for every environment."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from engine.preview import preview
from review.changes import compare
from review.cost.book import load_usage
from review.cost.reckon import reckon
from review.plan import Plan, read
from review.report import Artifact, Finding, StackReview

if TYPE_CHECKING:
    from pathlib import Path

    from review.cost.book import Book

POLICIES = "policies"
UPLOAD = "alicloud:oss/bucketObject:BucketObject"
LOCAL = "local"
AT_ONCE = 2
"""Previews at the same time: each keeps about one core busy."""


def stacks_of(project: Path) -> list[str]:
    """The environments that have a configuration file, without the local one."""
    found = (path.name.split(".")[1] for path in project.glob("Pulumi.*.yaml"))
    return sorted(stack for stack in found if stack != LOCAL)


async def build(base: Path, head: Path, stacks: list[str], book: Book) -> list[StackReview]:
    """Review environments.

    Args:
        base: a checkout of what the pull request goes into; its rules judge.
        head: a checkout of the pull request.
        stacks: names of environments.
        book: the prices.

    Raises:
        engine.errors.EngineError: a program cannot be previewed.
    """
    slots = asyncio.Semaphore(AT_ONCE)
    rules = next((p for p in (base / POLICIES, head / POLICIES) if p.is_dir()), None)

    async def one(stack: str) -> StackReview:
        (old, _), (new, findings) = await asyncio.gather(
            _plan(base, stack, None, slots), _plan(head, stack, rules, slots)
        )
        usage = load_usage(stack)
        return StackReview(
            stack=stack,
            changes=compare(old or Plan({}), new or Plan({})),
            before=reckon(old, usage, book) if old else None,
            after=reckon(new or Plan({}), usage, book),
            usage=usage,
            findings=findings,
            artifacts=_artifacts(base, old, head, new),
        )

    return list(await asyncio.gather(*(one(stack) for stack in stacks)))


def _artifacts(base: Path, old: Plan | None, head: Path, new: Plan | None) -> list[Artifact]:
    before, after = _sizes(base, old), _sizes(head, new)
    return [
        Artifact(name, before.get(name), after.get(name))
        for name in sorted(before.keys() | after.keys())
    ]


def _sizes(project: Path, plan: Plan | None) -> dict[str, int]:
    """Bytes of the packages that a plan uploads; the preview has just written them."""
    found = {}
    for resource in plan.resources.values() if plan else ():
        source = resource.inputs.get("source")
        if resource.type == UPLOAD and isinstance(source, str) and (project / source).is_file():
            found[resource.name] = (project / source).stat().st_size
    return found


async def _plan(
    project: Path, stack: str, rules: Path | None, slots: asyncio.Semaphore
) -> tuple[Plan | None, list[Finding]]:
    if not (project / f"Pulumi.{stack}.yaml").is_file():
        return None, []
    async with slots:
        result = await preview(project, stack, policy_packs=(rules,) if rules else ())
    findings = [
        Finding(f.policy, f.level, f.urn.rpartition("::")[2], f.message) for f in result.findings
    ]
    return read(result.to_json(show_sames=True)), findings

"""``up``: carries out the plan of a program against a ``Provider`` in this process.

Operations run concurrently, as far as the program's own dependencies allow. After each of them the
checkpoint is written, so an interrupted deployment goes on where it stopped; what was interrupted
in the middle is asked for again (see ``engine.provider``). A resource that has to be replaced is
created first and deleted last, unless ``deleteBeforeReplace`` or its provider says otherwise. What
the program no longer registers is deleted at the end, dependents first.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from engine import urn as urns
from engine.checkpoint import Checkpoint
from engine.config import load_configuration, load_project
from engine.diagnostics import Diagnostic, Diagnostics
from engine.difference import Decision, decide, with_ignored_changes
from engine.dynamic import DynamicOperator
from engine.errors import OperationFailed
from engine.events import Phase, ResourceEvent
from engine.monitor import PARALLEL, Settled
from engine.olds import Olds
from engine.operators import BookOperator, CloudOperator, Operator, called, with_secrets
from engine.ordering import in_order
from engine.program import run_program
from engine.state import ResourceState, planned
from engine.values import Secret, Unknown, contains, plain

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Mapping
    from pathlib import Path

    from engine.goal import Goal
    from engine.provider import Provider

T = TypeVar("T")

_TIMEOUTS = {"replace": "create", "import": "read"}
"""Whose ``customTimeouts`` an operation has that is not named there itself."""


@dataclass(frozen=True)
class UpResult:
    """What a deployment left.

    Attributes:
        outputs: what the stack exports, in the clear.
        secret_outputs: the names of those that must not be shown.
        summary: number of resources by operation.
        resources: what exists now, in the order of creation.
        diagnostics: what the program said.
    """

    outputs: dict[str, Any]
    secret_outputs: frozenset[str]
    summary: dict[str, int]
    resources: tuple[ResourceState, ...]
    diagnostics: tuple[Diagnostic, ...] = ()


async def up(  # noqa: PLR0913  (each is a choice of its own)
    project: Path,
    stack: str,
    provider: Provider,
    *,
    state: Path,
    config: Mapping[str, Any] | None = None,
    secrets: Mapping[str, str] | None = None,
    environment: Mapping[str, str] | None = None,
    on_event: Callable[[ResourceEvent], None] | None = None,
    protect_key: bytes | None = None,
) -> UpResult:
    """Run the program of a project and bring the cloud behind ``provider`` to its goals.

    Args:
        project: the directory of ``Pulumi.yaml``.
        stack: name of the stack.
        provider: does the work, in the running event loop.
        state: the checkpoint file.
        config: configuration that wins over the files; an object is merged into the file's.
        secrets: secret configuration.
        environment: additional environment variables of the program and its dynamic resources.
        on_event: told about every step of every resource.
        protect_key: a Fernet key for the secrets in the checkpoint, in place of one beside it.

    Raises:
        ProgramFailed: the program ended with an error.
        OperationFailed: the provider failed; what had finished is in the checkpoint.
        EngineError: the project, the stack or the checkpoint cannot be used.
    """
    description = load_project(project)
    configuration = load_configuration(description, stack, config, secrets)
    checkpoint = Checkpoint(state, description.name, stack, protect_key)
    with checkpoint.locked():
        dynamic = DynamicOperator(description, stack, configuration, environment or {})
        applier = _Applier(checkpoint, provider, dynamic, on_event or (lambda _: None))
        diagnostics = Diagnostics(configuration.secret_texts())
        try:
            await run_program(
                description,
                stack,
                configuration,
                applier,
                diagnostics,
                dry_run=False,
                environment=environment,
            )
            await applier.finish()
        finally:
            await applier.settle()
            await dynamic.aclose()
    return applier.result(tuple(diagnostics))


class _Applier:
    """The deployment behind ``up``."""

    def __init__(
        self,
        checkpoint: Checkpoint,
        provider: Provider,
        dynamic: DynamicOperator,
        on_event: Callable[[ResourceEvent], None],
    ) -> None:
        recorded = checkpoint.load()
        self._checkpoint = checkpoint
        self._provider = provider
        self._dynamic = dynamic
        self._on_event = on_event
        self._olds = Olds(old for old in recorded if not old.delete)
        self._replaced = [old for old in recorded if old.delete]
        self._news: dict[str, ResourceState] = {}
        self._counts: Counter[str] = Counter()
        self._running: set[asyncio.Task[Any]] = set()
        self._slots = asyncio.Semaphore(PARALLEL)

    async def register(self, goal: Goal) -> Settled:
        return await self._detached(self._apply(goal))

    async def read(self, goal: Goal, id_: str | Unknown) -> Settled:
        return await self._detached(self._look_up(goal, str(id_)))

    async def register_outputs(self, urn: str, outputs: dict[str, Any]) -> None:
        known = self._news.get(urn)
        if known is not None and known.outputs != outputs:
            self._news[urn] = replace(known, outputs=outputs)
            self._save()

    async def call(self, token: str, args: dict[str, Any]) -> dict[str, Any] | None:
        return await called(self._provider, token, args)

    async def settle(self) -> None:
        """Wait for operations that the program did not wait for, so that none is forgotten."""
        await asyncio.gather(*self._running, return_exceptions=True)

    async def finish(self) -> None:
        """Delete what was replaced and what the program no longer registers.

        Raises:
            OperationFailed: a deletion failed, or the resource is protected.
        """
        await self.settle()
        leaving = self._olds.unwanted()
        for old in leaving:
            if old.protect:
                raise OperationFailed("delete", old.urn, "it is protected; unprotect it first")
        doomed = {id(old): old for old in [*leaving, *self._replaced]}
        gone = {old.urn for old in leaving}
        for state in reversed(in_order([*self._news.values(), *doomed.values()])):
            if id(state) in doomed:
                await self._delete(state, spared=state.deleted_with in gone)

    def result(self, diagnostics: tuple[Diagnostic, ...]) -> UpResult:
        """Return what there is now."""
        exported: dict[str, Any] = {}
        for state in self._news.values():
            if state.type == urns.STACK_TYPE:
                exported = state.outputs
        return UpResult(
            outputs=plain(exported),
            secret_outputs=frozenset(k for k, v in exported.items() if contains(v, Secret)),
            summary=dict(sorted(self._counts.items())),
            resources=tuple(self._news.values()),
            diagnostics=diagnostics,
        )

    async def _apply(self, goal: Goal) -> Settled:
        self._emit(goal, "registered", "")
        old = self._olds.take(goal)
        operator = self._operator(goal.type, custom=goal.custom)
        goal = with_ignored_changes(goal, old)
        checked = await operator.check(goal, old)
        goal = replace(goal, inputs=with_secrets(checked, _only(goal.inputs, checked)))
        decision = await decide(goal, old, operator.difference)
        new = await self._carry_out(goal, old, decision, operator)
        self._record(new, old)
        self._counts[decision.op] += 1
        return Settled(new.id, new.outputs)

    async def _carry_out(
        self, goal: Goal, old: ResourceState | None, decision: Decision, operator: Operator
    ) -> ResourceState:
        """Do what was decided and return the new state."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        if old is not None and decision.op == "same":
            self._emit(goal, "done", "same")
            state = planned(goal, old.outputs, id_=old.id)
            return replace(state, created=old.created, modified=old.modified)
        if old is not None and decision.op == "update":
            outputs = await self._timed(goal, "update", operator.update(goal, old))
            full = with_secrets(outputs, goal.inputs, goal.additional_secret_outputs)
            state = planned(goal, full, id_=old.id)
            return replace(state, created=old.created, modified=now)

        if old is not None and decision.op == "replace" and decision.delete_first:
            if not old.retain_on_delete:
                await self._timed(goal, "delete", operator.delete(old))
            self._record(replace(old, urn=goal.urn, pending_replacement=True), old)
        work = operator.adopt(goal) if decision.op == "import" else operator.create(goal)
        made = await self._timed(goal, decision.op, work)
        if old is not None and decision.op == "replace" and not decision.delete_first:
            self._replaced.append(replace(old, delete=True))
        full = with_secrets(made.outputs, goal.inputs, goal.additional_secret_outputs)
        return replace(planned(goal, full, id_=made.id), created=now, modified=now)

    async def _look_up(self, goal: Goal, id_: str) -> Settled:
        self._emit(goal, "registered", "")
        old = self._olds.take(goal)
        operator = self._operator(goal.type, custom=True)
        found = await self._timed(goal, "read", operator.adopt(replace(goal, import_id=id_)))
        outputs = with_secrets(found.outputs, goal.inputs, goal.additional_secret_outputs)
        self._record(replace(planned(goal, outputs, id_=found.id), external=True), old)
        self._counts["read"] += 1
        return Settled(found.id, outputs)

    async def _delete(self, state: ResourceState, *, spared: bool) -> None:
        in_books_only = state.external or state.pending_replacement or spared
        if not in_books_only and not state.retain_on_delete:
            operator = self._operator(state.type, custom=state.custom)
            await self._timed(state, "delete", operator.delete(state))
        else:
            self._emit(state, "done", "delete")
        if state in self._replaced:
            self._replaced.remove(state)
        else:
            self._olds.release(state)
            self._counts["delete"] += 1
        self._save()

    async def _timed(self, subject: Goal | ResourceState, op: str, work: Awaitable[T]) -> T:
        """Wait for an operation, with its events.

        Raises:
            OperationFailed: it failed, for whatever reason.
        """
        limit = subject.custom_timeouts.get(_TIMEOUTS.get(op, op))
        async with self._slots:
            self._emit(subject, "started", op)
            began = time.monotonic()
            try:
                async with asyncio.timeout(limit):
                    result = await work
            except Exception as error:
                late = isinstance(error, TimeoutError) and limit is not None
                name = f"it took longer than {limit} s" if late else type(error).__name__
                reason = str(error) or name
                self._emit(subject, "failed", op, time.monotonic() - began, reason)
                raise OperationFailed(op, subject.urn, reason) from error
            self._emit(subject, "done", op, time.monotonic() - began)
            return result

    def _operator(self, type_: str, *, custom: bool) -> Operator:
        if not custom or urns.is_provider(type_):
            return BookOperator()
        return self._dynamic if urns.is_dynamic(type_) else CloudOperator(self._provider)

    async def _detached(self, work: Coroutine[Any, Any, T]) -> T:
        """Do work that goes on to its checkpoint when the program is gone before it ends."""
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return await asyncio.shield(task)

    def _record(self, new: ResourceState, old: ResourceState | None) -> None:
        """Put the new state in the place of the old one, and on disk."""
        self._news[new.urn] = new
        if old is not None:
            self._olds.release(old)
        if new != old:
            self._save()

    def _save(self) -> None:
        self._checkpoint.save([*self._news.values(), *self._olds.unreleased(), *self._replaced])

    def _emit(
        self,
        subject: Goal | ResourceState,
        phase: Phase,
        op: str,
        seconds: float = 0.0,
        error: str | None = None,
    ) -> None:
        self._on_event(
            ResourceEvent(
                phase=phase,
                op=op,
                urn=subject.urn,
                type=subject.type,
                name=subject.name,
                parent=subject.parent or None,
                seconds=seconds,
                error=error,
            )
        )


def _only(inputs: dict[str, Any], checked: dict[str, Any]) -> dict[str, Any]:
    """Return the inputs that a check has kept, so that their secrets stay marked."""
    return {key: value for key, value in inputs.items() if key in checked}

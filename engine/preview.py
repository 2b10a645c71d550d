"""``preview``: what a deployment would do, in the form of ``pulumi preview --json``.

The order of the steps: the stack first, then every resource after its parent and what it depends
on, the lowest URN first wherever there is a choice; deletions come last, in the reverse order.
Unchanged resources are counted, and listed only on request, as the CLI does.

What this preview knows: the inputs that the program gave are known outputs, computed ones are
unknown. A provider's own defaults and computations are its own; the real one lists the defaults in
``__defaults``. Data sources and ``Resource.get`` would need an account: without a ``Provider``
their results are unknown. The ``check`` of a dynamic resource's provider is not run.
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from engine import urn as urns
from engine.checkpoint import Checkpoint
from engine.config import Configuration, load_configuration, load_project
from engine.diagnostics import Diagnostic, Diagnostics
from engine.difference import Decision, Op, decide, with_ignored_changes
from engine.errors import EngineError
from engine.monitor import Settled
from engine.olds import Olds
from engine.operators import called
from engine.ordering import in_order
from engine.policy import Finding, analyse
from engine.program import run_program
from engine.provider import Difference, Provider, compare_inputs
from engine.state import ResourceState, for_people, planned
from engine.values import UNKNOWN_SENTINEL, Unknown, masked, plain

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from engine.goal import Goal


@dataclass(frozen=True)
class Step:
    """What would happen to one resource."""

    op: Op
    urn: str
    old: ResourceState | None
    new: ResourceState | None
    decision: Decision

    @property
    def shown(self) -> bool:
        """Whether the CLI lists it by default: changes, the stack, and changed protection."""
        protection = (self.old and self.old.protect) != (self.new and self.new.protect)
        return self.op != "same" or _is_stack(self.urn) or protection

    def to_json(self) -> dict[str, Any]:
        """Return the entry of ``steps``; a deletion has no ``newState``, a creation no old one."""
        document: dict[str, Any] = {"op": self.op, "urn": self.urn}
        shown = self.new or self.old
        if shown and shown.provider:
            document["provider"] = shown.provider
        if self.decision.keys:
            document["diffReasons"] = list(self.decision.keys)
        if self.decision.replace_keys:
            document["replaceReasons"] = list(self.decision.replace_keys)
        document["detailedDiff"] = dict(self.decision.detailed) or None
        if self.old:
            document["oldState"] = for_people(self.old)
        if self.new:
            document["newState"] = for_people(self.new, outputs=False)
        return document


@dataclass(frozen=True)
class Preview:
    """What a preview found out.

    Attributes:
        steps: what would happen, unchanged resources included, in the documented order.
        resources: the planned states with their outputs, in the same order.
        outputs: what the stack would export, secrets masked, unknowns as the sentinel.
        findings: what the policy packs reported.
        seconds: how long it took.
    """

    configuration: Configuration
    steps: tuple[Step, ...]
    resources: tuple[ResourceState, ...]
    outputs: Mapping[str, Any]
    diagnostics: tuple[Diagnostic, ...]
    findings: tuple[Finding, ...] = ()
    seconds: float = 0.0

    @property
    def summary(self) -> dict[str, int]:
        """The number of steps by operation."""
        return dict(sorted(Counter(step.op for step in self.steps).items()))

    @property
    def passed(self) -> bool:
        """Whether no mandatory policy is violated."""
        return not any(finding.mandatory for finding in self.findings)

    def to_json(self, *, show_sames: bool = False) -> dict[str, Any]:
        """Return the document of ``pulumi preview --json``.

        ``policyDiagnostics`` is ours: the CLI leaves policy findings out of its JSON. It is there
        when a policy pack ran, with one entry a finding: ``policyName``, ``policyPackName``,
        ``policyPackVersion``, ``description``, ``message``, ``enforcementLevel``, ``severity``
        (where the policy has one) and ``urn``. ``duration`` is in nanoseconds.
        """
        document: dict[str, Any] = {
            "config": self.configuration.shown(),
            "steps": [step.to_json() for step in self.steps if show_sames or step.shown],
            "diagnostics": [entry.to_json() for entry in self.diagnostics],
            "duration": int(self.seconds * 1e9),
            "changeSummary": self.summary,
        }
        if self.findings:
            document["policyDiagnostics"] = [finding.to_json() for finding in self.findings]
        return document


class PreviewFailed(EngineError):
    """The program failed, or its plan cannot be carried out; ``preview`` is how far it came."""

    def __init__(self, message: str, preview: Preview) -> None:
        super().__init__(message)
        self.preview = preview


async def preview(  # noqa: PLR0913  (each is a choice of its own)
    project: Path,
    stack: str,
    *,
    state: Path | None = None,
    provider: Provider | None = None,
    config: Mapping[str, Any] | None = None,
    secrets: Mapping[str, str] | None = None,
    environment: Mapping[str, str] | None = None,
    policy_packs: Sequence[Path] = (),
    protect_key: bytes | None = None,
) -> Preview:
    """Run the program of a project and return what its deployment would do.

    Args:
        project: the directory of ``Pulumi.yaml``.
        stack: name of the stack.
        state: a checkpoint of ``engine.deploy``; without one everything is new.
        provider: says what differs and answers reads; without one, differing inputs are an update.
        config: configuration that wins over the files (see ``load_configuration``).
        secrets: secret configuration.
        environment: additional environment variables of the program.
        policy_packs: directories of policy packs to run over the plan.
        protect_key: the key for the secrets of the checkpoint, when it is not beside it.

    Raises:
        PreviewFailed: the program failed, or the plan would touch a protected resource.
        EngineError: the project, the stack or the checkpoint cannot be read.
    """
    began = time.monotonic()
    description = load_project(project)
    configuration = load_configuration(description, stack, config, secrets)
    olds: list[ResourceState] = []
    if state is not None:
        olds = Checkpoint(state, description.name, stack, protect_key).load()
    plan = _Plan(olds, provider)
    diagnostics = Diagnostics(configuration.secret_texts())

    def result(findings: Sequence[Finding] = ()) -> Preview:
        return plan.preview(configuration, diagnostics, tuple(findings), time.monotonic() - began)

    async with analyse(policy_packs, description, stack, configuration) as packs:
        try:
            await run_program(
                description,
                stack,
                configuration,
                plan,
                diagnostics,
                dry_run=True,
                environment=environment,
            )
            plan.finish()
        except EngineError as error:
            if str(error) not in diagnostics.errors():
                diagnostics.add("error", str(error))
            raise PreviewFailed(str(error), result()) from None
        findings = await packs.findings(result().resources, plan.goals)
    return result(findings)


class _Plan:
    """The deployment behind a preview: it decides, and does nothing."""

    def __init__(self, olds: Sequence[ResourceState], provider: Provider | None) -> None:
        self._olds = Olds(old for old in olds if not old.delete)
        self._provider = provider
        self._steps: dict[str, Step] = {}
        self._deletions = [old for old in olds if old.delete]
        self._outputs: dict[str, dict[str, Any]] = {}
        self.goals: dict[str, Goal] = {}

    async def register(self, goal: Goal) -> Settled:
        old = self._olds.take(goal)
        goal = with_ignored_changes(goal, old)
        decision = await decide(goal, old, self._differ)
        known = old if old and decision.op in ("same", "update") else None
        id_ = known.id if known else goal.import_id
        outputs = {**(known.outputs if known else {}), **goal.inputs}
        if known and decision.op == "same":
            outputs = known.outputs
        new = planned(goal, outputs)
        if old and decision.op in ("create", "import"):
            old = None
        if old:
            new = replace(new, created=old.created, modified=old.modified)
            old = replace(old, delete=decision.op == "replace")
        self._record(goal, Step(decision.op, goal.urn, old, new, decision))
        return Settled(id_, outputs)

    async def read(self, goal: Goal, id_: str | Unknown) -> Settled:
        outputs = goal.inputs
        self._olds.take(goal)
        if self._provider and isinstance(id_, str):
            found = await self._provider.read(goal.type, id_, plain(goal.inputs))
            outputs = {**goal.inputs, **found.outputs}
        shown_id = id_ if isinstance(id_, str) else UNKNOWN_SENTINEL
        new = replace(planned(goal, outputs, id_=shown_id), external=True)
        self._record(goal, Step("read", goal.urn, None, new, Decision("read")))
        return Settled(id_ if isinstance(id_, str) else "", outputs)

    async def register_outputs(self, urn: str, outputs: dict[str, Any]) -> None:
        self._outputs[urn] = outputs

    async def call(self, token: str, args: dict[str, Any]) -> dict[str, Any] | None:
        if self._provider is None:
            return None
        return await called(self._provider, token, args)

    def finish(self) -> None:
        """Plan the deletion of what the program no longer registers.

        Raises:
            EngineError: a resource that would be deleted is protected.
        """
        leaving = [old for old in self._olds.unwanted() if not old.pending_replacement]
        protected = sorted(old.urn for old in leaving if old.protect)
        if protected:
            raise EngineError(
                f"{', '.join(protected)} would be deleted, but is protected; unprotect it first"
            )
        self._deletions += [old for old in leaving if not old.external]

    def preview(
        self,
        configuration: Configuration,
        diagnostics: Diagnostics,
        findings: tuple[Finding, ...],
        seconds: float,
    ) -> Preview:
        """Return what has been planned so far."""
        news = [step.new for step in self._steps.values() if step.new]
        ordered = in_order(
            replace(new, outputs=self._outputs.get(new.urn, new.outputs)) for new in news
        )
        deletions = [
            Step("delete", old.urn, old, None, Decision("delete"))
            for old in reversed(in_order(self._deletions))
        ]
        root = next((new.urn for new in ordered if _is_stack(new.urn)), "")
        return Preview(
            configuration=configuration,
            steps=(*(self._steps[state.urn] for state in ordered), *deletions),
            resources=tuple(ordered),
            outputs=masked(self._outputs.get(root, {})),
            diagnostics=tuple(diagnostics),
            findings=findings,
            seconds=seconds,
        )

    def _record(self, goal: Goal, step: Step) -> None:
        self.goals[goal.urn] = goal
        self._steps[goal.urn] = step

    async def _differ(self, goal: Goal, old: ResourceState) -> Difference:
        old_inputs, new_inputs = plain(old.inputs), plain(goal.inputs)
        ours = not goal.custom or urns.is_provider(goal.type) or urns.is_dynamic(goal.type)
        if self._provider is None or ours:
            return compare_inputs(old_inputs, new_inputs)
        return self._provider.difference(goal.type, old_inputs, new_inputs)


def _is_stack(urn: str) -> bool:
    return urns.qualified_type(urn) == urns.STACK_TYPE

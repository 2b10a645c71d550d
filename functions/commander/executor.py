"""Drives a held ticket to its end: plan, steps side by side, one row for each outcome.

Threads do the work; this one task alone appends. Before a step starts, every row that others wrote
until the last append has been read, since an insert collides with what it has not seen.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

from functions.commander.chat import ChatError
from functions.commander.planner import CannotPlan, Planned
from functions.commander.progress import Ended, Progress, hash_of
from functions.commander.steps import StepError
from functions.commander.workers import Done, TookTooLong, Workers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from functions.commander.journal import Journal
    from functions.commander.plan import Step
    from functions.commander.progress import Output

PLANNING = "(plan)"
PLANNING_SECONDS = 600.0
SIDE_BY_SIDE = 4
FIRST_PAUSE = 0.25
LONGEST_PAUSE = 5.0


class Runner(Protocol):
    """Runs steps."""

    def arguments(self, step: Step, outputs: Mapping[str, Output]) -> dict[str, Any]:
        """The arguments of a step with every reference replaced."""

    def run(self, step: Step, outputs: Mapping[str, Output]) -> Output:
        """One attempt."""

    def value(self, output: Output) -> Any:
        """The value of an output."""


Status = Literal["succeeded", "failed", "cancelled", "awaiting_approval", "handed_over"]


@dataclass
class Executor:
    """Drives one ticket.

    Attributes:
        journal: its log, which this one holds.
        plan: makes the plan, if the log has none.
        runner: runs the steps.
        deadline: on the monotonic clock; a step whose time-out would end later does not start.
        side_by_side: how many steps run at once.
    """

    journal: Journal
    plan: Callable[[], Planned]
    runner: Runner
    deadline: float = float("inf")
    side_by_side: int = SIDE_BY_SIDE
    _workers: Workers = field(default_factory=Workers)
    _not_before: dict[str, float] = field(default_factory=dict)
    _no_plan: str = ""
    progress: Progress = field(init=False, default_factory=Progress)

    def __post_init__(self) -> None:
        self.progress.fold(self.journal.events)

    def drive(self) -> Status:
        """Work until the ticket has ended, or somebody else has to do something.

        Raises:
            functions.common.tickets.holding.Stale: the hold is lost; nothing more was written.
        """
        while True:
            ended = None if self._workers.names else self._ending()
            if ended is not None:
                return ended
            self._start()
            done = self._workers.wait(self._patience())
            if done is None:
                self._renew()
            elif done.name == PLANNING:
                self._planned(done)
            else:
                self._outcome(done)

    def _ending(self) -> Status | None:
        """What to end with while nothing runs; `None`: there is more to do."""
        verdict = self.progress.verdict
        if verdict is None and self._no_plan:
            verdict = ("failed", f"no plan: {self._no_plan}")
        if verdict is not None:
            return self._finish(*verdict)
        ready = self._steps(self.progress.ready)
        may_run = [step for step in ready if self._may_run(step)]
        if ready and not may_run:
            asked = self._append("awaiting_approval", self._approval(ready[0]))
            return "awaiting_approval" if asked else None
        if not self._fits(min((step.timeout_s for step in may_run), default=0.0)):
            return "handed_over" if self._append("handed_over", {}) else None
        return None

    def _approval(self, step: Step) -> dict[str, Any]:
        arguments = self.runner.arguments(step, self.progress.outputs)
        return {
            "step": step.id,
            "tool": step.tool,
            "arguments": arguments,
            "arguments_hash": hash_of(arguments),
        }

    def _start(self) -> None:
        """Start what may start: the plan if there is none, otherwise steps, up to the cap."""
        progress, running = self.progress, self._workers.names
        if progress.verdict is not None or self._no_plan:
            return
        if progress.plan is None:
            if not running:
                left = self.deadline - time.monotonic()
                self._workers.start(PLANNING, self.plan, min(PLANNING_SECONDS, left))
            return
        now = time.monotonic()
        for step in self._steps(progress.ready):
            if len(self._workers.names) >= self.side_by_side:
                return
            may_start = now >= self._not_before.get(step.id, 0.0) and self._fits(step.timeout_s)
            if step.id not in running and may_start and self._may_run(step):
                self._workers.start(step.id, self._attempt(step), step.timeout_s)

    def _attempt(self, step: Step) -> Callable[[], Output]:
        outputs = dict(self.progress.outputs)
        return lambda: self.runner.run(step, outputs)

    def _fits(self, seconds: float) -> bool:
        return time.monotonic() + seconds <= self.deadline

    def _may_run(self, step: Step) -> bool:
        if not step.approval:
            return True
        try:
            arguments = self.runner.arguments(step, self.progress.outputs)
        except StepError:
            return True  # the attempt will say what is wrong with them
        return self.progress.approved.get(step.id) == hash_of(arguments)

    def _patience(self) -> float:
        """Seconds until there is something to do besides waiting for an outcome."""
        now = time.monotonic()
        pauses = [self._not_before.get(step, 0.0) - now for step in self.progress.ready]
        pauses = [left for left in pauses if left > 0]
        if not pauses and not self._workers.names:
            return 0.0  # others wrote something before a decision: decide again
        return max(0.0, min([self.journal.due_in, *pauses]))

    def _renew(self) -> None:
        if self.journal.due_in <= 0:
            self.progress.fold(self.journal.renew())

    def _planned(self, done: Done) -> None:
        if isinstance(done.error, CannotPlan | ChatError | TookTooLong):
            self._no_plan = str(done.error)
            return
        if done.error is not None:
            raise done.error
        planned: Planned = done.value
        row = {"planner": planned.planner, "plan": planned.plan.document(), "ms": done.ms}
        self._record("planned", row)

    def _outcome(self, done: Done) -> None:
        (step,) = self._steps([done.name])
        attempt = self.progress.failures.get(step.id, 0) + 1
        row: dict[str, Any] = {
            "step": step.id,
            "attempt": attempt,
            "tool": step.tool,
            "started_at": done.started_at,
            "ms": done.ms,
        }
        if done.error is None:
            output: Output = done.value
            row |= {"output": output.value} if output.key is None else {"output_ref": output.key}
            self._record("step_succeeded", row)
            return
        final = attempt >= step.attempts or getattr(done.error, "final", False)
        if not isinstance(done.error, StepError | TookTooLong):
            raise done.error
        pause = min(FIRST_PAUSE * 2 ** (attempt - 1), LONGEST_PAUSE)
        self._not_before[step.id] = time.monotonic() + pause * random.uniform(0.5, 1.0)  # noqa: S311
        self._record("step_failed", row | {"error": str(done.error), "final": final})

    def _finish(self, status: Ended, error: str = "") -> Status | None:
        row: dict[str, Any] = {"status": status, "artifacts": self._artifacts()}
        if error:
            row["error"] = error
        if status == "succeeded" and self.progress.plan is not None:
            answer = self.progress.outputs[self.progress.plan.answer_step]
            row |= {"output": answer.value} if answer.key is None else {"output_ref": answer.key}
        return status if self._append("finished", row) else None

    def _artifacts(self) -> list[dict[str, Any]]:
        found = []
        for output in self.progress.outputs.values():
            value = self.runner.value(output)
            if isinstance(value, dict) and isinstance(value.get("artifact"), dict):
                found.append(value["artifact"])
        return found

    def _record(self, kind: str, data: dict[str, Any]) -> None:
        """Append what happened, whatever others wrote in the meantime."""
        self.progress.fold(self.journal.record(kind, data))

    def _append(self, kind: str, data: dict[str, Any]) -> bool:
        """Append what was decided, unless others wrote something: then decide again."""
        rows = self.journal.append(kind, data)
        self.progress.fold(rows)
        return bool(rows) and rows[-1].kind == kind

    def _steps(self, ids: Iterable[str]) -> list[Step]:
        wanted = set(ids)
        plan = self.progress.plan
        return [] if plan is None else [step for step in plan.steps if step.id in wanted]

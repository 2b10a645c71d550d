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
from functions.commander.progress import Progress, Row, hash_of
from functions.commander.steps import StepError
from functions.commander.workers import Done, TookTooLong, Workers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from functions.commander.plan import Step
    from functions.commander.progress import Output

PLANNING = "(plan)"
PLANNING_SECONDS = 600.0
SIDE_BY_SIDE = 4
FIRST_PAUSE = 0.25
LONGEST_PAUSE = 5.0


class Hold(Protocol):
    """The hold on a ticket. Every call raises the log's own error once the hold is lost."""

    def append(self, kind: str, data: Mapping[str, Any]) -> Iterable[Row]:
        """Append a row; gives all rows since the last call: those of others, and this one."""

    def beat(self) -> Iterable[Row]:
        """Show that the holder lives; gives the rows that others wrote."""


class Runner(Protocol):
    """Runs steps."""

    def arguments(self, step: Step, outputs: Mapping[str, Output]) -> dict[str, Any]:
        """The arguments of a step with every reference replaced."""

    def run(self, step: Step, outputs: Mapping[str, Output]) -> Output:
        """One attempt."""

    def value(self, output: Output) -> Any:
        """The value of an output."""


Ended = Literal["succeeded", "failed", "cancelled"]
Status = Literal["succeeded", "failed", "cancelled", "awaiting_approval", "handed_over"]


@dataclass
class Executor:
    """Drives one ticket.

    Attributes:
        hold: the hold on it.
        progress: the fold of its log so far.
        plan: makes the plan, if the log has none.
        runner: runs the steps.
        beat_seconds: how long without a row until the hold is renewed.
        deadline: on the monotonic clock, when no further step may start.
        side_by_side: how many steps run at once.
    """

    hold: Hold
    progress: Progress
    plan: Callable[[], Planned]
    runner: Runner
    beat_seconds: float
    deadline: float = float("inf")
    side_by_side: int = SIDE_BY_SIDE
    _workers: Workers = field(default_factory=Workers)
    _not_before: dict[str, float] = field(default_factory=dict)
    _renewed: float = field(default_factory=time.monotonic)

    def drive(self) -> Status:
        """Work until the ticket has ended, or somebody else has to do something.

        Raises:
            The log's own error, if the hold is lost: stop without writing anything.
        """
        if self.progress.given_up:
            tries = self.progress.takes - 1
            return self._finish("failed", f"given up: {tries} commanders in a row got nowhere")
        while True:
            ended = None if self._workers.names else self._ending()
            if ended is not None:
                return ended
            self._start()
            done = self._workers.wait(self._patience())
            if done is not None:
                ended = self._planned(done) if done.name == PLANNING else self._outcome(done)
                if ended is not None:
                    return ended
            elif time.monotonic() >= self._renewed + self.beat_seconds:
                self.progress.fold(self.hold.beat())
                self._renewed = time.monotonic()

    def _ending(self) -> Status | None:
        """What to end with while nothing runs; `None`: there is more to do."""
        progress = self.progress
        if progress.cancelled:
            return self._finish("cancelled", "cancelled by request")
        if progress.failed:
            step, error = next(iter(progress.failed.items()))
            return self._finish("failed", f"step '{step}': {error}")
        if progress.denied:
            return self._finish("cancelled", f"step '{min(progress.denied)}' was not approved")
        if progress.done:
            return self._finish("succeeded")
        if time.monotonic() >= self.deadline:
            self._append("handed_over", {})
            return "handed_over"
        ready = self._steps(progress.ready)
        if ready and not any(self._may_run(step) for step in ready):
            self._append("awaiting_approval", self._approval(ready[0]))
            return "awaiting_approval"
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
        if progress.cancelled or progress.failed or progress.denied:
            return
        if progress.plan is None:
            if not running:
                self._workers.start(PLANNING, self.plan, PLANNING_SECONDS)
            return
        now = time.monotonic()
        for step in self._steps(progress.ready):
            if len(self._workers.names) >= self.side_by_side or now >= self.deadline:
                return
            early = now < self._not_before.get(step.id, 0.0)
            if step.id not in running and not early and self._may_run(step):
                self._workers.start(step.id, self._attempt(step), step.timeout_s)

    def _attempt(self, step: Step) -> Callable[[], Output]:
        outputs = dict(self.progress.outputs)
        return lambda: self.runner.run(step, outputs)

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
        pauses = [self._not_before.get(step, 0.0) for step in self.progress.ready]
        beat = self._renewed + self.beat_seconds
        return max(0.0, min([beat, *(at for at in pauses if at > now)]) - now)

    def _planned(self, done: Done) -> Status | None:
        if isinstance(done.error, CannotPlan | ChatError | TookTooLong):
            return self._finish("failed", f"no plan: {done.error}")
        if done.error is not None:
            raise done.error
        planned: Planned = done.value
        self._append(
            "planned",
            {"planner": planned.planner, "plan": planned.plan.document(), "ms": done.ms},
        )
        return None

    def _outcome(self, done: Done) -> Status | None:
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
            self._append("step_succeeded", row)
            return None
        final = attempt >= step.attempts or getattr(done.error, "final", False)
        if not isinstance(done.error, StepError | TookTooLong):
            raise done.error
        pause = min(FIRST_PAUSE * 2 ** (attempt - 1), LONGEST_PAUSE)
        self._not_before[step.id] = time.monotonic() + pause * random.uniform(0.5, 1.0)  # noqa: S311
        self._append("step_failed", row | {"error": str(done.error), "final": final})
        return None

    def _finish(
        self, status: Literal["succeeded", "failed", "cancelled"], error: str = ""
    ) -> Status:
        row: dict[str, Any] = {"status": status, "artifacts": self._artifacts()}
        if error:
            row["error"] = error
        if status == "succeeded" and self.progress.plan is not None:
            answer = self.progress.outputs[self.progress.plan.answer_step]
            row |= {"output": answer.value} if answer.key is None else {"output_ref": answer.key}
        self._append("finished", row)
        return status

    def _artifacts(self) -> list[dict[str, Any]]:
        found = []
        for output in self.progress.outputs.values():
            value = self.runner.value(output)
            if isinstance(value, dict) and isinstance(value.get("artifact"), dict):
                found.append(value["artifact"])
        return found

    def _append(self, kind: str, data: dict[str, Any]) -> None:
        self.progress.fold(self.hold.append(kind, data))
        self._renewed = time.monotonic()

    def _steps(self, ids: Iterable[str]) -> list[Step]:
        wanted = set(ids)
        plan = self.progress.plan
        return [] if plan is None else [step for step in plan.steps if step.id in wanted]

"""Steps run in order and side by side, one row each; what others write is honoured."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from functions.commander import references
from functions.commander.executor import Executor
from functions.commander.plan import Plan
from functions.commander.planner import CannotPlan, Planned
from functions.commander.progress import Output, hash_of
from functions.commander.steps import StepError
from functions.common.tickets.holding import Stale
from tests.functions.commander.helpers import ScriptedJournal


@dataclass
class ScriptedRunner:
    """Runs steps as functions of this test; records how often, and how many at once."""

    work: dict[str, Callable[[], Any]] = field(default_factory=dict)
    ran: list[str] = field(default_factory=list)
    most: int = 0
    _now: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def arguments(self, step: Any, outputs: Mapping[str, Output]) -> dict[str, Any]:
        values = {name: self.value(output) for name, output in outputs.items()}
        resolved: dict[str, Any] = references.resolve(step.arguments, values)
        return resolved

    def run(self, step: Any, outputs: Mapping[str, Output]) -> Output:
        with self._lock:
            self.ran.append(step.id)
            self._now += 1
            self.most = max(self.most, self._now)
        try:
            return Output(self.work.get(step.id, lambda: {"of": step.id})())
        finally:
            with self._lock:
                self._now -= 1

    def value(self, output: Output) -> Any:
        return output.value


def plan_of(*steps: dict[str, Any]) -> Plan:
    return Plan.model_validate({"steps": [{"tool": "any", **step} for step in steps]})


DIAMOND = plan_of(
    {"id": "load"},
    {"id": "left", "needs": ["load"]},
    {"id": "right", "needs": ["load"]},
    {"id": "report", "arguments": {"a": {"$step": "left"}, "b": {"$step": "right", "path": "of"}}},
)


def executor_for(
    hold: ScriptedJournal, runner: ScriptedRunner, plan: Plan | Exception = DIAMOND, **more: Any
) -> Executor:
    def make() -> Planned:
        if isinstance(plan, Exception):
            raise plan
        return Planned(plan, {"kind": "test"})

    hold.seen = len(hold.events)
    return Executor(hold, make, runner, **more)  # type: ignore[arg-type]


def begun() -> ScriptedJournal:
    hold = ScriptedJournal()
    hold.others("queued", {"input": "?"})
    hold.others("taken", {"lease_ms": 1000})
    return hold


def test_a_ticket_runs_to_its_answer_with_one_row_for_each_outcome() -> None:
    hold, runner = begun(), ScriptedRunner()
    assert executor_for(hold, runner).drive() == "succeeded"
    kinds = hold.kinds()
    assert kinds == ["queued", "taken", "planned", *["step_succeeded"] * 4, "finished"]
    assert hold.of("planned")[0]["planner"] == {"kind": "test"}
    steps = [row["step"] for row in hold.of("step_succeeded")]
    assert (steps[0], set(steps[1:3]), steps[3]) == ("load", {"left", "right"}, "report")
    assert hold.of("finished") == [
        {"status": "succeeded", "artifacts": [], "output": {"of": "report"}}
    ]
    row = hold.of("step_succeeded")[0]
    assert set(row) == {"step", "attempt", "tool", "started_at", "ms", "output"}


def test_independent_steps_run_side_by_side_up_to_the_cap() -> None:
    meet = threading.Barrier(2, timeout=10)
    hold, runner = begun(), ScriptedRunner({"left": meet.wait, "right": meet.wait})
    assert executor_for(hold, runner).drive() == "succeeded"
    wide = plan_of(*({"id": f"s{place}"} for place in range(6)))
    runner = ScriptedRunner({f"s{place}": lambda: time.sleep(0.01) for place in range(6)})
    assert executor_for(begun(), runner, wide, side_by_side=2).drive() == "succeeded"
    assert runner.most <= 2


def test_finished_steps_never_run_again() -> None:
    first = begun()
    assert executor_for(first, ScriptedRunner()).drive() == "succeeded"
    for length in range(2, len(first.events)):
        hold = ScriptedJournal(list(first.events[:length]))
        hold.others("taken", {})
        recorded = {row["step"] for row in hold.of("step_succeeded")}
        runner = ScriptedRunner()
        assert executor_for(hold, runner).drive() == "succeeded"
        assert sorted(runner.ran) == sorted({"load", "left", "right", "report"} - recorded)
        assert hold.of("finished") == first.of("finished")
        assert len(hold.of("planned")) == 1


def test_a_failed_step_is_tried_again_and_then_fails_the_ticket() -> None:
    tries = iter([StepError("busy", final=False), StepError("busy", final=False)])

    def flaky() -> str:
        error = next(tries, None)
        if error is not None:
            raise error
        return "ok"

    hold = begun()
    assert executor_for(hold, ScriptedRunner({"load": flaky})).drive() == "succeeded"
    assert [(row["attempt"], row["final"]) for row in hold.of("step_failed")] == [
        (1, False),
        (2, False),
    ]
    assert hold.of("step_succeeded")[0]["attempt"] == 3

    def broken() -> None:
        raise StepError("no such thing", final=False)

    hold, runner = begun(), ScriptedRunner({"right": broken})
    assert executor_for(hold, runner).drive() == "failed"
    assert runner.ran.count("right") == 3
    assert "report" not in runner.ran
    assert hold.of("finished")[0]["error"] == "step 'right': no such thing"
    assert "output" not in hold.of("finished")[0]


def test_what_cannot_be_mended_is_not_tried_again_and_siblings_are_recorded() -> None:
    go = threading.Event()

    def wrong() -> None:
        raise StepError("argument 'by', value 'x': …", final=True)

    def slow() -> str:
        assert go.wait(10)
        return "done"

    hold, runner = begun(), ScriptedRunner({"left": wrong, "right": slow})
    record = hold.record

    def then(kind: str, data: Mapping[str, Any]) -> Any:
        if kind == "step_failed":
            go.set()
        return record(kind, data)

    hold.record = then  # type: ignore[method-assign]
    assert executor_for(hold, runner).drive() == "failed"
    assert runner.ran.count("left") == 1
    assert [row["step"] for row in hold.of("step_succeeded")] == ["load", "right"]


def test_a_step_that_takes_too_long_fails() -> None:
    plan = plan_of({"id": "slow", "timeout_s": 0.05, "attempts": 1})
    stuck = threading.Event()
    hold = begun()
    assert (
        executor_for(hold, ScriptedRunner({"slow": lambda: stuck.wait(20)}), plan).drive()
        == "failed"
    )
    stuck.set()
    assert hold.of("step_failed")[0]["error"] == "took longer than 0.05 s"


@pytest.mark.parametrize(("error", "said"), [(CannotPlan("no playbook"), "no plan: no playbook")])
def test_no_plan_fails_the_ticket(error: Exception, said: str) -> None:
    hold = begun()
    assert executor_for(hold, ScriptedRunner(), error).drive() == "failed"
    assert hold.of("finished") == [{"status": "failed", "artifacts": [], "error": said}]


def test_what_nobody_expected_is_left_to_a_retry() -> None:
    hold = begun()
    with pytest.raises(ZeroDivisionError):
        executor_for(hold, ScriptedRunner(), ZeroDivisionError()).drive()
    assert "finished" not in hold.kinds()


def test_cancel_takes_effect_before_the_next_step() -> None:
    hold = begun()
    runner = ScriptedRunner({"load": lambda: hold.others("cancel_requested")})
    assert executor_for(hold, runner).drive() == "cancelled"
    assert runner.ran == ["load"]
    assert hold.kinds()[-2:] == ["step_succeeded", "finished"]
    assert hold.of("finished")[0]["status"] == "cancelled"


def test_a_silent_holder_beats_and_sees_a_cancel_in_between() -> None:
    hold = begun()
    renew = hold.renew
    release = threading.Event()

    def beat_and_cancel() -> Any:
        if hold.renewed == 2:
            hold.others("cancel_requested")
            release.set()
        return renew()

    hold.renew = beat_and_cancel  # type: ignore[method-assign]
    runner = ScriptedRunner({"load": lambda: release.wait(10)})
    hold.beat_seconds = 0.02
    assert executor_for(hold, runner).drive() == "cancelled"
    assert hold.renewed >= 3


def test_a_holder_that_lost_writes_nothing_more() -> None:
    hold = begun()

    def lose() -> None:
        hold.lost = True

    with pytest.raises(Stale):
        executor_for(hold, ScriptedRunner({"load": lose})).drive()
    assert hold.kinds() == ["queued", "taken", "planned"]


def test_a_step_waits_for_approval_of_just_these_arguments() -> None:
    plan = plan_of(
        {"id": "load"},
        {"id": "send", "approval": True, "arguments": {"text": {"$step": "load", "path": "of"}}},
    )
    hold, runner = begun(), ScriptedRunner()
    assert executor_for(hold, runner, plan).drive() == "awaiting_approval"
    (asked,) = hold.of("awaiting_approval")
    assert asked["step"] == "send"
    assert asked["arguments"] == {"text": "load"}
    assert runner.ran == ["load"]
    again = ScriptedJournal(list(hold.events))
    again.others("approved", {"step": "send", "arguments_hash": hash_of({"text": "other"})})
    again.others("taken")
    assert executor_for(again, runner, plan).drive() == "awaiting_approval"
    denied = ScriptedJournal(list(hold.events))
    denied.others("denied", {"step": "send", "arguments_hash": asked["arguments_hash"]})
    denied.others("taken")
    assert executor_for(denied, runner, plan).drive() == "cancelled"
    assert denied.of("finished")[0]["error"] == "step 'send' was not approved"
    hold.others("approved", {"step": "send", "arguments_hash": asked["arguments_hash"]})
    hold.others("taken")
    assert executor_for(hold, runner, plan).drive() == "succeeded"
    assert runner.ran == ["load", "send"]


def test_five_takes_without_progress_are_enough() -> None:
    hold = begun()
    for _ in range(4):
        hold.others("taken")
    runner = ScriptedRunner()
    assert executor_for(hold, runner).drive() == "succeeded"
    hold = begun()
    for _ in range(5):
        hold.others("taken")
    assert executor_for(hold, runner).drive() == "failed"
    assert hold.of("finished")[0]["error"] == "given up: 5 commanders in a row got nowhere"


def test_progress_in_between_starts_the_count_anew() -> None:
    hold = begun()
    for _ in range(4):
        hold.others("taken")
    hold.others("planned", {"plan": DIAMOND.document()})
    for _ in range(4):
        hold.others("taken")
    assert executor_for(hold, ScriptedRunner()).drive() == "succeeded"


def test_before_the_deadline_the_ticket_is_handed_over() -> None:
    hold, runner = begun(), ScriptedRunner()
    assert executor_for(hold, runner, deadline=time.monotonic()).drive() == "handed_over"
    assert runner.ran == []
    assert hold.kinds()[-1] == "handed_over"


def test_a_step_whose_time_out_would_come_too_late_does_not_start() -> None:
    plan = plan_of({"id": "quick", "timeout_s": 1}, {"id": "long", "timeout_s": 60})
    hold, runner = begun(), ScriptedRunner()
    assert executor_for(hold, runner, plan, deadline=time.monotonic() + 30).drive() == "handed_over"
    assert runner.ran == ["quick"]


def test_a_cancel_just_before_the_end_still_counts() -> None:
    hold, runner = begun(), ScriptedRunner()
    append = hold.append

    def cancel_first(kind: str, data: Mapping[str, Any]) -> Any:
        if kind == "finished" and "cancel_requested" not in hold.kinds():
            hold.others("cancel_requested")
        return append(kind, data)

    hold.append = cancel_first  # type: ignore[method-assign]
    began = time.monotonic()
    assert executor_for(hold, runner).drive() == "cancelled"
    assert time.monotonic() - began < 4
    assert hold.of("finished")[0]["status"] == "cancelled"


def test_files_of_steps_are_named_in_the_end() -> None:
    artifact = {"name": "a.png", "key": "k", "bytes": 1, "content_type": "image/png"}
    hold = begun()
    runner = ScriptedRunner({"left": lambda: {"title": "x", "artifact": artifact}})
    executor_for(hold, runner).drive()
    assert hold.of("finished")[0]["artifacts"] == [artifact]

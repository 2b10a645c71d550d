"""How far a ticket is: a fold over its log. Whoever reads the same rows decides the same."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from functions.commander.plan import Plan

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from functions.common.tickets.events import Event

MAX_TAKES = 5
Ended = Literal["succeeded", "failed", "cancelled"]


@dataclass(frozen=True)
class Output:
    """What a finished step gave: the value itself, or the key of the object that holds it."""

    value: Any = None
    key: str | None = None


@dataclass
class Progress:
    """What the log says so far.

    Attributes:
        plan: the plan, once there is one.
        outputs: outputs of the steps that succeeded.
        failures: how often each step failed.
        failed: the error of each step that will not be tried again.
        cancelled: whether somebody asked to stop.
        approved: the hash of the arguments that were approved, by step.
        denied: the steps that were denied.
        takes: `taken` rows since the last row that shows progress.
        finished: whether a terminal row is there.
    """

    plan: Plan | None = None
    outputs: dict[str, Output] = field(default_factory=dict)
    failures: dict[str, int] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    cancelled: bool = False
    approved: dict[str, str] = field(default_factory=dict)
    denied: set[str] = field(default_factory=set)
    takes: int = 0
    finished: bool = False

    def fold(self, rows: Iterable[Event]) -> None:
        """Take the next rows of the log."""
        for row in rows:
            self._fold(row.kind, row.data)

    @property
    def ready(self) -> list[str]:
        """Steps that may start: not done, not failed for good, and everything that they need is."""
        if self.plan is None:
            return []
        return [
            step.id
            for step in self.plan.steps
            if step.id not in self.outputs
            and step.id not in self.failed
            and step.dependencies <= self.outputs.keys()
        ]

    @property
    def verdict(self) -> tuple[Ended, str] | None:
        """How the ticket ends, and why if not well; `None`: there is more to do."""
        if self.cancelled:
            return "cancelled", "cancelled by request"
        if self.takes > MAX_TAKES:
            return "failed", f"given up: {self.takes - 1} commanders in a row got nowhere"
        if self.failed:
            step, error = next(iter(self.failed.items()))
            return "failed", f"step '{step}': {error}"
        if self.denied:
            return "cancelled", f"step '{min(self.denied)}' was not approved"
        if self.plan is not None and all(step.id in self.outputs for step in self.plan.steps):
            return "succeeded", ""
        return None

    def _fold(self, kind: str, data: Mapping[str, Any]) -> None:
        # To ask for the end, or to hand over with nothing done, is no progress; other rows are.
        if kind not in {"cancel_requested", "handed_over"}:
            self.takes = self.takes + 1 if kind == "taken" else 0
        if kind == "planned":
            self.plan = Plan.model_validate(data["plan"])
        elif kind == "cancel_requested":
            self.cancelled = True
        elif kind in {"finished", "rejected"}:
            self.finished = True
        elif "step" in data:
            self._fold_step(kind, str(data["step"]), data)

    def _fold_step(self, kind: str, step: str, data: Mapping[str, Any]) -> None:
        if kind == "step_succeeded":
            self.outputs[step] = Output(data.get("output"), data.get("output_ref"))
        elif kind == "step_failed":
            self.failures[step] = self.failures.get(step, 0) + 1
            if data.get("final"):
                self.failed[step] = str(data.get("error", ""))
        elif kind == "approved":
            self.approved[step] = str(data.get("arguments_hash", ""))
        elif kind == "denied":
            self.denied.add(step)


def hash_of(arguments: Any) -> str:
    """The SHA-256 of arguments as canonical JSON: what an approval is bound to."""
    canonical = json.dumps(arguments, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()

"""How a ticket stands: a fold over its log, which stored projection and `GET` both come from."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from functions.common.tickets import events as kinds

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from functions.common.tickets.events import Event

QUEUED, RUNNING, AWAITING = "queued", "running", "awaiting_approval"
SUCCEEDED, FAILED, CANCELLED, REJECTED = "succeeded", "failed", "cancelled", "rejected"
SETTLED = frozenset({SUCCEEDED, FAILED, CANCELLED, REJECTED})


@dataclass(frozen=True)
class StepView:
    """One step.

    Attributes:
        id: its name in the plan.
        tool: what it calls.
        status: `waiting`, `awaiting_approval`, `denied`, `succeeded` or `failed`.
        attempts: outcomes so far.
    """

    id: str
    tool: str = ""
    status: str = "waiting"
    attempts: int = 0


@dataclass(frozen=True)
class TicketView:
    """A ticket as of one `seq`.

    Attributes:
        status: one of the words above.
        as_of_seq: the last event that is in it.
        steps: by name, in the plan's order.
        awaiting: what the rows said that steps wait with, by step.
        output: JSON value, when it was small enough.
        output_ref: key of the object that holds it otherwise.
        error: why it did not succeed.
        artifacts: `{name, key, bytes, content_type}` each.
        cancel_requested: whether somebody asked to stop.
        updated_at: informational time of the last event.
    """

    status: str = QUEUED
    as_of_seq: int = 0
    steps: Mapping[str, StepView] = field(default_factory=dict)
    awaiting: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    output: Any = None
    output_ref: str = ""
    error: str = ""
    artifacts: tuple[Mapping[str, Any], ...] = ()
    cancel_requested: bool = False
    updated_at: str = ""

    @property
    def settled(self) -> bool:
        """Whether nothing will change any more."""
        return self.status in SETTLED

    def fold(self, events: Iterable[Event]) -> TicketView:
        """The view after further events; those that it knows already change nothing."""
        view = self
        for event in events:
            if event.seq > view.as_of_seq:
                view = replace(_after(view, event), as_of_seq=event.seq, updated_at=event.at)
        return view


def _after(view: TicketView, event: Event) -> TicketView:
    data = event.data
    match event.kind:
        case kinds.PLANNED:
            return _planned(view, data)
        case kinds.STEP_SUCCEEDED | kinds.STEP_FAILED:
            return _stepped(view, event.kind, data)
        case kinds.AWAITING_APPROVAL:
            return _awaiting(view, data)
        case kinds.APPROVED | kinds.DENIED:
            return _answered(view, event.kind, data)
        case kinds.FINISHED:
            return _finished(view, data)
        case _:
            changes: dict[str, dict[str, Any]] = {
                kinds.CANCEL_REQUESTED: {"cancel_requested": True},
                kinds.REJECTED: {"status": REJECTED, "error": str(data.get("reason", ""))},
                kinds.TAKEN: {"status": RUNNING},
                kinds.HANDED_OVER: {"status": RUNNING},
            }
            return replace(view, **changes.get(event.kind, {}))


def _awaiting(view: TicketView, data: Mapping[str, Any]) -> TicketView:
    step = str(data.get("step", ""))
    view = _with_step(view, step, status=AWAITING)
    return replace(view, status=AWAITING, awaiting={**view.awaiting, step: dict(data)})


def _answered(view: TicketView, kind: str, data: Mapping[str, Any]) -> TicketView:
    step = str(data.get("step", ""))
    left = {name: value for name, value in view.awaiting.items() if name != step}
    view = _with_step(view, step, status="waiting" if kind == kinds.APPROVED else "denied")
    return replace(view, awaiting=left, status=AWAITING if left else RUNNING)


def _planned(view: TicketView, data: Mapping[str, Any]) -> TicketView:
    steps: dict[str, StepView] = {}
    for step in data.get("plan", {}).get("steps", ()):
        name = str(step.get("id", ""))
        steps[name] = StepView(name, str(step.get("tool", "")))
    return replace(view, status=RUNNING, steps=steps)


def _stepped(view: TicketView, kind: str, data: Mapping[str, Any]) -> TicketView:
    name = str(data.get("step", ""))
    known = view.steps.get(name, StepView(name))
    if kind == kinds.STEP_SUCCEEDED:
        status = "succeeded"
    else:
        # A failure that will be tried again leaves the step waiting.
        status = "failed" if data.get("final") else "waiting"
    view = _with_step(
        view,
        name,
        status=status,
        attempts=known.attempts + 1,
        tool=known.tool or str(data.get("tool", "")),
    )
    return replace(view, status=RUNNING)


def _with_step(view: TicketView, name: str, **changes: Any) -> TicketView:
    known = view.steps.get(name, StepView(name))
    return replace(view, steps={**view.steps, name: replace(known, **changes)})


def _finished(view: TicketView, data: Mapping[str, Any]) -> TicketView:
    status = str(data.get("status", ""))
    return replace(
        view,
        status=status if status in SETTLED else FAILED,
        awaiting={},
        output=data.get("output"),
        output_ref=str(data.get("output_ref") or ""),
        error=str(data.get("error") or ""),
        artifacts=tuple(data.get("artifacts") or ()),
    )

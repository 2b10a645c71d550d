"""Is a plan valid? Every problem names step, field, value and rule, so that it can be mended."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_args

from pydantic import BaseModel, ValidationError

from functions.commander import graph, references
from functions.commander.plan import Plan, Step

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pydantic_core import ErrorDetails

    from functions.commander.references import Place, Reference
    from functions.commander.tools.registry import AnyTool, Registry

SHOWN = 120


@dataclass(frozen=True)
class Limits:
    """How large a plan may be, and how long one of its steps may take.

    Attributes:
        steps: number of steps.
        width: steps on one level of the graph.
        depth: steps on the longest way through the graph.
        step_seconds: a step's time-out; with a margin it must fit into the function's own.
        encoded_bytes: the plan as JSON.
    """

    steps: int = 24
    width: int = 8
    depth: int = 10
    step_seconds: float = 300.0
    encoded_bytes: int = 48 * 1024


@dataclass(frozen=True)
class Problem:
    """What is wrong with one field."""

    step: str | None
    field: str
    value: Any
    rule: str

    def __str__(self) -> str:
        where = f"step '{_short(self.step)}', " if self.step else "plan, "
        value = _short(json.dumps(self.value, ensure_ascii=False, default=str))
        return f"{where}field '{_short(self.field)}', value {value}: {self.rule}"


class InvalidPlan(ValueError):
    """A plan that must not run; `problems` says why, the text is all of them."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(str(problem) for problem in self.problems))


def read_plan(value: Any, registry: Registry, limits: Limits | None = None) -> Plan:
    """Make a plan from JSON values, or say everything that is wrong with it.

    Args:
        value: what a planner gave.
        registry: the tools that exist.
        limits: how large it may be.

    Raises:
        InvalidPlan: with every problem that could be found.
    """
    limits = limits or Limits()
    try:
        plan = Plan.model_validate(value)
    except ValidationError as error:
        raise InvalidPlan(_shape_problems(value, error)) from None
    problems = [
        *_size_problems(plan, limits),
        *_naming_problems(plan),
        *(
            problem
            for step in plan.steps
            for problem in _step_problems(step, plan, registry, limits)
        ),
    ]
    if problems:
        raise InvalidPlan(problems)
    problems = list(_graph_problems(plan, limits))
    if problems:
        raise InvalidPlan(problems)
    return plan


def _shape_problems(value: Any, error: ValidationError) -> Iterator[Problem]:
    for found in error.errors(include_url=False, include_context=False):
        place = found["loc"]
        step = None
        if len(place) >= 2 and place[0] == "steps" and isinstance(place[1], int):
            step, place = _id_at(value, place[1]), place[2:]
        yield Problem(step, _dotted(place) or "steps", found["input"], found["msg"])


def _id_at(value: Any, position: int) -> str:
    try:
        return str(value["steps"][position]["id"])
    except (KeyError, IndexError, TypeError):
        return f"#{position + 1}"


def _size_problems(plan: Plan, limits: Limits) -> Iterator[Problem]:
    if len(plan.steps) > limits.steps:
        yield Problem(None, "steps", len(plan.steps), f"at most {limits.steps} steps")
    encoded = len(json.dumps(plan.document()).encode())
    if encoded > limits.encoded_bytes:
        yield Problem(None, "steps", encoded, f"at most {limits.encoded_bytes} bytes as JSON")


def _naming_problems(plan: Plan) -> Iterator[Problem]:
    seen: set[str] = set()
    for step in plan.steps:
        if step.id in seen:
            yield Problem(step.id, "id", step.id, "ids must be unique")
        seen.add(step.id)
    if plan.answer is not None and plan.answer not in seen:
        yield Problem(None, "answer", plan.answer, f"must be one of the steps {_listed(seen)}")


def _step_problems(step: Step, plan: Plan, registry: Registry, limits: Limits) -> Iterator[Problem]:
    if step.timeout_s > limits.step_seconds:
        rule = f"must be at most {limits.step_seconds:g}, so that it fits into the function's own"
        yield Problem(step.id, "timeout_s", step.timeout_s, rule)
    known = {other.id for other in plan.steps}
    for needed in step.needs:
        if needed not in known:
            yield Problem(step.id, "needs", needed, f"must be one of the steps {_listed(known)}")
    used = registry.get(step.tool)
    if used is None:
        yield Problem(step.id, "tool", step.tool, f"must be one of {_listed(registry.names)}")
    try:
        found = list(references.find(step.arguments))
    except references.BadReference as error:
        yield Problem(step.id, "arguments", step.arguments, str(error))
        return
    for reference in found:
        yield from _reference_problems(step, reference, plan, registry)
    if used is not None:
        yield from _argument_problems(step, used)


def _reference_problems(
    step: Step, reference: Reference, plan: Plan, registry: Registry
) -> Iterator[Problem]:
    field = _dotted(("arguments", *reference.place))
    target = next((other for other in plan.steps if other.id == reference.step), None)
    if target is None:
        known = _listed(other.id for other in plan.steps)
        yield Problem(step.id, field, reference.step, f"must be one of the steps {known}")
        return
    giver = registry.get(target.tool)
    if giver is not None:
        missing = _missing_field(giver.output, reference.path)
        if missing is not None:
            rule = f"the output of tool '{giver.name}' has {_listed(missing)}"
            yield Problem(step.id, field, ".".join(map(str, reference.path)), rule)


def _missing_field(model: type[BaseModel], path: Place) -> tuple[str, ...] | None:
    """The fields that there are where a path names one that is not; `None` if it may be right.

    Follows the path as far as the types are models; what a list or mapping holds shows at run time.
    """
    for part in path:
        if part not in model.model_fields:
            return tuple(model.model_fields)
        annotation = model.model_fields[str(part)].annotation
        options = [each for each in (annotation, *get_args(annotation)) if isinstance(each, type)]
        models = [each for each in options if issubclass(each, BaseModel)]
        if annotation not in models:
            return None
        model = models[0]
    return None


def _argument_problems(step: Step, used: AnyTool) -> Iterator[Problem]:
    """What the tool's own model says, but for places with a reference: they have no value yet."""
    try:
        used.arguments.model_validate(step.arguments)
    except ValidationError as error:
        for problem in error.errors(include_url=False):
            if _waits_for_a_value(problem, step.arguments):
                continue
            place = _dotted(("arguments", *problem["loc"]))
            yield Problem(step.id, place, problem["input"], problem["msg"])


def _waits_for_a_value(problem: ErrorDetails, arguments: dict[str, Any]) -> bool:
    """Whether a problem is at or below a reference, or only follows from one that is."""
    if problem["type"] == "too_short" and len(problem["input"]) >= problem["ctx"]["min_length"]:
        return True
    value: Any = arguments
    for part in problem["loc"]:
        # A part that leads nowhere is the tag of a union's member, which the value does not have.
        if isinstance(value, list) and isinstance(part, int):
            value = value[part] if part < len(value) else None
        elif isinstance(value, dict):
            value = value.get(part, value)
        if references.parse(value) is not None:
            return True
    return False


def _graph_problems(plan: Plan, limits: Limits) -> Iterator[Problem]:
    needs = {step.id: step.dependencies for step in plan.steps}
    cycle = graph.find_cycle(needs)
    if cycle:
        yield Problem(
            cycle[0], "needs", " → ".join(cycle), "steps must not need each other in a circle"
        )
        return
    for name, measured, allowed in (
        ("depth", graph.depth(needs), limits.depth),
        ("width", graph.width(needs), limits.width),
    ):
        if measured > allowed:
            yield Problem(
                None, "steps", measured, f"the {name} of the graph must be at most {allowed}"
            )


def _short(text: str) -> str:
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"


def _dotted(place: Sequence[str | int]) -> str:
    return ".".join(str(part) for part in place)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))

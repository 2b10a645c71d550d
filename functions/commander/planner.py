"""From a question to a plan: by playbook, or by the model where one is configured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from functions.commander import playbook
from functions.commander.checks import InvalidPlan, Limits, read_plan

if TYPE_CHECKING:
    from collections.abc import Mapping

    from functions.commander.plan import Plan
    from functions.commander.tools.registry import Registry


class CannotPlan(Exception):
    """There is no plan for this question, and another try would not find one."""


@dataclass(frozen=True)
class Planned:
    """A valid plan.

    Attributes:
        plan: the plan.
        planner: who made it, for the row: its `kind`, `name`, and for a model what it used.
    """

    plan: Plan
    planner: dict[str, Any]


@dataclass(frozen=True)
class Question:
    """What a planner gets: the user's words, and the conversation before them."""

    text: str
    history: tuple[Mapping[str, Any], ...] = ()


class Planner(Protocol):
    """Makes plans."""

    def plan(self, question: Question) -> Planned:
        """A valid plan for a question.

        Raises:
            CannotPlan: there is none.
            functions.commander.chat.ChatError: the model did not answer.
        """


class PlaybookPlanner:
    """Fills the declared playbook that fits the question."""

    def __init__(
        self,
        registry: Registry,
        limits: Limits | None = None,
        playbooks: tuple[playbook.Playbook, ...] | None = None,
    ) -> None:
        self._registry = registry
        self._limits = limits or Limits()
        self._playbooks = playbook.playbooks() if playbooks is None else playbooks

    def plan(self, question: Question) -> Planned:
        """A valid plan for a question.

        Raises:
            CannotPlan: no playbook fits, or the one that fits is no valid plan.
        """
        found = playbook.choose(question.text, self._playbooks)
        if found is None:
            examples = "; ".join(
                f"“{each.examples[0]}”" for each in self._playbooks if each.examples
            )
            raise CannotPlan(
                "no playbook answers this question, and no model is configured; "
                f"what can be asked, for example: {examples}"
            )
        chosen, data = found
        try:
            plan = read_plan(data, self._registry, self._limits)
        except InvalidPlan as error:
            raise CannotPlan(f"playbook '{chosen.name}' gives an invalid plan: {error}") from error
        return Planned(plan, {"kind": "playbook", "name": chosen.name, "title": chosen.title})

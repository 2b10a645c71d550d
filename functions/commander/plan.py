"""A plan as data: a small graph of tool calls that a planner writes and the log keeps.

A step names its tool and its arguments. An argument may be, at any depth, a reference to what an
earlier step gives: `{"$step": "load", "path": "table"}`. A reference is a dependency; `needs`
holds those that no argument shows. `functions.commander.checks` says what else must hold.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints

from functions.commander import references

StepId = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
MAX_ATTEMPTS = 5


class Step(BaseModel):
    """One call of one tool.

    Attributes:
        id: the name that later steps refer to.
        tool: the name of a registered tool.
        arguments: what the tool gets, once references are replaced by outputs.
        needs: steps that must have succeeded before, besides those that arguments refer to.
        approval: whether a person must approve the arguments before the step runs.
        timeout_s: seconds that one attempt may take.
        attempts: how often the step is tried before the ticket fails.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: StepId
    tool: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    arguments: dict[str, JsonValue] = Field(default_factory=dict)
    needs: tuple[StepId, ...] = ()
    approval: bool = False
    timeout_s: float = Field(default=60.0, gt=0, le=3600)
    attempts: int = Field(default=3, ge=1, le=MAX_ATTEMPTS)

    @property
    def dependencies(self) -> frozenset[str]:
        """Every step that must have succeeded before this one may start."""
        return frozenset(self.needs) | {found.step for found in references.find(self.arguments)}


class Plan(BaseModel):
    """A graph of steps.

    Attributes:
        steps: the steps, in no order that matters.
        answer: the step whose output is the ticket's answer; by default the last one of the list.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    steps: tuple[Step, ...] = Field(min_length=1)
    answer: StepId | None = None

    @property
    def answer_step(self) -> str:
        """The id of the step whose output answers the question."""
        return self.answer or self.steps[-1].id

    def document(self) -> dict[str, Any]:
        """The plan as it stands in a row, with its defaults: a later version may have others."""
        return self.model_dump(mode="json", exclude_none=True)

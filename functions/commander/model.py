"""The model as planner: it sees the tools, gives a plan, and is told what is wrong with it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from functions.commander import catalogue
from functions.commander.chat import Chat, Message, Usage
from functions.commander.checks import InvalidPlan, Limits, Problem, read_plan
from functions.commander.planner import CannotPlan, Planned, Question

if TYPE_CHECKING:
    from functions.commander.tools.registry import AnyTool, Registry

ASKED = 3
PLAN_TOKENS = 4096
HISTORY = 6
RULES = """\
You plan how to answer a question about data. Answer with one JSON object and nothing else:
{{"steps": [{{"id", "tool", "arguments", "needs"?}}], "answer": "<id of the answering step>"}}.
- An id is lower case letters, digits and _. Use only the tools below, with their arguments.
- An argument that an earlier step gives is {{"$step": "<id>", "path": "<key>.<key>"}}.
- Steps that do not need each other run side by side. At most {steps} steps, {depth} in a row.
- The last step is a `report` whose findings refer to the rows of earlier steps.
- Never write numbers yourself.

Public data sets for load_dataset:
{data_sets}

Tools:
{tools}
"""


class ModelPlanner:
    """Asks the model, checks its plan, and asks again with the problems, a few times."""

    def __init__(self, chat: Chat, registry: Registry, limits: Limits | None = None) -> None:
        self._chat = chat
        self._registry = registry
        self._limits = limits or Limits()

    def plan(self, question: Question) -> Planned:
        """A valid plan for a question.

        Raises:
            CannotPlan: the model gave no valid plan, after being told what is wrong.
            functions.commander.chat.ChatError: the model did not answer.
        """
        usage = Usage()
        messages = [Message("system", self._instructions()), *_history(question)]
        messages.append(Message("user", question.text))
        problems: tuple[Problem, ...] = ()
        for asked in range(1, ASKED + 1):
            text = self._chat.complete(messages, usage, json_object=True, max_tokens=PLAN_TOKENS)
            try:
                plan = read_plan(_object(text), self._registry, self._limits)
            except InvalidPlan as error:
                problems = error.problems
                listed = "\n".join(f"- {problem}" for problem in problems)
                messages.append(Message("assistant", text))
                messages.append(
                    Message("user", f"The plan is invalid:\n{listed}\nAnswer with a valid one.")
                )
                continue
            made_by = {"kind": "model", "name": self._chat.model, "asked": asked}
            return Planned(plan, {**made_by, "usage": usage.document()})
        listed = "; ".join(map(str, problems))
        raise CannotPlan(f"the model gave no valid plan in {ASKED} answers: {listed}")

    def _instructions(self) -> str:
        return RULES.format(
            steps=self._limits.steps,
            depth=self._limits.depth,
            data_sets="\n".join(
                f"- {each.name}: {each.description}" for each in catalogue.data_sets().values()
            ),
            tools="\n\n".join(_described(each) for each in self._registry),
        )


def _described(tool: AnyTool) -> str:
    arguments = json.dumps(tool.arguments.model_json_schema(), separators=(",", ":"))
    output = json.dumps(tool.output.model_json_schema(), separators=(",", ":"))
    return f"{tool.name}: {tool.description}\narguments: {arguments}\noutput: {output}"


def _history(question: Question) -> list[Message]:
    """The last turns, as the messages that they were."""
    return [
        Message(str(turn["role"]), str(turn["content"]))
        for turn in question.history[-HISTORY:]
        if turn.get("role") in {"user", "assistant"} and turn.get("content")
    ]


def _object(text: str) -> Any:
    """The JSON object in an answer, which some models wrap into a fence or a sentence.

    Raises:
        InvalidPlan: there is none.
    """
    start, end = text.find("{"), text.rfind("}")
    try:
        return json.loads(text[start : end + 1])
    except (ValueError, RecursionError):
        raise InvalidPlan(
            [Problem(None, "steps", text[:80], "the answer must be one JSON object")]
        ) from None

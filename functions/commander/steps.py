"""One attempt of one step: arguments resolved and checked, the tool run, its output kept small."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from functions.commander import references
from functions.commander.log import unexpected
from functions.commander.progress import Output
from functions.commander.tools.context import ToolContext
from functions.commander.tools.registry import ToolError
from functions.common.tickets.events import INLINE_OUTPUT_BYTES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from functions.commander.bundle import Libraries
    from functions.commander.plan import Step
    from functions.commander.tools.context import Objects, Writer
    from functions.commander.tools.registry import AnyTool, Registry
    from functions.commander.tools.tables import Tables

SHOWN = 500


class StepError(Exception):
    """An attempt that failed; `final` tells whether another one is pointless."""

    def __init__(self, message: str, *, final: bool) -> None:
        super().__init__(message if len(message) <= SHOWN else message[: SHOWN - 1] + "…")
        self.final = final


@dataclass(frozen=True)
class StepRunner:
    """Runs the steps of one ticket.

    Attributes:
        ticket_id: the ticket.
        question: what the user asked.
        registry: the tools.
        libraries: imports what a tool needs.
        objects: the owner's objects.
        tables: tables by reference.
        writer: text with the model, if there is one.
    """

    ticket_id: str
    question: str
    registry: Registry
    libraries: Libraries
    objects: Objects
    tables: Tables
    writer: Writer | None = None

    def arguments(self, step: Step, outputs: Mapping[str, Output]) -> dict[str, Any]:
        """The arguments of a step with every reference replaced.

        Raises:
            StepError: a reference leads nowhere.
        """
        needed = {name: self.value(outputs[name]) for name in step.dependencies if name in outputs}
        try:
            resolved = references.resolve(step.arguments, needed)
        except references.BadReference as error:
            raise StepError(str(error), final=True) from error
        return resolved if isinstance(resolved, dict) else {}

    def run(self, step: Step, outputs: Mapping[str, Output]) -> Output:
        """One attempt; the output is inline if it is small, otherwise an object.

        Raises:
            StepError: the attempt failed.
        """
        tool = self.registry.get(step.tool)
        if tool is None:
            known = ", ".join(self.registry.names)
            raise StepError(
                f"field 'tool', value '{step.tool}': must be one of {known}", final=True
            )
        try:
            value = self._call(tool, step, self.arguments(step, outputs))
            encoded = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
            if len(encoded) <= INLINE_OUTPUT_BYTES:
                return Output(value)
            return Output(key=self.objects.save(encoded, "application/json"))
        except StepError:
            raise
        except ToolError as error:
            raise StepError(str(error), final=True) from error
        except Exception as error:
            unexpected("step_failed", error, ticket_id=self.ticket_id, step=step.id)
            raise StepError(f"{type(error).__name__}: {error}", final=False) from error

    def value(self, output: Output) -> Any:
        """The value of an output, fetched if it is an object."""
        return output.value if output.key is None else json.loads(self.objects.read(output.key))

    def _call(self, tool: AnyTool, step: Step, values: dict[str, Any]) -> Any:
        try:
            arguments = tool.arguments.model_validate(values)
        except ValidationError as error:
            raise StepError(_explained(error), final=True) from error
        self.libraries.require(tool.imports)
        context = ToolContext(
            ticket_id=self.ticket_id,
            step=step.id,
            question=self.question,
            objects=self.objects,
            tables=self.tables,
            writer=self.writer,
        )
        return tool.run(arguments, context).model_dump(mode="json")


def _explained(error: ValidationError) -> str:
    problems = []
    for each in error.errors(include_url=False, include_context=False)[:3]:
        place = ".".join(map(str, each["loc"]))
        problems.append(f"argument '{place}', value {str(each['input'])[:80]}: {each['msg']}")
    return "; ".join(problems)

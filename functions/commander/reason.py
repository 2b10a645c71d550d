"""A `reason` ticket: plan and steps. Importing this module needs the heavy libraries."""

from __future__ import annotations

from typing import TYPE_CHECKING

from functions.commander.chat import Chat, Message, Usage
from functions.commander.checks import Limits
from functions.commander.executor import Executor, Status
from functions.commander.model import ModelPlanner
from functions.commander.objects import OwnerObjects
from functions.commander.planner import Planned, Planner, PlaybookPlanner, Question
from functions.commander.steps import StepRunner
from functions.commander.tools.builtin import builtin
from functions.commander.tools.tables import Tables

if TYPE_CHECKING:
    from functions.commander.instance import Instance
    from functions.commander.invocation import Deadline
    from functions.commander.journal import Journal
    from functions.commander.tools.context import Writer
    from functions.common.tickets.projection import Ticket

# What is kept back from a function's time-out, to record an outcome and to hand over.
MARGIN_SECONDS = 15.0


def heavy_modules() -> list[str]:
    """The libraries that the tools will import."""
    return sorted({module for tool in builtin() for module in tool.imports})


def work(instance: Instance, journal: Journal, ticket: Ticket, deadline: Deadline) -> Status:
    """Drive a held ticket as far as it goes.

    Raises:
        functions.common.tickets.holding.Stale: the hold is lost; nothing more was written.
    """
    registry = builtin()
    # One margin for what comes before a first step, one for what comes after it.
    longest = deadline.seconds - 2 * MARGIN_SECONDS
    limits = Limits(step_seconds=min(Limits.step_seconds, longest))
    objects = OwnerObjects(instance.bucket, ticket.owner, ticket.ticket_id)
    chat = instance.chat()
    runner = StepRunner(
        ticket_id=ticket.ticket_id,
        question=ticket.input,
        registry=registry,
        libraries=instance.libraries,
        objects=objects,
        tables=Tables(objects),
        writer=_writer(chat) if chat else None,
    )

    def plan() -> Planned:
        session = instance.tickets.sessions.read(ticket.session_id)
        history = tuple(session.history) if session else ()
        planner: Planner = (
            ModelPlanner(chat, registry, limits) if chat else PlaybookPlanner(registry, limits)
        )
        return planner.plan(Question(ticket.input, history))

    return Executor(
        journal=journal,
        plan=plan,
        runner=runner,
        deadline=deadline.at - MARGIN_SECONDS,
    ).drive()


def _writer(chat: Chat) -> Writer:
    def write(instructions: str, material: str) -> str:
        messages = [Message("system", instructions), Message("user", material)]
        return chat.complete(messages, Usage(), max_tokens=600)

    return write

"""A question put to the agent, and its answer followed over the push channel."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from clients import AgentClient, Event, PushChannel, Ticket

WEATHER = (
    "In the Seattle weather data set: which month is the wettest, "
    "and how does the temperature run over the year?"
)
AGAIN = (
    "Which month has the most wind in the Seattle weather data set, and how warm is each year?",
    "Which month is the driest in the Seattle weather data set, and how warm is each month?",
    "Which month is the wettest in the Seattle weather data set, and how warm is each year?",
)
ANSWER_SECONDS = 90.0


@dataclass(frozen=True)
class Answer:
    """A settled ticket, its whole log, and which of the log's rows were pushed."""

    ticket: Ticket
    log: list[Event]
    pushed: set[int]


async def ask(
    client: AgentClient,
    channel: PushChannel,
    question: str,
    on_event: Callable[[Event], None],
) -> Answer:
    """Submit a question and follow it until it is settled.

    Raises:
        TimeoutError: no end was pushed within 90 seconds.
        clients.AgentError: the API refused the question.
    """
    submitted = await client.submit(question)
    pushed: set[int] = set()
    async with asyncio.timeout(ANSWER_SECONDS):
        async for event in channel:
            if event.ticket_id != submitted.ticket_id:
                continue
            pushed.add(event.seq)
            on_event(event)
            if event.kind in {"finished", "rejected"}:
                break
    ticket = await client.wait(submitted.ticket_id, seconds=10)
    log = await client.events(submitted.ticket_id)
    # Pushes have no promised order, so the end may come first: the log has what is missing.
    for event in log:
        if event.seq not in pushed and event.kind.startswith("step_"):
            on_event(event)
    return Answer(ticket, log, pushed)

"""What the demo claims, held against the log before it is said."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from demo.failure import Killer
    from demo.questions import Answer


class Unexpected(Exception):
    """The log does not say what the demo is about to claim."""


def check_succeeded(answer: Answer) -> None:
    """The ticket succeeded, its log has no gap, and everything in it was pushed or can be read.

    Raises:
        Unexpected: something of that does not hold.
    """
    if answer.ticket.status != "succeeded":
        error = answer.ticket.document.get("error")
        raise Unexpected(f"ticket {answer.ticket.ticket_id} is {answer.ticket.status}: {error}")
    sequence = [event.seq for event in answer.log]
    if sequence != list(range(1, len(sequence) + 1)):
        raise Unexpected(f"the log has gaps or doubles: {sequence}")


def was_interrupted(answer: Answer) -> bool:
    """Whether more than one commander worked on the ticket."""
    return sum(event.kind == "taken" for event in answer.log) > 1


def check_resumed(answer: Answer, killer: Killer) -> str:
    """A killed commander was taken over, and no finished step ran again.

    Raises:
        Unexpected: nobody was killed, nobody took over, or a step has two outcomes.
    """
    check_succeeded(answer)
    kinds = Counter(event.kind for event in answer.log)
    outcomes = Counter(event.data["step"] for event in answer.log if event.kind == "step_succeeded")
    if killer.killed is None or not was_interrupted(answer):
        raise Unexpected(f"the commander finished before it could be killed: {dict(kinds)}")
    twice = [step for step, count in outcomes.items() if count > 1]
    if twice:
        raise Unexpected(f"steps ran again after they had finished: {', '.join(twice)}")
    return (
        f"  [green]resumed[/]: taken {kinds['taken']} times, {len(outcomes)} steps, "
        "one outcome each"
    )

"""The light path: an answer at once, from the conversation, without any heavy library.

With a model it is one chat completion. Without one it says so, and says what it does know: the last
answer of the session, and what can be asked. It never pretends to have thought.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from functions.commander import catalogue, playbook
from functions.commander.chat import Message, Usage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from functions.commander.chat import Chat

TURNS = 12
ROLES = frozenset({"user", "assistant"})
INSTRUCTIONS = (
    "Answer shortly, from the conversation. If that needs data or computing, say that the task "
    "should be sent with the action `reason`. Do not invent numbers."
)


def reply(question: str, history: Sequence[Mapping[str, Any]], chat: Chat | None) -> dict[str, Any]:
    """The output of a `reply` ticket.

    Args:
        question: what the user said.
        history: the conversation before it, oldest first, as `role` and `content`.
        chat: the model, if one is configured.

    Raises:
        functions.commander.chat.ChatError: the model gave no usable answer.
    """
    turns = [turn for turn in history if turn.get("role") in ROLES and turn.get("content")]
    if chat is None:
        return {"text": _without_model(turns), "facts": []}
    usage = Usage()
    messages = [
        Message("system", INSTRUCTIONS),
        *(Message(str(turn["role"]), str(turn["content"])) for turn in turns[-TURNS:]),
        Message("user", question),
    ]
    text = chat.complete(messages, usage)
    return {"text": text, "facts": [], "usage": usage.document()}


def _without_model(turns: Sequence[Mapping[str, Any]]) -> str:
    parts = ["No model is configured, so this is no answer to your words, but what I know."]
    answers = [turn for turn in turns if turn["role"] == "assistant"]
    if answers:
        parts.append(f"My last answer in this session was:\n\n{answers[-1]['content']}")
    else:
        parts.append("There is no earlier answer in this session.")
    parts.append("With the action `reason` I can answer, by playbook:")
    parts.append(
        "\n".join(
            f"- {each.title}" + (f", e.g. “{each.examples[0]}”" if each.examples else "")
            for each in playbook.playbooks()
        )
    )
    names = ", ".join(sorted(catalogue.data_sets()))
    parts.append(f"The public data sets are: {names}.")
    return "\n\n".join(parts)

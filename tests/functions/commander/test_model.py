"""The model plans: it is shown the tools, told what is wrong, and asked a few times."""

from __future__ import annotations

import json
from typing import Any

import pytest

from functions.commander.chat import Chat, ChatError, Message, Usage
from functions.commander.model import ASKED, ModelPlanner
from functions.commander.planner import CannotPlan, Question
from functions.commander.tools.builtin import builtin
from tests.functions.commander.scripted_model import serving, text

PLAN: dict[str, Any] = {
    "steps": [
        {"id": "load", "tool": "load_dataset", "arguments": {"name": "cars"}},
        {
            "id": "profile",
            "tool": "profile_table",
            "arguments": {"table": {"$step": "load", "path": "table"}},
        },
    ]
}
DANGLING = {"steps": [{**PLAN["steps"][1]}]}


def chat_at(url: str, **more: Any) -> Chat:
    return Chat(url, "tiny", **{"key": "s3cret", "timeout": 5.0, "pause": lambda _: None, **more})


def ask(url: str, usage: Usage | None = None, **more: Any) -> str:
    return chat_at(url, **more).complete([Message("user", "hi")], usage or Usage())


def test_one_request_has_model_messages_key_and_counts_tokens() -> None:
    usage = Usage()
    with serving(text(" hello ")) as model:
        assert ask(model.url, usage) == "hello"
    (asked,) = model.asked
    assert asked["path"] == "/v1/chat/completions"
    assert (asked["model"], asked["messages"]) == ("tiny", [{"role": "user", "content": "hi"}])
    assert "response_format" not in asked
    assert model.headers[0]["Authorization"] == "Bearer s3cret"
    assert usage.document() == {"requests": 1, "prompt_tokens": 10, "completion_tokens": 5}


def test_what_passes_is_tried_again_after_growing_or_asked_for_pauses() -> None:
    pauses: list[float] = []
    busy = (429, {"Retry-After": "7"}, b"slow down")
    with serving((503, {}, b"-"), busy, (500, {}, b"-"), text("ok")) as model:
        assert ask(model.url, pause=pauses.append) == "ok"
    assert 0.5 <= pauses[0] <= 1
    assert pauses[1] == 7
    assert 2 <= pauses[2] <= 4


@pytest.mark.parametrize(
    ("answer", "said", "requests"),
    [
        ((503, {}, b"down"), r"answered 503: down \(after 4 tries\)", 4),
        ((401, {}, b'{"error": "bad key"}'), "answered 401: .*bad key", 1),
        ((200, {}, b"<html>"), "answered no JSON", 1),
        ((200, {}, b"{}"), r"has no choices\[0\]", 1),
        ((200, {}, b"[]"), r"has no choices\[0\]", 1),
        (text("  "), "is empty", 1),
        ((200, {}, b" " * (4 * 1024 * 1024 + 1)), "has more than", 1),
    ],
)
def test_no_usable_answer_is_told(answer: Any, said: str, requests: int) -> None:
    with serving(answer) as model, pytest.raises(ChatError, match=said) as caught:
        ask(model.url)
    assert len(model.asked) == requests
    assert "s3cret" not in str(caught.value)


def test_an_endpoint_that_is_not_there_is_told() -> None:
    with serving(text("x")) as model:
        pass
    with pytest.raises(ChatError, match=r"could not be reached: .*refused.*\(after 2 tries"):
        ask(model.url, attempts=2)


def test_the_key_is_not_shown() -> None:
    assert "s3cret" not in repr(chat_at("http://x"))


def test_the_model_sees_every_tool_and_data_set_and_its_plan_is_kept() -> None:
    fenced = f"Here it is:\n```json\n{json.dumps(PLAN)}\n```"
    history = ({"role": "user", "content": "before"}, {"role": "assistant", "content": "then"})
    with serving(text(fenced)) as model:
        planned = ModelPlanner(chat_at(model.url), builtin()).plan(Question("cars?", history))
    assert [step.id for step in planned.plan.steps] == ["load", "profile"]
    assert planned.planner == {
        "kind": "model",
        "name": "tiny",
        "asked": 1,
        "usage": {"requests": 1, "prompt_tokens": 10, "completion_tokens": 5},
    }
    (asked,) = model.asked
    assert asked["response_format"] == {"type": "json_object"}
    roles = [(message["role"], message["content"]) for message in asked["messages"][1:]]
    assert roles == [("user", "before"), ("assistant", "then"), ("user", "cars?")]
    instructions = asked["messages"][0]["content"]
    assert all(f"{name}: " in instructions for name in builtin().names)
    assert "- seattle-weather: " in instructions


def test_an_invalid_plan_is_asked_for_again_with_its_problems() -> None:
    with serving(text(json.dumps(DANGLING)), text("no idea"), text(json.dumps(PLAN))) as model:
        planned = ModelPlanner(chat_at(model.url), builtin()).plan(Question("cars?"))
    assert planned.planner["asked"] == 3
    assert planned.planner["usage"]["prompt_tokens"] == 30
    told = [request["messages"][-1]["content"] for request in model.asked[1:]]
    assert "step 'profile', field 'arguments.table', value \"load\": must be one of" in told[0]
    assert "the answer must be one JSON object" in told[1]


def test_a_model_that_never_plans_fails_the_ticket_with_the_problems() -> None:
    with serving(text(json.dumps(DANGLING))) as model:
        planner = ModelPlanner(chat_at(model.url), builtin())
        with pytest.raises(CannotPlan, match=r"no valid plan in 3 answers: step 'profile', field"):
            planner.plan(Question("cars?"))
    assert len(model.asked) == ASKED

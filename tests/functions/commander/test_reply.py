"""The light path answers at once, says what it is, and imports nothing heavy."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from functions.commander.chat import Chat, ChatError
from functions.commander.reply import reply
from tests.functions.commander.scripted_model import serving, text

HISTORY = [
    {"role": "user", "content": "How wet is it?", "ticket_id": "t1"},
    {"role": "assistant", "content": "**November** is the wettest month.", "ticket_id": "t1"},
]


def test_without_a_model_it_says_so_and_what_it_knows() -> None:
    said = reply("and now?", HISTORY, None)["text"]
    assert said.startswith("No model is configured")
    assert "**November** is the wettest month." in said
    assert "seattle-weather" in said
    assert "The weather of Seattle" in said


def test_a_new_session_has_no_earlier_answer() -> None:
    assert "no earlier answer" in reply("hello", [], None)["text"]


def test_with_a_model_it_is_one_completion_of_the_conversation() -> None:
    with serving(text("It was November.")) as model:
        said = reply("and now?", HISTORY, Chat(model.url, "tiny"))
    assert said["text"] == "It was November."
    assert said["usage"]["requests"] == 1
    (asked,) = model.asked
    roles = [message["role"] for message in asked["messages"]]
    assert roles == ["system", "user", "assistant", "user"]
    assert asked["messages"][-1]["content"] == "and now?"


def test_a_model_that_does_not_answer_is_an_error() -> None:
    with serving((400, {}, b"no")) as model, pytest.raises(ChatError, match="answered 400: no"):
        reply("and now?", [], Chat(model.url, "tiny"))


LIGHT = """
import sys
before = set(sys.modules)
import functions.commander.__main__
import functions.commander.reply
from functions.commander.reply import reply
reply("hello", [], None)
loaded = {name.partition(".")[0] for name in set(sys.modules) - before}
print(sorted(loaded - set(sys.stdlib_module_names)))
"""


def test_the_light_path_imports_the_standard_library_and_ours_only(project: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LIGHT], cwd=project, capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    assert done.stdout.strip() == "['functions']"

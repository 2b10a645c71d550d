r"""Playbooks: plans that people wrote, chosen by the question. Used where no model is configured.

To add one, put a JSON file into `playbooks/`:

    {
      "title": "what it answers", "order": 50, "examples": ["a question that it answers"],
      "when": ["\\bword\\b"],
      "parameters": {
        "unit":     {"cases": [{"match": "each (month|year)", "value": "$1"}], "default": "month"},
        "data_set": {"data_set": true}
      },
      "plan": {"steps": [{"id": "load", "tool": "load_dataset",
                          "arguments": {"name": {"$parameter": "data_set"}}}]}
    }

A playbook applies if every pattern of `when` is found in the question (upper and lower case are the
same) and every parameter has a value: that of its first case whose pattern is found, with `$1` the
text of the pattern's first group (a number if it is one), or its default. `{"$parameter": "a.b"}`
stands for the value at `b` in the parameter `a`; a value may name other parameters. A parameter
`{"data_set": true}` is the public data set that the question names. Of several playbooks that apply
the one of the lowest order wins. Standard library only: the light path lists the playbooks.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from functions.commander import catalogue

FOLDER = Path(__file__).with_name("playbooks")
MARK = "$parameter"
MISSING = object()
MAX_NESTED = 8
GROUP = re.compile(r"\$([1-9])")


class BrokenPlaybook(ValueError):
    """A playbook file that cannot be used; the text names the file and what is wrong with it."""


@dataclass(frozen=True)
class Playbook:
    """A plan with holes, and the questions that it answers.

    Attributes:
        name: the name of its file.
        title: what it answers.
        examples: questions that it answers.
        order: which of several applying playbooks wins: the lowest.
        when: patterns that must all be found in the question.
        parameters: how each parameter gets its value.
        plan: the plan, with parameters where values will stand.
    """

    name: str
    title: str
    plan: dict[str, Any]
    when: tuple[str, ...]
    order: int = 100
    examples: tuple[str, ...] = ()
    parameters: dict[str, dict[str, Any]] = field(default_factory=dict)

    def apply(self, question: str) -> dict[str, Any] | None:
        """The plan for a question, as data still to be checked; `None`: not for this question."""
        if not all(re.search(pattern, question, re.IGNORECASE) for pattern in self.when):
            return None
        values: dict[str, Any] = {}
        for name, rule in self.parameters.items():
            value = _value(rule, question)
            if value is MISSING:
                return None
            values[name] = value
        filled = _fill(self.plan, values, self.name)
        return filled if isinstance(filled, dict) else None


@cache
def playbooks(folder: Path = FOLDER) -> tuple[Playbook, ...]:
    """All playbooks of a folder, the lowest order first.

    Raises:
        BrokenPlaybook: a file is no JSON object, lacks a field or has one too many, or has a
            pattern that is none.
    """
    found = [_read(path) for path in sorted(folder.glob("*.json"))]
    return tuple(sorted(found, key=lambda each: (each.order, each.name)))


def choose(question: str, among: tuple[Playbook, ...]) -> tuple[Playbook, dict[str, Any]] | None:
    """The first playbook that applies and its plan; `None` if none does."""
    for each in among:
        plan = each.apply(question)
        if plan is not None:
            return each, plan
    return None


def named_data_set(question: str) -> str | None:
    """The public data set that a question names, by its name or title; the longest match wins."""
    words = f" {_words(question)} "
    matches = [
        (len(phrase), each.name)
        for each in catalogue.data_sets().values()
        for phrase in (_words(each.name), _words(each.title))
        if f" {phrase} " in words
    ]
    return max(matches)[1] if matches else None


def _read(path: Path) -> Playbook:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        content["when"] = tuple(content["when"])
        content["examples"] = tuple(content.get("examples", ()))
        playbook = Playbook(name=path.stem, **content)
        for pattern in playbook.when:
            re.compile(pattern)
        for rule in playbook.parameters.values():
            for case in rule.get("cases", ()):
                re.compile(case["match"])
    except KeyError as error:
        raise BrokenPlaybook(f"{path.name}: {error} is missing") from error
    except (ValueError, TypeError, re.error) as error:
        raise BrokenPlaybook(f"{path.name}: {error}") from error
    return playbook


def _value(rule: dict[str, Any], question: str) -> Any:
    if rule.get("data_set"):
        return named_data_set(question) or MISSING
    for case in rule.get("cases", ()):
        found = re.search(case["match"], question, re.IGNORECASE)
        if found:
            return _with_groups(case["value"], found)
    return rule.get("default", MISSING)


def _with_groups(value: Any, found: re.Match[str]) -> Any:
    if isinstance(value, dict):
        return {str(_with_groups(key, found)): _with_groups(it, found) for key, it in value.items()}
    if isinstance(value, list):
        return [_with_groups(item, found) for item in value]
    if not isinstance(value, str):
        return value
    filled = GROUP.sub(lambda group: found[int(group[1])] or "", value)
    return int(filled) if filled != value and filled.isdigit() else filled


def _fill(value: Any, values: dict[str, Any], playbook: str, nested: int = 0) -> Any:
    if nested > MAX_NESTED:
        raise BrokenPlaybook(f"{playbook}.json: parameters name each other in a circle")
    if isinstance(value, dict) and MARK in value:
        current: Any = values
        for part in str(value[MARK]).split("."):
            if not isinstance(current, dict) or part not in current:
                raise BrokenPlaybook(f"{playbook}.json: there is no parameter '{value[MARK]}'")
            current = current[part]
        return _fill(current, values, playbook, nested + 1)
    if isinstance(value, dict):
        return {key: _fill(item, values, playbook, nested) for key, item in value.items()}
    if isinstance(value, list):
        return [_fill(item, values, playbook, nested) for item in value]
    return value


def _words(text: str) -> str:
    return " ".join(re.findall(r"[a-z0-9]+", text.lower()))

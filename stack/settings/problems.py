"""What is wrong with settings, as people read it: which field, which value, which rule."""

from __future__ import annotations

import copy
import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import ValidationError

from stack.settings.root import GROUPS, Settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

LONGEST_VALUE = 80
MASK = "[secret]"
SOUNDS_SECRET = re.compile(r"key|secret|password|token|credential", re.IGNORECASE)
NAMES: dict[tuple[str, ...], str] = {
    ("cloud", "region"): "alicloud:region",
    ("cloud", "account_id"): "alicloud:accountId",
}

Path = tuple[str, ...]


class Wrong(NamedTuple):
    """One wrong setting.

    Attributes:
        path: group and names below it.
        rule: what it breaks, beginning with a verb.
        readable: whether the value could be read at all.
    """

    path: Path
    rule: str
    readable: bool


def check(values: Mapping[str, Any]) -> tuple[Settings | None, list[Wrong]]:
    """Make settings of plain values, or find everything that is wrong with them.

    Rules across fields are only tried on a group whose fields can be read. So a second look leaves
    out what cannot, and whoever mends a file gets the whole list at once.
    """
    try:
        return Settings.model_validate(values), []
    except ValidationError as error:
        found = list(_wrong(error))
    unreadable = {each.path for each in found if not each.readable}
    try:
        Settings.model_validate(_without(values, unreadable))
    except ValidationError as error:
        again = (each for each in _wrong(error) if each.readable and each.path not in unreadable)
        found += [each for each in again if each not in found]
    return None, found


def line(wrong: Wrong, values: Mapping[str, Any], secret_groups: Iterable[str]) -> str:
    """Say it, with the value masked where somebody could learn a secret from it."""
    name = NAMES.get(wrong.path, ".".join(wrong.path))
    return f"{name} = {_shown(wrong.path, values, secret_groups)}: {wrong.rule}"


def _wrong(error: ValidationError) -> Iterator[Wrong]:
    for problem in error.errors(include_url=False):
        where = tuple(str(part) for part in problem["loc"])
        broken = problem.get("ctx", {}).get("broken")
        if broken is None:
            yield Wrong(where, _rule(problem), readable=False)
        for field, rule in broken or ():
            yield Wrong((*where, *field.split(".")), f"has to {rule}", readable=True)


def _rule(problem: Any) -> str:
    match problem["type"]:
        case "extra_forbidden":
            return "is no setting"
        case "missing":
            return "has to be set"
        case "value_error":
            return f"has to {problem['ctx']['error']}"
    text: str = problem["msg"]
    return text[0].lower() + text[1:]


def _without(values: Mapping[str, Any], paths: Iterable[Path]) -> dict[str, Any]:
    left: dict[str, Any] = copy.deepcopy(dict(values))
    for *parents, name in paths:
        place: Any = left
        for parent in parents:
            place = place.get(parent) if isinstance(place, dict) else None
        if isinstance(place, dict):
            place.pop(name, None)
    return left


def _shown(path: Path, values: Mapping[str, Any], secret_groups: Iterable[str]) -> str:
    # Key sets, and whatever calls itself a key, may hold what nobody should read in a public log.
    if (
        path[0] in secret_groups
        or path[:2] == ("gateway", "jwks")
        or SOUNDS_SECRET.search(path[-1])
    ):
        return MASK
    value: Any = values
    for part in path:
        if isinstance(value, dict) and part in value:
            value = value[part]
        elif isinstance(value, list) and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
        else:
            return "(default)" if len(path) > 1 and path[0] in GROUPS else "(not set)"
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}…"

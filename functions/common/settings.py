"""Environment variables as a frozen dataclass: a field `results_bucket` reads `RESULTS_BUCKET`."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, TypeVar, get_type_hints

if TYPE_CHECKING:
    from collections.abc import Mapping

T = TypeVar("T")


class WrongSettings(ValueError):
    """The environment cannot be used; the text names every variable that is wrong, and the rule."""


def read_settings(kind: type[T], environment: Mapping[str, str]) -> T:
    """Fill a dataclass of `str`, `bool` and `int` fields.

    A field without a default needs its variable, and not an empty one.

    Raises:
        WrongSettings: with all that is wrong in one message.
    """
    hints = get_type_hints(kind)
    values: dict[str, Any] = {}
    wrong: list[str] = []
    for field in dataclasses.fields(kind):  # type: ignore[arg-type]
        name = field.name.upper()
        text = environment.get(name, "")
        if not text:
            if field.default is dataclasses.MISSING:
                wrong.append(f"{name} must be set")
            continue
        try:
            values[field.name] = _value(hints[field.name], text)
        except ValueError as error:
            wrong.append(f"{name}, value {text!r}, {error}")
    if wrong:
        raise WrongSettings("environment variables: " + "; ".join(wrong))
    return kind(**values)


def _value(kind: type, text: str) -> Any:
    if kind is bool:
        if text not in {"true", "false"}:
            raise ValueError("must be 'true' or 'false'")
        return text == "true"
    if kind is int:
        if not (text.isascii() and text.isdigit()):
            raise ValueError("must be a whole number, 0 or more")
        return int(text)
    return text

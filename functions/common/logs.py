"""Log lines: one JSON object each, so that the log service can index them.

What identifies a thing is logged, what it contains is not: no bodies, no inputs, no tokens.
"""

from __future__ import annotations

import json
import re
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

Value = str | int | float | bool | None
TEXT_LIMIT = 500
_SECRET = re.compile(
    r"token|secret|password|authorization|credential|signature|body|input|variables", re.IGNORECASE
)
_KEY = re.compile(r"(?:LTAI|STS\.)[A-Za-z0-9]{8,}")


class Log:
    """Writes lines to standard output, where the platform collects them.

    Args:
        function: named in every line.
        write: takes one line without its end.
        now: Unix seconds.
    """

    def __init__(
        self,
        function: str,
        *,
        write: Callable[[str], None] | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._function = function
        self._write = write or _to_stdout
        self._now = now

    def info(self, event: str, **fields: Value) -> None:
        """Something happened as it should."""
        self._line("info", event, fields)

    def warning(self, event: str, **fields: Value) -> None:
        """Something went wrong and was dealt with."""
        self._line("warning", event, fields)

    def failure(self, event: str, **fields: Value) -> None:
        """Something went wrong that somebody should look at."""
        self._line("error", event, fields)

    def _line(self, level: str, event: str, fields: dict[str, Value]) -> None:
        line: dict[str, Value] = {
            "at": round(self._now(), 3),
            "level": level,
            "function": self._function,
            "event": event,
        }
        for name, value in fields.items():
            line[name] = "(not logged)" if _SECRET.search(name) else _short(value)
        self._write(json.dumps(line, ensure_ascii=False, default=str))


def _short(value: Value) -> Value:
    if not isinstance(value, str):
        return value
    text = _KEY.sub("(key)", value)
    return text if len(text) <= TEXT_LIMIT else text[:TEXT_LIMIT] + "…"


def _to_stdout(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()

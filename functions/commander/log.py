"""The commander's log, and how an unexpected error is told in it: what, and where in the code."""

from __future__ import annotations

import traceback
from pathlib import Path

from functions.common.logs import Log, Value

LOG = Log("commander")


def unexpected(event: str, error: BaseException, **fields: Value) -> None:
    """Log an error that nobody planned for. Its text may hold data, so only its place is told."""
    frames = traceback.extract_tb(error.__traceback__)[-3:]
    where = " < ".join(f"{Path(each.filename).name}:{each.lineno}" for each in reversed(frames))
    LOG.failure(event, error=type(error).__name__, where=where, **fields)

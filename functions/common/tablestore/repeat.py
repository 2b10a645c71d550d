"""Writes that give the same when they are made twice: a lost answer is no reason to give up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from functions.common.tablestore.api import ConditionFailed, UnknownOutcome

if TYPE_CHECKING:
    from collections.abc import Callable

ATTEMPTS = 4


def surely(write: Callable[[], None]) -> bool:
    """Make a write until its outcome is known.

    Args:
        write: makes the write; a second time it changes nothing, or its condition fails.

    Returns:
        Whether it was made; `False` when its condition failed, which after a lost answer may mean
        that it was made before.

    Raises:
        UnknownOutcome: every answer got lost.
    """
    for attempt in range(1, ATTEMPTS + 1):
        try:
            write()
        except ConditionFailed:  # noqa: PERF203 - a few rounds
            return False
        except UnknownOutcome:
            if attempt == ATTEMPTS:
                raise
        else:
            return True
    raise AssertionError("the last attempt returns or raises")

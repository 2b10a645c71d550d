"""The shape of a plan: order, cycles, depth and width. Pure functions over ids."""

from __future__ import annotations

from collections import Counter
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping


def find_cycle(needs: Mapping[str, Collection[str]]) -> tuple[str, ...]:
    """The steps of one cycle, the first repeated at the end; empty if there is none."""
    try:
        TopologicalSorter(needs).prepare()
    except CycleError as error:
        return tuple(reversed(error.args[1]))
    return ()


def levels(needs: Mapping[str, Collection[str]]) -> dict[str, int]:
    """How many steps stand before each one on its longest way, from 0.

    Args:
        needs: for every step the steps that it needs; without cycles and dangling ids.
    """
    found: dict[str, int] = {}
    for step in TopologicalSorter(needs).static_order():
        found[step] = max((found[other] + 1 for other in needs[step]), default=0)
    return found


def depth(needs: Mapping[str, Collection[str]]) -> int:
    """The number of steps on the longest way through the graph."""
    return max(levels(needs).values(), default=-1) + 1


def width(needs: Mapping[str, Collection[str]]) -> int:
    """The largest number of steps on one level."""
    return max(Counter(levels(needs).values()).values(), default=0)

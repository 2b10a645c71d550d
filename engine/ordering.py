"""Orders that do not depend on timing."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from engine.state import ResourceState


def needs(state: ResourceState) -> set[str]:
    """Return the URNs that a resource cannot be without."""
    found = set(state.dependencies)
    for urns in state.property_dependencies.values():
        found.update(urns)
    provider = state.provider.rsplit("::", 1)[0]
    return (found | {state.parent, state.deleted_with, provider}) - {"", state.urn}


def in_order(states: Iterable[ResourceState]) -> list[ResourceState]:
    """Sort resources: each after what it needs, the lowest URN first wherever there is a choice.

    The program registers its resources concurrently, so the order of arrival differs from run to
    run; this one does not. Two states of one URN (a replaced resource waiting for its deletion and
    its successor) keep their own order.
    """
    ordered = sorted(states, key=lambda state: state.urn)
    by_urn: dict[str, list[int]] = {}
    for index, state in enumerate(ordered):
        by_urn.setdefault(state.urn, []).append(index)
    waiting: dict[int, int] = {}
    unlocks: dict[int, list[int]] = {}
    for index, state in enumerate(ordered):
        required = [number for urn in needs(state) for number in by_urn.get(urn, ())]
        waiting[index] = len(required)
        for number in required:
            unlocks.setdefault(number, []).append(index)
    ready = [index for index, count in waiting.items() if count == 0]
    heapq.heapify(ready)
    result: list[ResourceState] = []
    placed: set[int] = set()
    while len(result) < len(ordered):
        # A cycle cannot come from a program; a damaged checkpoint must still be listed.
        index = heapq.heappop(ready) if ready else min(waiting.keys() - placed)
        if index in placed:
            continue
        placed.add(index)
        result.append(ordered[index])
        for follower in unlocks.get(index, ()):
            waiting[follower] -= 1
            if waiting[follower] == 0:
                heapq.heappush(ready, follower)
    return result

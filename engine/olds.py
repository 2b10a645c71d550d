"""The resources of earlier deployments, found again under their URN or a former one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from engine.goal import Goal
    from engine.state import ResourceState


class Olds:
    """What was there before, until its successor is recorded."""

    def __init__(self, states: Iterable[ResourceState]) -> None:
        self._states = {state.urn: state for state in states}
        self._claims: dict[str, str] = {}

    def take(self, goal: Goal) -> ResourceState | None:
        """Return the old state of a resource, and remember that it is still wanted.

        Raises:
            EngineError: another resource has already claimed that state by an alias.
        """
        for urn in (goal.urn, *goal.alias_urns):
            if urn not in self._states and urn not in self._claims:
                continue
            claimant = self._claims.get(urn, goal.urn)
            if claimant != goal.urn:
                raise EngineError(f"{goal.urn} claims to have been {urn}, but so does {claimant}")
            self._claims[urn] = goal.urn
            return self._states.get(urn)
        return None

    def release(self, state: ResourceState) -> None:
        """Drop an old state: what became of it is recorded elsewhere."""
        self._states.pop(state.urn, None)

    def unwanted(self) -> list[ResourceState]:
        """Return what nobody has taken so far."""
        return [state for state in self._states.values() if state.urn not in self._claims]

    def unreleased(self) -> list[ResourceState]:
        """Return everything that only this object still knows."""
        return list(self._states.values())

# ruff: noqa: ARG002  (an operator need not use all that it is told)
"""Who carries out the operations of a resource, by its type."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from engine.errors import OperationFailed
from engine.provider import Created, Difference, Provider, compare_inputs
from engine.values import Secret, contains, plain

if TYPE_CHECKING:
    from engine.goal import Goal
    from engine.state import ResourceState


class Operator(Protocol):
    """Carries out operations on resources; values are plain."""

    async def check(self, goal: Goal, old: ResourceState | None) -> dict[str, Any]:
        """Return the inputs to go on with, plain."""
        ...

    async def difference(self, goal: Goal, old: ResourceState) -> Difference:
        """Say how a goal differs from the old state."""
        ...

    async def create(self, goal: Goal) -> Created:
        """Make a resource."""
        ...

    async def adopt(self, goal: Goal) -> Created:
        """Look up the existing resource whose id is ``import_id``."""
        ...

    async def update(self, goal: Goal, old: ResourceState) -> dict[str, Any]:
        """Change a resource and return its new outputs."""
        ...

    async def delete(self, old: ResourceState) -> None:
        """Remove a resource."""
        ...


@dataclass(frozen=True)
class CloudOperator:
    """Asks the provider."""

    provider: Provider

    async def check(self, goal: Goal, old: ResourceState | None) -> dict[str, Any]:
        """Accept the inputs: a provider refuses wrong ones when it is asked to create."""
        return dict[str, Any](plain(goal.inputs))

    async def difference(self, goal: Goal, old: ResourceState) -> Difference:
        """Ask the provider."""
        return self.provider.difference(goal.type, plain(old.inputs), plain(goal.inputs))

    async def create(self, goal: Goal) -> Created:
        """Ask the provider."""
        return await self.provider.create(goal.type, goal.urn, plain(goal.inputs))

    async def adopt(self, goal: Goal) -> Created:
        """Ask the provider."""
        return await self.provider.read(goal.type, goal.import_id, plain(goal.inputs))

    async def update(self, goal: Goal, old: ResourceState) -> dict[str, Any]:
        """Ask the provider."""
        outputs, inputs = plain(old.outputs), plain(goal.inputs)
        return await self.provider.update(goal.type, goal.urn, old.id, outputs, inputs)

    async def delete(self, old: ResourceState) -> None:
        """Ask the provider."""
        await self.provider.delete(old.type, old.urn, old.id, plain(old.outputs))


@dataclass(frozen=True)
class BookOperator:
    """Keeps what exists in the books only: components, and providers, whose id is made up."""

    async def check(self, goal: Goal, old: ResourceState | None) -> dict[str, Any]:
        """Accept the inputs."""
        return dict[str, Any](plain(goal.inputs))

    async def difference(self, goal: Goal, old: ResourceState) -> Difference:
        """Compare the inputs."""
        return compare_inputs(plain(old.inputs), plain(goal.inputs))

    async def create(self, goal: Goal) -> Created:
        """Make an entry; the same resource always gets the same id."""
        id_ = str(uuid.uuid5(uuid.NAMESPACE_URL, goal.urn)) if goal.custom else ""
        return Created(id_, {})

    async def adopt(self, goal: Goal) -> Created:
        """Take the id as it is."""
        return Created(goal.import_id, {})

    async def update(self, goal: Goal, old: ResourceState) -> dict[str, Any]:
        """Change the entry."""
        return {}

    async def delete(self, old: ResourceState) -> None:
        """Nothing stands behind the entry."""
        return


def with_secrets(
    outputs: dict[str, Any], inputs: dict[str, Any], additional: tuple[str, ...] = ()
) -> dict[str, Any]:
    """Return inputs and outputs together, with the secrets marked again.

    An output is secret when the input of the same name is, or holds a secret, or when the program
    says so (``additionalSecretOutputs``).
    """
    merged = dict(inputs)
    for key, value in outputs.items():
        given = inputs.get(key)
        if contains(given, Secret):
            merged[key] = given if plain(given) == value else Secret(value)
        else:
            merged[key] = value
    for key in additional:
        if key in merged and not isinstance(merged[key], Secret):
            merged[key] = Secret(merged[key])
    return merged


async def called(provider: Provider, token: str, args: dict[str, Any]) -> dict[str, Any]:
    """Ask a data source.

    Raises:
        OperationFailed: the provider failed.
    """
    try:
        return await provider.call(token, plain(args))
    except Exception as error:
        raise OperationFailed("call", token, str(error) or type(error).__name__) from error

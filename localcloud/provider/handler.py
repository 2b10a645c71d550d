"""What a resource type needs to know about itself; one handler a type token."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from localcloud.core.errors import CloudError, NotSupported

if TYPE_CHECKING:
    from engine.provider import Created

Inputs = dict[str, Any]


class Handler(ABC):
    """Creates, changes and deletes the resources of one type.

    Attributes:
        replace_on: inputs that cannot change in place: what the Terraform provider marks ForceNew.
        identity: inputs that name the resource. A replacement that keeps them all has to delete the
            old resource first.
        recorded: kept and checked, without an effect on this machine.
    """

    replace_on: frozenset[str] = frozenset()
    identity: tuple[str, ...] = ()
    recorded: bool = False

    async def find(self, inputs: Inputs) -> str | None:
        """Id of the resource that these inputs name, if there is one already."""
        del inputs
        return None

    @abstractmethod
    async def put(self, inputs: Inputs, id_: str | None) -> Created:
        """Create a resource, or change the one with this id."""

    @abstractmethod
    async def remove(self, id_: str, outputs: Inputs) -> None:
        """Delete a resource; one that is gone is no error."""

    async def read(self, id_: str) -> Created:
        """Look up an existing resource."""
        raise NotSupported("provider", f"reading {type(self).__name__} {id_}")


def required(inputs: Inputs, name: str) -> Any:
    """An input that has to be there.

    Raises:
        CloudError: 400.
    """
    value = inputs.get(name)
    if value in (None, ""):
        raise CloudError(400, "MissingParameter", f"{name} is required")
    return value

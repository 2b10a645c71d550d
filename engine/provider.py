"""What carries out operations on resources: the contract between the engine and a cloud."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Protocol


@dataclass(frozen=True)
class Created:
    """What a provider knows of a resource that it made or found.

    Attributes:
        id: the provider's own name for it; never empty.
        outputs: camelCase properties; the engine adds the inputs that are not among them.
    """

    id: str
    outputs: dict[str, Any]


@dataclass(frozen=True)
class Difference:
    """What has to happen to turn the old inputs into the new ones.

    Attributes:
        kind: ``same`` needs no call, ``update`` changes in place, ``replace`` needs a new resource.
        keys: the input keys that differ; for ``replace`` those that force it.
        delete_first: a replacement deletes the old resource before creating the new one, as where
            a fixed name can exist only once. The program's ``deleteBeforeReplace`` wins over it.
    """

    kind: Literal["same", "update", "replace"]
    keys: tuple[str, ...] = ()
    delete_first: bool = False


class Provider(Protocol):
    """Creates, reads, updates and deletes resources; inputs and outputs are plain Python values.

    Keys are camelCase as the program sent them, secrets are unwrapped. Any exception fails the
    operation; its text is shown to the user. The engine writes its checkpoint after an operation
    returned, so one that was interrupted is asked for again: ``create`` takes over what an earlier
    attempt with the same URN left, and ``delete`` of what is gone succeeds.
    """

    def difference(
        self, type_: str, old_inputs: dict[str, Any], new_inputs: dict[str, Any]
    ) -> Difference:
        """Compare inputs. In a preview an unknown new value is the sentinel text."""
        ...

    async def create(self, type_: str, urn: str, inputs: dict[str, Any]) -> Created:
        """Make a resource."""
        ...

    async def update(
        self, type_: str, urn: str, id_: str, old_outputs: dict[str, Any], inputs: dict[str, Any]
    ) -> dict[str, Any]:
        """Change a resource in place and return its new outputs."""
        ...

    async def delete(self, type_: str, urn: str, id_: str, outputs: dict[str, Any]) -> None:
        """Remove a resource."""
        ...

    async def read(self, type_: str, id_: str, inputs: dict[str, Any]) -> Created:
        """Look up an existing resource (``Resource.get``)."""
        ...

    async def call(self, token: str, args: dict[str, Any]) -> dict[str, Any]:
        """Answer a data source."""
        ...


def compare_inputs(old_inputs: dict[str, Any], new_inputs: dict[str, Any]) -> Difference:
    """Return the difference for a resource of which nothing is known but its inputs."""
    keys = old_inputs.keys() | new_inputs.keys()
    missing = object()
    changed = sorted(
        key for key in keys if old_inputs.get(key, missing) != new_inputs.get(key, missing)
    )
    return Difference("update" if changed else "same", tuple(changed))

"""What the dynamic resources share: doing it twice is harmless, deleting does nothing."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from pulumi.dynamic import CreateResult, DiffResult, ResourceProvider, UpdateResult

PROVIDER_KEY = "__provider"


class DeploymentError(RuntimeError):
    """A step of the deployment failed; the message says what to do."""


class StepProvider(ResourceProvider, ABC):
    """A step of the deployment whose inputs are names and digests.

    Creating and updating both make it so (`ensure`); deleting does nothing, since what a step left
    behind may be what the previous version runs on. Nothing of this runs in a preview.
    """

    identity: ClassVar[tuple[str, ...]]
    """Inputs that the resource's id is made of."""

    @abstractmethod
    def ensure(self, inputs: dict[str, Any]) -> dict[str, Any]:
        """Make it so, however much of it is there already.

        Args:
            inputs: the resource's inputs, all known.

        Returns:
            Further outputs.

        Raises:
            DeploymentError: it cannot be done; the message says what to do.
        """

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Do it for the first time."""
        inputs = _own(props)
        name = "/".join(str(inputs[key]) for key in self.identity)
        return CreateResult(id_=name, outs={**inputs, **self.ensure(inputs)})

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        """Do it again, with other inputs."""
        inputs = _own(_news)
        return UpdateResult(outs={**inputs, **self.ensure(inputs)})

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """Compare the inputs but for the pickled provider, which differs between Pythons."""
        inputs = _own(_news)
        return DiffResult(
            changes=any(_olds.get(key) != value for key, value in inputs.items()), replaces=[]
        )

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """Leave everything where it is."""


def _own(props: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in props.items() if key != PROVIDER_KEY}

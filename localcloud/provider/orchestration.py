"""``ros.Stack`` and ``oos.SecretParameter``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.provider import Created
from localcloud.core.errors import NotSupported
from localcloud.provider.handler import Handler, Inputs, required

if TYPE_CHECKING:
    from localcloud.oos.parameters import SecretParameters
    from localcloud.ros.stacks import Stacks


class RosStack(Handler):
    """``ros.Stack``: the id is the stack's."""

    identity = ("stackName",)

    def __init__(self, stacks: Stacks) -> None:
        self._stacks = stacks

    async def find(self, inputs: Inputs) -> str | None:
        """By name."""
        return self._stacks.find(str(inputs.get("stackName")))

    async def put(self, inputs: Inputs, id_: str | None) -> Created:
        """Create or change; only a template in the program itself."""
        if "templateBody" not in inputs:
            raise NotSupported("ros", "ros.Stack without templateBody")
        parameters = {
            item["parameterKey"]: item["parameterValue"] for item in inputs.get("parameters") or []
        }
        stack_id = self._stacks.put(
            str(required(inputs, "stackName")), inputs["templateBody"], parameters, id_
        )
        status = "CREATE_COMPLETE" if id_ is None else "UPDATE_COMPLETE"
        return Created(stack_id, {**inputs, "status": status})

    async def remove(self, id_: str, outputs: Inputs) -> None:
        """Delete with what it made."""
        del outputs
        self._stacks.remove(id_)


class Secret(Handler):
    """``oos.SecretParameter``: the id is its name."""

    identity = ("secretParameterName",)

    def __init__(self, parameters: SecretParameters) -> None:
        self._parameters = parameters

    async def find(self, inputs: Inputs) -> str | None:
        """By name."""
        name = str(inputs.get("secretParameterName"))
        return name if self._parameters.exists(name) else None

    async def put(self, inputs: Inputs, id_: str | None) -> Created:
        """Create or change."""
        parameter = self._parameters.put(inputs)
        return Created(id_ or parameter.name, {**inputs, "createTime": parameter.created})

    async def remove(self, id_: str, outputs: Inputs) -> None:
        """Delete."""
        del outputs
        self._parameters.remove(id_)


def orchestration_handlers(stacks: Stacks, parameters: SecretParameters) -> dict[str, Handler]:
    """The handlers by type token."""
    return {
        "alicloud:ros/stack:Stack": RosStack(stacks),
        "alicloud:oos/secretParameter:SecretParameter": Secret(parameters),
    }

"""``fc.V3*`` on the local Function Compute. Ids and outputs as the Terraform provider's [S]."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.provider import Created
from localcloud.core.errors import CloudError
from localcloud.provider.handler import Handler, Inputs, required

if TYPE_CHECKING:
    from localcloud.fc import FunctionCompute

_LATEST = "LATEST"


class Function(Handler):
    """``fc.V3Function``: the id is its name."""

    identity = ("functionName",)

    def __init__(self, fc: FunctionCompute) -> None:
        self._fc = fc

    async def find(self, inputs: Inputs) -> str | None:
        """By name."""
        name = inputs.get("functionName")
        return name if name in self._fc.function_names() else None

    async def put(self, inputs: Inputs, id_: str | None) -> Created:
        """Create or change; a container's image may still be on its way then, as in the cloud."""
        name = id_ or str(required(inputs, "functionName"))
        if id_ is None:
            described = self._fc.create_function(inputs)
        else:
            described = self._fc.update_function(name, inputs)
        known = ("functionId", "state", "createTime", "lastModifiedTime", "lastUpdateStatus")
        found = {key: described[key] for key in known if key in described}
        return Created(name, {**inputs, **found, "functionArn": self._fc.arn(name)})

    async def remove(self, id_: str, outputs: Inputs) -> None:
        """Delete with everything that hangs on it."""
        del outputs
        self._fc.delete_function(id_)

    async def read(self, id_: str) -> Created:
        """Look it up."""
        return Created(id_, {**self._fc.get_function(id_), "functionArn": self._fc.arn(id_)})


class AsyncInvokeConfig(Handler):
    """``fc.V3AsyncInvokeConfig``: the id is ``function:qualifier``."""

    identity = ("functionName", "qualifier")

    def __init__(self, fc: FunctionCompute) -> None:
        self._fc = fc

    async def put(self, inputs: Inputs, id_: str | None) -> Created:
        """Set."""
        name, qualifier = _function_and_qualifier(inputs)
        self._fc.set_async_config(name, inputs)
        outputs = {**inputs, "functionArn": self._fc.arn(name)}
        return Created(id_ or f"{name}:{qualifier}", outputs)

    async def remove(self, id_: str, outputs: Inputs) -> None:
        """Go back to the defaults."""
        del outputs
        self._fc.delete_async_config(id_.partition(":")[0])


class ProvisionConfig(Handler):
    """``fc.V3ProvisionConfig``: the id is the function's name."""

    identity = ("functionName", "qualifier")

    def __init__(self, fc: FunctionCompute) -> None:
        self._fc = fc

    async def put(self, inputs: Inputs, id_: str | None) -> Created:
        """Set."""
        name, _ = _function_and_qualifier(inputs)
        self._fc.set_provision_config(name, inputs)
        return Created(id_ or name, {**inputs, "functionArn": self._fc.arn(name)})

    async def remove(self, id_: str, outputs: Inputs) -> None:
        """Let the instances go."""
        del outputs
        self._fc.delete_provision_config(id_)


class ConcurrencyConfig(Handler):
    """``fc.V3ConcurrencyConfig``: the id is the function's name."""

    identity = ("functionName",)

    def __init__(self, fc: FunctionCompute) -> None:
        self._fc = fc

    async def put(self, inputs: Inputs, id_: str | None) -> Created:
        """Reserve."""
        name = str(required(inputs, "functionName"))
        self._fc.set_concurrency(name, int(required(inputs, "reservedConcurrency")))
        return Created(id_ or name, {**inputs, "functionArn": self._fc.arn(name)})

    async def remove(self, id_: str, outputs: Inputs) -> None:
        """Take the reservation back."""
        del outputs
        self._fc.delete_concurrency(id_)


class Trigger(Handler):
    """``fc.V3Trigger``: the id is ``function:trigger``."""

    identity = ("functionName", "triggerName")

    def __init__(self, fc: FunctionCompute) -> None:
        self._fc = fc

    async def put(self, inputs: Inputs, id_: str | None) -> Created:
        """Set."""
        name, _ = _function_and_qualifier(inputs)
        trigger = str(required(inputs, "triggerName"))
        self._fc.put_trigger(name, inputs)
        outputs = {**inputs, "status": "Active", "targetArn": self._fc.arn(name)}
        return Created(id_ or f"{name}:{trigger}", outputs)

    async def remove(self, id_: str, outputs: Inputs) -> None:
        """Delete."""
        del outputs
        name, _, trigger = id_.partition(":")
        self._fc.delete_trigger(name, trigger)


def compute_handlers(fc: FunctionCompute) -> dict[str, Handler]:
    """The handlers by type token."""
    return {
        "alicloud:fc/v3Function:V3Function": Function(fc),
        "alicloud:fc/v3AsyncInvokeConfig:V3AsyncInvokeConfig": AsyncInvokeConfig(fc),
        "alicloud:fc/v3ProvisionConfig:V3ProvisionConfig": ProvisionConfig(fc),
        "alicloud:fc/v3ConcurrencyConfig:V3ConcurrencyConfig": ConcurrencyConfig(fc),
        "alicloud:fc/v3Trigger:V3Trigger": Trigger(fc),
    }


def _function_and_qualifier(inputs: Inputs) -> tuple[str, str]:
    """The function's name; there are no versions and aliases here."""
    name, qualifier = str(required(inputs, "functionName")), inputs.get("qualifier") or _LATEST
    if qualifier != _LATEST:
        raise CloudError(404, "VersionNotFound", f"qualifier {qualifier!r} of {name}: LATEST only")
    return name, str(qualifier)

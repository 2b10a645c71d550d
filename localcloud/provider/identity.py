"""``ram.*`` on the local RAM. Ids and outputs as the Terraform provider's [S]."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.provider import Created
from localcloud.core.errors import CloudError
from localcloud.provider.handler import Handler, Inputs, required

if TYPE_CHECKING:
    from localcloud.ram import Ram


class Role(Handler):
    """``ram.Role``: the id is its name."""

    identity = ("roleName",)

    def __init__(self, ram: Ram) -> None:
        self._ram = ram

    async def put(self, inputs: Inputs, id_: str | None) -> Created:
        """Create or change."""
        name = id_ or str(required(inputs, "roleName"))
        role_id = self._ram.create_role(name, str(required(inputs, "assumeRolePolicyDocument")))
        outputs = {**inputs, "roleId": role_id, "arn": self._ram.arn(name)}
        return Created(name, outputs)

    async def remove(self, id_: str, outputs: Inputs) -> None:
        """Delete with its attachments."""
        del outputs
        self._ram.delete_role(id_)


class Policy(Handler):
    """``ram.Policy``: the id is its name."""

    identity = ("policyName",)

    def __init__(self, ram: Ram) -> None:
        self._ram = ram

    async def put(self, inputs: Inputs, id_: str | None) -> Created:
        """Create, or make a new default version."""
        name = id_ or str(required(inputs, "policyName"))
        self._ram.put_policy(name, str(required(inputs, "policyDocument")))
        return Created(name, {**inputs, "type": "Custom"})

    async def remove(self, id_: str, outputs: Inputs) -> None:
        """Delete with its attachments."""
        del outputs
        self._ram.delete_policy(id_)


class RolePolicyAttachment(Handler):
    """``ram.RolePolicyAttachment``: the id is ``role:policy:type:role``."""

    identity = ("roleName", "policyName", "policyType")

    def __init__(self, ram: Ram) -> None:
        self._ram = ram

    async def put(self, inputs: Inputs, id_: str | None) -> Created:
        """Attach."""
        role, policy = str(required(inputs, "roleName")), str(required(inputs, "policyName"))
        kind = str(required(inputs, "policyType"))
        if kind not in ("Custom", "System"):
            raise CloudError(400, "InvalidParameter.PolicyType", f"policyType {kind!r}")
        self._ram.attach(role, policy)
        return Created(id_ or f"role:{policy}:{kind}:{role}", inputs)

    async def remove(self, id_: str, outputs: Inputs) -> None:
        """Detach."""
        del outputs
        _, policy, _, role = id_.split(":", 3)
        self._ram.detach(role, policy)


def identity_handlers(ram: Ram) -> dict[str, Handler]:
    """The handlers by type token."""
    return {
        "alicloud:ram/role:Role": Role(ram),
        "alicloud:ram/policy:Policy": Policy(ram),
        "alicloud:ram/rolePolicyAttachment:RolePolicyAttachment": RolePolicyAttachment(ram),
    }

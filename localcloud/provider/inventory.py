"""Recorded resources: things of the cloud that a single machine has nothing of.

A VPC, a vSwitch, a security group, a purchase: they are kept with an id like the cloud's, their
rules are checked (references exist, address ranges do not overlap, nothing is deleted that is still
in use), and they have no effect on any packet. The coverage document names them.
"""

from __future__ import annotations

import hashlib
import ipaddress
import secrets
import string
from typing import TYPE_CHECKING, Any

from engine.provider import Created
from localcloud.core.errors import CloudError
from localcloud.provider.handler import Handler, Inputs, required

if TYPE_CHECKING:
    from collections.abc import Callable

    from localcloud.documents import Documents

_ALPHABET = string.ascii_lowercase + string.digits
_PRIVATE = [ipaddress.IPv4Network(net) for net in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")]


def derived_id(prefix: str, *parts: str) -> str:
    """An id that follows from others, so that it stays the same."""
    return f"{prefix}-bp1" + hashlib.sha256(":".join(parts).encode()).hexdigest()[:18]


def cloud_id(prefix: str) -> str:
    """An id as the cloud makes them: `cloud_id("vpc")` is ``vpc-bp1`` and 18 characters."""
    return f"{prefix}-bp1" + "".join(secrets.choice(_ALPHABET) for _ in range(18))


class Recorded(Handler):
    """A resource that is only recorded.

    Args:
        documents: where.
        kind: of the document.
        make_id: from the inputs; the same inputs may give different ids.
        references: input name → kind of the recorded resource that it must name.
        extra: more outputs, from id and inputs.
    """

    recorded = True

    def __init__(
        self,
        documents: Documents,
        kind: str,
        make_id: Callable[[Inputs], str],
        *,
        references: dict[str, str] | None = None,
        extra: Callable[[str, Inputs], dict[str, Any]] | None = None,
        replace_on: frozenset[str] = frozenset(),
        identity: tuple[str, ...] = (),
    ) -> None:
        self._documents = documents
        self._kind = kind
        self._make_id = make_id
        self._references = references or {}
        self._extra = extra
        self.replace_on = replace_on
        self.identity = identity

    async def find(self, inputs: Inputs) -> str | None:
        """By identity, where the type has one."""
        if not self.identity:
            return None
        wanted = [inputs.get(name) for name in self.identity]
        for id_, body in self._documents.all(self._kind).items():
            if [body.get(name) for name in self.identity] == wanted:
                return id_
        return None

    async def put(self, inputs: Inputs, id_: str | None) -> Created:
        """Record it."""
        for name, kind in self._references.items():
            if inputs.get(name) is not None and self._documents.get(kind, inputs[name]) is None:
                raise CloudError(404, "NotFound", f"{name}: there is no {kind} {inputs[name]!r}")
        self.check(inputs, id_)
        new_id = id_ or self._make_id(inputs)
        self._documents.put(self._kind, new_id, inputs)
        return self._created(new_id, inputs)

    def check(self, inputs: Inputs, id_: str | None) -> None:
        """Rules of the type beyond its references."""

    async def remove(self, id_: str, outputs: Inputs) -> None:
        """Forget it.

        Raises:
            CloudError: 409 while another recorded resource refers to it.
        """
        del outputs
        self._documents.remove(self._kind, id_)

    async def read(self, id_: str) -> Created:
        """Look it up.

        Raises:
            CloudError: 404.
        """
        body = self._documents.get(self._kind, id_)
        if body is None:
            raise CloudError(404, "NotFound", f"there is no {self._kind} {id_!r}")
        return self._created(id_, body)

    def _created(self, id_: str, inputs: Inputs) -> Created:
        extra = self._extra(id_, inputs) if self._extra else {}
        return Created(id_, {**inputs, **extra})


class Network(Recorded):
    """``vpc.Network``."""

    def check(self, inputs: Inputs, id_: str | None) -> None:
        """A private range; two VPCs may overlap, as in the cloud."""
        del id_
        _range("cidrBlock", required(inputs, "cidrBlock"), 8, 28)

    async def remove(self, id_: str, outputs: Inputs) -> None:
        """Delete, unless a vSwitch or a security group is in it."""
        for kind in ("vswitch", "securityGroup"):
            for other, body in self._documents.all(kind).items():
                if body.get("vpcId") == id_:
                    raise CloudError(409, "DependencyViolation", f"VPC {id_} still has {other}")
        await super().remove(id_, outputs)


class Switch(Recorded):
    """``vpc.Switch``."""

    def check(self, inputs: Inputs, id_: str | None) -> None:
        """Within the VPC's range, beside the other vSwitches."""
        own = _range("cidrBlock", required(inputs, "cidrBlock"), 16, 29)
        vpc = self._documents.get("vpc", required(inputs, "vpcId")) or {}
        whole = ipaddress.IPv4Network(vpc["cidrBlock"])
        if not own.subnet_of(whole):
            raise CloudError(400, "InvalidCidrBlock", f"cidrBlock {own} is not within {whole}")
        for other, body in self._documents.all("vswitch").items():
            if other == id_ or body["vpcId"] != inputs["vpcId"]:
                continue
            if own.overlaps(ipaddress.IPv4Network(body["cidrBlock"])):
                raise CloudError(
                    400, "InvalidCidrBlock.Overlapped", f"cidrBlock {own} overlaps that of {other}"
                )


def _range(name: str, text: Any, shortest: int, longest: int) -> ipaddress.IPv4Network:
    try:
        network = ipaddress.IPv4Network(text)
    except ValueError as bad:
        raise CloudError(400, f"Invalid{name[0].upper()}{name[1:]}", f"{name}: {bad}") from bad
    if not shortest <= network.prefixlen <= longest:
        raise CloudError(
            400, "InvalidCidrBlock", f"{name} {text}: the mask must be /{shortest} to /{longest}"
        )
    if not any(network.subnet_of(private) for private in _PRIVATE):
        raise CloudError(400, "InvalidCidrBlock", f"{name} {text}: not in a private range")
    return network

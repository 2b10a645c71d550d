from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from engine.provider import Created
from localcloud.core.errors import CloudError, NotSupported
from localcloud.documents import Documents
from localcloud.provider.handler import Handler, Inputs
from localcloud.provider.network import network_handlers
from localcloud.provider.provider import LocalProvider
from localcloud.provider.schema import REPLACE_ON

THING = "alicloud:test/thing:Thing"
VPC, SWITCH = "alicloud:vpc/network:Network", "alicloud:vpc/switch:Switch"
GROUP = "alicloud:ecs/securityGroup:SecurityGroup"
URN = "urn:pulumi:local::p::t::n"


class Things(Handler):
    """Named things that may fail after they were made."""

    identity = ("name",)
    replace_on = frozenset({"name", "size"})

    def __init__(self) -> None:
        self.made: dict[str, Inputs] = {}
        self.fail = False

    async def find(self, inputs: Inputs) -> str | None:
        return inputs["name"] if inputs["name"] in self.made else None

    async def put(self, inputs: Inputs, id_: str | None) -> Created:
        if id_ is None and inputs["name"] in self.made:
            raise CloudError(409, "Exists", "it was to be taken over")
        self.made[inputs["name"]] = inputs
        if self.fail:
            raise OSError("the machine went down")
        return Created(inputs["name"], inputs)

    async def remove(self, id_: str, outputs: Inputs) -> None:
        if id_ not in self.made:
            raise CloudError(404, "Gone", "gone")
        del self.made[id_]


@pytest.fixture
def things() -> Things:
    return Things()


@pytest.fixture
def provider(tmp_path: Path, things: Things) -> LocalProvider:
    documents = Documents(tmp_path / "provider.sqlite")
    handlers: dict[str, Handler] = {THING: things, **network_handlers(documents)}
    for token in (VPC, SWITCH, GROUP):
        handlers[token].replace_on = REPLACE_ON[token]
    return LocalProvider(handlers, documents)


async def test_an_interrupted_creation_is_taken_over(
    provider: LocalProvider, things: Things
) -> None:
    things.fail = True
    with pytest.raises(OSError, match="went down"):
        await provider.create(THING, URN, {"name": "a"})
    things.fail = False
    assert (await provider.create(THING, URN, {"name": "a"})).id == "a"
    assert (await provider.create(THING, URN, {"name": "a"})).id == "a"


async def test_what_somebody_else_made_is_not_taken_over(
    provider: LocalProvider, things: Things
) -> None:
    things.made["a"] = {}
    with pytest.raises(CloudError, match="a already exists") as caught:
        await provider.create(THING, URN, {"name": "a"})
    assert caught.value.status == 409
    await provider.create(THING, URN, {"name": "b"})
    with pytest.raises(CloudError, match="b already exists"):
        await provider.create(THING, URN + "2", {"name": "b"})


async def test_a_replacement_of_the_same_urn_is_a_new_resource(
    provider: LocalProvider, things: Things
) -> None:
    await provider.create(THING, URN, {"name": "a"})
    assert (await provider.create(THING, URN, {"name": "b"})).id == "b"
    await provider.delete(THING, URN, "a", {})
    assert list(things.made) == ["b"]
    await provider.delete(THING, URN, "b", {})
    await provider.delete(THING, URN, "b", {})
    assert (await provider.create(THING, URN, {"name": "b"})).id == "b"


async def test_claims_hold_no_secret(provider: LocalProvider, tmp_path: Path) -> None:
    await provider.create(THING, URN, {"name": "a", "value": "sk-very-secret"})
    for path in tmp_path.iterdir():
        assert b"sk-very-secret" not in path.read_bytes()


@pytest.mark.parametrize(
    ("changes", "kind", "keys", "delete_first"),
    [
        ({}, "same", (), False),
        ({"note": None}, "same", (), False),
        ({"note": "x"}, "update", ("note",), False),
        ({"name": "b", "note": "x"}, "replace", ("name",), False),
        ({"size": 2}, "replace", ("size",), True),
    ],
)
def test_differences(
    provider: LocalProvider,
    changes: dict[str, Any],
    kind: str,
    keys: tuple[str, ...],
    delete_first: bool,
) -> None:
    old = {"name": "a", "size": 1}
    found = provider.difference(THING, old, {**copy.deepcopy(old), **changes})
    assert (found.kind, found.keys, found.delete_first) == (kind, keys, delete_first)


async def test_what_is_not_here_is_named(provider: LocalProvider) -> None:
    for call in (
        provider.create("alicloud:ecs/instance:Instance", URN, {}),
        provider.call("alicloud:vpc/getNetworks:getNetworks", {}),
        provider.read(THING, "a", {}),
    ):
        with pytest.raises(NotSupported, match=r"Instance|getNetworks|Things"):
            await call


async def network(provider: LocalProvider, **changes: Any) -> str:
    inputs = {"vpcName": "v", "cidrBlock": "10.0.0.0/16", **changes}
    return (await provider.create(VPC, URN + "vpc", inputs)).id


async def switch(provider: LocalProvider, vpc: str, cidr: str) -> str:
    inputs = {"vpcId": vpc, "cidrBlock": cidr, "zoneId": "cn-hangzhou-h"}
    return (await provider.create(SWITCH, URN + cidr, inputs)).id


async def test_networks_have_ids_like_the_clouds_and_stay(provider: LocalProvider) -> None:
    vpc = await network(provider)
    assert vpc.startswith("vpc-bp1")
    assert len(vpc) == len("vpc-bp1") + 18
    found = await provider.read(VPC, vpc, {})
    assert (found.outputs["cidrBlock"], found.outputs["status"]) == ("10.0.0.0/16", "Available")
    assert await network(provider) == vpc


@pytest.mark.parametrize(
    ("cidr", "why"),
    [
        ("10.0.16.0/20", "overlaps"),
        ("10.1.0.0/20", "not within"),
        ("10.0.0.0/30", "mask"),
        ("10.0.0.1/20", "host bits"),
        ("10.0.0.0/x", "cidrBlock"),
    ],
)
async def test_vswitches_fit_into_their_network(
    provider: LocalProvider, cidr: str, why: str
) -> None:
    vpc = await network(provider)
    await switch(provider, vpc, "10.0.0.0/19")
    with pytest.raises(CloudError, match=why):
        await switch(provider, vpc, cidr)


@pytest.mark.parametrize("cidr", ["8.8.0.0/16", "10.0.0.0/7", "10.0.0.0/29", "nonsense", None])
async def test_networks_are_private(provider: LocalProvider, cidr: str | None) -> None:
    with pytest.raises(CloudError, match="cidrBlock"):
        await network(provider, cidrBlock=cidr)


async def test_what_is_in_use_stays(provider: LocalProvider) -> None:
    vpc = await network(provider)
    inside = await switch(provider, vpc, "10.0.0.0/20")
    with pytest.raises(CloudError, match=inside):
        await provider.delete(VPC, URN + "vpc", vpc, {})
    await provider.delete(SWITCH, URN + "10.0.0.0/20", inside, {})
    await provider.delete(VPC, URN + "vpc", vpc, {})
    with pytest.raises(CloudError, match="there is no vpc"):
        await provider.create(GROUP, URN, {"vpcId": vpc})

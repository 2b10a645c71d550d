"""Which range each vSwitch gets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from ipaddress import IPv4Network

LARGEST_VSWITCH_PREFIX = 16
SMALLEST_VSWITCH_PREFIX = 29
# Sixteen parts: room for the functions' zones at the front, the populator at the end, and years of
# growth between.
BITS_PER_SUBNET = 4


@dataclass(frozen=True)
class Subnet:
    """A vSwitch to be: its zone and its range."""

    zone: str
    cidr: IPv4Network


@dataclass(frozen=True)
class SubnetPlan:
    """All vSwitches of a VPC."""

    functions: tuple[Subnet, ...]
    populator: Subnet

    @property
    def everything(self) -> tuple[Subnet, ...]:
        """Functions first, the populator last."""
        return (*self.functions, self.populator)


def plan_subnets(
    cidr: IPv4Network,
    zones: Sequence[str],
    function_cidrs: Sequence[IPv4Network] = (),
    populator_cidr: IPv4Network | None = None,
) -> SubnetPlan:
    """Cut a VPC's range into vSwitches.

    Ranges that are given are taken as they are. Otherwise the VPC is cut into sixteen parts; zone n
    gets part n and the populator the last one, so that adding a zone moves nothing that stands.

    Args:
        cidr: the VPC's range.
        zones: one vSwitch for the functions in each; the populator's is in the first.
        function_cidrs: ranges for the functions, in the order of `zones`, or none.
        populator_cidr: range for the populator, or None.

    Raises:
        ValueError: the range is too small for sixteen vSwitches, or there are more zones than
            parts.
    """
    prefix = max(cidr.prefixlen + BITS_PER_SUBNET, LARGEST_VSWITCH_PREFIX)
    if prefix > SMALLEST_VSWITCH_PREFIX:
        raise ValueError(
            f"be at least a /{SMALLEST_VSWITCH_PREFIX - BITS_PER_SUBNET}, to be cut into "
            f"sixteen vSwitches"
        )
    parts = 2 ** (prefix - cidr.prefixlen)
    if len(zones) >= parts:
        raise ValueError(f"have room for {len(zones)} zones and the populator")
    size = 2 ** (cidr.max_prefixlen - prefix)

    def part(index: int) -> IPv4Network:
        return type(cidr)((int(cidr.network_address) + index * size, prefix))

    ranges = tuple(function_cidrs) or tuple(part(index) for index in range(len(zones)))
    return SubnetPlan(
        functions=tuple(Subnet(zone, given) for zone, given in zip(zones, ranges, strict=True)),
        populator=Subnet(zones[0], populator_cidr or part(parts - 1)),
    )

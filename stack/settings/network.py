"""Where the functions live, and how they reach the outside."""

from collections.abc import Iterator
from enum import StrEnum
from ipaddress import IPv4Network
from itertools import combinations
from typing import Annotated

from pydantic import Field

from stack.settings.base import Broken, Group
from stack.subnets import LARGEST_VSWITCH_PREFIX, SMALLEST_VSWITCH_PREFIX, plan_subnets

PRIVATE_RANGES = tuple(
    IPv4Network(cidr) for cidr in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")
)
Zone = Annotated[str, Field(pattern=r"^[a-z]{2,}-[a-z0-9-]+-[a-z]$")]


class Egress(StrEnum):
    """How commander and notifier reach public names: models, HTTP tools, the NOTIFY API."""

    FUNCTION = "function"
    NAT = "nat"
    NONE = "none"


class ExistingSwitch(Group):
    """One vSwitch of a VPC that is managed elsewhere."""

    id: str = Field(pattern=r"^vsw-[a-z0-9]+$", description="Id of the vSwitch.")
    zone: Zone = Field(description="Zone that it is in.")
    cidr: IPv4Network = Field(description="Its range; the share's access rules are made from it.")


class ExistingNetwork(Group):
    """A VPC that is managed elsewhere."""

    vpc_id: str = Field(pattern=r"^vpc-[a-z0-9]+$", description="Id of the VPC.")
    functions: tuple[ExistingSwitch, ...] = Field(
        description="vSwitches of the functions, in at least two zones."
    )
    populator: ExistingSwitch = Field(
        description="vSwitch of the populator alone: whatever runs in it may write to the share."
    )

    def broken_rules(self) -> Iterator[Broken]:
        """The functions' vSwitches are in at least two zones, and no two ranges overlap."""
        if len({switch.zone for switch in self.functions}) < 2:
            yield Broken("functions", "be in at least two zones")
        for one, other in combinations((*self.functions, self.populator), 2):
            if one.cidr.overlaps(other.cidr):
                yield Broken(
                    "functions", f"have ranges that do not overlap ({one.cidr} and {other.cidr} do)"
                )


class NetworkSettings(Group):
    """VPC, vSwitches, and the way out."""

    cidr: IPv4Network = Field(
        default=IPv4Network("10.20.0.0/16"), description="Range of the new VPC; private (RFC 1918)."
    )
    zones: tuple[Zone, ...] = Field(
        default=("cn-hangzhou-h", "cn-hangzhou-i"),
        description="Zones of the functions' vSwitches; the share and the populator stand "
        "in the first.",
    )
    function_cidrs: tuple[IPv4Network, ...] = Field(
        default=(),
        description="Ranges of the functions' vSwitches, one a zone. Empty: cut from `cidr`.",
    )
    populator_cidr: IPv4Network | None = Field(
        default=None, description="Range of the populator's vSwitch. Unset: cut from `cidr`."
    )
    reserved_cidrs: tuple[IPv4Network, ...] = Field(
        default=(),
        description="Ranges in use elsewhere (offices, peered VPCs) that `cidr` must keep "
        "clear of.",
    )
    existing: ExistingNetwork | None = Field(
        default=None,
        description="Use this VPC instead of making one; the other ranges are ignored then.",
    )
    egress: Egress = Field(
        default=Egress.FUNCTION,
        description="How commander and notifier reach public names: `function` (Function "
        "Compute's own way out), "
        "`nat` (a NAT gateway with a fixed address, for allow-lists), or `none`. "
        "Dispatcher and populator never do.",
    )

    def broken_rules(self) -> Iterator[Broken]:
        """Two zones or more, each once; `cidr` private, large enough, clear of what is reserved.

        vSwitches lie inside of it, have between 8 and 65,536 addresses, and do not overlap. An
        existing VPC brings its own way out, so `egress: nat` needs a new one.
        """
        if self.existing:
            if self.egress is Egress.NAT:
                yield Broken(
                    "egress",
                    "be `function` or `none` in an existing VPC, whose owner manages its "
                    "NAT gateway",
                )
            return
        if len(set(self.zones)) < 2 or len(set(self.zones)) != len(self.zones):
            yield Broken("zones", "name at least two zones, each once")
            return
        if not any(self.cidr.subnet_of(private) for private in PRIVATE_RANGES):
            yield Broken("cidr", "be inside 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16")
        for reserved in self.reserved_cidrs:
            if self.cidr.overlaps(reserved):
                yield Broken("cidr", f"not overlap the reserved range {reserved}")
        yield from self._broken_subnets()

    def _broken_subnets(self) -> Iterator[Broken]:
        if self.function_cidrs and len(self.function_cidrs) != len(self.zones):
            yield Broken(
                "function_cidrs", f"have one range for each of the {len(self.zones)} zones"
            )
            return
        try:
            plan = plan_subnets(self.cidr, self.zones, self.function_cidrs, self.populator_cidr)
        except ValueError as error:
            yield Broken("cidr", str(error))
            return
        for subnet in plan.everything:
            field = "populator_cidr" if subnet is plan.populator else "function_cidrs"
            if not subnet.cidr.subnet_of(self.cidr):
                yield Broken(field, f"be inside {self.cidr} ({subnet.cidr} is not)")
            if not LARGEST_VSWITCH_PREFIX <= subnet.cidr.prefixlen <= SMALLEST_VSWITCH_PREFIX:
                yield Broken(
                    field,
                    f"be between /{LARGEST_VSWITCH_PREFIX} and /{SMALLEST_VSWITCH_PREFIX} "
                    f"({subnet.cidr} is not)",
                )
        for one, other in combinations(plan.everything, 2):
            if one.cidr.overlaps(other.cidr):
                field = "populator_cidr" if other is plan.populator else "function_cidrs"
                yield Broken(field, f"not overlap ({one.cidr} and {other.cidr} do)")

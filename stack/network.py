"""VPC, vSwitches and security group, or those of somebody else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi_alicloud as alicloud

from stack.component import Component
from stack.settings.network import Egress, ExistingNetwork
from stack.subnets import SubnetPlan, plan_subnets

if TYPE_CHECKING:
    from ipaddress import IPv4Network

    import pulumi

    from stack.context import Context


@dataclass(frozen=True)
class Switch:
    """A vSwitch and its range."""

    id: pulumi.Input[str]
    zone: str
    cidr: IPv4Network


@dataclass(frozen=True)
class NetworkOutputs:
    """Where functions, share and store stand."""

    vpc_id: pulumi.Input[str]
    security_group_id: pulumi.Output[str]
    functions: tuple[Switch, ...]
    populator: Switch


class Network(Component[NetworkOutputs]):
    """A private network in at least two zones, into which nothing connects from outside."""

    def __init__(
        self, *, name: str, context: Context, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Make the network, or take an existing one."""
        super().__init__(name=name, context=context, opts=opts)
        settings = context.settings.network
        if settings.existing:
            vpc_id, functions, populator = self._existing(settings.existing)
        else:
            vpc_id, functions, populator = self._new()
        group = alicloud.ecs.SecurityGroup(
            f"{self.name}-functions",
            security_group_name=context.names.network("functions"),
            description="Functions of agent-commander: no way in, not even from one another",
            vpc_id=vpc_id,
            inner_access_policy="Drop",
            tags=context.tags,
            opts=self.child(),
        )
        if settings.egress is Egress.NAT:
            self._way_out(vpc_id, functions)
        self.publish(NetworkOutputs(vpc_id, group.id, functions, populator))

    def _existing(
        self, given: ExistingNetwork
    ) -> tuple[pulumi.Input[str], tuple[Switch, ...], Switch]:
        functions = tuple(Switch(switch.id, switch.zone, switch.cidr) for switch in given.functions)
        return (
            given.vpc_id,
            functions,
            Switch(given.populator.id, given.populator.zone, given.populator.cidr),
        )

    def _new(self) -> tuple[pulumi.Input[str], tuple[Switch, ...], Switch]:
        settings, names = self.context.settings.network, self.context.names
        vpc = alicloud.vpc.Network(
            f"{self.name}-vpc",
            vpc_name=names.network("vpc"),
            cidr_block=str(settings.cidr),
            description=f"agent-commander, {self.context.settings.environment}",
            tags=self.context.tags,
            opts=self.child(),
        )
        plan: SubnetPlan = plan_subnets(
            settings.cidr, settings.zones, settings.function_cidrs, settings.populator_cidr
        )

        def switch(label: str, zone: str, cidr: IPv4Network) -> Switch:
            made = alicloud.vpc.Switch(
                f"{self.name}-{label}",
                vswitch_name=names.network(label),
                vpc_id=vpc.id,
                zone_id=zone,
                cidr_block=str(cidr),
                tags=self.context.tags,
                opts=self.child(),
            )
            return Switch(made.id, zone, cidr)

        # Named by zone, so that another order of the zones replaces nothing.
        functions = tuple(switch(f"functions-{s.zone}", s.zone, s.cidr) for s in plan.functions)
        return vpc.id, functions, switch("populator", plan.populator.zone, plan.populator.cidr)

    def _way_out(self, vpc_id: pulumi.Input[str], functions: tuple[Switch, ...]) -> None:
        """A NAT gateway with one fixed address, for the functions' vSwitches alone."""
        names, tags = self.context.names, self.context.tags
        nat = alicloud.vpc.NatGateway(
            f"{self.name}-nat",
            nat_gateway_name=names.network("nat"),
            nat_type="Enhanced",
            network_type="internet",
            payment_type="PayAsYouGo",
            internet_charge_type="PayByLcu",
            vpc_id=vpc_id,
            vswitch_id=functions[0].id,
            tags=tags,
            opts=self.child(),
        )
        address = alicloud.ecs.EipAddress(
            f"{self.name}-nat",
            address_name=names.network("nat"),
            internet_charge_type="PayByTraffic",
            payment_type="PayAsYouGo",
            tags=tags,
            opts=self.child(),
        )
        bound = alicloud.ecs.EipAssociation(
            f"{self.name}-nat",
            allocation_id=address.id,
            instance_id=nat.id,
            instance_type="Nat",
            opts=self.child(),
        )
        for switch in functions:
            alicloud.vpc.SnatEntry(
                f"{self.name}-nat-{switch.zone}",
                snat_table_id=nat.snat_table_ids,
                source_vswitch_id=switch.id,
                snat_ip=address.ip_address,
                opts=self.child(depends_on=[bound]),
            )

"""The share with the commander's dependencies: one directory for each set, written once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pulumi
import pulumi_alicloud as alicloud

from stack.artifacts.lock import LOCK_FILE, bundle_id
from stack.component import Component
from stack.dynamic.bundle import BundleUpload, Populate
from stack.populator import Populator

if TYPE_CHECKING:
    from ipaddress import IPv4Network

    from stack.context import Context
    from stack.function import Surroundings
    from stack.network import NetworkOutputs
    from stack.results import ResultsOutputs

PROJECT_ROOT = Path(__file__).parents[1]
ENCRYPTED_BY_NAS = 1
GENERAL_PURPOSE = "standard"
WRITER_PRIORITY, READER_PRIORITY = 1, 2


@dataclass(frozen=True)
class DependencyShareOutputs:
    """Where the dependencies are.

    Attributes:
        bundle_address: what the commander mounts, known once the bundle is verified.
        bundle_id: name of the bundle.
        populator: the function that put it there.
    """

    bundle_address: pulumi.Output[str]
    bundle_id: str
    populator: pulumi.Output[str]


class DependencyShare(Component[DependencyShareOutputs]):
    """NAS file system, encrypted; functions read, the populator writes."""

    def __init__(
        self,
        *,
        name: str,
        context: Context,
        network: NetworkOutputs,
        results: ResultsOutputs,
        where: Surroundings,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Make the share and populate it.

        Args:
            name: its name in the stack.
            context: the environment.
            network: where it can be mounted, and from where.
            results: the artifact bucket, and the populator's code.
            where: network, logs, role of the populator.
            opts: options.
        """
        super().__init__(name=name, context=context, opts=opts)
        root = self._share(network)
        populator = Populator(
            name="populator",
            context=context,
            code=results.code["populator"],
            share_address=root,
            where=where,
            opts=self.child(),
        )
        identity = bundle_id(PROJECT_ROOT / LOCK_FILE, context.settings.share.bundle_target)
        populated = self._populate(results, identity, populator.outputs.name)
        address = pulumi.Output.all(root, populated.directory).apply(
            lambda both: f"{both[0]}{both[1]}"
        )
        self.publish(DependencyShareOutputs(address, identity, populator.outputs.name))

    def _share(self, network: NetworkOutputs) -> pulumi.Output[str]:
        context = self.context
        files = alicloud.nas.FileSystem(
            f"{self.name}-files",
            protocol_type="NFS",
            storage_type=context.settings.share.storage_type,
            file_system_type=GENERAL_PURPOSE,
            encrypt_type=ENCRYPTED_BY_NAS,
            zone_id=context.settings.share.zone or network.populator.zone,
            description=f"agent-commander {context.settings.environment}: dependencies",
            tags=context.tags,
            opts=self.child(holds_data=True),
        )
        group = alicloud.nas.AccessGroup(
            f"{self.name}-access",
            access_group_name=context.names.access_group,
            access_group_type="Vpc",
            file_system_type=GENERAL_PURPOSE,
            description="Functions read, the populator writes",
            opts=self.child(),
        )
        # A mount point has no read-only flag: the rule for the functions' vSwitches is what makes
        # it so.
        rules = [self._rule(group, "populator", network.populator.cidr, "RDWR", WRITER_PRIORITY)]
        rules += [
            self._rule(group, f"functions-{switch.zone}", switch.cidr, "RDONLY", READER_PRIORITY)
            for switch in network.functions
        ]
        target = alicloud.nas.MountTarget(
            f"{self.name}-mount",
            file_system_id=files.id,
            access_group_name=group.access_group_name,
            network_type="Vpc",
            vpc_id=network.vpc_id,
            vswitch_id=network.populator.id,
            opts=self.child(depends_on=rules),
        )
        root: pulumi.Output[str] = target.mount_target_domain.apply(lambda domain: f"{domain}:/")
        return root

    def _rule(
        self,
        group: alicloud.nas.AccessGroup,
        label: str,
        cidr: IPv4Network,
        access: str,
        priority: int,
    ) -> alicloud.nas.AccessRule:
        return alicloud.nas.AccessRule(
            f"{self.name}-{label}",
            access_group_name=group.access_group_name,
            file_system_type=GENERAL_PURPOSE,
            source_cidr_ip=str(cidr),
            rw_access_type=access,
            user_access_type="no_squash",
            priority=priority,
            opts=self.child(),
        )

    def _populate(
        self, results: ResultsOutputs, identity: str, populator: pulumi.Output[str]
    ) -> Populate:
        context = self.context
        uploaded = BundleUpload(
            f"{self.name}-bundle",
            bucket=results.artifacts_bucket,
            key=f"bundles/{identity}.tar",
            bundle_id=identity,
            target=context.settings.share.bundle_target,
            endpoint=context.endpoints.oss_public,
            region=context.settings.cloud.region,
            opts=self.child(),
        )
        return Populate(
            f"{self.name}-populate",
            function_name=populator,
            bundle=uploaded,
            directory=identity,
            function_endpoint=context.endpoints.functions_public,
            timeout_seconds=context.settings.populator.timeout_s,
            opts=self.child(),
        )

"""The Tablestore instance with its tables, bound to the VPC."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pulumi_alicloud as alicloud

from stack.component import Component
from stack.tables import Table, read_tables

if TYPE_CHECKING:
    import pulumi

    from stack.context import Context
    from stack.network import NetworkOutputs

PROJECT_ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class SessionStoreOutputs:
    """The instance and its tables."""

    instance: pulumi.Output[str]
    tables: dict[str, pulumi.Output[str]]


class SessionStore(Component[SessionStoreOutputs]):
    """Sessions, tickets and their logs: encrypted, and reached from the VPC."""

    def __init__(
        self,
        *,
        name: str,
        context: Context,
        network: NetworkOutputs,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Make instance, binding and tables."""
        super().__init__(name=name, context=context, opts=opts)
        settings, names = context.settings.session_store, context.names
        instance = alicloud.ots.Instance(
            f"{self.name}-instance",
            name=names.tablestore_instance,
            description=f"agent-commander {context.settings.environment}",
            instance_type=settings.instance_type,
            network_type_acls=["VPC", "INTERNET"] if settings.public_access else ["VPC"],
            network_source_acls=["TRUST_PROXY"],
            tags=context.tags,
            opts=self.child(holds_data=True),
        )
        binding = alicloud.ots.InstanceAttachment(
            f"{self.name}-vpc",
            instance_name=instance.name,
            vpc_name=names.tablestore_vpc,
            vswitch_id=network.functions[0].id,
            opts=self.child(),
        )
        # The provider makes tables through the instance's own address, so the way to it has to be
        # there first.
        tables = {
            table.name: self._table(instance, table, binding) for table in read_tables(PROJECT_ROOT)
        }
        self.publish(SessionStoreOutputs(instance.name, tables))

    def _table(
        self,
        instance: alicloud.ots.Instance,
        table: Table,
        binding: alicloud.ots.InstanceAttachment,
    ) -> pulumi.Output[str]:
        made = alicloud.ots.Table(
            f"{self.name}-{table.name.removeprefix('agent_')}",
            instance_name=instance.name,
            table_name=table.name,
            primary_keys=[
                alicloud.ots.TablePrimaryKeyArgs(name=column, type=kind)
                for column, kind in table.primary_key
            ],
            time_to_live=table.time_to_live_s,
            max_version=table.max_versions,
            enable_sse=True,
            sse_key_type="SSE_KMS_SERVICE",
            opts=self.child(holds_data=True, depends_on=[binding]),
        )
        table_name: pulumi.Output[str] = made.table_name
        return table_name

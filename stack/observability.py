"""Log project, and a searchable logstore for each function."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi_alicloud as alicloud

from stack.component import Component
from stack.naming import FUNCTIONS

if TYPE_CHECKING:
    import pulumi

    from stack.context import Context

# What people cut log lines at when they search.
TOKENS = ", '\";=()[]{}?@&<>/:\n\t\r"


@dataclass(frozen=True)
class ObservabilityOutputs:
    """Where functions write their logs."""

    project: pulumi.Output[str]
    stores: dict[str, pulumi.Output[str]]


class Observability(Component[ObservabilityOutputs]):
    """One logstore a function, so that a role may write only into its own."""

    def __init__(
        self, *, name: str, context: Context, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Make project, stores and indexes."""
        super().__init__(name=name, context=context, opts=opts)
        project = alicloud.log.Project(
            f"{self.name}-project",
            project_name=context.names.log_project,
            description=f"agent-commander, {context.settings.environment}",
            tags=context.tags,
            opts=self.child(),
        )
        stores = {function: self._store(project, function) for function in FUNCTIONS}
        self.publish(ObservabilityOutputs(project.project_name, stores))

    def _store(self, project: alicloud.log.Project, function: str) -> pulumi.Output[str]:
        store = alicloud.log.Store(
            f"{self.name}-{function}",
            project_name=project.project_name,
            logstore_name=function,
            retention_period=self.context.settings.observability.retention_days,
            shard_count=2,
            auto_split=True,
            max_split_shard_count=16,
            append_meta=True,
            opts=self.child(),
        )
        alicloud.log.StoreIndex(
            f"{self.name}-{function}",
            project=project.project_name,
            logstore=store.logstore_name,
            full_text=alicloud.log.StoreIndexFullTextArgs(
                case_sensitive=False, include_chinese=True, token=TOKENS
            ),
            opts=self.child(),
        )
        made: pulumi.Output[str] = store.logstore_name
        return made

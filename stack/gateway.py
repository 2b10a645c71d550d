"""The frame of the door: group, plugins, and the app that signs pushes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import pulumi_alicloud as alicloud

from stack.component import Component
from stack.gateway_plugins import jwt_plugin, throttling_plugin

if TYPE_CHECKING:
    import pulumi

    from stack.context import Context


@dataclass(frozen=True)
class GatewayOutputs:
    """What the routes hang on."""

    group_id: pulumi.Output[str]
    domain: pulumi.Output[str]
    jwt_plugin_id: pulumi.Output[str]
    throttling_plugin_id: pulumi.Output[str]
    push_app_id: pulumi.Output[str]


class Gateway(Component[GatewayOutputs]):
    """An API group with nothing in it: functions are told its domain before routes point there."""

    def __init__(
        self, *, name: str, context: Context, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Make group, plugins and app."""
        super().__init__(name=name, context=context, opts=opts)
        settings, names = context.settings.gateway, context.names
        group = alicloud.apigateway.Group(
            f"{self.name}-group",
            name=names.gateway("api"),
            description=f"agent-commander, {context.settings.environment}",
            opts=self.child(),
        )
        jwt = self._plugin("jwt", "jwtAuth", jwt_plugin(cast("dict[str, Any]", settings.jwks)))
        throttling = self._plugin(
            "throttling", "trafficControl", throttling_plugin(settings.throttling)
        )
        # The notifier reads its secret when it starts; the provider does not know it, so no state
        # has it.
        app = alicloud.apigateway.App(
            f"{self.name}-push",
            name=names.gateway_app,
            description="Signs the notifier's pushes",
            tags=context.tags,
            opts=self.child(),
        )
        self.publish(GatewayOutputs(group.id, group.sub_domain, jwt, throttling, app.id))

    def _plugin(self, label: str, kind: str, data: str) -> pulumi.Output[str]:
        made = alicloud.apigateway.Plugin(
            f"{self.name}-{label}",
            plugin_name=self.context.names.gateway(label),
            plugin_type=kind,
            plugin_data=data,
            tags=self.context.tags,
            opts=self.child(),
        )
        plugin_id: pulumi.Output[str] = made.id
        return plugin_id

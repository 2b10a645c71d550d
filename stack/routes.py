"""What goes live last: the APIs, pointing at functions that are active."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pulumi_alicloud as alicloud

from stack.component import Component
from stack.function import LATEST
from stack.push_template import STAGE, push_template
from stack.routes_data import Route, read_routes

if TYPE_CHECKING:
    import pulumi

    from stack.context import Context
    from stack.gateway import GatewayOutputs

PROJECT_ROOT = Path(__file__).parents[1]
PUSH_TIMEOUT_MINUTES = 10


@dataclass(frozen=True)
class RoutesOutputs:
    """Where callers go."""

    api_url: pulumi.Output[str]
    websocket_url: pulumi.Output[str]


class Routes(Component[RoutesOutputs]):
    """One API for each operation of the OpenAPI file, and the three of the push channel."""

    def __init__(
        self,
        *,
        name: str,
        context: Context,
        gateway: GatewayOutputs,
        role: pulumi.Output[str],
        dispatcher: pulumi.Output[str],
        notifier: pulumi.Output[str],
        ready: tuple[pulumi.Resource, ...],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Make the APIs and attach the plugins.

        Args:
            name: its name in the stack.
            context: the environment.
            gateway: group, plugins and app.
            role: what the gateway invokes functions with.
            dispatcher: name of the function behind the HTTP API.
            notifier: name of the function behind the push channel.
            ready: what has to be there before anything is reachable.
            opts: options.
        """
        super().__init__(name=name, context=context, opts=opts)
        self._ready = ready
        for route in read_routes(PROJECT_ROOT):
            self._route(route, gateway, role, dispatcher)
        self._push(gateway, role, notifier)
        self.publish(
            RoutesOutputs(
                gateway.domain.apply(context.endpoints.api),
                gateway.domain.apply(context.endpoints.websocket),
            )
        )

    def _route(
        self,
        route: Route,
        gateway: GatewayOutputs,
        role: pulumi.Output[str],
        dispatcher: pulumi.Output[str],
    ) -> None:
        context, settings, api = self.context, self.context.settings.gateway, alicloud.apigateway
        made = api.Api(
            f"{self.name}-{route.operation}",
            group_id=gateway.group_id,
            name=context.names.gateway(route.operation),
            description=route.summary,
            # The JWT plugin authenticates; the gateway's own schemes are for its apps.
            auth_type="ANONYMOUS",
            service_type="FunctionCompute",
            request_config=api.ApiRequestConfigArgs(
                protocol=settings.protocols,
                method=route.method,
                path=route.path,
                # Not PASSTHROUGH: what is not declared, a claim header of the caller's own among
                # it, stays outside.
                mode="MAPPING",
                body_format="STREAM" if route.has_body else None,
            ),
            request_parameters=[
                api.ApiRequestParameterArgs(
                    name=parameter.name,
                    in_=parameter.location,
                    type=parameter.type,
                    required="REQUIRED" if parameter.required else "OPTIONAL",
                    name_service=parameter.name,
                    in_service=parameter.location,
                )
                for parameter in route.parameters
            ]
            or None,
            fc_service_config=api.ApiFcServiceConfigArgs(
                function_version="3.0",
                function_type="FCEvent",
                region=context.settings.cloud.region,
                function_name=dispatcher,
                qualifier=LATEST,
                arn_role=role,
                timeout=route.timeout_ms or settings.timeout_ms,
            ),
            stage_names=[STAGE],
            opts=self.child(depends_on=self._ready),
        )
        for label, plugin in (
            ("jwt", gateway.jwt_plugin_id),
            ("throttling", gateway.throttling_plugin_id),
        ):
            api.PluginAttachment(
                f"{self.name}-{route.operation}-{label}",
                api_id=made.api_id,
                group_id=gateway.group_id,
                plugin_id=plugin,
                stage_name=STAGE,
                opts=self.child(),
            )

    def _push(
        self, gateway: GatewayOutputs, role: pulumi.Output[str], notifier: pulumi.Output[str]
    ) -> None:
        context = self.context
        labels = ("register", "unregister", "notify")
        names = {label: context.names.gateway(label) for label in labels}
        region, timeout_ms = context.settings.cloud.region, context.settings.gateway.timeout_ms
        draft = push_template(names, region=region, timeout_ms=timeout_ms, revision="")
        template = push_template(
            names,
            region=region,
            timeout_ms=timeout_ms,
            revision=hashlib.sha256(draft.encode()).hexdigest()[:12],
        )
        values = {
            "GroupId": gateway.group_id,
            "AppId": gateway.push_app_id,
            "RoleArn": role,
            "JwtPluginId": gateway.jwt_plugin_id,
            "FunctionName": notifier,
        }
        alicloud.ros.Stack(
            f"{self.name}-push",
            stack_name=context.names.push_stack,
            template_body=template,
            parameters=[
                alicloud.ros.StackParameterArgs(parameter_key=key, parameter_value=value)
                for key, value in values.items()
            ],
            timeout_in_minutes=PUSH_TIMEOUT_MINUTES,
            disable_rollback=False,
            tags=context.tags,
            opts=self.child(depends_on=self._ready),
        )

"""Pushes what happened to the client, and, by a timer, sweeps up tickets that stopped."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pulumi_alicloud as alicloud

from stack.function import LATEST, FunctionComponent, Surroundings, python_runtime
from stack.routes_data import NOTIFY_PATH
from stack.settings.network import Egress

if TYPE_CHECKING:
    import pulumi

    from stack.context import Context
    from stack.gateway import GatewayOutputs
    from stack.results import CodeObject

SWEEP_PAYLOAD = "sweep"


class Notifier(FunctionComponent):
    """One function for both, since both read the log and tell somebody."""

    def __init__(
        self,
        *,
        name: str,
        context: Context,
        code: CodeObject,
        gateway: GatewayOutputs,
        where: Surroundings,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Make the function and its timer.

        Args:
            name: its name in the stack.
            context: the environment.
            code: its archive.
            gateway: whose NOTIFY API it calls.
            where: network, logs, role.
            opts: options.
        """
        super().__init__(name=name, context=context, opts=opts)
        settings, endpoints = context.settings.notifier, context.endpoints
        variables: dict[str, pulumi.Input[str]] = {
            "NOTIFY_URL": gateway.domain.apply(
                lambda domain: f"{endpoints.api(domain)}{NOTIFY_PATH}"
            ),
            "APP_ID": gateway.push_app_id,
            "APIGATEWAY_ENDPOINT": endpoints.apigateway,
        }
        outputs = self.deploy(
            "notifier",
            settings,
            python_runtime(code, variables=variables),
            where,
            switches=where.network.functions,
            internet=context.settings.network.egress is Egress.FUNCTION,
            concurrency=settings.instance_concurrency,
        )
        alicloud.fc.V3Trigger(
            f"{self.name}-sweeper",
            function_name=outputs.name,
            trigger_name="sweeper",
            trigger_type="timer",
            qualifier=LATEST,
            description="Looks for tickets that stopped",
            trigger_config=json.dumps(
                {"payload": SWEEP_PAYLOAD, "cronExpression": settings.sweep, "enable": True},
                sort_keys=True,
            ),
            opts=self.child(),
        )
        self.publish(outputs)

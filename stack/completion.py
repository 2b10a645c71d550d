"""When an asynchronous invocation ends: destination, bus, rule, notifier, dead letters."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi_alicloud as alicloud

from stack.component import Component
from stack.function import LATEST

if TYPE_CHECKING:
    import pulumi

    from stack.context import Context
    from stack.settings.functions import AsyncDelivery

SECONDS_A_DAY = 86_400
# The type of the events that a destination puts on a bus is not documented, so the rule takes
# everything there: the bus is ours alone. An array of sources that begin with anything is what the
# pattern language has for "everything".
EVERYTHING = {"source": [{"prefix": ""}]}


@dataclass(frozen=True)
class CompletionOutputs:
    """The bus and its dead letters."""

    bus: pulumi.Output[str]
    dead_letters: pulumi.Output[str]


class Completion(Component[CompletionOutputs]):
    """From the end of a task to the notifier."""

    def __init__(
        self,
        *,
        name: str,
        context: Context,
        commander: pulumi.Output[str],
        notifier: pulumi.Output[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Make bus, rule and queue, and send the ends of both asynchronous functions their way.

        Args:
            name: its name in the stack.
            context: the environment.
            commander: name of the commander.
            notifier: name of the notifier.
            opts: options.
        """
        super().__init__(name=name, context=context, opts=opts)
        settings, names = context.settings, context.names
        letters = alicloud.message.ServiceQueue(
            f"{self.name}-dead-letters",
            queue_name=names.dead_letters,
            message_retention_period=settings.completion.dead_letter_days * SECONDS_A_DAY,
            logging_enabled=False,
            tags=context.tags,
            opts=self.child(holds_data=True),
        )
        bus = alicloud.eventbridge.EventBus(
            f"{self.name}-bus",
            event_bus_name=names.event_bus,
            description=f"Ends of tasks of agent-commander {settings.environment}",
            opts=self.child(),
        )
        rule = self._rule(bus, letters, notifier)
        self._deliver(
            "commander",
            commander,
            settings.commander.delivery,
            on_success=context.arns.event_bus(names.event_bus),
            on_failure=context.arns.event_bus(names.event_bus),
            after=[bus, rule],
        )
        # A notifier that fails must not tell the notifier: what it could not do is kept for a
        # person to look at.
        self._deliver(
            "notifier",
            notifier,
            settings.notifier.delivery,
            on_success=None,
            on_failure=context.arns.queue_messages(names.dead_letters),
            after=[letters],
        )
        self.publish(CompletionOutputs(bus.event_bus_name, letters.queue_name))

    def _rule(
        self,
        bus: alicloud.eventbridge.EventBus,
        letters: alicloud.message.ServiceQueue,
        notifier: pulumi.Output[str],
    ) -> alicloud.eventbridge.Rule:
        context = self.context
        return alicloud.eventbridge.Rule(
            f"{self.name}-rule",
            event_bus_name=bus.event_bus_name,
            rule_name=context.names.function("notifier"),
            description="Every event of this bus goes to the notifier",
            filter_pattern=json.dumps(EVERYTHING),
            status="ENABLE",
            targets=[
                alicloud.eventbridge.RuleTargetArgs(
                    target_id="notifier",
                    type="acs.fc.function",
                    endpoint=notifier.apply(context.arns.function),
                    push_retry_strategy=context.settings.completion.retry,
                    dead_letter_queue=alicloud.eventbridge.RuleTargetDeadLetterQueueArgs(
                        arn=letters.queue_name.apply(context.arns.queue)
                    ),
                    param_lists=[
                        alicloud.eventbridge.RuleTargetParamListArgs(
                            resource_key="functionName", form="CONSTANT", value=notifier
                        ),
                        alicloud.eventbridge.RuleTargetParamListArgs(
                            resource_key="Qualifier", form="CONSTANT", value=LATEST
                        ),
                        alicloud.eventbridge.RuleTargetParamListArgs(
                            resource_key="Body", form="ORIGINAL"
                        ),
                    ],
                )
            ],
            opts=self.child(),
        )

    def _deliver(
        self,
        label: str,
        function: pulumi.Output[str],
        delivery: AsyncDelivery,
        *,
        on_success: str | None,
        on_failure: str,
        after: list[pulumi.Resource],
    ) -> None:
        fc = alicloud.fc
        success = (
            fc.V3AsyncInvokeConfigDestinationConfigOnSuccessArgs(destination=on_success)
            if on_success
            else None
        )
        failure = fc.V3AsyncInvokeConfigDestinationConfigOnFailureArgs(destination=on_failure)
        fc.V3AsyncInvokeConfig(
            f"{self.name}-{label}",
            function_name=function,
            # Nothing but LATEST: the provider reads these without a qualifier and then finds
            # nothing.
            qualifier=LATEST,
            max_async_retry_attempts=delivery.retries,
            max_async_event_age_in_seconds=delivery.event_age_s,
            destination_config=fc.V3AsyncInvokeConfigDestinationConfigArgs(
                on_success=success, on_failure=failure
            ),
            opts=self.child(depends_on=after),
        )

"""One role for each function and one for the gateway, with what follows from their grants."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi_alicloud as alicloud

from stack.capabilities import statements_of
from stack.component import Component
from stack.grants import grants_of
from stack.statements import Statement, document, trust

if TYPE_CHECKING:
    import pulumi

    from stack.context import Context

FUNCTION_SERVICE = "fc.aliyuncs.com"
GATEWAY_SERVICE = "apigateway.aliyuncs.com"
BEHIND_THE_GATEWAY = ("dispatcher", "notifier")


@dataclass(frozen=True)
class IdentityOutputs:
    """ARNs of the roles."""

    functions: dict[str, pulumi.Output[str]]
    gateway: pulumi.Output[str]


class Identity(Component[IdentityOutputs]):
    """Roles and their policies. Depend on the component: a role without its policy is of no use."""

    def __init__(
        self,
        *,
        name: str,
        context: Context,
        push_app_id: pulumi.Output[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Make the roles.

        Args:
            name: its name in the stack.
            context: the environment.
            push_app_id: the gateway's app whose key the notifier signs with.
            opts: options.
        """
        super().__init__(name=name, context=context, opts=opts)
        functions = {}
        for function, capabilities in grants_of(context).items():
            role = self._role(function, FUNCTION_SERVICE, f"What the {function} may do")
            self._allow(role, function, document(statements_of(context, capabilities)))
            functions[function] = role.arn
            if function == "notifier":
                self._allow(role, "notifier-signing", push_app_id.apply(self._may_sign))
        gateway = self._role("gateway", GATEWAY_SERVICE, "What API Gateway may invoke")
        targets = tuple(
            context.arns.function(context.names.function(each)) for each in BEHIND_THE_GATEWAY
        )
        self._allow(gateway, "gateway", document([Statement(("fc:InvokeFunction",), targets)]))
        self.publish(IdentityOutputs(functions, gateway.arn))

    def _role(self, label: str, service: str, description: str) -> alicloud.ram.Role:
        return alicloud.ram.Role(
            f"{self.name}-{label}",
            role_name=self.context.names.role(label),
            description=description,
            assume_role_policy_document=trust(service),
            tags=self.context.tags,
            opts=self.child(),
        )

    def _allow(
        self, role: alicloud.ram.Role, label: str, policy_document: pulumi.Input[str]
    ) -> None:
        policy = alicloud.ram.Policy(
            f"{self.name}-{label}",
            policy_name=self.context.names.policy(label),
            policy_document=policy_document,
            # Without it, a changed document is refused once five old versions have gathered.
            rotate_strategy="DeleteOldestNonDefaultVersionWhenLimitExceeded",
            tags=self.context.tags,
            opts=self.child(),
        )
        alicloud.ram.RolePolicyAttachment(
            f"{self.name}-{label}",
            policy_name=policy.policy_name,
            policy_type="Custom",
            role_name=role.role_name.apply(str),
            opts=self.child(),
        )

    def _may_sign(self, app_id: str) -> str:
        # The id is the cloud's, so this policy stands apart and the notifier's other one is known
        # in a preview.
        right = Statement(
            ("apigateway:DescribeAppSecurity",), (self.context.arns.gateway_app(app_id),)
        )
        return document([right])

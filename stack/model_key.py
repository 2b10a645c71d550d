"""What must be kept from everybody but one function."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi_alicloud as alicloud

from stack.component import Component

if TYPE_CHECKING:
    import pulumi

    from stack.context import Context


@dataclass(frozen=True)
class ModelKeyOutputs:
    """Name of the parameter with the model's key, or None."""

    parameter: pulumi.Output[str] | None


class ModelKey(Component[ModelKeyOutputs]):
    """The model's key as a secret parameter, which the commander knows by name."""

    def __init__(
        self,
        *,
        name: str,
        context: Context,
        model_key: pulumi.Output[str] | None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Make the parameter, where there is a key."""
        super().__init__(name=name, context=context, opts=opts)
        parameter = None
        if model_key is not None:
            parameter = alicloud.oos.SecretParameter(
                f"{self.name}-parameter",
                secret_parameter_name=context.names.model_key_parameter,
                description="Key of the model that plans",
                type="Secret",
                value=model_key,
                tags=context.tags,
                opts=self.child(),
            )
        self.publish(ModelKeyOutputs(parameter.secret_parameter_name if parameter else None))

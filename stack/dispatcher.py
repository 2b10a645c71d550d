"""The light function in front: it authorises, routes, and hands over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stack.function import FunctionComponent, Surroundings, python_runtime

if TYPE_CHECKING:
    import pulumi

    from stack.context import Context
    from stack.results import CodeObject


class Dispatcher(FunctionComponent):
    """Standard library only, in the VPC, without a way out."""

    def __init__(
        self,
        *,
        name: str,
        context: Context,
        code: CodeObject,
        where: Surroundings,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Make the function.

        Args:
            name: its name in the stack.
            context: the environment.
            code: its archive.
            where: network, logs, role.
            opts: options.
        """
        super().__init__(name=name, context=context, opts=opts)
        settings = context.settings.dispatcher
        self.publish(
            self.deploy(
                "dispatcher",
                settings,
                python_runtime(code),
                where,
                switches=where.network.functions,
                internet=False,
                concurrency=settings.instance_concurrency,
            )
        )

"""Unpacks a dependency bundle onto the share: it alone may write there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi_alicloud as alicloud

from stack.function import FunctionComponent, Surroundings, python_runtime
from stack.grants import SHARE_ROOT

if TYPE_CHECKING:
    import pulumi

    from stack.context import Context
    from stack.results import CodeObject


class Populator(FunctionComponent):
    """Stands in a vSwitch of its own, the only one that the share's writable rule names."""

    def __init__(
        self,
        *,
        name: str,
        context: Context,
        code: CodeObject,
        share_address: pulumi.Output[str],
        where: Surroundings,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Make the function.

        Args:
            name: its name in the stack.
            context: the environment.
            code: its archive.
            share_address: root of the share.
            where: network, logs, role.
            opts: options.
        """
        super().__init__(name=name, context=context, opts=opts)
        settings = context.settings.populator
        root = alicloud.fc.V3FunctionNasConfigMountPointArgs(
            server_addr=share_address, mount_dir=SHARE_ROOT
        )
        self.publish(
            self.deploy(
                "populator",
                settings,
                python_runtime(code, mounts=(root,)),
                where,
                switches=(where.network.populator,),
                internet=False,
                concurrency=settings.instance_concurrency,
            )
        )

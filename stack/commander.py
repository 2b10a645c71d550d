"""The heavy function behind: it plans, runs tools, and writes down every step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi_alicloud as alicloud

from stack.function import FunctionComponent, Runtime, Surroundings
from stack.grants import BUNDLE_MOUNT
from stack.settings.network import Egress

if TYPE_CHECKING:
    import pulumi

    from stack.commander_image import CommanderImageOutputs
    from stack.context import Context
    from stack.dependency_share import DependencyShareOutputs

PORT = 9000
PRE_STOP_S = 30
# No user of the image's: it only reads the share, whose files everybody may read.
READER = 10_003


class Commander(FunctionComponent):
    """A custom container; its bundle is mounted, read-only by the share's access rule."""

    def __init__(
        self,
        *,
        name: str,
        context: Context,
        image: CommanderImageOutputs,
        share: DependencyShareOutputs,
        where: Surroundings,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Make the function.

        Args:
            name: its name in the stack.
            context: the environment.
            image: what runs.
            share: where its dependencies are.
            where: network, logs, role.
            opts: options.
        """
        super().__init__(name=name, context=context, opts=opts)
        settings = context.settings.commander
        # Revision and container name the digest alone: what FunctionActive waits for is this image.
        runtime = Runtime(
            image.digest,
            container=alicloud.fc.V3FunctionCustomContainerConfigArgs(
                image=image.reference, port=PORT
            ),
            lifecycle=alicloud.fc.V3FunctionInstanceLifecycleConfigArgs(
                initializer=alicloud.fc.V3FunctionInstanceLifecycleConfigInitializerArgs(
                    handler="initialize", timeout=settings.initializer_timeout_s
                ),
                pre_stop=alicloud.fc.V3FunctionInstanceLifecycleConfigPreStopArgs(
                    handler="pre-stop", timeout=PRE_STOP_S
                ),
            ),
            mounts=(
                alicloud.fc.V3FunctionNasConfigMountPointArgs(
                    server_addr=share.bundle_address, mount_dir=BUNDLE_MOUNT
                ),
            ),
            user=READER,
        )
        self.publish(
            self.deploy(
                "commander",
                settings,
                runtime,
                where,
                switches=where.network.functions,
                internet=context.settings.network.egress is Egress.FUNCTION,
                concurrency=settings.instance_concurrency,
            )
        )

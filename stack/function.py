"""What the four functions share: how a function is made, kept warm, limited and waited for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pulumi_alicloud as alicloud

from stack.capabilities import variables_of
from stack.component import Component
from stack.dynamic.active import FunctionActive
from stack.grants import grants_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pulumi

    from stack.network import NetworkOutputs, Switch
    from stack.observability import ObservabilityOutputs
    from stack.results import CodeObject
    from stack.settings.sizes import FunctionSize

LATEST = "LATEST"
PYTHON = "python3.10"
CONTAINER = "custom-container"
HANDLER, INITIALIZER = "index.handler", "index.initializer"
INITIALIZER_S = 10


@dataclass(frozen=True)
class FunctionOutputs:
    """A function that is active.

    Attributes:
        name: its name, known only once it can be invoked.
    """

    name: pulumi.Output[str]


@dataclass(frozen=True)
class Surroundings:
    """Where a function runs: everything that it does not choose itself.

    Attributes:
        network: VPC and security group.
        logs: project and stores.
        role: ARN of its role.
        ready: what has to be there before it is made.
    """

    network: NetworkOutputs
    logs: ObservabilityOutputs
    role: pulumi.Output[str]
    ready: tuple[pulumi.Resource, ...] = ()


@dataclass(frozen=True)
class Runtime:
    """What runs: an archive in a built-in runtime, or an image.

    Attributes:
        revision: digest of it; a new one is waited for.
        code: the archive, for a built-in runtime.
        container: the image, for a custom container.
        lifecycle: what is called when an instance starts and stops.
        mounts: folders of the share.
        user: user and group that the share sees.
        variables: environment variables beyond those of its grants, known to the cloud alone.
    """

    revision: pulumi.Input[str]
    code: CodeObject | None = None
    container: alicloud.fc.V3FunctionCustomContainerConfigArgs | None = None
    lifecycle: alicloud.fc.V3FunctionInstanceLifecycleConfigArgs | None = None
    mounts: tuple[alicloud.fc.V3FunctionNasConfigMountPointArgs, ...] = ()
    user: int = 0
    variables: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)


def python_runtime(
    code: CodeObject,
    *,
    mounts: tuple[alicloud.fc.V3FunctionNasConfigMountPointArgs, ...] = (),
    variables: Mapping[str, pulumi.Input[str]] | None = None,
) -> Runtime:
    """Return a built-in Python runtime with an archive of ours."""
    lifecycle = alicloud.fc.V3FunctionInstanceLifecycleConfigArgs(
        initializer=alicloud.fc.V3FunctionInstanceLifecycleConfigInitializerArgs(
            handler=INITIALIZER, timeout=INITIALIZER_S
        )
    )
    return Runtime(
        code.digest, code=code, lifecycle=lifecycle, mounts=mounts, variables=variables or {}
    )


class FunctionComponent(Component[FunctionOutputs]):
    """Base of the four functions.

    `LATEST` is what runs: the provider cannot read asynchronous and provisioned configurations by
    alias. Going back is deploying the previous commit, whose artifacts are still there.
    """

    def deploy(
        self,
        function: str,
        size: FunctionSize,
        runtime: Runtime,
        where: Surroundings,
        *,
        switches: Sequence[Switch],
        internet: bool,
        concurrency: int,
    ) -> FunctionOutputs:
        """Make the function, wait until it is active, then keep instances warm and limit them.

        Args:
            function: its short name.
            size: its settings.
            runtime: what runs.
            where: network, logs, role.
            switches: vSwitches that its interfaces stand in.
            internet: whether it reaches public names by Function Compute's own way out.
            concurrency: requests at a time in an instance.
        """
        context, settings = self.context, self.context.settings
        made = alicloud.fc.V3Function(
            f"{self.name}-function",
            function_name=context.names.function(function),
            description=f"agent-commander {settings.environment}: {function}",
            runtime=CONTAINER if runtime.container else PYTHON,
            handler=HANDLER,
            code=alicloud.fc.V3FunctionCodeArgs(
                oss_bucket_name=runtime.code.bucket, oss_object_name=runtime.code.key
            )
            if runtime.code
            else None,
            custom_container_config=runtime.container,
            instance_lifecycle_config=runtime.lifecycle,
            cpu=size.cpu,
            memory_size=size.memory_mb,
            disk_size=size.disk_mb,
            timeout=size.timeout_s,
            instance_concurrency=concurrency,
            environment_variables={
                **variables_of(context, grants_of(context)[function]),
                **runtime.variables,
            },
            internet_access=internet,
            role=where.role,
            vpc_config=alicloud.fc.V3FunctionVpcConfigArgs(
                vpc_id=where.network.vpc_id,
                vswitch_ids=[switch.id for switch in switches],
                security_group_id=where.network.security_group_id,
            ),
            nas_config=alicloud.fc.V3FunctionNasConfigArgs(
                user_id=runtime.user, group_id=runtime.user, mount_points=list(runtime.mounts)
            )
            if runtime.mounts
            else None,
            log_config=alicloud.fc.V3FunctionLogConfigArgs(
                project=where.logs.project,
                logstore=where.logs.stores[function],
                enable_request_metrics=True,
                enable_instance_metrics=settings.observability.instance_metrics,
                log_begin_rule="DefaultRegex",
            ),
            tags=context.tags,
            opts=self.child(depends_on=where.ready),
        )
        active = FunctionActive(
            f"{self.name}-active",
            function_name=made.function_name.apply(str),
            revision=runtime.revision,
            endpoint=context.endpoints.functions_public,
            region=settings.cloud.region,
            timeout_seconds=settings.deployment.active_wait_s,
            opts=self.child(depends_on=[made]),
        )
        self._limit(active, size)
        return FunctionOutputs(active.functionName)

    def _limit(self, active: FunctionActive, size: FunctionSize) -> None:
        if size.reserved_concurrency is not None:
            alicloud.fc.V3ConcurrencyConfig(
                f"{self.name}-concurrency",
                function_name=active.functionName,
                reserved_concurrency=size.reserved_concurrency,
                opts=self.child(),
            )
        kept = size.provisioned
        if not kept.wanted:
            return
        alicloud.fc.V3ProvisionConfig(
            f"{self.name}-provisioned",
            function_name=active.functionName,
            qualifier=LATEST,
            target=kept.target,
            always_allocate_cpu=kept.always_allocate_cpu,
            scheduled_actions=[
                alicloud.fc.V3ProvisionConfigScheduledActionArgs(
                    name=action.name,
                    schedule_expression=action.schedule,
                    target=action.target,
                    start_time=action.start,
                    end_time=action.end,
                    time_zone=action.time_zone,
                )
                for action in kept.scheduled
            ]
            or None,
            target_tracking_policies=[
                alicloud.fc.V3ProvisionConfigTargetTrackingPolicyArgs(
                    name=policy.name,
                    metric_type=policy.metric,
                    metric_target=policy.target,
                    min_capacity=policy.minimum,
                    max_capacity=policy.maximum,
                    start_time=policy.start,
                    end_time=policy.end,
                    time_zone=policy.time_zone,
                )
                for policy in kept.tracked
            ]
            or None,
            opts=self.child(),
        )

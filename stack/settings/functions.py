"""The four functions, each with the defaults that its work needs."""

from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from stack.settings.base import Broken, Group
from stack.settings.sizes import FunctionSize


class AsyncDelivery(Group):
    """How often, and for how long, the platform tries an asynchronous invocation."""

    retries: int = Field(
        default=3, ge=0, le=8, description="Further attempts after one that failed."
    )
    event_age_s: int = Field(
        default=21_600,
        ge=1,
        le=604_800,
        description="Seconds after which an invocation that waits is given up.",
    )


class DispatcherSettings(FunctionSize):
    """The light function in front. Built-in runtime python3.10, no internet access."""

    cpu: float = Field(default=0.25, ge=0.05, le=16, description="vCPU.")
    memory_mb: int = Field(default=512, ge=128, le=32_768, description="Memory in MB.")
    timeout_s: int = Field(
        default=25,
        ge=1,
        le=86_400,
        description="Seconds; a `reply` waits for the commander's answer within it.",
    )
    instance_concurrency: Literal[1] = Field(
        default=1, description="Requests at a time in an instance: built-in runtimes take one."
    )
    approve_own: bool = Field(
        default=False,
        description="Let an approver approve the steps of tickets that are their own.",
    )


class CommanderSettings(FunctionSize):
    """The heavy function behind. A custom container with the dependency bundle mounted."""

    cpu: float = Field(default=2, ge=0.05, le=16, description="vCPU.")
    memory_mb: int = Field(default=4096, ge=128, le=32_768, description="Memory in MB.")
    timeout_s: int = Field(
        default=900, ge=1, le=86_400, description="Seconds until a task is cut off and resumed."
    )
    initializer_timeout_s: int = Field(
        default=120, ge=1, le=300, description="Seconds for a new instance to start."
    )
    instance_concurrency: int = Field(
        default=1,
        ge=1,
        le=200,
        description="Tasks at a time in an instance; one has all of its memory to itself.",
    )
    lease_ms: int = Field(
        default=20_000,
        ge=1_000,
        le=600_000,
        description="Milliseconds of silence after which another commander takes a ticket over.",
    )
    publish_steps: bool = Field(
        default=False, description="Publish each step as an event, not the end alone."
    )
    delivery: AsyncDelivery = Field(
        default=AsyncDelivery(), description="Retries of asynchronous invocations."
    )

    def broken_rules(self) -> Iterator[Broken]:
        """`lease_ms` is at most half of `timeout_s`, so that a run outlives its lease."""
        yield from super().broken_rules()
        if self.lease_ms * 2 > self.timeout_s * 1000:
            yield Broken(
                "lease_ms",
                f"be at most half of `timeout_s` ({self.timeout_s} s), or no run outlives "
                f"its lease",
            )


class NotifierSettings(FunctionSize):
    """Pushes what happened to the client, and sweeps up what stopped."""

    cpu: float = Field(default=0.25, ge=0.05, le=16, description="vCPU.")
    memory_mb: int = Field(default=512, ge=128, le=32_768, description="Memory in MB.")
    timeout_s: int = Field(
        default=60, ge=1, le=86_400, description="Seconds for one event or one sweep."
    )
    instance_concurrency: Literal[1] = Field(
        default=1, description="Requests at a time in an instance: built-in runtimes take one."
    )
    sweep: str = Field(
        default="@every 1m",
        pattern=r"^(@every \d+m|CRON_TZ=\S+ .+|\S+( \S+){5})$",
        description=(
            "When the sweeper looks for tickets that stopped: `@every 1m`, or a "
            "cron line with seconds."
        ),
    )
    delivery: AsyncDelivery = Field(
        default=AsyncDelivery(), description="Retries of asynchronous invocations."
    )


class PopulatorSettings(FunctionSize):
    """Unpacks a dependency bundle onto the share, once for each."""

    cpu: float = Field(default=0.5, ge=0.05, le=16, description="vCPU.")
    memory_mb: int = Field(default=1024, ge=128, le=32_768, description="Memory in MB.")
    timeout_s: int = Field(default=600, ge=1, le=86_400, description="Seconds for one bundle.")
    instance_concurrency: Literal[1] = Field(
        default=1, description="Requests at a time in an instance: built-in runtimes take one."
    )

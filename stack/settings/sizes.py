"""What a function may have of CPU, memory and disk, and how many instances."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from stack.compute import broken_size_rule, closest_sizes
from stack.settings.base import Broken, Group

Utc = Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")]


class ScheduledInstances(Group):
    """From one moment on, keep this many instances."""

    name: str = Field(
        pattern=r"^[A-Za-z_][A-Za-z0-9_-]{0,63}$",
        description="Name of the action, once a function.",
    )
    schedule: str = Field(
        pattern=r"^(cron|at)\(.+\)$",
        description=(
            "`cron(0 0 8 * * *)` (with seconds) or `at(2026-12-01T08:00:00)`, in `time_zone`."
        ),
    )
    target: int = Field(ge=0, le=10_000, description="Instances from then on.")
    start: Utc = Field(default="2026-01-01T00:00:00Z", description="In force from here (UTC).")
    end: Utc = Field(default="2036-01-01T00:00:00Z", description="In force until here (UTC).")
    time_zone: str = Field(
        default="Asia/Shanghai", description="IANA name of the zone of `schedule`."
    )


class TrackedInstances(Group):
    """Follow a metric between two bounds."""

    name: str = Field(
        pattern=r"^[A-Za-z_][A-Za-z0-9_-]{0,63}$",
        description="Name of the policy, once a function.",
    )
    metric: Literal["ProvisionedConcurrencyUtilization", "CPUUtilization", "GPUMemUtilization"] = (
        Field(default="ProvisionedConcurrencyUtilization", description="What is watched.")
    )
    target: float = Field(default=0.6, gt=0, lt=1, description="Share to be kept, as a fraction.")
    minimum: int = Field(ge=0, le=10_000, description="Never fewer instances.")
    maximum: int = Field(ge=1, le=10_000, description="Never more.")
    start: Utc = Field(default="2026-01-01T00:00:00Z", description="In force from here (UTC).")
    end: Utc = Field(default="2036-01-01T00:00:00Z", description="In force until here (UTC).")
    time_zone: str = Field(
        default="Asia/Shanghai", description="IANA name of the zone of the bounds."
    )

    def broken_rules(self) -> Iterator[Broken]:
        """`minimum` is not above `maximum`."""
        if self.minimum > self.maximum:
            yield Broken("minimum", f"not be above `maximum` ({self.maximum})")


class ProvisionedInstances(Group):
    """Instances kept warm. They cost money while they idle."""

    target: int = Field(default=0, ge=0, le=10_000, description="Always this many.")
    scheduled: tuple[ScheduledInstances, ...] = Field(default=(), description="By the clock.")
    tracked: tuple[TrackedInstances, ...] = Field(default=(), description="By a metric.")
    always_allocate_cpu: bool = Field(
        default=False, description="Keep the CPU running between requests, at the active price."
    )

    @property
    def wanted(self) -> bool:
        """Whether any instance is ever kept."""
        return bool(self.target or self.scheduled or self.tracked)

    @property
    def most(self) -> int:
        """The largest number that these settings can keep at a time."""
        return max(
            [self.target, *(s.target for s in self.scheduled), *(t.maximum for t in self.tracked)]
        )

    def broken_rules(self) -> Iterator[Broken]:
        """No two actions or policies of a function have the same name."""
        names = [*(s.name for s in self.scheduled), *(t.name for t in self.tracked)]
        for name in sorted({name for name in names if names.count(name) > 1}):
            yield Broken("scheduled", f"have names of their own (`{name}` is there twice)")


class FunctionSize(Group):
    """What one instance of a function has, and how many there may be."""

    cpu: float = Field(
        ge=0.05, le=16, description="vCPU, in steps of 0.05; with memory between 1:1 and 1:4 (GB)."
    )
    memory_mb: int = Field(ge=128, le=32_768, description="Memory in MB, in steps of 64.")
    disk_mb: Literal[512, 10_240] = Field(default=512, description="Temporary disk in MB.")
    timeout_s: int = Field(ge=1, le=86_400, description="Seconds until an invocation is cut off.")
    reserved_concurrency: int | None = Field(
        default=None,
        ge=0,
        description="Instances kept free for this function, and its ceiling. Unset: the account's.",
    )
    provisioned: ProvisionedInstances = Field(
        default=ProvisionedInstances(), description="Instances kept warm."
    )

    def broken_rules(self) -> Iterator[Broken]:
        """VCPU in steps of 0.05, memory in steps of 64 MB, between 1 and 4 GB for each vCPU.

        `provisioned` never keeps more instances than `reserved_concurrency`.
        """
        broken = broken_size_rule(self.cpu, self.memory_mb)
        if broken:
            field = "cpu" if broken.about == "cpu" else "memory_mb"
            yield Broken(
                field, f"{broken.rule} (closest: {closest_sizes(self.cpu, self.memory_mb)})"
            )
        if (
            self.reserved_concurrency is not None
            and self.provisioned.most > self.reserved_concurrency
        ):
            yield Broken(
                "provisioned",
                f"keep at most `reserved_concurrency` ({self.reserved_concurrency}) instances",
            )

"""Which sizes of an instance Function Compute accepts.

vCPU comes in steps of 0.05, memory in steps of 64 MB, and vCPU to GB is between 1:1 and 1:4. The
last is the service's rule; the provider does not check it, so that a wrong pair would fail halfway
through a deployment.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

CPU_STEP = 0.05
MEMORY_STEP_MB = 64
LEAST_GB_PER_CPU = 1
MOST_GB_PER_CPU = 4
MB_PER_GB = 1024


class BrokenSize(NamedTuple):
    """Which of the two is wrong, and what it has to be."""

    about: Literal["cpu", "memory"]
    rule: str


def _steps(cpu: float) -> int:
    return round(cpu / CPU_STEP)


def broken_size_rule(cpu: float, memory_mb: int) -> BrokenSize | None:
    """Return the first rule that this size breaks, or None."""
    if abs(_steps(cpu) * CPU_STEP - cpu) > 1e-9:
        return BrokenSize("cpu", f"be a multiple of {CPU_STEP}")
    if memory_mb % MEMORY_STEP_MB:
        return BrokenSize("memory", f"be a multiple of {MEMORY_STEP_MB}")
    # In whole steps of CPU, so that 0.35 vCPU is not a hair more than it is.
    smallest = _steps(cpu) * LEAST_GB_PER_CPU * MB_PER_GB / 20
    largest = _steps(cpu) * MOST_GB_PER_CPU * MB_PER_GB / 20
    if not smallest <= memory_mb <= largest:
        return BrokenSize(
            "memory", f"be between 1 and 4 GB for each vCPU ({smallest:g} to {largest:g} MB here)"
        )
    return None


def closest_sizes(cpu: float, memory_mb: int) -> str:
    """Say which accepted size comes closest, keeping the CPU."""
    steps = max(1, _steps(cpu))
    smallest = -(-steps * LEAST_GB_PER_CPU * MB_PER_GB // 20 // MEMORY_STEP_MB) * MEMORY_STEP_MB
    smallest = max(smallest, 128)
    largest = steps * MOST_GB_PER_CPU * MB_PER_GB // 20 // MEMORY_STEP_MB * MEMORY_STEP_MB
    wanted = round(memory_mb / MEMORY_STEP_MB) * MEMORY_STEP_MB
    memory = min(max(wanted, smallest), largest)
    return f"{steps * CPU_STEP:g} vCPU with {memory} MB"

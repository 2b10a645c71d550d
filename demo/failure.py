"""The commander's instance, killed while it works."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from clients import Event
    from localcloud.fc import FunctionCompute


class Killer:
    """Kills the instance that runs a ticket once a number of its steps are recorded.

    Args:
        compute: the local Function Compute, which knows the instances' processes.
        function: the commander's function name.
        steps: how many recorded steps to wait for.
    """

    def __init__(self, compute: FunctionCompute, function: str, steps: int) -> None:
        self._compute = compute
        self._function = function
        self._left = steps
        self._told = False
        self.killed: int | None = None

    def on_event(self, event: Event) -> None:
        """Count a step; at the last one, SIGKILL."""
        if event.kind != "step_succeeded" or self.killed is not None:
            return
        self._left -= 1
        if self._left:
            return
        for instance in self._compute.instances():
            if instance.function == self._function and instance.state == "running":
                os.kill(instance.pid, signal.SIGKILL)
                self.killed = instance.pid
                return

    def first_told(self) -> bool:
        """True once, after the kill: for saying so on the screen."""
        first = self.killed is not None and not self._told
        self._told = self._told or first
        return first

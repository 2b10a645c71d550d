"""Wait until a function is active: until its image is cached, nothing may point at it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, ClassVar

from pulumi.dynamic import Resource

from stack.dynamic.base import DeploymentError, StepProvider
from stack.dynamic.credentials import from_environment
from stack.dynamic.sdk import calling, function_client

if TYPE_CHECKING:
    from collections.abc import Callable

    import pulumi

READ_MS = 30_000
FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 5.0
GONE_WRONG = frozenset({"Failed", "Inactive"})


class FunctionActiveProvider(StepProvider):
    """Asks GetFunction until its state is Active and its last update is through."""

    identity: ClassVar[tuple[str, ...]] = ("functionName",)

    def ensure(self, inputs: dict[str, Any]) -> dict[str, Any]:
        """Wait; give up when the state says that waiting is useless, or after `timeoutSeconds`."""
        from alibabacloud_fc20230330.models import GetFunctionRequest

        client = function_client(from_environment(), inputs["endpoint"], inputs["region"], READ_MS)
        name = inputs["functionName"]

        def look() -> Any:
            with calling(f"asking Function Compute for the state of {name}"):
                return client.get_function(name, GetFunctionRequest()).body

        state = wait_until_active(
            look,
            name=name,
            timeout=float(inputs["timeoutSeconds"]),
        )
        return {"state": state}


def wait_until_active(
    look: Callable[[], Any],
    *,
    name: str,
    timeout: float,
    now: Callable[[], float] = time.monotonic,
    pause: Callable[[float], None] = time.sleep,
) -> str:
    """Look until the function is active.

    Args:
        look: returns an object with `state`, `state_reason`, `last_update_status`,
            `last_update_status_reason`.
        name: of the function, for the message.
        timeout: seconds.
        now: a clock.
        pause: how to wait.

    Raises:
        DeploymentError: the function failed, or is not active in time.
    """
    deadline = now() + timeout
    wait = FIRST_PAUSE_S
    while True:
        found = look()
        # A built-in runtime may leave both out: what can be invoked at once has no state to wait
        # for.
        state, update = found.state or "Active", found.last_update_status or "Successful"
        if state == "Active" and update == "Successful":
            return state
        reason = found.state_reason or found.last_update_status_reason or "no reason given"
        if state in GONE_WRONG or update == "Failed":
            raise DeploymentError(
                f"function {name} is {state}, its update {update} ({reason}): mend the "
                f"image or the package and run "
                "`pulumi up` again; what ran before still runs"
            )
        if now() >= deadline:
            raise DeploymentError(
                f"function {name} is still {state} after {timeout:g} s ({reason}): run "
                f"`pulumi up` again, or raise "
                "deployment.active_wait_s"
            )
        pause(wait)
        wait = min(wait * 2, LONGEST_PAUSE_S)


class FunctionActive(Resource, module="agent-commander", name="FunctionActive"):
    """A function that can be invoked.

    Attributes:
        functionName: the function; depend on this rather than on the function itself.
        state: `Active`.
    """

    functionName: pulumi.Output[str]  # noqa: N815  (properties are camelCase in Pulumi)
    state: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        *,
        function_name: pulumi.Input[str],
        revision: pulumi.Input[str],
        endpoint: str,
        region: str,
        timeout_seconds: int,
        opts: pulumi.ResourceOptions,
    ) -> None:
        """Wait again whenever the revision changes.

        Args:
            name: logical name.
            function_name: the function.
            revision: digest of what it runs.
            endpoint: address of Function Compute.
            region: for signing.
            timeout_seconds: how long to wait.
            opts: options.
        """
        super().__init__(
            FunctionActiveProvider(),
            name,
            {
                "functionName": function_name,
                "revision": revision,
                "endpoint": endpoint,
                "region": region,
                "timeoutSeconds": timeout_seconds,
                "state": None,
            },
            opts,
        )

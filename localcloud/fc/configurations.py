"""Configurations beside a function: asynchronous, provisioned, reserved concurrency, triggers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from localcloud.core.errors import CloudError
from localcloud.fc import limits
from localcloud.fc.async_queue import AsyncConfig
from localcloud.fc.provisioning import ProvisionConfig
from localcloud.fc.timers import Timer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from localcloud.documents import Documents
    from localcloud.fc.functions import Functions
    from localcloud.fc.provisioning import Provisioner
    from localcloud.fc.timers import Timers


class Configurations:
    """The part of Function Compute that keeps configurations, and tells whom they concern."""

    _documents: Documents
    _functions: Functions
    _timers: Timers
    _provisioner: Provisioner

    def set_async_config(self, name: str, config: Mapping[str, Any]) -> None:
        """Set the asynchronous configuration (inputs of ``fc.V3AsyncInvokeConfig``).

        Raises:
            CloudError: 404 for an unknown function, 400 for a bad value.
        """
        self._functions.get(name)
        AsyncConfig.parse(config)
        self._documents.put("async", name, dict(config))

    def delete_async_config(self, name: str) -> None:
        """Go back to the defaults."""
        self._documents.remove("async", name)

    def async_config(self, name: str) -> AsyncConfig:
        """The asynchronous configuration in force."""
        return AsyncConfig.parse(self._documents.get("async", name) or {})

    def set_provision_config(self, name: str, config: Mapping[str, Any]) -> None:
        """Set provisioning (inputs of ``fc.V3ProvisionConfig``).

        Raises:
            CloudError: 404 for an unknown function, 400 for a bad value.
        """
        self._functions.get(name)
        parsed = ProvisionConfig.parse(config)
        self._documents.put("provision", name, dict(config))
        self._provisioner.put(name, parsed)

    def delete_provision_config(self, name: str) -> None:
        """Let provisioned instances go."""
        self._documents.remove("provision", name)
        self._provisioner.remove(name)

    def set_concurrency(self, name: str, reserved: int) -> None:
        """Reserve concurrency: that many requests at once, and no more.

        Raises:
            CloudError: 404 for an unknown function, 400 for a bad value.
        """
        self._functions.get(name)
        if reserved < 0:
            raise CloudError(400, "InvalidArgument", f"reservedConcurrency {reserved}: 0 or more")
        self._documents.put("concurrency", name, {"reserved": int(reserved)})

    def delete_concurrency(self, name: str) -> None:
        """Take the reservation back."""
        self._documents.remove("concurrency", name)

    def concurrency(self, name: str) -> int | None:
        """The reserved concurrency, or None."""
        found = self._documents.get("concurrency", name)
        return None if found is None else int(found["reserved"])

    def put_trigger(self, name: str, trigger: Mapping[str, Any]) -> None:
        """Set a trigger (inputs of ``fc.V3Trigger``; timers only).

        Raises:
            CloudError: 404 for an unknown function, 400 for a bad configuration or too many, and
                501 for another type.
        """
        self._functions.get(name)
        timer = Timer.parse(name, trigger)
        others = self.triggers(name).keys() - {timer.name}
        if len(others) >= limits.TRIGGERS:
            raise CloudError(
                400, "LimitExceeded", f"a function has at most {limits.TRIGGERS} triggers"
            )
        self._documents.put("trigger", f"{name}/{timer.name}", dict(trigger))
        self._timers.put(timer)

    def delete_trigger(self, name: str, trigger_name: str) -> None:
        """Take a trigger away; one that is gone is no error."""
        self._documents.remove("trigger", f"{name}/{trigger_name}")
        self._timers.remove(name, trigger_name)

    def triggers(self, name: str) -> dict[str, dict[str, Any]]:
        """Triggers of a function by name."""
        return {
            id_.partition("/")[2]: body
            for id_, body in self._documents.all("trigger").items()
            if id_.partition("/")[0] == name
        }

    def _restore(self) -> None:
        """Take timers and provisioned instances up again."""
        for name in self._functions.names():
            for trigger in self.triggers(name).values():
                self._timers.put(Timer.parse(name, trigger))
        for name, raw in self._documents.all("provision").items():
            self._provisioner.put(name, ProvisionConfig.parse(raw))

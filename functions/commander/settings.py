"""What the deployment tells the commander, by environment variables."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from functions.common import settings as common

if TYPE_CHECKING:
    from collections.abc import Mapping

LEASES_MS = range(300, 600_001)


@dataclass(frozen=True)
class Settings:
    """The commander's settings; endpoints are http(s) URLs.

    Attributes:
        tablestore_endpoint: where the tickets are.
        tablestore_instance: the instance that holds them.
        oss_endpoint: where results go.
        results_bucket: the bucket for them.
        eventbridge_endpoint: where events are published.
        event_bus: the bus for them.
        publish_steps: whether every row is published as it is written, or just the end of a ticket
            that no destination of the platform tells of.
        lease_ms: how long a holder may be silent.
        fc_region: where the function runs; the platform says so.
        dependency_bundle: the tar with the heavy libraries; empty: they are importable.
        prefetch: whether initialisation imports them, for provisioned instances.
        model_base_url: an OpenAI-compatible endpoint; empty: playbooks plan.
        model_name: the model there.
        model_key_parameter: the OOS secret parameter that holds its key; empty: it needs none.
        oos_endpoint: where secret parameters are read.
        listen_host: the address to listen on.
        fc_custom_listen_port: the port to listen on.
    """

    tablestore_endpoint: str
    tablestore_instance: str
    oss_endpoint: str
    results_bucket: str
    eventbridge_endpoint: str
    event_bus: str
    fc_region: str
    publish_steps: bool = False
    lease_ms: int = 20_000
    dependency_bundle: str = ""
    prefetch: bool = False
    model_base_url: str = ""
    model_name: str = ""
    model_key_parameter: str = ""
    oos_endpoint: str = ""
    listen_host: str = "0.0.0.0"  # noqa: S104 - a container's port is reached from outside of it
    fc_custom_listen_port: int = 9000

    @property
    def has_model(self) -> bool:
        """Whether a model plans and words answers."""
        return bool(self.model_base_url and self.model_name)

    @property
    def bundle(self) -> Path | None:
        """The tar with the heavy libraries."""
        return Path(self.dependency_bundle) if self.dependency_bundle else None


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Read the settings.

    Raises:
        functions.common.settings.WrongSettings: variables are missing or wrong.
    """
    settings = common.read_settings(Settings, environment)
    wrong = []
    if settings.lease_ms not in LEASES_MS:
        span = f"{LEASES_MS.start} to {LEASES_MS.stop - 1}"
        wrong.append(f"LEASE_MS, value '{settings.lease_ms}', must be from {span}")
    if settings.model_key_parameter and not settings.oos_endpoint:
        wrong.append("OOS_ENDPOINT must be set where MODEL_KEY_PARAMETER is")
    if wrong:
        raise common.WrongSettings("environment variables: " + "; ".join(wrong))
    return settings


def scratch_environment() -> dict[str, str]:
    """Where libraries may keep caches: a container's home may be read-only or absent."""
    return {"MPLCONFIGDIR": str(Path(tempfile.gettempdir(), "matplotlib"))}

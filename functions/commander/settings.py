"""What the deployment tells the commander, by environment variables."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_PORT = 9000
DEFAULT_LEASE_MS = 20_000


class WrongSetting(ValueError):
    """An environment variable that cannot be used; the text names it, its value and the rule."""


@dataclass(frozen=True)
class Settings:
    """The commander's settings; endpoints are http(s) URLs.

    Attributes:
        tablestore_endpoint: where the tickets are.
        tablestore_instance: the instance that holds them.
        oss_endpoint: where results go.
        results_bucket: the bucket for them.
        eventbridge_endpoint: where steps are published, if they are.
        event_bus: the bus for them.
        publish_steps: whether every row is published as it is written.
        lease_ms: how long a holder may be silent.
        dependency_bundle: the tar with the heavy libraries; `None`: they are importable.
        prefetch: whether initialisation imports them, for provisioned instances.
        model_base_url: an OpenAI-compatible endpoint; empty: playbooks plan.
        model_name: the model there.
        model_key_parameter: the OOS secret parameter that holds its key; empty: it needs none.
        oos_endpoint: where secret parameters are read.
        host: the address to listen on.
        port: the port to listen on.
    """

    tablestore_endpoint: str
    tablestore_instance: str
    oss_endpoint: str
    results_bucket: str
    eventbridge_endpoint: str = ""
    event_bus: str = ""
    publish_steps: bool = False
    lease_ms: int = DEFAULT_LEASE_MS
    dependency_bundle: Path | None = None
    prefetch: bool = False
    model_base_url: str = ""
    model_name: str = ""
    model_key_parameter: str = ""
    oos_endpoint: str = ""
    host: str = "0.0.0.0"  # noqa: S104 - a container's port is reached from outside of it
    port: int = DEFAULT_PORT

    @property
    def has_model(self) -> bool:
        """Whether a model plans and words answers."""
        return bool(self.model_base_url and self.model_name)


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Read the settings.

    Raises:
        WrongSetting: a variable is missing or wrong.
    """
    publish = _truth(environment, "PUBLISH_STEPS")
    key_parameter = environment.get("MODEL_KEY_PARAMETER", "")
    bundle = environment.get("DEPENDENCY_BUNDLE", "")
    return Settings(
        tablestore_endpoint=_required(environment, "TABLESTORE_ENDPOINT"),
        tablestore_instance=_required(environment, "TABLESTORE_INSTANCE"),
        oss_endpoint=_required(environment, "OSS_ENDPOINT"),
        results_bucket=_required(environment, "RESULTS_BUCKET"),
        eventbridge_endpoint=_required(environment, "EVENTBRIDGE_ENDPOINT") if publish else "",
        event_bus=_required(environment, "EVENT_BUS") if publish else "",
        publish_steps=publish,
        lease_ms=_number(environment, "LEASE_MS", DEFAULT_LEASE_MS, 300, 600_000),
        dependency_bundle=Path(bundle) if bundle else None,
        prefetch=_truth(environment, "PREFETCH"),
        model_base_url=environment.get("MODEL_BASE_URL", "").rstrip("/"),
        model_name=environment.get("MODEL_NAME", ""),
        model_key_parameter=key_parameter,
        oos_endpoint=_required(environment, "OOS_ENDPOINT") if key_parameter else "",
        host=environment.get("LISTEN_HOST", Settings.host),
        port=_number(environment, "FC_CUSTOM_LISTEN_PORT", DEFAULT_PORT, 0, 65_535),
    )


def scratch_environment() -> dict[str, str]:
    """Where libraries may keep caches: a container's home may be read-only or absent."""
    return {"MPLCONFIGDIR": str(Path(tempfile.gettempdir(), "matplotlib"))}


def _required(environment: Mapping[str, str], name: str) -> str:
    value = environment.get(name, "")
    if not value:
        raise WrongSetting(f"{name}, value '': must be set")
    return value


def _truth(environment: Mapping[str, str], name: str) -> bool:
    value = environment.get(name, "false")
    if value not in {"true", "false", ""}:
        raise WrongSetting(f"{name}, value '{value}': must be 'true' or 'false'")
    return value == "true"


def _number(environment: Mapping[str, str], name: str, default: int, low: int, high: int) -> int:
    value = environment.get(name, "") or str(default)
    if not value.isdigit() or not low <= int(value) <= high:
        raise WrongSetting(f"{name}, value '{value}': must be a number from {low} to {high}")
    return int(value)

"""All settings of an environment, and the rules between the groups."""

from collections.abc import Iterator
from typing import Any

from pydantic import Field

from stack.settings.base import Broken, Group
from stack.settings.functions import (
    CommanderSettings,
    DispatcherSettings,
    NotifierSettings,
    PopulatorSettings,
)
from stack.settings.gateway import GatewaySettings
from stack.settings.image import ImageSettings
from stack.settings.network import Egress, NetworkSettings
from stack.settings.operations import (
    CompletionSettings,
    DeploymentSettings,
    EndpointSettings,
    ModelSettings,
    ObservabilitySettings,
)
from stack.settings.storage import ResultsSettings, SessionStoreSettings, ShareSettings

ENVIRONMENTS_WITH_DATA = frozenset({"staging", "prod"})
EVENT_LOG_DAYS = 30


class CloudSettings(Group):
    """Where in the cloud: the provider's own configuration, which the program reads too."""

    region: str = Field(pattern=r"^[a-z]{2,}-[a-z0-9-]+$", description="`alicloud:region`.")
    account_id: str = Field(pattern=r"^\d{16}$", description="`alicloud:accountId`, 16 digits.")


class Settings(Group):
    """Everything about one environment."""

    # Ten characters leave room for prefixes within every limit of the cloud; see `stack.naming`.
    environment: str = Field(
        pattern=r"^[a-z][a-z0-9]{1,9}$", description="Name of the environment: the stack's name."
    )
    cloud: CloudSettings
    has_model_key: bool = Field(default=False, description="Whether the secret `model_key` is set.")
    deployment: DeploymentSettings = DeploymentSettings()
    network: NetworkSettings = NetworkSettings()
    session_store: SessionStoreSettings = SessionStoreSettings()
    share: ShareSettings = ShareSettings()
    results: ResultsSettings = ResultsSettings()
    image: ImageSettings
    dispatcher: DispatcherSettings = DispatcherSettings()
    commander: CommanderSettings = CommanderSettings()
    notifier: NotifierSettings = NotifierSettings()
    populator: PopulatorSettings = PopulatorSettings()
    completion: CompletionSettings = CompletionSettings()
    gateway: GatewaySettings
    observability: ObservabilitySettings = ObservabilitySettings()
    model: ModelSettings = ModelSettings()
    endpoints: EndpointSettings = EndpointSettings()

    @property
    def protects_data(self) -> bool:
        """Whether what holds data is protected against deletion."""
        wanted = self.deployment.protect_data
        return self.environment in ENVIRONMENTS_WITH_DATA if wanted is None else wanted

    def broken_rules(self) -> Iterator[Broken]:
        """What one group asks of another.

        - `dispatcher.timeout_s` is below `gateway.timeout_ms`.
        - `results.retention_days` is above the 30 days of the event log, which refers to results.
        - The secret `model_key` belongs to a `model.base_url`, and a model needs a way out.
        - All zones are in `alicloud:region`.
        """
        if self.dispatcher.timeout_s * 1000 >= self.gateway.timeout_ms:
            yield Broken(
                "dispatcher.timeout_s",
                f"be below `gateway.timeout_ms` ({self.gateway.timeout_ms} ms), or callers "
                f"get the gateway's error",
            )
        if self.results.retention_days <= EVENT_LOG_DAYS:
            yield Broken(
                "results.retention_days",
                f"be above the {EVENT_LOG_DAYS} days of the event log that names them",
            )
        if self.has_model_key and not self.model.base_url:
            yield Broken("model.base_url", "be set, since `model_key` is")
        if self.model.base_url and self.network.egress is Egress.NONE and not self.network.existing:
            yield Broken("network.egress", "be `function` or `nat`: the commander calls a model")
        yield from self._broken_zones()

    def _broken_zones(self) -> Iterator[Broken]:
        network, region = self.network, self.cloud.region
        if network.existing:
            zones: dict[str, Any] = {
                "network.existing": [
                    s.zone for s in (*network.existing.functions, network.existing.populator)
                ]
            }
        else:
            zones = {"network.zones": network.zones}
        if self.share.zone:
            zones["share.zone"] = [self.share.zone]
        for field, names in zones.items():
            if any(not name.startswith(f"{region}-") for name in names):
                yield Broken(field, f"be in {region}, the region of alicloud:region")


GROUPS = tuple(
    name for name in Settings.model_fields if name not in {"environment", "cloud", "has_model_key"}
)
"""Names of the groups, each a key `agent-commander:<group>` of the configuration."""

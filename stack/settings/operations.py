"""Whose it is, where logs go, how ends are delivered, which model plans, where services are."""

from collections.abc import Iterator
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from stack.settings.base import Broken, Group

LONGEST_TAG = 128
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def _is_tag(value: str) -> str:
    if not 1 <= len(value) <= LONGEST_TAG or value.startswith(("aliyun", "acs:")) or "://" in value:
        raise ValueError(
            f"have 1 to {LONGEST_TAG} characters, begin neither with aliyun nor acs:, and be no URL"
        )
    return value


def _is_service_url(value: str) -> str:
    parts = urlsplit(value)
    if (
        parts.scheme not in {"http", "https"}
        or not parts.hostname
        or parts.query
        or parts.fragment
        or parts.username
    ):
        raise ValueError("be a URL of scheme, host and port, like https://service.example.com")
    return value.rstrip("/")


Tag = Annotated[str, AfterValidator(_is_tag)]
ServiceUrl = Annotated[str, AfterValidator(_is_service_url)]


class DeploymentSettings(Group):
    """Whose it is, and what may be lost."""

    owner: Tag = Field(default="platform-team", description="Team that answers for it; a tag.")
    tags: dict[Tag, Tag] = Field(
        default={}, description="Further tags for everything that can be tagged."
    )
    active_wait_s: int = Field(
        default=600,
        ge=10,
        le=3600,
        description="Seconds to wait for a function to become active: a new image is cached first.",
    )
    protect_data: bool | None = Field(
        default=None,
        description=(
            "Refuse to delete what holds data, and keep it when its resource goes. "
            "Unset: in staging and prod."
        ),
    )


class ObservabilitySettings(Group):
    """Logs and metrics."""

    retention_days: int = Field(default=30, ge=1, le=3650, description="Days that logs are kept.")
    instance_metrics: bool = Field(
        default=True, description="CPU, memory and concurrency of each instance."
    )


class CompletionSettings(Group):
    """From the end of a task to the push."""

    retry: Literal["BACKOFF_RETRY", "EXPONENTIAL_DECAY_RETRY"] = Field(
        default="EXPONENTIAL_DECAY_RETRY",
        description="Of a delivery that failed: `BACKOFF_RETRY` three times, 10 to 20 s apart; "
        "`EXPONENTIAL_DECAY_RETRY` 176 times within a day.",
    )
    dead_letter_days: int = Field(
        default=7,
        ge=1,
        le=7,
        description="Days that undelivered events wait in the dead-letter queue.",
    )


class ModelSettings(Group):
    """The model that plans. Without one, declared playbooks do."""

    base_url: ServiceUrl | None = Field(
        default=None,
        description="An OpenAI-compatible endpoint, such as DashScope's compatible mode.",
    )
    name: str | None = Field(
        default=None, min_length=1, max_length=128, description="Name of the model there."
    )

    def broken_rules(self) -> Iterator[Broken]:
        """`base_url` and `name` are set together; `base_url` is https, but for this machine."""
        if (self.base_url is None) != (self.name is None):
            yield Broken("name", "be set together with `base_url`")
        parts = urlsplit(self.base_url or "")
        if parts.scheme == "http" and parts.hostname not in LOOPBACK:
            yield Broken("base_url", "begin with https://, since the key travels with every call")


class EndpointSettings(Group):
    """Other addresses of the cloud's services; unset, the region's normal ones."""

    tablestore: ServiceUrl | None = Field(default=None, description="Tablestore.")
    fc: ServiceUrl | None = Field(default=None, description="Function Compute.")
    oss: ServiceUrl | None = Field(
        default=None, description="OSS, also in the links that clients get."
    )
    eventbridge: ServiceUrl | None = Field(default=None, description="EventBridge, for PutEvents.")
    apigateway: ServiceUrl | None = Field(default=None, description="API Gateway's control plane.")
    oos: ServiceUrl | None = Field(
        default=None, description="Operation Orchestration Service, which holds secrets."
    )
    registry: ServiceUrl | None = Field(
        default=None,
        description="The registry that images are pushed to, with the access key as its user.",
    )
    gateway: ServiceUrl | None = Field(
        default=None, description="The API's own address, in front of `/v1`."
    )

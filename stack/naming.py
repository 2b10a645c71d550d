"""Every name that the cloud sees, within the limits of each service.

Names are fixed rather than random: roles can then be written down before anything exists, a preview
shows them, and a function finds its neighbours by name. What has to be unique in the world carries
the account's id.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

PREFIX = "agent"
FUNCTIONS = ("dispatcher", "commander", "notifier", "populator")


class Limit(NamedTuple):
    """What a service takes for a name: `pattern` bounds the length as well."""

    what: str
    pattern: re.Pattern[str]


# Sources: the resources' pages in the documentation of the provider, 1.285.0.
FUNCTION = Limit("a function", re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}"))
ROLE = Limit("a RAM role", re.compile(r"[A-Za-z0-9.-]{1,64}"))
POLICY = Limit("a RAM policy", re.compile(r"[A-Za-z0-9-]{1,128}"))
BUCKET = Limit("an OSS bucket", re.compile(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]"))
TABLESTORE = Limit(
    "a Tablestore instance", re.compile(r"[A-Za-z](?=.{2,15}$)[A-Za-z0-9-]*[A-Za-z0-9]")
)
TABLESTORE_VPC = Limit("a Tablestore VPC binding", re.compile(r"[A-Za-z][A-Za-z0-9]{2,15}"))
LOG_PROJECT = Limit("a log project", re.compile(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]"))
EVENT_BUS = Limit("an event bus", re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,126}"))
QUEUE = Limit("a message queue", re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,119}"))
GATEWAY = Limit("a thing of API Gateway", re.compile(r"[A-Za-z][A-Za-z0-9_]{3,49}"))
GATEWAY_APP = Limit("an app of API Gateway", re.compile(r"[A-Za-z][A-Za-z0-9_]{3,25}"))
ACCESS_GROUP = Limit("a NAS access group", re.compile(r"[A-Za-z][A-Za-z0-9_-]{2,63}"))
VPC_THING = Limit("a VPC resource", re.compile(r"[A-Za-z][A-Za-z0-9._-]{1,127}"))
ROS_STACK = Limit("a ROS stack", re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,254}"))
PARAMETER = Limit("an OOS parameter", re.compile(r"[A-Za-z0-9][A-Za-z0-9_/-]{1,199}"))


def fitting(name: str, limit: Limit) -> str:
    """Return the name.

    Raises:
        ValueError: the service would not take it.
    """
    if not limit.pattern.fullmatch(name):
        raise ValueError(
            f"{name!r} cannot be the name of {limit.what}: it has to match {limit.pattern.pattern}"
        )
    return name


@dataclass(frozen=True)
class Names:
    """The names of one environment in one account.

    Attributes:
        environment: two to ten lower-case letters and digits.
        account_id: sixteen digits.
    """

    environment: str
    account_id: str

    @property
    def base(self) -> str:
        """What most names are made of."""
        return f"{PREFIX}-{self.environment}"

    def function(self, name: str) -> str:
        """Name of one of our functions."""
        return fitting(f"{self.base}-{name}", FUNCTION)

    def role(self, name: str) -> str:
        """Name of the role that belongs to a function, or to the gateway."""
        return fitting(f"{self.base}-{name}", ROLE)

    def policy(self, name: str) -> str:
        """Name of a policy."""
        return fitting(f"{self.base}-{name}", POLICY)

    @property
    def results_bucket(self) -> str:
        """Bucket of results; unique in the world by the account's id."""
        return fitting(f"{self.base}-results-{self.account_id}", BUCKET)

    @property
    def artifacts_bucket(self) -> str:
        """Bucket of code and bundles; unique in the world by the account's id."""
        return fitting(f"{self.base}-artifacts-{self.account_id}", BUCKET)

    @property
    def tablestore_instance(self) -> str:
        """Tablestore instance; its limit of 16 characters is why environments have short names."""
        return fitting(self.base, TABLESTORE)

    @property
    def tablestore_vpc(self) -> str:
        """What the instance calls our VPC."""
        return fitting(f"{PREFIX}{self.environment}", TABLESTORE_VPC)

    @property
    def log_project(self) -> str:
        """Log project; unique in a region by the account's id."""
        return fitting(f"{self.base}-{self.account_id}", LOG_PROJECT)

    @property
    def event_bus(self) -> str:
        """Bus of completion events."""
        return fitting(self.base, EVENT_BUS)

    @property
    def dead_letters(self) -> str:
        """Queue of events that could not be delivered."""
        return fitting(f"{self.base}-dead-letters", QUEUE)

    def gateway(self, name: str) -> str:
        """Group, API or plugin of API Gateway; words are joined by underscores."""
        return fitting(f"{PREFIX}_{self.environment}_{name}", GATEWAY)

    @property
    def gateway_app(self) -> str:
        """The app whose key signs NOTIFY calls."""
        return fitting(f"{PREFIX}_{self.environment}_push", GATEWAY_APP)

    @property
    def access_group(self) -> str:
        """Access group of the share."""
        return fitting(f"{self.base}-share", ACCESS_GROUP)

    @property
    def model_key_parameter(self) -> str:
        """Secret parameter with the model's key."""
        return fitting(f"{self.base}-model-key", PARAMETER)

    def network(self, name: str) -> str:
        """VPC, vSwitch, security group, NAT gateway or address."""
        return fitting(f"{self.base}-{name}", VPC_THING)

    @property
    def push_stack(self) -> str:
        """ROS stack of the WebSocket APIs."""
        return fitting(f"{self.base}-push", ROS_STACK)

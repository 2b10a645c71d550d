"""What every component is given: the settings, and what is derived from them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from stack.arns import Arns
from stack.endpoints import Endpoints
from stack.naming import Names
from stack.tags import make_tags

if TYPE_CHECKING:
    from stack.settings import Settings


@dataclass(frozen=True)
class Context:
    """One environment, as all of its components see it."""

    settings: Settings

    @cached_property
    def names(self) -> Names:
        """Names in the cloud."""
        return Names(self.settings.environment, self.settings.cloud.account_id)

    @cached_property
    def arns(self) -> Arns:
        """Resource names for policies and destinations."""
        return Arns(self.settings.cloud.region, self.settings.cloud.account_id)

    @cached_property
    def endpoints(self) -> Endpoints:
        """Addresses of the services."""
        cloud = self.settings.cloud
        return Endpoints(cloud.region, cloud.account_id, self.settings.endpoints)

    @cached_property
    def tags(self) -> dict[str, str]:
        """Tags of everything that can be tagged."""
        deployment = self.settings.deployment
        return make_tags(self.settings.environment, deployment.owner, deployment.tags)

"""Where the cloud's services answer: the region's addresses, or those of the settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stack.settings.operations import EndpointSettings


@dataclass(frozen=True)
class Endpoints:
    """Addresses of one region and account, without a slash at the end.

    Functions call the internal addresses, which need no way out of the VPC; a deploying machine the
    public ones.
    """

    region: str
    account_id: str
    given: EndpointSettings

    def tablestore(self, instance: str) -> str:
        """Tablestore from inside the VPC."""
        return (
            self.given.tablestore or f"https://{instance}.{self.region}.vpc.tablestore.aliyuncs.com"
        )

    @property
    def functions_internal(self) -> str:
        """Function Compute from inside a VPC."""
        return self.given.fc or f"https://{self.account_id}.{self.region}-internal.fc.aliyuncs.com"

    @property
    def functions_public(self) -> str:
        """Function Compute from anywhere."""
        return self.given.fc or f"https://{self.account_id}.{self.region}.fc.aliyuncs.com"

    @property
    def oss_internal(self) -> str:
        """OSS from inside the region."""
        return self.given.oss or f"https://oss-{self.region}-internal.aliyuncs.com"

    @property
    def oss_public(self) -> str:
        """OSS from anywhere; presigned links begin with it."""
        return self.given.oss or f"https://oss-{self.region}.aliyuncs.com"

    @property
    def eventbridge(self) -> str:
        """PutEvents from inside a VPC. The form of the VPC address is unverified on an account."""
        return (
            self.given.eventbridge
            or f"https://{self.account_id}.eventbridge.{self.region}-vpc.aliyuncs.com"
        )

    @property
    def apigateway(self) -> str:
        """API Gateway's control plane."""
        return self.given.apigateway or f"https://apigateway.{self.region}.aliyuncs.com"

    @property
    def oos(self) -> str:
        """Operation Orchestration Service."""
        return self.given.oos or f"https://oos.{self.region}.aliyuncs.com"

    def registry(self, host: str) -> str:
        """The registry that images are pushed to."""
        return self.given.registry or f"https://{host}"

    def api(self, domain: str) -> str:
        """The API's own address."""
        return self.given.gateway or f"https://{domain}"

    def websocket(self, domain: str) -> str:
        """The push channel's address; port 8080 is what is documented for the default domain."""
        if self.given.gateway:
            return self.given.gateway.replace("http", "ws", 1) + "/"
        return f"ws://{domain}:8080/"

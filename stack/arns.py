"""Resource names (ARNs) as the cloud's policies and destinations write them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Arns:
    """ARNs of one region and account. Bucket and parameter forms as in the services' RAM pages."""

    region: str
    account_id: str

    def function(self, name: str) -> str:
        """A function, as destination and in a policy."""
        return f"acs:fc:{self.region}:{self.account_id}:functions/{name}"

    def table(self, instance: str, table: str) -> str:
        """A Tablestore table."""
        return f"acs:ots:{self.region}:{self.account_id}:instance/{instance}/table/{table}"

    def objects(self, bucket: str, prefix: str = "") -> str:
        """The objects of a bucket below a prefix."""
        return f"acs:oss:*:{self.account_id}:{bucket}/{prefix}*"

    def event_bus(self, name: str) -> str:
        """An event bus. Unverified on an account as the destination of an invocation."""
        return f"acs:eventbridge:{self.region}:{self.account_id}:eventbus/{name}"

    def queue(self, name: str) -> str:
        """A message queue, as dead-letter queue of a rule."""
        return f"acs:mns:{self.region}:{self.account_id}:/queues/{name}"

    def queue_messages(self, name: str) -> str:
        """A message queue, as destination of an asynchronous invocation and in a policy."""
        return f"{self.queue(name)}/messages"

    def logstore(self, project: str, store: str) -> str:
        """A logstore."""
        return f"acs:log:{self.region}:{self.account_id}:project/{project}/logstore/{store}"

    def secret_parameter(self, name: str) -> str:
        """A secret parameter of OOS."""
        return f"acs:oos:{self.region}:{self.account_id}:secretparameter/{name}"

    def gateway_app(self, app_id: str) -> str:
        """An app of API Gateway."""
        return f"acs:apigateway:{self.region}:{self.account_id}:app/{app_id}"

    def repository(self, instance_id: str, namespace: str, name: str) -> str:
        """A repository of Container Registry Enterprise."""
        return f"acs:cr:{self.region}:{self.account_id}:repository/{instance_id}/{namespace}/{name}"

"""RAM policies as data: exact actions and resources, and the wildcards that cannot be helped."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

POLICY_VERSION = "1"

# Actions that RAM cannot bind to one resource, with the reason. The policy pack has the same list:
# a wildcard that is not on it fails the review.
WILDCARDS: dict[str, str] = {
    "ecs:CreateNetworkInterface": "made for a function in the VPC; it has no id before",
    "ecs:CreateNetworkInterfacePermission": "lends the interface to Function Compute's account",
    "ecs:DeleteNetworkInterface": "removes interfaces whose ids only Function Compute knows",
    "ecs:DeleteNetworkInterfacePermission": "takes the loan back",
    "ecs:DescribeNetworkInterfacePermissions": "lists, which RAM checks against everything",
    "ecs:DescribeNetworkInterfaces": "lists, which RAM checks against everything",
    "vpc:DescribeVSwitchAttributes": "read before an interface is made",
    "cr:GetAuthorizationToken": "logs in to the registry before a repository is named",
}


@dataclass(frozen=True)
class Statement:
    """Allow these actions on these resources."""

    actions: tuple[str, ...]
    resources: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """The statement as RAM reads it, in a stable order."""
        return {
            "Effect": "Allow",
            "Action": sorted(self.actions),
            "Resource": sorted(self.resources),
        }


def document(statements: Iterable[Statement]) -> str:
    """Return a policy document; the same statements give the same text."""
    rows = [statement.as_json() for statement in statements]
    return json.dumps(
        {"Version": POLICY_VERSION, "Statement": rows}, indent=None, separators=(",", ":")
    )


def trust(service: str) -> str:
    """Return the document that lets one service of the cloud assume a role."""
    row = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": [service]}}
    return json.dumps(
        {"Version": POLICY_VERSION, "Statement": [row]}, indent=None, separators=(",", ":")
    )

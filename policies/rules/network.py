"""Who can reach what."""

from __future__ import annotations

from typing import TYPE_CHECKING

from policies.rules.model import Finding, Resource, ResourceRule, Severity, Verdict, judge

if TYPE_CHECKING:
    from collections.abc import Iterator

ANYWHERE = frozenset({"0.0.0.0/0", "::/0"})
SECURITY_GROUP = "alicloud:ecs/securityGroup:SecurityGroup"
SECURITY_GROUP_RULE = "alicloud:ecs/securityGroupRule:SecurityGroupRule"


def no_open_ingress(resource: Resource) -> Iterator[Finding]:
    """Nothing from everywhere comes in, and members of a group do not reach one another."""
    if resource.type == SECURITY_GROUP:
        policy = resource.get("innerAccessPolicy")
        yield judge(policy, lambda value: value == "Drop", "innerAccessPolicy is not Drop")
        return
    direction = resource.get("type")
    if direction == "egress" or resource.get("policy") == "drop":
        yield Finding(Verdict.COMPLIANT)
        return
    for source in ("cidrIp", "ipv6CidrIp"):
        value = resource.get(source)
        yield judge(value, lambda given: given not in ANYWHERE, f"{source} lets everybody in")


def tablestore_private(resource: Resource) -> Iterator[Finding]:
    """No internet among the networks that may call."""
    networks = resource.get("networkTypeAcls")
    yield judge(
        networks,
        lambda given: bool(given) and not {"INTERNET", "CLASSIC"} & set(given),
        "networkTypeAcls lets networks other than the VPC in",
    )


NETWORK_RULES = (
    ResourceRule(
        id="no-open-ingress",
        title="Nothing connects to a function's network from outside",
        severity=Severity.CRITICAL,
        reason="Functions are called through Function Compute, never through their interfaces.",
        remedy="Remove the rule; keep innerAccessPolicy at Drop.",
        link="https://www.alibabacloud.com/help/en/ecs/user-guide/security-group-rules",
        types=(SECURITY_GROUP, SECURITY_GROUP_RULE),
        check=no_open_ingress,
    ),
    ResourceRule(
        id="tablestore-private",
        title="Tablestore answers the VPC alone",
        severity=Severity.MEDIUM,
        reason="A leaked key is of no use where the network is closed.",
        remedy="Set session_store.public_access to false, and deploy from inside the VPC.",
        link="https://www.alibabacloud.com/help/en/tablestore/user-guide/network-acl",
        types=("alicloud:ots/instance:Instance",),
        check=tablestore_private,
    ),
)

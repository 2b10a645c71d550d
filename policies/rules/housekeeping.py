"""Whose it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from policies.rules.model import UNKNOWN, Finding, Resource, ResourceRule, Severity, Verdict, judge

if TYPE_CHECKING:
    from collections.abc import Iterator

REQUIRED_TAGS = ("project", "environment", "owner", "managed-by")
# Types of this stack whose schema has `tags`.
TAGGABLE = (
    "alicloud:apigateway/app:App",
    "alicloud:apigateway/plugin:Plugin",
    "alicloud:ecs/eipAddress:EipAddress",
    "alicloud:ecs/securityGroup:SecurityGroup",
    "alicloud:fc/v3Function:V3Function",
    "alicloud:log/project:Project",
    "alicloud:message/serviceQueue:ServiceQueue",
    "alicloud:nas/fileSystem:FileSystem",
    "alicloud:oos/secretParameter:SecretParameter",
    "alicloud:oss/bucket:Bucket",
    "alicloud:ots/instance:Instance",
    "alicloud:ram/policy:Policy",
    "alicloud:ram/role:Role",
    "alicloud:ros/stack:Stack",
    "alicloud:vpc/natGateway:NatGateway",
    "alicloud:vpc/network:Network",
    "alicloud:vpc/switch:Switch",
)


def required_tags(resource: Resource) -> Iterator[Finding]:
    """All four tags are there, and not empty."""
    tags = resource.get("tags")
    if tags is UNKNOWN:
        yield judge(tags, bool, "tags")
        return
    missing = [name for name in REQUIRED_TAGS if not (tags or {}).get(name)]
    if missing:
        yield Finding(Verdict.VIOLATION, f"tags lacks {', '.join(missing)}")
    else:
        yield Finding(Verdict.COMPLIANT)


HOUSEKEEPING_RULES = (
    ResourceRule(
        id="required-tags",
        title="Everything says whose it is",
        severity=Severity.MEDIUM,
        reason="A bill without owners is nobody's, and nobody dares to delete what has none.",
        remedy="Pass the environment's tags, as stack/tags.py makes them.",
        link="https://www.alibabacloud.com/help/en/resource-management/tag/product-overview/what-is-tag",
        types=TAGGABLE,
        check=required_tags,
    ),
)

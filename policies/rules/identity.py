"""Rights: exact actions on exact resources."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from policies.rules.model import UNKNOWN, Finding, Resource, ResourceRule, Severity, Verdict, judge

if TYPE_CHECKING:
    from collections.abc import Iterator

# Actions that RAM cannot bind to one resource, with the reason. Anything else on `*` is a mistake.
ALLOWED_WILDCARDS: dict[str, str] = {
    "ecs:CreateNetworkInterface": "made for a function in the VPC; it has no id before",
    "ecs:CreateNetworkInterfacePermission": "lends the interface to Function Compute's account",
    "ecs:DeleteNetworkInterface": "removes interfaces whose ids only Function Compute knows",
    "ecs:DeleteNetworkInterfacePermission": "takes the loan back",
    "ecs:DescribeNetworkInterfacePermissions": "lists, which RAM checks against everything",
    "ecs:DescribeNetworkInterfaces": "lists, which RAM checks against everything",
    "vpc:DescribeVSwitchAttributes": "read before an interface is made",
    "cr:GetAuthorizationToken": "logs in to the registry before a repository is named",
}


def no_wildcards(resource: Resource) -> Iterator[Finding]:
    """No action with a wildcard, and `*` as a resource only for what the platform demands."""
    text = resource.get("policyDocument")
    if text is UNKNOWN:
        yield judge(text, bool, "policyDocument")
        return
    try:
        statements = json.loads(text)["Statement"]
    except (TypeError, ValueError, KeyError):
        yield Finding(Verdict.VIOLATION, "policyDocument is no policy document")
        return
    for number, statement in enumerate(statements):
        yield from _wildcards_of(statement, f"policyDocument.Statement[{number}]")


def _wildcards_of(statement: dict[str, Any], where: str) -> Iterator[Finding]:
    if statement.get("Effect") != "Allow":
        yield Finding(Verdict.COMPLIANT)
        return
    actions, resources = _listed(statement.get("Action")), _listed(statement.get("Resource"))
    for action in actions:
        if "*" in action:
            yield Finding(Verdict.VIOLATION, f"{where}.Action allows {action}: name each action")
    everywhere = [resource for resource in resources if resource == "*"]
    for action in actions if everywhere else []:
        if action not in ALLOWED_WILDCARDS:
            yield Finding(
                Verdict.VIOLATION, f"{where}.Resource is * for {action}: name the resources"
            )
    yield Finding(Verdict.COMPLIANT)


def _listed(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value or [])


IDENTITY_RULES = (
    ResourceRule(
        id="ram-no-wildcards",
        title="RAM policies name their actions and resources",
        severity=Severity.CRITICAL,
        reason="A function that is taken over can do whatever its role allows.",
        remedy="Grant a capability in stack/grants.py instead of a wildcard.",
        link="https://www.alibabacloud.com/help/en/ram/user-guide/policy-elements",
        types=("alicloud:ram/policy:Policy",),
        check=no_wildcards,
    ),
)

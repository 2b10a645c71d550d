"""From our rules to `pulumi-policy`: thin, so that the rules know nothing of it.

Every rule is a policy of its own, mandatory or advisory by its severity. What cannot be judged at
preview is no violation and must not be silent either: two advisory policies report it for all
rules.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pulumi
from pulumi_policy import (
    EnforcementLevel,
    PolicyPack,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)
from pulumi_policy import Severity as PulumiSeverity
from pulumi_policy.proxy import (
    UNKNOWN_ARCHIVE_VALUE,
    UNKNOWN_ARRAY_VALUE,
    UNKNOWN_ASSET_VALUE,
    UNKNOWN_BOOLEAN_VALUE,
    UNKNOWN_NUMBER_VALUE,
    UNKNOWN_OBJECT_VALUE,
    UNKNOWN_STRING_VALUE,
)

from policies.rules import RESOURCE_RULES, STACK_RULES
from policies.rules.model import (
    UNKNOWN,
    Resource,
    ResourceRule,
    Severity,
    StackRule,
    Verdict,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from pulumi_policy import Policy

PACK = "agent-commander"
UNKNOWN_VALUES = frozenset(
    {
        UNKNOWN_ARCHIVE_VALUE,
        UNKNOWN_ARRAY_VALUE,
        UNKNOWN_ASSET_VALUE,
        UNKNOWN_BOOLEAN_VALUE,
        UNKNOWN_NUMBER_VALUE,
        UNKNOWN_OBJECT_VALUE,
        UNKNOWN_STRING_VALUE,
    }
)
LEVELS = {
    Severity.CRITICAL: EnforcementLevel.MANDATORY,
    Severity.HIGH: EnforcementLevel.MANDATORY,
    Severity.MEDIUM: EnforcementLevel.ADVISORY,
    Severity.LOW: EnforcementLevel.ADVISORY,
}


def serve() -> None:
    """Serve the pack until the engine ends it."""
    PolicyPack(
        PACK,
        policies=[
            *map(_resource_policy, RESOURCE_RULES),
            *map(_stack_policy, STACK_RULES),
            *_unknowns(),
        ],
    )


def plain(value: Any) -> Any:
    """Return what is behind the proxies of `pulumi-policy`, with `UNKNOWN` where it applies."""
    if hasattr(value, "keys"):
        inside = value["__target"] if not isinstance(value, dict) else value
        return {key: plain(item) for key, item in inside.items()}
    if isinstance(value, list) or (
        hasattr(value, "__len__") and not isinstance(value, str | bytes)
    ):
        inside = value["__target"] if not isinstance(value, list | tuple) else value
        return [plain(item) for item in inside]
    return UNKNOWN if isinstance(value, str) and value in UNKNOWN_VALUES else value


def _resource(args: Any) -> Resource:
    """Take over a resource, as a resource policy or a stack policy is given it."""
    return Resource(
        type=args.resource_type,
        name=args.name,
        urn=args.urn,
        props=plain(args.props),
        protect=bool(args.opts.protect),
        environment=pulumi.get_stack(),
    )


def _resource_policy(rule: ResourceRule) -> Policy:
    def validate(args: ResourceValidationArgs, report: Callable[..., None]) -> None:
        if args.resource_type in rule.types:
            _report(rule.check(_resource(args)), report)

    return ResourceValidationPolicy(validate=validate, **_about(rule))


def _stack_policy(rule: StackRule) -> Policy:
    def validate(args: StackValidationArgs, report: Callable[..., None]) -> None:
        _report(rule.check([_resource(each) for each in args.resources]), report)

    return StackValidationPolicy(validate=validate, **_about(rule))


def _report(findings: Any, report: Callable[..., None]) -> None:
    for finding in findings:
        if finding.verdict is Verdict.VIOLATION:
            report(finding.message, finding.urn)


def _about(rule: ResourceRule | StackRule) -> dict[str, Any]:
    return {
        "name": rule.id,
        "description": f"{rule.title}. {rule.reason} {rule.remedy} {rule.link}",
        "enforcement_level": LEVELS[rule.severity],
        "severity": PulumiSeverity(rule.severity.value),
    }


def _unknowns() -> list[Policy]:
    about: dict[str, Any] = {
        "description": "What cannot be judged before the deployment",
        "enforcement_level": EnforcementLevel.ADVISORY,
        "severity": PulumiSeverity.LOW,
    }

    def report_unknown(
        rule: ResourceRule | StackRule, findings: Any, report: Callable[..., None]
    ) -> None:
        for finding in findings:
            if finding.verdict is Verdict.UNKNOWN:
                report(f"{rule.id}: {finding.message}", finding.urn)

    def resource(args: ResourceValidationArgs, report: Callable[..., None]) -> None:
        for rule in RESOURCE_RULES:
            if args.resource_type in rule.types:
                report_unknown(rule, rule.check(_resource(args)), report)

    def stack(args: StackValidationArgs, report: Callable[..., None]) -> None:
        resources = [_resource(each) for each in args.resources]
        for rule in STACK_RULES:
            report_unknown(rule, rule.check(resources), report)

    return [
        ResourceValidationPolicy(name="unknown-at-preview", validate=resource, **about),
        StackValidationPolicy(name="unknown-at-preview-in-stack", validate=stack, **about),
    ]

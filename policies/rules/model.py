"""What a rule is, what it looks at, and what it finds."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence


class Unknown(Enum):
    """The type of `UNKNOWN`."""

    UNKNOWN = "unknown"


UNKNOWN: Final = Unknown.UNKNOWN
"""A value that the cloud will compute: nobody can judge it before the deployment."""


class Verdict(StrEnum):
    """What a rule says."""

    COMPLIANT = "compliant"
    VIOLATION = "violation"
    UNKNOWN = "unknown"


class Severity(StrEnum):
    """How bad a violation is; high and critical ones stop a deployment."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


@dataclass(frozen=True)
class Resource:
    """A planned resource.

    Attributes:
        type: Pulumi's token.
        name: logical name.
        urn: in the stack.
        props: inputs (of a stack rule: outputs), `UNKNOWN` where they are not known.
        protect: whether it is protected against deletion.
        environment: the stack's name.
    """

    type: str
    name: str
    urn: str = ""
    props: Mapping[str, Any] = field(default_factory=dict)
    protect: bool = False
    environment: str = "dev"

    def get(self, path: str) -> Any:
        """Return a nested property, names joined by dots.

        None where it is unset, `UNKNOWN` below an unknown one.
        """
        value: Any = self.props
        for part in path.split("."):
            if value is UNKNOWN:
                return UNKNOWN
            if not hasattr(value, "get"):
                return None
            value = value.get(part)
        return value


@dataclass(frozen=True)
class Finding:
    """What a rule says about one resource, or one part of it.

    Attributes:
        verdict: the three of them.
        message: what is wrong, or what is not known, naming the property.
        urn: the resource, where a stack rule found it.
    """

    verdict: Verdict
    message: str = ""
    urn: str | None = None


@dataclass(frozen=True)
class Rule:
    """What people read about a rule.

    Attributes:
        id: short and stable, in words.
        title: what has to be true.
        severity: how bad it is otherwise.
        reason: why.
        remedy: what to change.
        link: documentation.
    """

    id: str
    title: str
    severity: Severity
    reason: str
    remedy: str
    link: str


@dataclass(frozen=True)
class ResourceRule(Rule):
    """A rule about resources of some types, one at a time."""

    types: tuple[str, ...]
    check: Callable[[Resource], Iterable[Finding]]


@dataclass(frozen=True)
class StackRule(Rule):
    """A rule about the stack as a whole."""

    check: Callable[[Sequence[Resource]], Iterable[Finding]]


def judge(
    value: Any, holds: Callable[[Any], bool], message: str, *, urn: str | None = None
) -> Finding:
    """Return a finding about a value: unknown, or whether something holds.

    Args:
        value: plain, or `UNKNOWN`.
        holds: of a known value.
        message: what is wrong when it does not; it begins with the property's name.
        urn: for stack rules.
    """
    if value is UNKNOWN:
        return Finding(
            Verdict.UNKNOWN, f"{message.split(' ', 1)[0]} is not known before the deployment", urn
        )
    return Finding(Verdict.COMPLIANT) if holds(value) else Finding(Verdict.VIOLATION, message, urn)

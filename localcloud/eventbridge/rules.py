"""Buses, rules and targets."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from localcloud.core.errors import CloudError, NotSupported
from localcloud.eventbridge.patterns import Pattern
from localcloud.eventbridge.transform import check_parameter

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from localcloud.documents import Documents

DEFAULT_BUS = "default"
FUNCTION = "acs.fc.function"
QUEUE = "acs.mns.queue"
BACKOFF = "BACKOFF_RETRY"
EXPONENTIAL = "EXPONENTIAL_DECAY_RETRY"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,126}")
_MOST_TARGETS = 5


@dataclass(frozen=True)
class Target:
    """Where a rule delivers to.

    Attributes:
        kind: `acs.fc.function` or `acs.mns.queue`.
        endpoint: ARN of it.
        parameters: see `transform`.
        retry: BACKOFF_RETRY or EXPONENTIAL_DECAY_RETRY.
        dead_letters: ARN of a queue, or "".
    """

    id: str
    kind: str
    endpoint: str
    parameters: tuple[dict[str, Any], ...]
    retry: str
    dead_letters: str

    @classmethod
    def parse(cls, raw: Mapping[str, Any]) -> Target:
        """From the inputs of ``eventbridge.Rule``.

        Raises:
            CloudError: 400 for a bad value, 501 for another type of target.
        """
        kind = str(raw.get("type", ""))
        if kind not in (FUNCTION, QUEUE):
            raise NotSupported("eventbridge", f"target type {kind!r}")
        retry = str(raw.get("pushRetryStrategy") or BACKOFF)
        if retry not in (BACKOFF, EXPONENTIAL):
            raise CloudError(400, "InvalidParameter", f"pushRetryStrategy {retry!r} is not known")
        lists = tuple(dict(one) for one in raw.get("paramLists") or ())
        for one in lists:
            check_parameter(one)
        return cls(
            id=str(raw.get("targetId") or "target"),
            kind=kind,
            endpoint=str(raw.get("endpoint") or ""),
            parameters=lists,
            retry=retry,
            dead_letters=str((raw.get("deadLetterQueue") or {}).get("arn") or ""),
        )


@dataclass(frozen=True)
class Rule:
    """A rule of a bus."""

    bus: str
    name: str
    pattern: Pattern
    enabled: bool
    targets: dict[str, Target]


class Rules:
    """Buses and rules of one account.

    Args:
        documents: where they are kept.
    """

    def __init__(self, documents: Documents) -> None:
        self._documents = documents
        self._rules: dict[tuple[str, str], Rule] = {}
        for body in documents.all("rule").values():
            rule = _parsed(body)
            self._rules[rule.bus, rule.name] = rule

    def put_bus(self, name: str, description: str = "") -> None:
        """Make a bus, or change its description.

        Raises:
            CloudError: 400, the name breaks the rule.
        """
        _check("eventBusName", name)
        self._documents.put("bus", name, {"description": description})

    def delete_bus(self, name: str) -> None:
        """Remove a bus with its rules; one that is gone is no error."""
        for rule in self.of(name):
            self.delete_rule(name, rule.name)
        self._documents.remove("bus", name)

    def require_bus(self, name: str) -> None:
        """Refuse a bus that is not there.

        Raises:
            CloudError: 404.
        """
        if name != DEFAULT_BUS and self._documents.get("bus", name) is None:
            raise CloudError(404, "EventBusNotExist", f"The event bus [{name}] not existed!")

    def put_rule(
        self,
        bus: str,
        name: str,
        pattern: str | Mapping[str, Any],
        targets: Sequence[Mapping[str, Any]],
        *,
        status: str = "ENABLE",
    ) -> None:
        """Make or change a rule.

        Args:
            bus: its bus.
            name: of the rule.
            pattern: see `patterns`.
            targets: inputs of the targets, as a Pulumi program gives them.
            status: ENABLE or DISABLE.

        Raises:
            CloudError: 404 for an unknown bus, 400 for a bad value, 501 for another target type.
        """
        self.require_bus(bus)
        _check("ruleName", name)
        body = {
            "bus": bus,
            "name": name,
            "pattern": pattern if isinstance(pattern, str) else json.dumps(pattern),
            "status": status,
            "targets": [dict(target) for target in targets],
        }
        rule = _parsed(body)
        self._documents.put("rule", f"{bus}/{name}", body)
        self._rules[bus, name] = rule

    def delete_rule(self, bus: str, name: str) -> None:
        """Remove a rule; one that is gone is no error."""
        self._documents.remove("rule", f"{bus}/{name}")
        self._rules.pop((bus, name), None)

    def of(self, bus: str) -> list[Rule]:
        """Rules of a bus, by name."""
        return [rule for (owner, _), rule in sorted(self._rules.items()) if owner == bus]

    def target(self, bus: str, rule: str, target: str) -> Target | None:
        """A target, while it is there and its rule enabled."""
        found = self._rules.get((bus, rule))
        return found.targets.get(target) if found and found.enabled else None


def _parsed(body: Mapping[str, Any]) -> Rule:
    status = body["status"]
    if status not in ("ENABLE", "DISABLE"):
        raise CloudError(400, "InvalidParameter", f"status {status!r}: ENABLE or DISABLE")
    targets = [Target.parse(raw) for raw in body["targets"]]
    if len(targets) > _MOST_TARGETS or len({target.id for target in targets}) != len(targets):
        raise CloudError(
            400, "InvalidParameter", f"targets: at most {_MOST_TARGETS}, each with an id of its own"
        )
    return Rule(
        bus=body["bus"],
        name=body["name"],
        pattern=Pattern(body["pattern"]),
        enabled=status == "ENABLE",
        targets={target.id: target for target in targets},
    )


def _check(field: str, name: str) -> None:
    if not _NAME.fullmatch(name):
        raise CloudError(
            400, "InvalidParameter", f"{field} {name!r}: 1 to 127 letters, digits and ._-"
        )

"""Policy documents: checked when they are written, evaluated for each request."""

from __future__ import annotations

import functools
import json
import re
from dataclasses import dataclass
from typing import Any

from localcloud.core.errors import CloudError

DOCUMENT_LIMIT = 6144
"""Characters of a custom policy (RAM's limit, from memory: unverified)."""

_STATEMENT_KEYS = {"Effect", "Action", "Resource"}
_TRUST_KEYS = {"Effect", "Action", "Principal"}
_ASSUME = "sts:AssumeRole"


@dataclass(frozen=True)
class Statement:
    """One statement; actions and resources may hold `*` and `?`."""

    allows: bool
    actions: tuple[str, ...]
    resources: tuple[str, ...]

    def matches(self, action: str, resource: str) -> bool:
        """Whether the statement speaks of this action on this resource."""
        return any(_pattern(p, fold=True).fullmatch(action) for p in self.actions) and any(
            _pattern(p, fold=False).fullmatch(resource) for p in self.resources
        )


def parse_policy(name: str, document: str) -> tuple[Statement, ...]:
    """Read a policy document.

    Raises:
        CloudError: it is no policy, or it has something that is not evaluated here: a condition, a
            `NotAction`. To ignore it would let more or less pass than the cloud does.
    """
    if len(document) > DOCUMENT_LIMIT:
        raise _malformed(name, f"it is longer than {DOCUMENT_LIMIT} characters")
    try:
        content = json.loads(document)
    except ValueError as error:
        raise _malformed(name, f"it is no JSON: {error}") from None
    statements = content.get("Statement") if isinstance(content, dict) else None
    if not isinstance(statements, list) or not statements or str(content.get("Version")) != "1":
        raise _malformed(name, 'it needs "Version": "1" and a list "Statement"')
    return tuple(_statement(name, given) for given in statements)


def decide(statements: list[Statement], action: str, resource: str) -> bool:
    """A denial wins; otherwise something must allow it."""
    speaking = [statement for statement in statements if statement.matches(action, resource)]
    return bool(speaking) and all(statement.allows for statement in speaking)


def parse_trust(role: str, document: str) -> frozenset[str]:
    """The services that may assume a role, such as `fc.aliyuncs.com`.

    Raises:
        CloudError: the document is no trust policy of services, or has something that is not
            evaluated here: a denial, a condition, another principal.
    """
    services: set[str] = set()
    try:
        for statement in json.loads(document)["Statement"]:
            if set(statement) != _TRUST_KEYS or set(statement["Principal"]) != {"Service"}:
                raise TypeError(f"evaluated are {sorted(_TRUST_KEYS)} of services")
            if statement["Effect"] != "Allow" or _texts(statement["Action"]) != (_ASSUME,):
                raise TypeError(f"evaluated is the permission of {_ASSUME}")
            services.update(_texts(statement["Principal"]["Service"]))
    except (ValueError, KeyError, TypeError) as error:
        raise _malformed(role, f"it is no trust policy of a service: {error!r}") from None
    return frozenset(services)


def _statement(name: str, given: Any) -> Statement:
    if not isinstance(given, dict) or set(given) != _STATEMENT_KEYS:
        keys = sorted(given) if isinstance(given, dict) else given
        raise _malformed(name, f"a statement has {keys}; evaluated are {sorted(_STATEMENT_KEYS)}")
    if given["Effect"] not in ("Allow", "Deny"):
        raise _malformed(name, f"Effect {given['Effect']!r} is neither Allow nor Deny")
    try:
        actions, resources = _texts(given["Action"]), _texts(given["Resource"])
    except TypeError as error:
        raise _malformed(name, f"Action and Resource: {error}") from None
    for action in actions:
        if action != "*" and not re.fullmatch(r"[a-z0-9-]+:[A-Za-z0-9*?]+", action):
            raise _malformed(name, f"action {action!r} is not `service:Operation`")
    for resource in resources:
        if resource != "*" and not resource.startswith("acs:"):
            raise _malformed(name, f"resource {resource!r} does not begin with `acs:`")
    return Statement(given["Effect"] == "Allow", actions, resources)


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, str | list):
        raise TypeError(f"{value!r} is no list of texts")
    texts = (value,) if isinstance(value, str) else tuple(value)
    if not texts or not all(isinstance(text, str) for text in texts):
        raise TypeError(f"{value!r} is no list of texts")
    return texts


@functools.lru_cache(maxsize=1024)
def _pattern(text: str, *, fold: bool) -> re.Pattern[str]:
    # Several `*` in a row are one: more would let a pattern take its time on a long resource.
    # DOTALL, since the key of an object may hold a line break, and a denial must see it too.
    collapsed = re.sub(r"\*+", "*", text)
    regex = re.escape(collapsed).replace(r"\*", ".*").replace(r"\?", ".")
    return re.compile(regex, re.DOTALL | (re.IGNORECASE if fold else 0))


def _malformed(name: str, why: str) -> CloudError:
    return CloudError(400, "MalformedPolicyDocument", f"policy of {name}: {why}")

"""Who calls: the claims that the gateway verified, as headers, and the owner that they make.

The gateway drops `x-claim-*` headers that a client sends itself.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from functions.common.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping

APPROVER = "approver"
CLAIM_LENGTH = 256


@dataclass(frozen=True)
class Caller:
    """A caller.

    Attributes:
        owner: what its sessions and tickets are kept under, 32 hex digits.
        tenant: the organisation; the subject itself where the token names none.
        scopes: the words of the claim `scope`.
        expires_at: Unix seconds at which the token ends; 0 if the gateway did not say.
    """

    owner: str
    tenant: str
    scopes: frozenset[str] = frozenset()
    expires_at: int = 0


def owner_of(tenant: str, subject: str) -> str:
    """The owner's name in tables and object keys: it tells nothing of the person."""
    return hashlib.sha256(json.dumps([tenant, subject]).encode()).hexdigest()[:32]


def caller_of(headers: Mapping[str, str]) -> Caller:
    """Read the caller from the headers of an event; names in lower case.

    Raises:
        Problem: 401, there is no usable subject.
    """
    subject = headers.get("x-claim-sub", "")
    tenant = headers.get("x-claim-tenant", "") or subject
    if not subject or len(subject) > CLAIM_LENGTH or len(tenant) > CLAIM_LENGTH:
        raise Problem(
            401,
            "Who are you?",
            f"the token needs a claim 'sub' of at most {CLAIM_LENGTH} characters",
            headers={"www-authenticate": "Bearer"},
        )
    expiry = headers.get("x-claim-exp", "")
    return Caller(
        owner=owner_of(tenant, subject),
        tenant=tenant,
        scopes=frozenset(headers.get("x-claim-scope", "").split()),
        expires_at=int(float(expiry)) if _is_number(expiry) else 0,
    )


def _is_number(text: str) -> bool:
    whole, _, rest = text.partition(".")
    return whole.isascii() and whole.isdigit() and len(whole) <= 12 and (not rest or rest.isdigit())

"""Access keys, long-lived and temporary."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime

STS_SECONDS = 36 * 3600
"""How long a function's credentials are valid ([D] facts on Function Compute: 36 hours)."""


@dataclass(frozen=True)
class Credentials:
    """What signs a request.

    Attributes:
        access_key_id: names the key; `STS.` begins a temporary one.
        access_key_secret: signs.
        security_token: goes with a temporary key; None for a long-lived one.
        expires: seconds since the epoch; None for never.
    """

    access_key_id: str
    access_key_secret: str
    security_token: str | None = None
    expires: float | None = None

    @property
    def expiration(self) -> str | None:
        """When it expires, as the cloud writes it (ISO 8601, UTC)."""
        if self.expires is None:
            return None
        return datetime.fromtimestamp(self.expires, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def __repr__(self) -> str:
        return f"Credentials({self.access_key_id})"


def long_lived() -> Credentials:
    """A new key of a user."""
    return Credentials(f"LTAI{secrets.token_hex(10)}", secrets.token_urlsafe(30))


def temporary(expires: float) -> Credentials:
    """A new key of a role's session."""
    return Credentials(
        f"STS.{secrets.token_hex(12)}",
        secrets.token_urlsafe(30),
        secrets.token_urlsafe(48),
        expires,
    )

"""The door: who may enter, how fast, and how long they may wait."""

from collections.abc import Iterator
from typing import Any, Literal

from pydantic import Field

from stack.jwks import broken_key_rules
from stack.settings.base import Broken, Group


class Throttling(Group):
    """Requests that each API lets through."""

    unit: Literal["SECOND", "MINUTE", "HOUR", "DAY"] = Field(
        default="SECOND", description="Period that is counted."
    )
    each_api: int = Field(
        default=100, ge=1, description="Requests to one API in a period, of all callers together."
    )


class GatewaySettings(Group):
    """API Gateway."""

    jwks: str | dict[str, Any] = Field(
        description="Public keys that sign the callers' tokens (RFC 7517): the path of a "
        "JSON file in the project, "
        "or the key set itself."
    )
    protocols: Literal["HTTPS", "HTTP,HTTPS"] = Field(
        default="HTTPS", description="Protocols that are answered."
    )
    timeout_ms: int = Field(
        default=30_000,
        ge=1_000,
        le=30_000,
        description="Milliseconds that the gateway waits for a function.",
    )
    throttling: Throttling = Field(default=Throttling(), description="Requests let through.")

    def broken_rules(self) -> Iterator[Broken]:
        """`jwks` has RSA keys of at least 2048 bits, public parts alone, each with a `kid`."""
        if isinstance(self.jwks, dict):
            for where, rule in broken_key_rules(self.jwks):
                yield Broken(f"jwks{where}", rule)

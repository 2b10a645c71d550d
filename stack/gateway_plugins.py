"""What the gateway checks before a request reaches a function, as its plugins want it written."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stack.settings.gateway import Throttling

CLAIMS = ("sub", "tenant", "scope", "exp")
# What verifying needs; whatever else an issuer writes into its key set stays outside.
PUBLIC_MEMBERS = ("kty", "n", "e", "kid", "alg", "use")


def jwt_plugin(jwks: Mapping[str, Any]) -> str:
    """Return the data of a `jwtAuth` plugin: a token is required, its claims become headers.

    Args:
        jwks: public keys (RFC 7517).
    """
    keys = [
        {member: key[member] for member in PUBLIC_MEMBERS if member in key} for key in jwks["keys"]
    ]
    return _text(
        {
            "parameter": "Authorization",
            "parameterLocation": "header",
            "preventJtiReplay": False,
            "bypassEmptyToken": False,
            "ignoreExpirationCheck": False,
            "claimParameters": [
                {"claimName": claim, "parameterName": f"x-claim-{claim}", "location": "header"}
                for claim in CLAIMS
            ],
            "jwks": keys,
        }
    )


def throttling_plugin(settings: Throttling) -> str:
    """Return the data of a `trafficControl` plugin."""
    return _text({"unit": settings.unit, "apiDefault": settings.each_api})


def _text(data: Mapping[str, Any]) -> str:
    return json.dumps(data, sort_keys=True, separators=(",", ":"))

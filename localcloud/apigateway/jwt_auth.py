"""The ``jwtAuth`` plugin: verifies a JSON Web Token and turns claims into headers.

Its data is JSON or YAML with ``parameter``, ``parameterLocation`` (header, query), ``jwk`` or
``jwks``, ``claimParameters`` [{claimName, parameterName, location}], ``bypassEmptyToken``,
``ignoreExpirationCheck``, ``preventJtiReplay``. Source: "JWT authentication plug-in",
alibabacloud.com/help/doc-detail/103228.htm [D]; its error codes were not verified on an account.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import jwt
import yaml

from localcloud.apigateway.errors import GatewayError
from localcloud.core.errors import CloudError

if TYPE_CHECKING:
    from collections.abc import Mapping

_KNOWN = {
    "parameter", "parameterLocation", "jwk", "jwks", "claimParameters", "bypassEmptyToken",
    "ignoreExpirationCheck", "preventJtiReplay",
}  # fmt: skip
_TOKEN_LIMIT = 16 * 1024
_ALGORITHMS = ["RS256"]


@dataclass(frozen=True)
class ClaimParameter:
    """A claim and the header or query parameter that carries it to the backend."""

    claim: str
    name: str
    location: str


@dataclass(frozen=True)
class JwtAuth:
    """A configured plugin."""

    parameter: str
    location: str
    keys: tuple[jwt.PyJWK, ...]
    claims: tuple[ClaimParameter, ...]
    bypass_empty: bool
    ignore_expiration: bool
    prevent_replay: bool
    _seen: dict[str, float] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> JwtAuth:
        """Read plugin data.

        Raises:
            CloudError: 400, with the field that is wrong; unknown fields are refused, so that a
                rule is never silently without effect.
        """
        data = _mapping(text)
        if unknown := sorted(data.keys() - _KNOWN):
            raise _invalid(f"{unknown[0]} is not part of the local gateway's jwtAuth plugin")
        location = str(data.get("parameterLocation", "header"))
        if location not in ("header", "query"):
            raise _invalid(f"parameterLocation {location!r} is none of header, query")
        if not data.get("parameter"):
            raise _invalid("parameter is required")
        return cls(
            parameter=str(data["parameter"]),
            location=location,
            keys=_keys(data),
            claims=tuple(_claim(item) for item in data.get("claimParameters") or []),
            bypass_empty=bool(data.get("bypassEmptyToken", False)),
            ignore_expiration=bool(data.get("ignoreExpirationCheck", False)),
            prevent_replay=bool(data.get("preventJtiReplay", False)),
        )

    def claims_of(
        self, headers: Mapping[str, str], query: Mapping[str, str], now: float
    ) -> dict[str, Any] | None:
        """Verify the request's token.

        Args:
            headers: by lower-case name.
            query: decoded.
            now: Unix seconds by the cloud's clock.

        Returns:
            The claims; None when there is no token and that is allowed.

        Raises:
            GatewayError: 400 without a token, 403 for one that is forged, expired or not yet valid.
        """
        token = self._token(headers, query)
        if not token:
            if self.bypass_empty:
                return None
            raise GatewayError(400, "I400JR", "JWT required")
        if len(token) > _TOKEN_LIMIT:
            raise GatewayError(403, "A403JT", f"Invalid JWT: longer than {_TOKEN_LIMIT} bytes")
        claims = self._decode(token)
        self._check_times(claims, now)
        if self.prevent_replay:
            self._use(claims, now)
        return claims

    def _token(self, headers: Mapping[str, str], query: Mapping[str, str]) -> str:
        if self.location == "query":
            return query.get(self.parameter, "")
        value = headers.get(self.parameter.lower(), "").strip()
        if self.parameter.lower() == "authorization":
            scheme, _, token = value.partition(" ")
            return token.strip() if scheme.lower() == "bearer" else value
        return value

    def _decode(self, token: str) -> dict[str, Any]:
        try:
            kid = jwt.get_unverified_header(token).get("kid")
        except jwt.InvalidTokenError as bad:
            raise GatewayError(403, "A403JT", f"Invalid JWT: {bad}") from bad
        candidates = [key for key in self.keys if kid is None or key.key_id in (None, kid)]
        if not candidates:
            raise GatewayError(403, "A403JK", f"No matching JWK, kid:{str(kid)[:64]} not found")
        options: Any = {
            "verify_exp": False,
            "verify_nbf": False,
            "verify_iat": False,
            "verify_aud": False,
        }
        reason = "Signature verification failed"
        for key in candidates:
            try:
                claims: dict[str, Any] = jwt.decode(token, key, _ALGORITHMS, options)
            except jwt.InvalidTokenError as bad:
                reason = str(bad)
            else:
                return claims
        raise GatewayError(403, "A403JT", f"Invalid JWT: {reason}")

    def _check_times(self, claims: dict[str, Any], now: float) -> None:
        expires, begins = claims.get("exp"), claims.get("nbf")
        if not self.ignore_expiration:
            if not isinstance(expires, int | float) or isinstance(expires, bool):
                raise GatewayError(403, "A403JT", "Invalid JWT: exp is required")
            if now >= expires:
                raise GatewayError(403, "A403JE", f"JWT is expired at {int(expires)}")
        if begins is not None and (not isinstance(begins, int | float) or now < begins):
            raise GatewayError(403, "A403JT", "Invalid JWT: it is not valid yet")

    def _use(self, claims: dict[str, Any], now: float) -> None:
        """Let a token pass once; used ones are forgotten when they have expired."""
        jti = claims.get("jti")
        if not isinstance(jti, str) or not jti:
            raise GatewayError(403, "S403JI", "Claim jti is required when preventJtiReplay:true")
        if jti in self._seen:
            raise GatewayError(403, "S403JU", "Claim jti in JWT is used")
        for old in [known for known, expires in self._seen.items() if expires <= now]:
            del self._seen[old]
        self._seen[jti] = float(claims.get("exp") or now)


def claim_text(value: Any) -> str:
    """How a claim stands in a header: text as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=True)


def _mapping(text: str) -> dict[str, Any]:
    try:
        data = yaml.safe_load(text)
    except yaml.YAMLError as bad:
        raise _invalid("it is neither JSON nor YAML") from bad
    if not isinstance(data, dict):
        raise _invalid("it must be an object")
    return data


def _keys(data: dict[str, Any]) -> tuple[jwt.PyJWK, ...]:
    given = data.get("jwks") or ([data["jwk"]] if data.get("jwk") else [])
    if isinstance(given, dict):
        given = given.get("keys", [given])
    try:
        keys = tuple(jwt.PyJWK(item, item.get("alg", "RS256")) for item in given)
    except (jwt.PyJWTError, AttributeError) as bad:
        raise _invalid(f"jwk: {bad}") from bad
    if not keys:
        raise _invalid("jwk or jwks is required")
    if wrong := [key for key in keys if key.algorithm_name != "RS256"]:
        raise _invalid(f"jwk: alg {wrong[0].algorithm_name} is not RS256")
    return keys


def _claim(item: dict[str, Any]) -> ClaimParameter:
    location = str(item.get("location", "header"))
    if location not in ("header", "query") or not item.get("claimName"):
        raise _invalid(
            "claimParameters needs claimName, parameterName and location header or query"
        )
    claim = str(item["claimName"])
    return ClaimParameter(claim, str(item.get("parameterName") or claim), location)


def _invalid(rule: str) -> CloudError:
    return CloudError(400, "InvalidPluginData", f"pluginData of jwtAuth: {rule}")

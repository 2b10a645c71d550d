"""Signature version 3 of Alibaba Cloud's OpenAPI: ACS3-HMAC-SHA256.

    Method LF Path LF Query LF CanonicalHeaders LF SignedHeaders LF Hex(SHA256(body))

is hashed and signed; signed are `host`, `content-type` and all `x-acs-` headers. Compared in tests
with `alibabacloud_tea_openapi`, which Function Compute's official SDK signs with.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Mapping

    from functions.common.credentials import Credentials

ALGORITHM = "ACS3-HMAC-SHA256"


@dataclass(frozen=True)
class Call:
    """A request to be signed.

    Attributes:
        host: the `Host` header as it will be sent, with a port that is not the default one.
        action: name of the operation.
        version: of the API, `2023-03-30` for example.
        method: of the request.
        path: as it will be sent, encoded.
        query: parameters, not encoded.
        body: bytes of the body.
        headers: further ones, names in lower case.
    """

    host: str
    action: str
    version: str
    method: str = "POST"
    path: str = "/"
    query: Mapping[str, str] | None = None
    body: bytes = b""
    headers: Mapping[str, str] | None = None

    @property
    def target(self) -> str:
        """Path and query as they go into the request line."""
        query = canonical_query(self.query or {})
        return f"{self.path}?{query}" if query else self.path


def sign(
    call: Call, credentials: Credentials, *, now: float | None = None, nonce: str | None = None
) -> dict[str, str]:
    """All headers of the request, the signature among them.

    Args:
        call: the request.
        credentials: to sign with.
        now: Unix seconds.
        nonce: random, different for each request.
    """
    moment = time.gmtime(time.time() if now is None else now)
    digest = hashlib.sha256(call.body).hexdigest()
    headers = {
        **(call.headers or {}),
        "host": call.host,
        "x-acs-action": call.action,
        "x-acs-version": call.version,
        "x-acs-date": time.strftime("%Y-%m-%dT%H:%M:%SZ", moment),
        "x-acs-signature-nonce": nonce or secrets.token_hex(16),
        "x-acs-content-sha256": digest,
    }
    if credentials.security_token:
        headers["x-acs-accesskey-id"] = credentials.access_key_id
        headers["x-acs-security-token"] = credentials.security_token
    signed = sorted(
        name
        for name in headers
        if name in {"host", "content-type"} or name.startswith(("x-acs-", "x-fc-"))
    )
    lines = "".join(f"{name}:{headers[name].strip()}\n" for name in signed)
    names = ";".join(signed)
    canonical = "\n".join(
        (call.method, call.path, canonical_query(call.query or {}), lines, names, digest)
    )
    text = f"{ALGORITHM}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = credentials.access_key_secret.encode()
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    headers["authorization"] = (
        f"{ALGORITHM} Credential={credentials.access_key_id},SignedHeaders={names},"
        f"Signature={signature}"
    )
    return headers


def canonical_query(query: Mapping[str, str]) -> str:
    """Parameters sorted and encoded by RFC 3986."""
    return "&".join(
        f"{quote(name, safe='~')}={quote(value, safe='~')}" for name, value in sorted(query.items())
    )

"""ACS3-HMAC-SHA256: the signature of Function Compute, EventBridge and the RPC services.

The algorithm is that of the official SDK (alibabacloud-tea-openapi): SHA-256 over method, path,
query, signed headers and body hash, then HMAC-SHA256 with the key's secret.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote

from localcloud.core.errors import CloudError

if TYPE_CHECKING:
    from starlette.requests import Request

    from localcloud.core.clock import Clock
    from localcloud.ram.ram import Principal, Ram

ALGORITHM = "ACS3-HMAC-SHA256"
SKEW_SECONDS = 15 * 60
_AUTHORIZATION = re.compile(
    rf"{ALGORITHM} Credential=(?P<key>[^,\s]+),\s?SignedHeaders=(?P<headers>[^,\s]+),"
    r"\s?Signature=(?P<signature>[0-9a-f]{64})"
)


def verify(request: Request, body: bytes, ram: Ram, clock: Clock) -> Principal:
    """Who signed a request.

    Raises:
        CloudError: 4xx; there is no signature, it is wrong, older than 15 minutes, or used before.
    """
    found = _AUTHORIZATION.fullmatch(request.headers.get("authorization", ""))
    if found is None:
        raise CloudError(401, "MissingAuthorization", f"the request is not signed by {ALGORITHM}")
    moment = _checked_date(request.headers.get("x-acs-date", ""), clock)
    signed = found["headers"].split(";")
    _check_signed(request, signed)
    digest = hashlib.sha256(body).hexdigest()
    if not hmac.compare_digest(
        request.headers.get("x-acs-content-sha256", "").encode(), digest.encode()
    ):
        raise CloudError(400, "InvalidContentHash", "x-acs-content-sha256 is not the body's")
    secret = ram.secret_of(found["key"])
    if secret is None:
        raise CloudError(403, "InvalidAccessKeyId.NotFound", "the access key is not known")
    expected = signature(secret, string_to_sign(request, signed, digest))
    if not hmac.compare_digest(expected.encode(), found["signature"].encode()):
        raise CloudError(403, "SignatureDoesNotMatch", "the signature is not the key's")
    principal = ram.principal(found["key"], request.headers.get("x-acs-security-token"))
    nonce = request.headers.get("x-acs-signature-nonce", "")
    ram.nonces.use(found["key"], nonce, clock.now(), moment + SKEW_SECONDS)
    return principal


def string_to_sign(request: Request, signed: list[str], body_digest: str) -> str:
    """What the signature is over."""
    raw: bytes = request.scope.get("raw_path") or request.scope["path"].encode()
    path = raw.partition(b"?")[0].decode(errors="replace")
    query = "&".join(
        f"{_quoted(name)}={_quoted(value)}"
        for name, value in sorted(parse_qsl(request.url.query, keep_blank_values=True))
    )
    headers = "".join(f"{name}:{request.headers.get(name, '').strip()}\n" for name in signed)
    canonical = "\n".join([request.method, path, query, headers, ";".join(signed), body_digest])
    return f"{ALGORITHM}\n{hashlib.sha256(canonical.encode()).hexdigest()}"


def signature(secret: str, text: str) -> str:
    """HMAC-SHA256 in hex."""
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


def _check_signed(request: Request, signed: list[str]) -> None:
    """Everything that has a meaning is signed: the host and all headers of the protocol.

    A header that stands twice would be signed once and could be read the other time.
    """
    needed = {name for name in request.headers if name.startswith("x-acs-")}
    needed |= {"host", "x-acs-content-sha256", "x-acs-date"}
    if missing := sorted(needed - set(signed)):
        raise CloudError(400, "IncompleteSignature", f"not signed: {', '.join(missing)}")
    for name in signed:
        if len(request.headers.getlist(name)) > 1:
            raise CloudError(400, "IncompleteSignature", f"header {name} stands twice")


def _checked_date(text: str, clock: Clock) -> float:
    try:
        moment = datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp()
    except ValueError:
        raise CloudError(
            400, "InvalidTimeStamp.Format", f"x-acs-date {text!r} is no UTC time"
        ) from None
    if abs(clock.now() - moment) > SKEW_SECONDS:
        raise CloudError(400, "InvalidTimeStamp.Expired", "x-acs-date is over 15 minutes off")
    return moment


def _quoted(text: str) -> str:
    return quote(text, safe="-_.~")

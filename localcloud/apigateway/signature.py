"""The gateway's own request signature: AppKey and AppSecret, HMAC-SHA256 over a canonical text.

    HTTPMethod LF Accept LF Content-MD5 LF Content-Type LF Date LF Headers Url

``Headers`` are the lines ``name:value LF`` of those that ``X-Ca-Signature-Headers`` names, sorted;
``Url`` is the path and all query and form parameters, sorted, not encoded, a parameter without a
value as its bare name. Source: "Signature mechanism", help.aliyun.com/document_detail/143207.html
and 29475.html [D].
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import TYPE_CHECKING

from localcloud.apigateway.errors import GatewayError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

WINDOW_MS = 15 * 60 * 1000
_IN_PLACE = {"accept", "content-md5", "content-type", "date"}
_NEVER = _IN_PLACE | {"x-ca-signature", "x-ca-signature-headers"}


def string_to_sign(
    method: str,
    path: str,
    parameters: Iterable[tuple[str, str]],
    headers: Mapping[str, str],
    signed: Iterable[str],
) -> str:
    """Build the text that is signed.

    Args:
        method: of the request.
        path: without query, decoded.
        parameters: query and form parameters, decoded.
        headers: by lower-case name.
        signed: names as ``X-Ca-Signature-Headers`` spells them.
    """
    first = [headers.get(name, "") for name in ("accept", "content-md5", "content-type", "date")]
    names = sorted(name for name in signed if name.lower() not in _NEVER)
    lines = "".join(f"{name}:{headers.get(name.lower(), '')}\n" for name in names)
    pairs = sorted(parameters)
    query = "&".join(f"{name}={value}" if value else name for name, value in pairs)
    url = f"{path}?{query}" if query else path
    return "\n".join([method.upper(), *first]) + "\n" + lines + url


def sign(secret: str, text: str) -> str:
    """Base64 of HMAC-SHA256."""
    return base64.b64encode(hmac.digest(secret.encode(), text.encode(), "sha256")).decode()


def content_md5(body: bytes) -> str:
    """What ``Content-MD5`` holds for a body that is no form."""
    return base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()


def verify(
    secret: str,
    *,
    method: str,
    path: str,
    parameters: Iterable[tuple[str, str]],
    headers: Mapping[str, str],
    body: bytes,
    now_ms: float,
) -> None:
    """Check a signed request: method, time stamp, body digest and signature.

    A time stamp outside of 15 minutes is refused. One has to be there and, like the nonce, has to
    be signed: the page calls both optional, but a request without them could be replayed for ever.

    Raises:
        GatewayError: 400 for a request that is not signed as it has to be, 403 for one that is
            signed wrongly or too old.
    """
    kind = headers.get("x-ca-signature-method", "HmacSHA256")
    if kind != "HmacSHA256":
        raise GatewayError(400, "I400SG", f"Invalid X-Ca-Signature-Method `{kind}`: HmacSHA256")
    given = headers.get("x-ca-signature", "")
    if not given:
        raise GatewayError(400, "I400MH", "Header `X-Ca-Signature` is Required")
    signed = [
        name
        for part in headers.get("x-ca-signature-headers", "").split(",")
        if (name := part.strip())
    ]
    required = {"x-ca-key", "x-ca-timestamp", "x-ca-nonce"}
    missing = sorted(required - {name.lower() for name in signed})
    if missing:
        raise GatewayError(400, "I400SG", f"X-Ca-Signature-Headers must name {', '.join(missing)}")
    _check_time(headers.get("x-ca-timestamp", ""), now_ms)
    digest = headers.get("content-md5", "")
    if digest and not hmac.compare_digest(digest.encode(), content_md5(body).encode()):
        raise GatewayError(400, "I400I5", "Invalid Content-MD5")
    text = string_to_sign(method, path, parameters, headers, signed)
    if not hmac.compare_digest(sign(secret, text).encode(), given.encode()):
        shown = text.replace("\n", "#")
        raise GatewayError(403, "A403IS", f"Invalid Signature, Server StringToSign:`{shown}`")


def _check_time(stamp: str, now_ms: float) -> None:
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= 16):
        raise GatewayError(400, "I400HD", "Invalid Header `X-Ca-Timestamp`: milliseconds")
    if abs(int(stamp) - now_ms) > WINDOW_MS:
        raise GatewayError(403, "A403EP", "Timestamp Expired")

"""Signatures of PutEvents: the official SDK's own (HMAC-SHA1, ``acs:<key>:<signature>``), or ACS3.

The former as in alibabacloud-eventbridge-util 0.0.3 [S].
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from localcloud.core.errors import CloudError
from localcloud.ram import acs3

if TYPE_CHECKING:
    from starlette.requests import Request

    from localcloud.core.clock import Clock
    from localcloud.ram import Principal, Ram

_SKEW_SECONDS = 15 * 60


def verify(request: Request, body: bytes, ram: Ram, clock: Clock) -> Principal:
    """Who signed a request.

    Raises:
        CloudError: 4xx; there is no signature, or a wrong or old one.
    """
    authorization = request.headers.get("authorization", "")
    if not authorization.startswith("acs:"):
        return acs3.verify(request, body, ram, clock)
    _, _, rest = authorization.partition(":")
    key, _, given = rest.partition(":")
    try:
        moment = parsedate_to_datetime(request.headers.get("date", "")).timestamp()
    except ValueError:
        raise CloudError(400, "InvalidArgument", "the date header is no date") from None
    if abs(clock.now() - moment) > _SKEW_SECONDS:
        raise CloudError(403, "RequestExpired", "the date header is over 15 minutes off")
    secret = ram.secret_of(key)
    if secret is None:
        raise CloudError(403, "InvalidAccessKeyId.NotFound", "the access key is not known")
    wanted = hmac.new(secret.encode(), string_to_sign(request).encode(), hashlib.sha1).digest()
    if not hmac.compare_digest(base64.b64encode(wanted), given.encode()):
        raise CloudError(403, "SignatureDoesNotMatch", "the signature is not the key's")
    return ram.principal(key, request.headers.get("x-acs-security-token"))


def string_to_sign(request: Request) -> str:
    """What the signature is over."""
    headers = request.headers
    lines = [
        request.method,
        headers.get("content-md5", ""),
        headers.get("content-type", ""),
        headers.get("date", ""),
    ]
    own = sorted({name for name in headers if name.startswith("x-acs")})
    canonical = "".join(f"{name}:{headers[name]}\n" for name in own)
    query = "&".join(f"{key}={value}" for key, value in sorted(request.query_params.items()))
    resource = request.url.path + (f"?{query}" if query else "")
    return "\n".join(lines) + "\n" + canonical + resource

"""API Gateway's request signature: AppKey and AppSecret, HMAC-SHA256 over a canonical text.

    Method LF Accept LF Content-MD5 LF Content-Type LF Date LF (name:value LF)* PathAndQuery

with the headers that `X-Ca-Signature-Headers` names, in lower case and sorted. Source: Alibaba
Cloud documents 29475 and 143207, and open-source clients that sign in this way.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from functions.common.rpc import AppSecurity

CONTENT_TYPE = "application/octet-stream; charset=utf-8"
ACCEPT = "application/json"


def signed_headers(
    security: AppSecurity,
    path: str,
    body: bytes,
    *,
    now: float | None = None,
    nonce: str | None = None,
) -> dict[str, str]:
    """All headers of a signed POST.

    Args:
        security: what to sign with.
        path: without query, which NOTIFY has none of.
        body: not a form.
        now: Unix seconds; the gateway refuses a time more than 15 minutes away.
        nonce: random; the gateway refuses one that it has seen.
    """
    digest = base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
    own = {
        "x-ca-key": security.app_key,
        "x-ca-nonce": nonce or secrets.token_hex(16),
        "x-ca-signature-method": "HmacSHA256",
        "x-ca-timestamp": str(int((time.time() if now is None else now) * 1000)),
    }
    lines = "".join(f"{name}:{value}\n" for name, value in sorted(own.items()))
    text = f"POST\n{ACCEPT}\n{digest}\n{CONTENT_TYPE}\n\n{lines}{path}"
    signature = hmac.digest(security.app_secret.encode(), text.encode(), "sha256")
    return {
        **own,
        "accept": ACCEPT,
        "content-md5": digest,
        "content-type": CONTENT_TYPE,
        "x-ca-signature-headers": ",".join(sorted(own)),
        "x-ca-signature": base64.b64encode(signature).decode(),
    }

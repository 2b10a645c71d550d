"""Signatures of requests and answers: version 2 (HMAC-SHA1) and 4 (HMAC-SHA256, derived key).

Both as the official Python SDK (tablestore 6.4.8) makes and checks them [S].
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode

from localcloud.core.errors import CloudError
from localcloud.tablestore.errors import auth_failed, invalid

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

    from localcloud.core.clock import Clock
    from localcloud.ram import Principal, Ram

PREFIX = "x-ots-"
SIGNATURES = frozenset({"x-ots-signature", "x-ots-signaturev4"})
REQUIRED = (
    "x-ots-date",
    "x-ots-apiversion",
    "x-ots-accesskeyid",
    "x-ots-instancename",
    "x-ots-contentmd5",
)
SKEW_SECONDS = 15 * 60
DAY_SECONDS = 86400
V4_PRODUCT = "ots"


def verify(request: Request, body: bytes, ram: Ram, clock: Clock) -> tuple[Principal, bytes]:
    """Who signed a request, and the key that signs its answer.

    Raises:
        CloudError: `OTSAuthFailed`, or `OTSParameterInvalid` when a header is missing.
    """
    headers = request.headers
    for name in REQUIRED:
        if name not in headers:
            raise invalid(f"Missing header: '{name}'.")
    for name in headers:
        # Signed once and read another time: only one of them could be meant.
        if name.startswith(PREFIX) and len(headers.getlist(name)) > 1:
            raise invalid(f"Header '{name[:64]}' stands twice.")
    secret = ram.secret_of(headers["x-ots-accesskeyid"])
    if secret is None:
        raise auth_failed("The AccessKeyID does not exist.")
    _check_date(headers["x-ots-date"], clock)
    text = _request_text(request)
    if "x-ots-signaturev4" in headers:
        _check_sign_date(headers.get("x-ots-signdate", ""), clock)
        key = _v4_key(secret, headers["x-ots-signdate"], headers.get("x-ots-signregion", ""))
        expected = _sign(key, text + V4_PRODUCT, "sha256")
        given = headers["x-ots-signaturev4"]
    else:
        key = secret.encode()
        expected = _sign(key, text, "sha1")
        given = headers.get("x-ots-signature", "")
    if not _same(given, expected):
        raise auth_failed("Signature mismatch.")
    if not _same(headers["x-ots-contentmd5"], content_md5(body)):
        raise auth_failed(
            "Mismatch between MD5 value of request body and x-ots-contentmd5 in header."
        )
    try:
        principal = ram.principal(headers["x-ots-accesskeyid"], headers.get("x-ots-ststoken"))
    except CloudError as error:
        raise auth_failed(error.message) from None
    return principal, key


def sign_answer(path: str, headers: Mapping[str, str], key: bytes) -> str:
    """The signature of an answer: always HMAC-SHA1, with the key of the request."""
    return _sign(key, f"{_header_text(headers)}\n{path}", "sha1")


def content_md5(body: bytes) -> str:
    """The digest that both sides put into `x-ots-contentmd5`."""
    return base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()


def _request_text(request: Request) -> str:
    query = urlencode(sorted(parse_qsl(request.url.query)))
    headers = {name: value for name, value in request.headers.items() if name not in SIGNATURES}
    return f"{request.url.path}\n{request.method}\n{query}\n{_header_text(headers)}\n"


def _header_text(headers: Mapping[str, str]) -> str:
    return "\n".join(
        sorted(
            f"{name.lower()}:{value.strip()}"
            for name, value in headers.items()
            if name.lower().startswith(PREFIX)
        )
    )


def _v4_key(secret: str, date: str, region: str) -> bytes:
    key = f"aliyun_v4{secret}".encode()
    for part in (date, region, V4_PRODUCT, "aliyun_v4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return base64.b64encode(key)


def _sign(key: bytes, text: str, algorithm: str) -> str:
    return base64.b64encode(hmac.new(key, text.encode(), algorithm).digest()).decode()


def _check_date(text: str, clock: Clock) -> None:
    try:
        moment = datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
    except ValueError:
        raise invalid(f"Invalid date format: {text[:64]!r}.") from None
    if abs(clock.now() - moment.timestamp()) > SKEW_SECONDS:
        raise auth_failed(f"Mismatch between system time and x-ots-date: {text[:64]}.")


def _check_sign_date(text: str, clock: Clock) -> None:
    """The day that the key is derived for; a day off is allowed for the hours around midnight."""
    try:
        moment = datetime.strptime(text, "%Y%m%d").replace(tzinfo=UTC)
    except ValueError:
        raise invalid(f"Invalid date format: {text[:64]!r}.") from None
    if not -DAY_SECONDS <= clock.now() - moment.timestamp() <= 2 * DAY_SECONDS:
        raise auth_failed(f"Mismatch between system time and x-ots-signdate: {text[:64]}.")


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())

"""OSS4-HMAC-SHA256, in the header or in the query of a link: as the official SDK signs."""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from localcloud.core.errors import CloudError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

    from localcloud.core.clock import Clock
    from localcloud.ram import Principal, Ram

ALGORITHM = "OSS4-HMAC-SHA256"
UNSIGNED = "UNSIGNED-PAYLOAD"
SKEW_SECONDS = 15 * 60
MAX_LINK_SECONDS = 7 * 86400
_HEADER = re.compile(
    rf"{ALGORITHM} Credential=(?P<credential>[^,\s]+)"
    r"(?:,\s?AdditionalHeaders=(?P<additional>[^,\s]*))?,\s?Signature=(?P<signature>[0-9a-f]{64})"
)


@dataclass(frozen=True)
class _Given:
    """What a request says of its signature."""

    key_id: str
    scope: str
    date: str
    additional: tuple[str, ...]
    signature: str
    token: str | None


def verify(request: Request, ram: Ram, clock: Clock, region: str) -> Principal:
    """Who signed a request.

    Args:
        request: in its query or its headers is the signature.
        ram: knows the keys.
        clock: decides what is too old.
        region: for which it has to be signed.

    Raises:
        CloudError: 400 or 403; it is unsigned, wrongly signed, too old, or a link has expired.
    """
    query = _query(request)
    given = _from_link(query) if "x-oss-signature" in query else _from_header(request)
    moment = _moment(given.date)
    if "x-oss-expires" in query:
        _check_link(query["x-oss-expires"], moment, clock)
    elif abs(clock.now() - moment) > SKEW_SECONDS:
        raise CloudError(403, "RequestTimeTooSkewed", "the request is over 15 minutes off")
    if given.scope != f"{given.date[:8]}/{region}/oss/aliyun_v4_request":
        raise _refused(f"the credential's scope is not {given.date[:8]}/{region}/oss")
    secret = ram.secret_of(given.key_id)
    if secret is None:
        raise CloudError(403, "InvalidAccessKeyId", "the access key is not known")
    expected = _sign(secret, given, _canonical(request, query, given.additional))
    if not hmac.compare_digest(expected.encode(), given.signature.encode()):
        raise _refused("the signature is not the key's")
    return ram.principal(given.key_id, given.token)


def _from_header(request: Request) -> _Given:
    found = _HEADER.fullmatch(request.headers.get("authorization", ""))
    if found is None:
        raise CloudError(403, "AccessDenied", f"the request is not signed by {ALGORITHM}")
    key_id, _, scope = found["credential"].partition("/")
    return _Given(
        key_id=key_id,
        scope=scope,
        date=request.headers.get("x-oss-date", ""),
        additional=tuple(filter(None, (found["additional"] or "").split(";"))),
        signature=found["signature"],
        token=request.headers.get("x-oss-security-token"),
    )


def _from_link(query: Mapping[str, str]) -> _Given:
    if query.get("x-oss-signature-version") != ALGORITHM:
        raise CloudError(403, "AccessDenied", f"the link is not signed by {ALGORITHM}")
    key_id, _, scope = unquote(query.get("x-oss-credential", "")).partition("/")
    additional = unquote(query.get("x-oss-additional-headers", ""))
    token = query.get("x-oss-security-token")
    return _Given(
        key_id=key_id,
        scope=scope,
        date=query.get("x-oss-date", ""),
        additional=tuple(filter(None, additional.split(";"))),
        signature=unquote(query["x-oss-signature"]),
        token=None if token is None else unquote(token),
    )


def _canonical(request: Request, query: Mapping[str, str], additional: tuple[str, ...]) -> str:
    path = quote(unquote(_raw_path(request)), safe="/")
    pairs = sorted((name, value) for name, value in query.items() if name != "x-oss-signature")
    text = "&".join(f"{name}={value}" if value else name for name, value in pairs)
    signed = sorted(
        (name, value.strip())
        for name, value in request.headers.items()
        if name.startswith("x-oss-")
        or name in {"content-type", "content-md5"}
        or name in additional
    )
    headers = "".join(f"{name}:{value}\n" for name, value in signed)
    payload = request.headers.get("x-oss-content-sha256", UNSIGNED)
    return f"{request.method}\n{path}\n{text}\n{headers}\n{';'.join(additional)}\n{payload}"


def _sign(secret: str, given: _Given, canonical: str) -> str:
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    text = f"{ALGORITHM}\n{given.date}\n{given.scope}\n{digest}"
    key = f"aliyun_v4{secret}".encode()
    for part in given.scope.split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def _check_link(expires: str, moment: float, clock: Clock) -> None:
    if not expires.isdigit() or not 0 < int(expires) <= MAX_LINK_SECONDS:
        raise CloudError(400, "InvalidArgument", "x-oss-expires is 1 second to 7 days")
    if not moment - SKEW_SECONDS <= clock.now() <= moment + int(expires):
        raise CloudError(403, "AccessDenied", "the link has expired")


def _query(request: Request) -> dict[str, str]:
    # Values stay encoded as they came: that is what was signed.
    pairs = (pair.partition("=") for pair in request.url.query.split("&") if pair)
    return {name: value for name, _, value in pairs}


def _raw_path(request: Request) -> str:
    raw: bytes = request.scope.get("raw_path") or quote(request.scope["path"]).encode()
    return raw.partition(b"?")[0].decode(errors="replace")


def _moment(date: str) -> float:
    try:
        return datetime.strptime(date, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
    except ValueError:
        raise CloudError(403, "AccessDenied", f"x-oss-date {date!r} is no time") from None


def _refused(message: str) -> CloudError:
    return CloudError(403, "SignatureDoesNotMatch", message)

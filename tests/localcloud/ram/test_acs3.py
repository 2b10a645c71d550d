"""ACS3-HMAC-SHA256, signed by the official SDK's own code."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from alibabacloud_tea_openapi.utils import Utils
from darabonba.request import DaraRequest
from starlette.requests import Request

from localcloud.core.clock import ManualClock
from localcloud.core.config import CloudConfig
from localcloud.core.errors import CloudError
from localcloud.ram import Ram
from localcloud.ram.acs3 import ALGORITHM, verify
from localcloud.ram.nonces import LIMIT, Nonces

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOW = 1_800_000_000.0
BODY = b'{"a": 1}'


@pytest.fixture
def ram(tmp_path: Path) -> Iterator[Ram]:
    made = Ram(CloudConfig(state_dir=tmp_path), ManualClock(NOW))
    yield made
    made.close()


def signed(ram: Ram, **changes: Any) -> Request:
    """A request as the SDK signs it, then changed."""
    key = ram.administrator
    moment = datetime.fromtimestamp(changes.pop("moment", NOW), UTC)
    digest = Utils.hash(BODY, ALGORITHM).hex()
    request = DaraRequest()
    request.method = "POST"
    request.pathname = "/2023-03-30/functions/agent-dev/invocations"
    request.query = {"qualifier": "LATEST", "x": "ü/+"}
    request.headers = {
        "host": "127.0.0.1:8080",
        "x-acs-date": moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "x-acs-content-sha256": digest,
        "x-acs-version": "2023-03-30",
        "x-acs-signature-nonce": changes.pop("nonce", "once"),
        "content-type": "application/json",
    }
    request.headers["authorization"] = Utils.get_authorization(
        request, ALGORITHM, digest, key.access_key_id, changes.pop("secret", key.access_key_secret)
    )
    headers = {**request.headers, **changes.pop("headers", {})}
    from urllib.parse import quote, urlencode

    return Request(
        {
            "type": "http",
            "method": request.method,
            "path": request.pathname,
            "raw_path": quote(request.pathname).encode(),
            "query_string": changes.pop("query", urlencode(request.query)).encode(),
            "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        }
    )


def test_what_the_sdk_signs_is_accepted(ram: Ram) -> None:
    request = signed(ram)
    assert verify(request, BODY, ram, ManualClock(NOW)).is_administrator


@pytest.mark.parametrize(
    ("changes", "body", "code"),
    [
        ({"secret": "wrong"}, BODY, "SignatureDoesNotMatch"),
        ({"query": "qualifier=other"}, BODY, "SignatureDoesNotMatch"),
        ({"headers": {"x-acs-version": "other"}}, BODY, "SignatureDoesNotMatch"),
        ({}, b"another body", "InvalidContentHash"),
        ({"moment": NOW - 3600}, BODY, "InvalidTimeStamp"),
        ({"headers": {"authorization": "Basic x"}}, BODY, "MissingAuthorization"),
        ({"headers": {"x-acs-action": "DeleteFunction"}}, BODY, "IncompleteSignature"),
        ({"headers": {"X-Acs-Date": "2027-01-15T08:00:01Z"}}, BODY, "IncompleteSignature"),
        ({"nonce": ""}, BODY, "IncompleteSignature"),
        ({"nonce": "x" * 129}, BODY, "IncompleteSignature"),
    ],
    ids=[
        "secret",
        "query",
        "header",
        "body",
        "date",
        "scheme",
        "unsigned",
        "twice",
        "none",
        "long",
    ],
)
def test_what_was_changed_is_refused(
    ram: Ram, changes: dict[str, Any], body: bytes, code: str
) -> None:
    with pytest.raises(CloudError, match=code):
        verify(signed(ram, **changes), body, ram, ManualClock(NOW))


async def test_a_nonce_works_once_until_its_request_is_too_old(ram: Ram) -> None:
    clock = ManualClock(NOW)
    verify(signed(ram), BODY, ram, clock)
    with pytest.raises(CloudError, match="SignatureNonceUsed"):
        verify(signed(ram), BODY, ram, clock)
    verify(signed(ram, nonce="another"), BODY, ram, clock)
    await clock.advance(3600)
    later = signed(ram, moment=NOW + 3600)
    assert verify(later, BODY, ram, clock).is_administrator


def test_nonces_are_forgotten_in_time() -> None:
    nonces = Nonces()
    for number in range(LIMIT):
        nonces.use("key", str(number), now=0, until=10)
    with pytest.raises(CloudError, match="Throttling"):
        nonces.use("key", "one more", now=9, until=20)
    nonces.use("key", "one more", now=11, until=20)

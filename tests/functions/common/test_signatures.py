"""Our signatures are the official SDKs', bit for bit."""

from __future__ import annotations

import datetime as dt
from typing import Any
from urllib.parse import urlsplit

import pytest
import tablestore as ots
from alibabacloud_eventbridge_util.client import Client as EventBridgeUtil
from alibabacloud_oss_v2.credentials import StaticCredentialsProvider
from alibabacloud_oss_v2.signer.v4 import SignerV4
from alibabacloud_oss_v2.types import HttpRequest, SigningContext
from alibabacloud_tea_openapi.utils import Utils
from Tea.request import TeaRequest

from functions.common import acs3, eventbridge
from functions.common.credentials import Credentials
from functions.common.oss import OssBucket, checked_name
from functions.common.rpc import AppSecurity
from functions.common.tablestore import client as tablestore_client
from functions.notifier import signature as gateway_signature
from localcloud.apigateway import signature as gateway

NOW = 1_800_000_000.0
PLAIN = Credentials("key-id", "key-secret")
STS = Credentials("STS.key-id", "key-secret", "a+token/with=signs")


@pytest.mark.parametrize("credentials", [PLAIN, STS])
@pytest.mark.parametrize("query", [{}, {"b": "1 +/", "a": "ü~*", "qualifier": "LATEST"}])
def test_acs3_is_the_sdks(credentials: Credentials, query: dict[str, str]) -> None:
    call = acs3.Call(
        host="1.cn-hangzhou.fc.aliyuncs.com",
        action="InvokeFunction",
        version="2023-03-30",
        path="/2023-03-30/functions/a%20b/invocations",
        query=query,
        body=b'{"x":1}',
        headers={"content-type": "application/json", "x-fc-invocation-type": "Async"},
    )
    headers = acs3.sign(call, credentials, now=NOW, nonce="nonce")
    request: Any = TeaRequest()
    request.method, request.pathname, request.query = "POST", call.path, query
    request.headers = {name: value for name, value in headers.items() if name != "authorization"}
    theirs = Utils.get_authorization(
        request,
        acs3.ALGORITHM,
        headers["x-acs-content-sha256"],
        credentials.access_key_id,
        credentials.access_key_secret,
    )
    assert headers["authorization"] == theirs
    assert ("x-acs-security-token" in headers) is bool(credentials.security_token)


@pytest.mark.parametrize("credentials", [PLAIN, STS])
def test_tablestore_is_the_sdks(credentials: Credentials) -> None:
    client = tablestore_client.TablestoreClient(
        "http://127.0.0.1:1", "agent-test", lambda: credentials, now=lambda: NOW
    )
    headers = client._headers("/GetRow", b"body")
    ours = headers.pop("x-ots-signature")
    signer = ots.auth.SignV2("utf-8")
    text = signer._get_request_signature_string("/GetRow", headers)
    theirs = ots.auth.call_signature_method_sha1(credentials.access_key_secret, text, "utf-8")
    assert ours == theirs
    assert ("x-ots-ststoken" in headers) is bool(credentials.security_token)


def bucket(credentials: Credentials, endpoint: str) -> OssBucket:
    return OssBucket(endpoint, "results", "cn-hangzhou", lambda: credentials, now=lambda: NOW)


def sdk_context(credentials: Credentials, request: HttpRequest, key: str) -> SigningContext:
    provider = StaticCredentialsProvider(
        credentials.access_key_id, credentials.access_key_secret, credentials.security_token or None
    )
    return SigningContext(
        product="oss",
        region="cn-hangzhou",
        bucket="results",
        key=key,
        request=request,
        credentials=provider.get_credentials(),
        signing_time=dt.datetime.fromtimestamp(NOW, dt.UTC),
    )


@pytest.mark.parametrize("credentials", [PLAIN, STS])
def test_oss_requests_are_the_sdks(credentials: Credentials) -> None:
    key = "owner/ticket/a_b-c.png"
    ours = bucket(credentials, "https://oss-cn-hangzhou.aliyuncs.com")._sign(
        "PUT", key, {"content-type": "image/png", "x-oss-forbid-overwrite": "true"}
    )
    request = HttpRequest("PUT", f"https://results.oss-cn-hangzhou.aliyuncs.com/{key}")
    request.headers["content-type"] = "image/png"
    request.headers["x-oss-forbid-overwrite"] = "true"
    SignerV4().sign(sdk_context(credentials, request, key))
    assert ours["authorization"] == request.headers["Authorization"]


@pytest.mark.parametrize("credentials", [PLAIN, STS])
@pytest.mark.parametrize(
    ("endpoint", "place"),
    [
        ("https://oss-cn-hangzhou.aliyuncs.com", "https://results.oss-cn-hangzhou.aliyuncs.com"),
        ("http://127.0.0.1:8099", "http://127.0.0.1:8099/results"),
    ],
)
def test_oss_links_are_the_sdks(credentials: Credentials, endpoint: str, place: str) -> None:
    key = "owner/ticket/chart.png"
    ours = bucket(credentials, endpoint).link(key, expires_s=900)
    request = HttpRequest("GET", f"{place}/{key}")
    context = sdk_context(credentials, request, key)
    context.auth_method_query = True
    context.expiration_time = dt.datetime.fromtimestamp(NOW + 900, dt.UTC)
    SignerV4().sign(context)
    assert urlsplit(ours).path == urlsplit(request.url).path
    assert ours.startswith(place)
    assert set(urlsplit(ours).query.split("&")) == set(urlsplit(request.url).query.split("&"))


@pytest.mark.parametrize(
    "key",
    [
        "",
        "/a",
        "a/",
        "a//b",
        "a/../b",
        "..",
        "a/./b",
        "a b",
        "a?b",
        "ä",
        "a\n",
        "x" * 1024,
        "a%2fb",
    ],
)
def test_odd_object_names_are_refused(key: str) -> None:
    with pytest.raises(ValueError, match="object name"):
        checked_name(key)


@pytest.mark.parametrize("credentials", [PLAIN, STS])
def test_eventbridge_is_the_sdks(credentials: Credentials) -> None:
    client = eventbridge.EventBridgeClient(
        "http://bus.example:8080", "agent-test", lambda: credentials, now=lambda: NOW
    )
    headers = client._headers()
    authorization = headers.pop("authorization")
    request: Any = TeaRequest()
    request.method, request.pathname = "POST", "/openapi/putEvents"
    request.headers, request.query = headers, {}
    text = EventBridgeUtil.get_string_to_sign(request)
    signature = EventBridgeUtil.get_signature(text, credentials.access_key_secret)
    assert authorization == f"acs:{credentials.access_key_id}:{signature}"
    assert headers["host"] == "bus.example:8080"


def test_the_gateway_takes_our_notify_calls() -> None:
    security, body = AppSecurity("app-key", "app-secret"), '{"ü":1}'.encode()
    headers = gateway_signature.signed_headers(security, "/v1/push/notify", body, now=NOW)
    gateway.verify(
        "app-secret",
        method="POST",
        path="/v1/push/notify",
        parameters=[],
        headers={**headers, "x-ca-deviceid": "device"},
        body=body,
        now_ms=NOW * 1000,
    )
    assert "app-secret" not in str(security) + repr(STS)
    assert "token" not in repr(STS)

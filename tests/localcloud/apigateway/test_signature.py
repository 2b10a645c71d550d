from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localcloud.apigateway import signature
from localcloud.apigateway.errors import GatewayError

NOW = 1_526_010_748_924
SECRET = "app-secret"


def request(**changes: Any) -> dict[str, Any]:
    headers = {
        "accept": "application/json; charset=utf-8",
        "content-type": "application/json",
        "x-ca-key": "23524193",
        "x-ca-nonce": "bb195952-b62f-4ad6-8b5a-893089c489f8",
        "x-ca-timestamp": str(NOW),
        "x-ca-signature-headers": "x-ca-key,x-ca-nonce,x-ca-timestamp",
        "x-ca-deviceid": "device@agent",
    }
    parts: dict[str, Any] = {
        "method": "POST",
        "path": "/v1/push/notify",
        "parameters": [],
        "headers": headers | changes.pop("headers", {}),
        "body": b'{"id":"1"}',
        **changes,
    }
    names = parts["headers"]["x-ca-signature-headers"].split(",")
    text = signature.string_to_sign(
        parts["method"], parts["path"], parts["parameters"], parts["headers"], names
    )
    parts["headers"].setdefault("x-ca-signature", signature.sign(SECRET, text))
    return parts


def test_the_text_is_the_documented_one() -> None:
    """The example of the documentation (a form with user name and password)."""
    text = signature.string_to_sign(
        "post",
        "/register",
        [("username", "test"), ("Password", "test"), ("password", "test"), ("Username", "test")],
        {
            "accept": "application/json; charset=utf-8",
            "content-type": "application/x-www-form-urlencoded; charset=utf-8",
            "date": "Fri, 11 May 2018 03:52:28 GMT+00:00",
            "x-ca-key": "23524193",
            "x-ca-nonce": "bb195952-b62f-4ad6-8b5a-893089c489f8",
            "x-ca-seq": "0",
            "x-ca-timestamp": "1526010748924",
            "x-ca-websocket_api_type": "REGISTER",
        },
        ["x-ca-timestamp", "x-ca-seq", "x-ca-websocket_api_type", "x-ca-nonce", "x-ca-key"],
    )
    assert text == (
        "POST\n"
        "application/json; charset=utf-8\n"
        "\n"
        "application/x-www-form-urlencoded; charset=utf-8\n"
        "Fri, 11 May 2018 03:52:28 GMT+00:00\n"
        "x-ca-key:23524193\n"
        "x-ca-nonce:bb195952-b62f-4ad6-8b5a-893089c489f8\n"
        "x-ca-seq:0\n"
        "x-ca-timestamp:1526010748924\n"
        "x-ca-websocket_api_type:REGISTER\n"
        "/register?Password=test&Username=test&password=test&username=test"
    )


def test_a_right_signature_passes() -> None:
    signature.verify(SECRET, now_ms=NOW, **request())


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"headers": {"x-ca-signature": "AAAA"}}, 403, "A403IS"),
        ({"headers": {"x-ca-signature": ""}}, 400, "I400MH"),
        ({"headers": {"x-ca-signature": "ü"}}, 403, "A403IS"),
        ({"headers": {"x-ca-signature-headers": "x-ca-key"}}, 400, "I400SG"),
        ({"headers": {"x-ca-signature-method": "HmacSHA1"}}, 400, "I400SG"),
        ({"headers": {"x-ca-timestamp": "soon"}}, 400, "I400HD"),
        ({"headers": {"x-ca-timestamp": str(NOW - 16 * 60 * 1000)}}, 403, "A403EP"),
        ({"headers": {"content-md5": "AAAA"}}, 400, "I400I5"),
    ],
)
def test_anything_else_is_refused(changes: dict[str, Any], status: int, code: str) -> None:
    with pytest.raises(GatewayError) as caught:
        signature.verify(SECRET, now_ms=NOW, **request(**changes))
    assert (caught.value.status, caught.value.code) == (status, code)
    assert SECRET not in caught.value.message


@given(
    field=st.sampled_from(["method", "path", "x-ca-nonce", "accept", "content-type", "parameters"]),
    value=st.text("abcdefXYZ/", min_size=1, max_size=8),
)
def test_what_is_signed_cannot_be_changed(field: str, value: str) -> None:
    parts = request()
    if field == "parameters":
        parts["parameters"] = [(value, "")]
    elif field in parts:
        parts[field] = parts[field] + value
    else:
        parts["headers"][field] += value
    with pytest.raises(GatewayError, match="Invalid Signature"):
        signature.verify(SECRET, now_ms=NOW, **parts)

"""The two calls of Alibaba Cloud's OpenAPI in RPC style that functions make when they start."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from functions.common import acs3
from functions.common.http import HttpPool

if TYPE_CHECKING:
    from collections.abc import Mapping

    from functions.common.credentials import CredentialSource

API_GATEWAY_VERSION = "2016-07-14"
OOS_VERSION = "2019-06-01"


class CallFailed(Exception):
    """The service refused a call; the text has its code, message and request id."""


@dataclass(frozen=True)
class AppSecurity:
    """What an app of API Gateway signs with."""

    app_key: str
    app_secret: str = field(repr=False)


def describe_app_security(endpoint: str, credentials: CredentialSource, app_id: str) -> AppSecurity:
    """Read AppKey and AppSecret of an app (API Gateway, DescribeAppSecurity).

    Raises:
        CallFailed: the service refused.
        HttpError: it was not reached.
    """
    call = "DescribeAppSecurity"
    found = _call(endpoint, credentials, call, API_GATEWAY_VERSION, {"AppId": app_id})
    return AppSecurity(_text(found, call, "AppKey"), _text(found, call, "AppSecret"))


def get_secret_parameter(endpoint: str, credentials: CredentialSource, name: str) -> str:
    """Read the value of an encrypted parameter (OOS, GetSecretParameter).

    Raises:
        CallFailed: the service refused.
        HttpError: it was not reached.
    """
    call = "GetSecretParameter"
    query = {"Name": name, "WithDecryption": "true"}
    found = _call(endpoint, credentials, call, OOS_VERSION, query).get("Parameter")
    return _text(found if isinstance(found, dict) else {}, call, "Value")


def _call(
    endpoint: str,
    credentials: CredentialSource,
    action: str,
    version: str,
    query: Mapping[str, str],
) -> dict[str, Any]:
    pool = HttpPool(endpoint)
    call = acs3.Call(
        host=pool.authority,
        action=action,
        version=version,
        query=query,
        headers={"accept": "application/json"},
    )
    try:
        answer = pool.request(
            "POST", call.target, headers=acs3.sign(call, credentials()), repeatable=True
        )
    finally:
        pool.close()
    try:
        document = json.loads(answer.body)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise CallFailed(f"{action}: status {answer.status}, and no JSON object")
    if not 200 <= answer.status < 300:
        raise CallFailed(
            f"{action}: {document.get('Code', answer.status)}: {document.get('Message', '')} "
            f"(request {document.get('RequestId', '?')})"
        )
    return document


def _text(document: Mapping[str, Any], call: str, name: str) -> str:
    value = document.get(name)
    if not isinstance(value, str) or not value:
        raise CallFailed(f"{call}: the answer has no {name}")
    return value

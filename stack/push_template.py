"""The ROS template of the push channel's APIs, which the provider has no resource for.

It writes `webSocketApiType: COMMON` into everything that it makes; Resource Orchestration Service
knows the others. Unverified on an account: that a NOTIFY API, which has no back end of its own, is
made with a mock one.
"""

from __future__ import annotations

import json
from typing import Any

from stack.routes_data import NOTIFY_PATH, REGISTER_PATH, UNREGISTER_PATH

STAGE = "RELEASE"
PARAMETERS = ("GroupId", "AppId", "RoleArn", "JwtPluginId", "FunctionName")


def push_template(names: dict[str, str], *, region: str, timeout_ms: int, revision: str) -> str:
    """Return the template.

    REGISTER and UNREGISTER reach the notifier with a token checked by the JWT plugin; NOTIFY is
    called by the notifier alone, signed by the app, and the gateway itself delivers its body to the
    device that it names.

    Args:
        names: of the three APIs, by `register`, `unregister`, `notify`.
        region: of the functions.
        timeout_ms: milliseconds to wait for the notifier.
        revision: digest of the definitions: a deployment is published once for each description.
    """
    resources: dict[str, Any] = {}
    for label, path, kind in (
        ("Register", REGISTER_PATH, "REGISTER"),
        ("Unregister", UNREGISTER_PATH, "UNREGISTER"),
    ):
        resources[label] = _api(
            names[label.lower()],
            path,
            kind,
            auth="ANONYMOUS",
            service=_function_service(region, timeout_ms),
        )
        resources[f"{label}Deployment"] = _deployment(label, revision)
        resources[f"{label}Jwt"] = {
            "Type": "ALIYUN::ApiGateway::PluginAttachment",
            "DependsOn": [f"{label}Deployment"],
            "Properties": {
                "ApiId": _id_of(label),
                "PluginId": {"Ref": "JwtPluginId"},
                "StageName": STAGE,
            },
        }
    resources["Notify"] = _api(
        names["notify"], NOTIFY_PATH, "NOTIFY", auth="APP", service=_no_service(timeout_ms)
    )
    resources["NotifyDeployment"] = _deployment("Notify", revision)
    resources["NotifyAuthorization"] = {
        "Type": "ALIYUN::ApiGateway::Authorization",
        "DependsOn": ["NotifyDeployment"],
        "Properties": {
            "GroupId": {"Ref": "GroupId"},
            "ApiIds": [_id_of("Notify")],
            "AppIds": [{"Ref": "AppId"}],
            "StageName": STAGE,
        },
    }
    template = {
        "ROSTemplateFormatVersion": "2015-09-01",
        "Description": "Push channel of agent-commander: REGISTER, UNREGISTER and NOTIFY",
        "Parameters": {name: {"Type": "String"} for name in PARAMETERS},
        "Resources": resources,
    }
    return json.dumps(template, sort_keys=True, separators=(",", ":"))


def _api(name: str, path: str, kind: str, *, auth: str, service: dict[str, Any]) -> dict[str, Any]:
    return {
        "Type": "ALIYUN::ApiGateway::Api",
        "Properties": {
            "GroupId": {"Ref": "GroupId"},
            "ApiName": name,
            "Visibility": "PRIVATE",
            "AuthType": auth,
            "WebSocketApiType": kind,
            "RequestConfig": {
                "RequestProtocol": "HTTP,HTTPS,WEBSOCKET" if kind != "NOTIFY" else "HTTP,HTTPS",
                "RequestHttpMethod": "POST",
                "RequestPath": path,
                # What is not declared is dropped: claim headers of the caller's own among it.
                "RequestMode": "MAPPING",
                "BodyFormat": "STREAM",
            },
            "ServiceConfig": service,
            "ResultType": "PASSTHROUGH",
            "ResultSample": "{}",
        },
    }


def _function_service(region: str, timeout_ms: int) -> dict[str, Any]:
    return {
        "ServiceProtocol": "FunctionCompute",
        "ServiceTimeOut": timeout_ms,
        "FunctionComputeConfig": {
            "FcVersion": "3.0",
            "FcRegionId": region,
            "FunctionName": {"Ref": "FunctionName"},
            "Qualifier": "LATEST",
            "RoleArn": {"Ref": "RoleArn"},
        },
    }


def _no_service(timeout_ms: int) -> dict[str, Any]:
    return {
        "ServiceProtocol": "HTTP",
        "ServiceTimeOut": timeout_ms,
        "Mock": "TRUE",
        "MockResult": "{}",
        "MockStatusCode": 200,
    }


def _deployment(label: str, revision: str) -> dict[str, Any]:
    return {
        "Type": "ALIYUN::ApiGateway::Deployment",
        "Properties": {
            "GroupId": {"Ref": "GroupId"},
            "ApiId": _id_of(label),
            "StageName": STAGE,
            "Description": f"agent-commander {revision}",
        },
    }


def _id_of(label: str) -> dict[str, list[str]]:
    return {"Fn::GetAtt": [label, "ApiId"]}

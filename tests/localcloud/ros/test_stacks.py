from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from localcloud.apigateway.definitions import Definitions
from localcloud.core.clock import SystemClock
from localcloud.core.config import CloudConfig
from localcloud.core.errors import CloudError, NotSupported
from localcloud.documents import Documents
from localcloud.keys import Vault
from localcloud.ros.stacks import Stacks

JWT = json.dumps({"parameter": "a", "jwks": [{"kty": "RSA", "n": "AQAB" * 90, "e": "AQAB"}]})


class World:
    def __init__(self, folder: Path) -> None:
        config = CloudConfig(state_dir=folder)
        vault = Vault(folder / "vault.key")
        self.definitions = Definitions(
            Documents(folder / "gateway.sqlite"), config, SystemClock(), vault
        )
        self.documents = Documents(folder / "ros.sqlite")
        self.stacks = Stacks(self.documents, config, self.definitions)
        self.group = self.definitions.put_group({"name": "group"})
        self.app = self.definitions.put_app({"name": "pusher"}).id
        self.plugin = self.definitions.put_plugin(
            {"pluginName": "jwt", "pluginType": "jwtAuth", "pluginData": JWT}
        )

    @property
    def parameters(self) -> dict[str, str]:
        return {"Group": self.group, "App": self.app, "Plugin": self.plugin}


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def api(name: str, path: str, kind: str, **changes: Any) -> dict[str, Any]:
    return {
        "Type": "ALIYUN::ApiGateway::Api",
        "Properties": {
            "GroupId": {"Ref": "Group"},
            "ApiName": name,
            "Visibility": "PRIVATE",
            "AuthType": "ANONYMOUS",
            "WebSocketApiType": kind,
            "RequestConfig": {
                "RequestProtocol": "HTTP,HTTPS,WEBSOCKET",
                "RequestHttpMethod": "POST",
                "RequestPath": path,
                "RequestMode": "PASSTHROUGH",
            },
            "ServiceConfig": {
                "ServiceProtocol": "FunctionCompute",
                "ServiceTimeOut": 5000,
                "FunctionComputeConfig": {
                    "FcVersion": "3.0",
                    "FunctionName": "notifier",
                    "RoleArn": {"Fn::Sub": "acs:ram::${ALIYUN::TenantId}:role/gateway"},
                },
            },
            "ResultSample": "{}",
            **changes,
        },
    }


def deployment(of: str) -> dict[str, Any]:
    return {
        "Type": "ALIYUN::ApiGateway::Deployment",
        "Properties": {
            "GroupId": {"Ref": "Group"},
            "ApiId": {"Fn::GetAtt": [of, "ApiId"]},
            "StageName": "RELEASE",
        },
    }


def template(**resources: Any) -> str:
    names = ("Group", "App", "Plugin")
    return json.dumps(
        {
            "ROSTemplateFormatVersion": "2015-09-01",
            "Parameters": {name: {"Type": "String"} for name in names},
            "Resources": resources,
            "Outputs": {"Id": {"Value": {"Fn::GetAtt": ["Register", "ApiId"]}}},
        }
    )


def whole(**changes: Any) -> str:
    mock = {"ServiceProtocol": "HTTP", "Mock": "TRUE", "MockResult": "{}"}
    return template(
        **{
            "Register": api("register", "/register", "REGISTER"),
            "RegisterDeployment": deployment("Register"),
            "Notify": api("notify", "/notify", "NOTIFY", AuthType="APP", ServiceConfig=mock),
            "NotifyDeployment": deployment("Notify"),
            "RegisterJwt": {
                "Type": "ALIYUN::ApiGateway::PluginAttachment",
                "DependsOn": ["RegisterDeployment"],
                "Properties": {
                    "ApiId": {"Fn::GetAtt": ["Register", "ApiId"]},
                    "PluginId": {"Ref": "Plugin"},
                    "StageName": "RELEASE",
                },
            },
            "Authorization": {
                "Type": "ALIYUN::ApiGateway::Authorization",
                "Properties": {
                    "GroupId": {"Ref": "Group"},
                    "ApiIds": [{"Fn::GetAtt": ["Notify", "ApiId"]}],
                    "AppIds": [{"Ref": "App"}],
                    "StageName": "RELEASE",
                },
            },
            **changes,
        }
    )


def test_a_template_makes_the_apis_of_the_push_channel(world: World) -> None:
    stack = world.stacks.put("push", whole(), world.parameters)
    published = {a.name: a for a in world.definitions.published("RELEASE")}
    assert {n: a.websocket_type for n, a in published.items()} == {
        "register": "REGISTER",
        "notify": "NOTIFY",
    }
    register, notify = published["register"], published["notify"]
    assert register.backend.role == "acs:ram::1234567890123456:role/gateway"  # type: ignore[union-attr]
    assert list(world.definitions.plugins_of(register, "RELEASE")) == [world.plugin]
    assert world.definitions.is_authorised(world.app, notify.id, "RELEASE")
    assert world.stacks.outputs(stack) == {"Id": register.id}


def test_without_a_deployment_nothing_is_published(world: World) -> None:
    world.stacks.put("push", template(Register=api("r1_r", "/r", "REGISTER")), world.parameters)
    assert world.definitions.published("RELEASE") == []


def test_a_change_keeps_what_stays_and_removes_what_goes(world: World) -> None:
    stack = world.stacks.put("push", whole(), world.parameters)
    before = {a.name: a.id for a in world.definitions.published("RELEASE")}
    changed = whole(Register=api("register", "/v2/register", "REGISTER"))
    shrunk = json.loads(changed)
    for name in ("Notify", "NotifyDeployment", "Authorization"):
        del shrunk["Resources"][name]
    assert world.stacks.put("push", json.dumps(shrunk), world.parameters, stack) == stack
    (left,) = world.definitions.published("RELEASE")
    assert (left.id, left.path.text) == (before["register"], "/v2/register")


def test_another_group_means_another_api(world: World) -> None:
    stack = world.stacks.put("push", whole(), world.parameters)
    other = world.definitions.put_group({"name": "other"})
    world.stacks.put("push", whole(), world.parameters | {"Group": other}, stack)
    assert {a.group_id for a in world.definitions.published("RELEASE")} == {other}


def test_deleting_a_stack_deletes_what_it_made(world: World) -> None:
    stack = world.stacks.put("push", whole(), world.parameters)
    world.stacks.remove(stack)
    assert world.definitions.published("RELEASE") == []
    world.definitions.remove_group(world.group)
    world.stacks.remove(stack)


def test_names_of_stacks_are_unique(world: World) -> None:
    world.stacks.put("push", whole(), world.parameters)
    with pytest.raises(CloudError, match="push already exists"):
        world.stacks.put("push", whole(), world.parameters)


def test_an_unknown_type_is_named_and_nothing_is_made(world: World) -> None:
    with pytest.raises(NotSupported, match="ALIYUN::ECS::Instance"):
        world.stacks.put("push", whole(Machine={"Type": "ALIYUN::ECS::Instance"}), world.parameters)
    assert world.stacks.find("push") is None
    assert world.definitions.published("RELEASE") == []


@pytest.mark.parametrize(
    ("name", "type_", "properties", "why"),
    [
        ("X", "Authorization", {"AppId": "1"}, "AppId"),
        ("X", "Authorization", {"ApiIds": [], "AppIds": []}, "ApiIds"),
        ("X", "Deployment", {"StageName": "RELEASE"}, "ApiId"),
        ("X", "Api", {"ApiName": "xxxx", "GroupId": {"Ref": "Group"}, "Colour": "red"}, "Colour"),
        ("X", "Api", {"ApiName": "xxxx", "WebSocketApiType": "PUSH"}, "WebSocketApiType"),
    ],
)
def test_properties_that_are_wrong_are_named(
    world: World, name: str, type_: str, properties: dict[str, Any], why: str
) -> None:
    resource = {"Type": f"ALIYUN::ApiGateway::{type_}", "Properties": properties}
    with pytest.raises(CloudError, match=why):
        world.stacks.put("push", whole(**{name: resource}), world.parameters)


def test_what_failed_goes_on_where_it_stopped(world: World) -> None:
    bad = whole(Register=api("register", "register", "REGISTER"))
    with pytest.raises(CloudError, match="begin with a slash"):
        world.stacks.put("push", bad, world.parameters)
    stack = world.stacks.find("push")
    assert stack
    world.stacks.put("push", whole(), world.parameters, stack)
    assert len(world.definitions.published("RELEASE")) == 2


def test_what_was_made_but_not_recorded_is_taken_over(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    put, calls = world.documents.put, []

    def fail_after_the_api(kind: str, id_: str, body: dict[str, Any]) -> None:
        calls.append(body)
        if body["resources"].get("Register"):
            raise OSError("the machine went down")
        put(kind, id_, body)

    monkeypatch.setattr(world.documents, "put", fail_after_the_api)
    with pytest.raises(OSError, match="went down"):
        world.stacks.put("push", whole(), world.parameters)
    monkeypatch.undo()
    stack = world.stacks.find("push")
    world.stacks.put("push", whole(), world.parameters, stack)
    assert len(world.definitions.published("RELEASE")) == 2

"""Every resource type: made, found unchanged, changed, deleted, deleted again."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from engine.provider import Created
from localcloud.cloud import Cloud
from localcloud.core.config import CloudConfig
from localcloud.core.errors import CloudError, NotSupported

ACCOUNT, REGION = "1234567890123456", "cn-hangzhou"
Inputs = dict[str, Any]


def trust(service: str) -> str:
    row = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": [service]}}
    return json.dumps({"Version": "1", "Statement": [row]})


class Account:
    """A cloud, and what its resources refer to."""

    def __init__(self, cloud: Cloud, project: Path) -> None:
        self.cloud = cloud
        self.project = project
        self.ids: dict[str, Created] = {}

    async def make(self, token: str, inputs: Inputs, name: str = "one") -> Created:
        type_ = f"alicloud:{token}:{token.split('/')[1][0].upper()}{token.split('/')[1][1:]}"
        made = await self.cloud.provider.create(type_, f"urn:{type_}:{name}", inputs)
        self.ids[token] = made
        return made

    def id(self, token: str) -> str:
        return self.ids[token].id


@pytest.fixture
async def account(tmp_path: Path) -> AsyncIterator[Account]:
    """The things that others refer to are there."""
    project = tmp_path / "project"
    project.mkdir()
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as zipped:
        zipped.writestr("index.py", "def handler(event, context):\n    return 'done'\n")
    (project / "code.zip").write_bytes(archive.getvalue())
    cloud = Cloud(CloudConfig(state_dir=tmp_path / "state"), project)
    await cloud.start()
    made = Account(cloud, project)
    await made.make("vpc/network", {"cidrBlock": "10.0.0.0/16"})
    await made.make(
        "vpc/switch",
        {"vpcId": made.id("vpc/network"), "cidrBlock": "10.0.0.0/20", "zoneId": "cn-hangzhou-h"},
    )
    await made.make("ecs/eipAddress", {"addressName": "one"})
    await made.make("cr/registryEnterpriseInstance", {"instanceName": "one"})
    await made.make("ecs/securityGroup", {"vpcId": made.id("vpc/network")})
    await made.make(
        "ram/role",
        {"roleName": "worker", "assumeRolePolicyDocument": trust("fc.aliyuncs.com")},
    )
    row = {"Effect": "Allow", "Action": "fc:*", "Resource": "*"}
    document = json.dumps({"Version": "1", "Statement": [row]})
    await made.make("ram/policy", {"policyName": "working", "policyDocument": document})
    await made.make("oss/bucket", {"bucket": "some-code"})
    await made.make(
        "oss/bucketObject", {"bucket": "some-code", "key": "code.zip", "source": "code.zip"}
    )
    await made.make("ots/instance", {"name": "some", "instanceType": "HighPerformance"})
    await made.make("log/project", {"projectName": "some-logs"})
    await made.make("log/store", {"projectName": "some-logs", "logstoreName": "worker"})
    await made.make("nas/fileSystem", {"protocolType": "NFS", "storageType": "Performance"})
    await made.make("nas/accessGroup", {"accessGroupName": "share", "accessGroupType": "Vpc"})
    await made.make("message/serviceQueue", {"queueName": "dead"})
    await made.make("eventbridge/eventBus", {"eventBusName": "bus"})
    await made.make("fc/v3Function", function(made))
    await made.make("apigateway/group", {"name": "group"})
    await made.make("apigateway/app", {"name": "app"})
    await made.make("apigateway/api", api(made, "/made"))
    await made.make("apigateway/plugin", plugin("limit", 5))
    yield made
    await cloud.stop()


def function(account: Account, **changes: Any) -> Inputs:
    return {
        "functionName": "worker",
        "runtime": "python3.10",
        "handler": "index.handler",
        "cpu": 0.5,
        "memorySize": 512,
        "diskSize": 512,
        "timeout": 20,
        "role": account.ids["ram/role"].outputs["arn"],
        "code": {"ossBucketName": "some-code", "ossObjectName": "code.zip"},
        **changes,
    }


def api(account: Account, path: str, **changes: Any) -> Inputs:
    return {
        "name": path.strip("/"),
        "groupId": account.id("apigateway/group"),
        "authType": "APP",
        "requestConfig": {"method": "GET", "path": path, "mode": "MAPPING", "protocol": "HTTP"},
        "serviceType": "MOCK",
        "mockServiceConfig": {"result": "{}"},
        "stageNames": ["RELEASE"],
        **changes,
    }


def plugin(name: str, limit: int) -> Inputs:
    return {
        "pluginName": name,
        "pluginType": "trafficControl",
        "pluginData": json.dumps({"unit": "SECOND", "apiDefault": limit}),
    }


def stack(account: Account, path: str) -> Inputs:
    properties = {
        "ApiName": "pushed",
        "GroupId": {"Ref": "Group"},
        "AuthType": "APP",
        "WebSocketApiType": "NOTIFY",
        "RequestConfig": {"RequestHttpMethod": "POST", "RequestPath": path},
        "ServiceConfig": {"Mock": "TRUE"},
    }
    template = {
        "ROSTemplateFormatVersion": "2015-09-01",
        "Parameters": {"Group": {"Type": "String"}},
        "Resources": {"Api": {"Type": "ALIYUN::ApiGateway::Api", "Properties": properties}},
    }
    group = {"parameterKey": "Group", "parameterValue": account.id("apigateway/group")}
    return {"stackName": "push", "templateBody": json.dumps(template), "parameters": [group]}


def rule(pattern: str) -> Inputs:
    target = {
        "targetId": "worker",
        "type": "acs.fc.function",
        "endpoint": f"acs:fc:{REGION}:{ACCOUNT}:functions/worker",
        "pushRetryStrategy": "BACKOFF_RETRY",
        "deadLetterQueue": {"arn": f"acs:mns:{REGION}:{ACCOUNT}:/queues/dead"},
        "paramLists": [
            {"form": "CONSTANT", "resourceKey": "functionName", "value": "worker"},
            {"form": "CONSTANT", "resourceKey": "Qualifier", "value": "LATEST"},
            {"form": "ORIGINAL", "resourceKey": "Body"},
        ],
    }
    return {"eventBusName": "bus", "ruleName": "all", "filterPattern": pattern, "targets": [target]}


def timer(every: str) -> Inputs:
    config = {"cronExpression": f"@every {every}", "enable": True, "payload": "x"}
    return {
        "functionName": "worker", "qualifier": "LATEST", "triggerName": "sweep",
        "triggerType": "timer", "triggerConfig": json.dumps(config),
    }  # fmt: skip


def rows(account: Account) -> dict[str, tuple[Inputs, Inputs]]:
    """Inputs of each type, and what is changed; nothing where a change means another resource."""
    ids, policy = account.id, account.ids["ram/policy"].outputs["policyDocument"]
    switch = ids("vpc/switch")
    queue = f"acs:mns:{REGION}:{ACCOUNT}:/queues/dead/messages"
    table = {
        "instanceName": "some", "tableName": "events", "timeToLive": -1, "maxVersion": 1,
        "enableSse": True, "sseKeyType": "SSE_KMS_SERVICE",
        "primaryKeys": [{"name": "id", "type": "String"}, {"name": "seq", "type": "Integer"}],
    }  # fmt: skip
    mount = {
        "fileSystemId": ids("nas/fileSystem"), "accessGroupName": "share", "networkType": "Vpc",
        "vpcId": ids("vpc/network"), "vswitchId": switch,
    }  # fmt: skip
    registry = {"instanceId": ids("cr/registryEnterpriseInstance")}
    attachment = {"stageName": "RELEASE", "groupId": ids("apigateway/group")}
    made = account.ids["apigateway/api"].outputs["apiId"]
    return {
        "vpc/network": ({"cidrBlock": "172.16.0.0/16"}, {"description": "x"}),
        "vpc/switch": (
            {"vpcId": ids("vpc/network"), "cidrBlock": "10.0.16.0/20", "zoneId": "z"},
            {"vswitchName": "x"},
        ),
        "ecs/securityGroup": ({"vpcId": ids("vpc/network")}, {"innerAccessPolicy": "Drop"}),
        "ecs/securityGroupRule": (
            {"securityGroupId": ids("ecs/securityGroup"), "type": "egress", "ipProtocol": "tcp"},
            {"description": "x"},
        ),
        "vpc/natGateway": ({"vpcId": ids("vpc/network"), "vswitchId": switch}, {"natType": "x"}),
        "ecs/eipAddress": ({"addressName": "x"}, {"addressName": "y"}),
        "ecs/eipAssociation": ({"allocationId": ids("ecs/eipAddress"), "instanceId": "ngw"}, {}),
        "vpc/snatEntry": ({"snatTableId": "stb", "sourceVswitchId": switch}, {"snatIp": "x"}),
        "cs/registryEnterpriseNamespace": ({**registry, "name": "n"}, {"autoCreate": True}),
        "cs/registryEnterpriseRepo": ({**registry, "namespace": "n", "name": "r"}, {"detail": "x"}),
        "cr/vpcEndpointLinkedVpc": (
            {
                **registry,
                "vpcId": ids("vpc/network"),
                "vswitchId": switch,
                "moduleName": "Registry",
            },
            {"enableCreateDnsRecordInPvzt": True},
        ),
        "cr/registryEnterpriseInstance": ({"instanceName": "r"}, {"instanceType": "Advanced"}),
        "ram/role": (
            {"roleName": "other", "assumeRolePolicyDocument": trust("fc.aliyuncs.com")},
            {"assumeRolePolicyDocument": trust("apigateway.aliyuncs.com")},
        ),
        "ram/policy": ({"policyName": "other", "policyDocument": policy}, {"description": "x"}),
        "ram/rolePolicyAttachment": (
            {"roleName": "worker", "policyName": "working", "policyType": "Custom"},
            {},
        ),
        "oss/bucket": (
            {"bucket": "some-results"},
            {"lifecycleRules": [{"enabled": True, "prefix": "", "expirations": [{"days": 3}]}]},
        ),
        "oss/bucketAcl": ({"bucket": "some-code", "acl": "private"}, {}),
        "oss/bucketPublicAccessBlock": ({"bucket": "some-code", "blockPublicAccess": True}, {}),
        "oss/bucketObject": (
            {"bucket": "some-code", "key": "text", "content": "a"},
            {"content": "b"},
        ),
        "ots/instance": ({"name": "others"}, {"tags": {"a": "b"}}),
        "ots/table": (table, {"timeToLive": 86400}),
        "ots/instanceAttachment": (
            {"instanceName": "some", "vpcName": "vpc", "vswitchId": switch},
            {},
        ),
        "log/project": ({"projectName": "more-logs"}, {"description": "x"}),
        "log/store": (
            {"projectName": "some-logs", "logstoreName": "other", "retentionPeriod": 3},
            {"retentionPeriod": 4},
        ),
        "log/storeIndex": ({"project": "some-logs", "logstore": "worker"}, {"maxTextLen": 2048}),
        "nas/fileSystem": ({"protocolType": "NFS"}, {"description": "x"}),
        "nas/accessGroup": ({"accessGroupName": "other"}, {"description": "x"}),
        "nas/accessRule": (
            {"accessGroupName": "share", "sourceCidrIp": "10.0.0.0/20", "rwAccessType": "RDWR"},
            {"rwAccessType": "RDONLY"},
        ),
        "nas/mountTarget": (mount, {"dualStack": False}),
        "message/serviceQueue": ({"queueName": "other"}, {"messageRetentionPeriod": 60}),
        "eventbridge/eventBus": ({"eventBusName": "other"}, {"description": "x"}),
        "eventbridge/rule": (rule('{"source": ["a"]}'), {"filterPattern": '{"source": ["b"]}'}),
        "eventbridge/serviceLinkedRole": ({"productName": "x"}, {}),
        "fc/v3Function": (
            function(account, functionName="other"),
            {"environmentVariables": {"A": "1"}},
        ),
        "fc/v3AsyncInvokeConfig": (
            {"functionName": "worker", "maxAsyncRetryAttempts": 1},
            {"destinationConfig": {"onFailure": {"destination": queue}}},
        ),
        "fc/v3ConcurrencyConfig": (
            {"functionName": "worker", "reservedConcurrency": 2},
            {"reservedConcurrency": 3},
        ),
        "fc/v3ProvisionConfig": ({"functionName": "worker", "target": 0}, {"target": 0}),
        "fc/v3Trigger": (timer("1h"), {"triggerConfig": timer("2h")["triggerConfig"]}),
        "apigateway/group": ({"name": "other"}, {"description": "x"}),
        "apigateway/app": ({"name": "other"}, {"name": "renamed"}),
        "apigateway/api": (
            api(account, "/other"),
            {"mockServiceConfig": {"result": "[]"}},
        ),
        "apigateway/plugin": (
            plugin("other", 1),
            {"pluginData": plugin("other", 2)["pluginData"]},
        ),
        "apigateway/appAttachment": (
            {**attachment, "apiId": made, "appId": ids("apigateway/app")},
            {},
        ),
        "apigateway/pluginAttachment": (
            {**attachment, "apiId": made, "pluginId": ids("apigateway/plugin")},
            {},
        ),
        "apigateway/groupPluginAttachment": (
            {**attachment, "pluginId": ids("apigateway/plugin")},
            {},
        ),
        "ros/stack": (stack(account, "/a"), {"templateBody": stack(account, "/b")["templateBody"]}),
        "oos/secretParameter": (
            {"secretParameterName": "key", "value": "a"},
            {"value": "b"},
        ),
    }


async def test_every_type_lives_and_goes(account: Account) -> None:
    """A change in place keeps the id; what is gone is deleted without error."""
    provider = account.cloud.provider
    known = {token.rpartition(":")[0].partition(":")[2]: token for token in provider.types()}
    assert set(rows(account)) == set(known)
    for short, (inputs, changes) in rows(account).items():
        type_, urn = known[short], f"urn:{short}:lifecycle"
        made = await provider.create(type_, urn, inputs)
        assert made.id
        assert provider.difference(type_, inputs, dict(inputs)).kind == "same"
        again = await provider.create(type_, urn, inputs)
        assert again.id == made.id, short
        if changes:
            changed = inputs | changes
            if changed != inputs:
                assert provider.difference(type_, inputs, changed).kind == "update", short
            outputs = await provider.update(type_, urn, made.id, made.outputs, changed)
            assert outputs.items() >= changes.items()
        await provider.delete(type_, urn, made.id, made.outputs)
        await provider.delete(type_, urn, made.id, made.outputs)


async def test_what_the_program_reads_is_there(account: Account) -> None:
    ids = account.ids
    assert ids["ram/role"].outputs["arn"] == f"acs:ram::{ACCOUNT}:role/worker"
    assert ids["fc/v3Function"].outputs["functionArn"].endswith(":functions/worker")
    assert ids["apigateway/group"].outputs["subDomain"].startswith(ids["apigateway/group"].id)
    assert ids["apigateway/app"].outputs == {"name": "app"}
    mount = {
        "fileSystemId": ids["nas/fileSystem"].id, "accessGroupName": "share", "networkType": "Vpc"
    }  # fmt: skip
    made = await account.make("nas/mountTarget", mount)
    assert made.outputs["mountTargetDomain"].endswith(".nas.aliyuncs.com")
    assert account.cloud.nas.mount_targets().keys() == {made.outputs["mountTargetDomain"]}


async def test_resources_act_on_their_services(account: Account) -> None:
    cloud = account.cloud
    assert (await cloud.fc.invoke("worker", b"")).body == b"done"
    await account.make("ram/rolePolicyAttachment", {
        "roleName": "worker", "policyName": "working", "policyType": "Custom"
    })  # fmt: skip
    credentials = cloud.ram.credentials_for(cloud.ram.arn("worker"))
    principal = cloud.ram.principal(credentials.access_key_id, credentials.security_token)
    cloud.ram.authorise(principal, "fc:InvokeFunction", "acs:fc:cn-hangzhou:1:functions/x")
    await account.make("eventbridge/rule", rule('{"source": ["a"]}'))
    await account.make("ots/table", rows(account)["ots/table"][0])
    assert cloud.tablestore.list_tables("some") == ["events"]
    assert (
        cloud.oss.get_object("some-code", "code.zip") == (account.project / "code.zip").read_bytes()
    )


@pytest.mark.parametrize(
    ("short", "inputs", "why"),
    [
        ("oss/bucketAcl", {"bucket": "some-code", "acl": "public-read"}, "public-read"),
        ("oss/bucketObject", {"bucket": "some-code", "key": "k", "source": "no.zip"}, "no.zip"),
        ("oss/bucketObject", {"bucket": "some-code", "key": "k"}, "one of source and content"),
        ("fc/v3AsyncInvokeConfig", {"functionName": "worker", "qualifier": "live"}, "live"),
        ("ots/table", {"instanceName": "some", "tableName": "t", "timeToLive": -1,
                       "maxVersion": 1, "primaryKeys": [{"name": "a", "type": "Float"}]}, "Float"),
        ("ros/stack", {"stackName": "x", "templateUrl": "https://x"}, "templateBody"),
        ("ram/role", {"roleName": "x"}, "assumeRolePolicyDocument is required"),
        ("ecs/securityGroup", {"vpcId": "vpc-unknown"}, "vpc-unknown"),
    ],
)  # fmt: skip
async def test_bad_inputs_are_named(account: Account, short: str, inputs: Inputs, why: str) -> None:
    with pytest.raises((CloudError, NotSupported), match=why):
        await account.make(short, inputs, "bad")


async def test_the_table_of_replacements_knows_every_type(account: Account) -> None:
    from localcloud.provider.schema import REPLACE_ON

    assert set(account.cloud.provider.types()) - set(REPLACE_ON) <= {
        "alicloud:apigateway/app:App",
    }
    assert set(REPLACE_ON) == set(REPLACE_ON) & set(account.cloud.provider.types())

"""What the components make of their settings."""

from __future__ import annotations

import json

from tests.stack.test_components import EXISTING, world_of
from tests.stack.world import provision_stack, settings_of


def test_the_share_is_written_by_the_populator_alone() -> None:
    world = world_of("dev")
    switches = {each.name: each.inputs["cidrBlock"] for each in world.of_type("Switch")}
    rules = {
        each.inputs["sourceCidrIp"]: each.inputs["rwAccessType"]
        for each in world.of_type("AccessRule")
    }
    assert rules[switches["network-populator"]] == "RDWR"
    assert {access for cidr, access in rules.items() if cidr != switches["network-populator"]} == {
        "RDONLY"
    }
    populator = world.one("V3Function", "populator-function")
    assert populator.inputs["vpcConfig"]["vswitchIds"] == ["network-populator-id"]


def test_the_commander_mounts_the_directory_of_its_bundle() -> None:
    world = world_of("dev")
    directory = world.one("Populate").inputs["directory"]
    mount = world.one("V3Function", "commander-function").inputs["nasConfig"]["mountPoints"]
    assert mount == [
        {"serverAddr": f"nas.example.com:/{directory}", "mountDir": "/mnt/auto/python"}
    ]


def test_only_commander_and_notifier_reach_the_internet() -> None:
    reach = {
        each.name: each.inputs["internetAccess"] for each in world_of("dev").of_type("V3Function")
    }
    assert reach == {
        "dispatcher-function": False,
        "populator-function": False,
        "commander-function": True,
        "notifier-function": True,
    }
    closed = world_of("nothing new")
    assert not any(each.inputs["internetAccess"] for each in closed.of_type("V3Function"))


def test_a_nat_gateway_serves_the_functions_and_not_the_populator() -> None:
    world = world_of("everything new")
    sources = {each.inputs["sourceVswitchId"] for each in world.of_type("SnatEntry")}
    assert sources == {"network-functions-cn-hangzhou-h-id", "network-functions-cn-hangzhou-i-id"}
    assert not any(each.inputs["internetAccess"] for each in world.of_type("V3Function"))


def test_an_existing_network_is_left_as_it_is() -> None:
    world = world_of("nothing new")
    assert not world.of_type("Network")
    assert not world.of_type("Switch")
    group = world.one("SecurityGroup")
    assert group.inputs["vpcId"] == EXISTING["vpc_id"]
    assert group.inputs["innerAccessPolicy"] == "Drop"
    assert not world.of_type("SecurityGroupRule")


def test_both_ends_of_a_task_go_to_the_bus() -> None:
    world = world_of("dev")
    bus = "acs:eventbridge:cn-hangzhou:1234567890123456:eventbus/agent-dev"
    config = world.one("V3AsyncInvokeConfig", "completion-commander").inputs
    assert config["destinationConfig"] == {
        "onSuccess": {"destination": bus},
        "onFailure": {"destination": bus},
    }
    assert config["qualifier"] == "LATEST"
    rule = world.one("Rule").inputs
    assert json.loads(rule["filterPattern"]) == {"source": [{"prefix": ""}]}
    assert rule["targets"][0]["deadLetterQueue"]["arn"].endswith(":/queues/agent-dev-dead-letters")


def test_a_notifier_that_fails_leaves_a_dead_letter() -> None:
    config = world_of("dev").one("V3AsyncInvokeConfig", "completion-notifier").inputs
    destination = config["destinationConfig"]
    assert set(destination) == {"onFailure"}
    assert destination["onFailure"]["destination"].endswith(
        "/queues/agent-dev-dead-letters/messages"
    )


def test_the_sweeper_is_a_timer_on_the_notifier() -> None:
    trigger = world_of("dev").one("V3Trigger").inputs
    assert trigger["functionName"] == "agent-dev-notifier"
    assert trigger["triggerType"] == "timer"
    assert json.loads(trigger["triggerConfig"])["cronExpression"] == "@every 1m"


def test_instances_are_kept_as_the_settings_say() -> None:
    world = world_of("everything new")
    config = world.one("V3ProvisionConfig").inputs
    assert config["target"] == 1
    assert config["qualifier"] == "LATEST"
    assert config["scheduledActions"][0]["scheduleExpression"] == "cron(0 0 8 * * *)"
    assert config["targetTrackingPolicies"][0]["maxCapacity"] == 3
    assert world.one("V3ConcurrencyConfig").inputs["reservedConcurrency"] == 5
    assert not world_of("dev").of_type("V3ProvisionConfig")


def test_the_model_key_is_a_secret_parameter_and_never_a_variable() -> None:
    world = world_of("everything new")
    parameter = world.one("SecretParameter").inputs["secretParameterName"]
    variables = world.one("V3Function", "commander-function").inputs["environmentVariables"]
    assert variables["MODEL_KEY_PARAMETER"] == parameter == "agent-dev-model-key"
    for function in world.of_type("V3Function"):
        assert "sk-not-a-key" not in json.dumps(function.inputs)


def test_tables_are_encrypted_and_keep_one_version() -> None:
    tables = {each.inputs["tableName"]: each.inputs for each in world_of("dev").of_type("Table")}
    assert set(tables) >= {"agent_events", "agent_open", "agent_tickets", "agent_sessions"}
    assert all(table["enableSse"] and table["maxVersion"] == 1 for table in tables.values())
    assert tables["agent_events"]["primaryKeys"] == [
        {"name": "ticket_id", "type": "String"},
        {"name": "seq", "type": "Integer"},
    ]
    instance = world_of("dev").one("Instance").inputs
    assert instance["networkTypeAcls"] == ["VPC"]


def test_code_stands_under_its_digest_and_stays() -> None:
    world = world_of("dev")
    for each in world.of_type("BucketObject"):
        digest = each.inputs["key"].rpartition("-")[2].removesuffix(".zip")
        assert (
            each.inputs["source"] == f"build/artifacts/{each.inputs['key'].removeprefix('code/')}"
        )
        assert len(digest) == 16
        assert each.retain_on_delete


def test_every_api_wants_a_token_and_drops_what_is_not_declared() -> None:
    world = world_of("dev")
    apis = world.of_type("Api")
    attached = [each.name for each in world.of_type("PluginAttachment")]
    for api in apis:
        assert api.inputs["requestConfig"]["mode"] == "MAPPING"
        assert f"{api.name}-jwt" in attached
        assert f"{api.name}-throttling" in attached


def test_endpoints_can_be_replaced() -> None:
    here = "http://127.0.0.1:8080"
    services = (
        "tablestore",
        "fc",
        "oss",
        "eventbridge",
        "apigateway",
        "oos",
        "registry",
        "gateway",
    )
    world = provision_stack(settings_of(endpoints=dict.fromkeys(services, here)))
    for function in world.of_type("V3Function"):
        variables = function.inputs["environmentVariables"]
        addresses = {
            name: value for name, value in variables.items() if name.endswith(("ENDPOINT", "_URL"))
        }
        addresses.pop("MODEL_BASE_URL", None)
        assert all(value.startswith(here) for value in addresses.values()), addresses
    push = world.one("ImagePush").inputs
    assert push["registry"] == here
    assert push["accessKeyLogin"] is True
    assert all(each.inputs["endpoint"] == here for each in world.of_type("FunctionActive"))

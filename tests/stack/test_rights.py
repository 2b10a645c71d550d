"""Rights follow from what a function is given, and wildcards are named."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from functions.commander import settings as commander_settings
from functions.dispatcher import settings as dispatcher_settings
from functions.notifier import settings as notifier_settings
from functions.populator import settings as populator_settings
from policies.rules.identity import ALLOWED_WILDCARDS
from stack.capabilities import Access, Capability, UsesTables, statements_of, variables_of
from stack.context import Context
from stack.grants import grants_of
from stack.naming import FUNCTIONS
from stack.statements import WILDCARDS, Statement, document, trust
from tests.stack.test_components import world_of
from tests.stack.world import settings_of

CONTEXT = Context(settings_of())


def statements(function: str) -> list[dict[str, Any]]:
    return [each.as_json() for each in statements_of(CONTEXT, grants_of(CONTEXT)[function])]


def test_the_pack_allows_the_wildcards_that_the_stack_uses_and_no_other() -> None:
    assert WILDCARDS == ALLOWED_WILDCARDS


@pytest.mark.parametrize("function", FUNCTIONS)
def test_no_right_is_wider_than_it_has_to_be(function: str) -> None:
    for statement in statements(function):
        assert not any("*" in action for action in statement["Action"])
        if "*" in statement["Resource"]:
            assert set(statement["Action"]) <= set(WILDCARDS)
        for resource in statement["Resource"]:
            assert resource == "*" or ":1234567890123456:" in resource


def test_who_may_do_what() -> None:
    allowed = {
        function: {a for s in statements(function) for a in s["Action"]} for function in FUNCTIONS
    }
    assert "fc:InvokeFunction" in allowed["dispatcher"]
    assert "fc:InvokeFunction" in allowed["notifier"]
    assert "fc:InvokeFunction" not in allowed["commander"]
    for function in ("dispatcher", "notifier", "populator"):
        assert "oss:PutObject" not in allowed[function]
    assert not {action for action in allowed["populator"] if action.startswith("ots:")}
    assert "oos:GetSecretParameter" not in allowed["commander"], "no model, no key"


def test_nobody_changes_the_event_log() -> None:
    for function in FUNCTIONS:
        for statement in statements(function):
            if any(resource.endswith("table/agent_events") for resource in statement["Resource"]):
                assert "ots:UpdateRow" not in statement["Action"]


def test_the_key_may_be_read_where_there_is_one() -> None:
    model = {"base_url": "https://m.example.com", "name": "m"}
    context = Context(settings_of(model=model))
    rights = statements_of(context, grants_of(context)["commander"])
    keys = [each for each in rights if "oos:GetSecretParameter" in each.actions]
    assert [each.resources for each in keys] == [
        ("acs:oos:cn-hangzhou:1234567890123456:secretparameter/agent-dev-model-key",)
    ]


def test_variables_and_rights_come_from_one_object() -> None:
    grant: list[Capability] = [UsesTables({"agent_open": Access.READ})]
    assert "TABLESTORE_INSTANCE" in variables_of(CONTEXT, grant)
    right = statements_of(CONTEXT, grant)[0]
    assert right.resources == (
        "acs:ots:cn-hangzhou:1234567890123456:instance/agent-dev/table/agent_open",
    )
    assert set(right.actions) == {"ots:GetRow", "ots:GetRange"}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_environments_are_small_and_keep_off_the_platforms_names(function: str) -> None:
    variables = variables_of(CONTEXT, grants_of(CONTEXT)[function])
    assert not [name for name in variables if name.startswith("FC_")]
    assert sum(len(name) + len(value) for name, value in variables.items()) < 4096


def test_documents_are_stable() -> None:
    one = document([Statement(("b:B", "a:A"), ("z", "y"))])
    assert one == document([Statement(("a:A", "b:B"), ("y", "z"))])
    assert json.loads(one)["Version"] == "1"
    assert json.loads(trust("fc.aliyuncs.com"))["Statement"][0]["Action"] == "sts:AssumeRole"


def test_roles_are_one_each_and_the_gateway_invokes_two_functions() -> None:
    world = world_of("dev")
    assert {each.name for each in world.of_type("Role")} == {
        *(f"identity-{function}" for function in FUNCTIONS),
        "identity-gateway",
    }
    gateway = json.loads(world.one("Policy", "identity-gateway").inputs["policyDocument"])
    assert gateway["Statement"] == [
        {
            "Effect": "Allow",
            "Action": ["fc:InvokeFunction"],
            "Resource": [
                "acs:fc:cn-hangzhou:1234567890123456:functions/agent-dev-dispatcher",
                "acs:fc:cn-hangzhou:1234567890123456:functions/agent-dev-notifier",
            ],
        }
    ]
    signing = json.loads(world.one("Policy", "identity-notifier-signing").inputs["policyDocument"])
    assert signing["Statement"][0]["Resource"] == [
        "acs:apigateway:cn-hangzhou:1234567890123456:app/gateway-push-id"
    ]


PLATFORM = {"FC_REGION", "FC_ACCOUNT_ID"}
READERS = {
    "dispatcher": dispatcher_settings.Settings,
    "commander": commander_settings.Settings,
    "notifier": notifier_settings.Settings,
    "populator": populator_settings.Settings,
}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_is_told_what_it_asks_for(function: str) -> None:
    asked = {field.name.upper(): field for field in dataclasses.fields(READERS[function])}
    required = {name for name, field in asked.items() if field.default is dataclasses.MISSING}
    given = world_of("dev").one("V3Function", f"{function}-function").inputs["environmentVariables"]
    assert required - PLATFORM <= set(given)
    assert set(given) - {"AGENT_ENVIRONMENT"} <= set(asked), "told what it never reads"

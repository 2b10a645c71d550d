"""Every rule on settings: what breaks it, and what the message says."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from stack.settings import parse_settings
from stack.settings.load import WrongSettings
from tests.stack.world import CLOUD, JWKS, MINIMUM, PROJECT, settings_of

if TYPE_CHECKING:
    from pathlib import Path

KEY = json.loads((PROJECT / JWKS).read_text())["keys"][0]
SWITCH = {"id": "vsw-a", "zone": "cn-hangzhou-h", "cidr": "10.0.0.0/24"}
WRONG: list[tuple[str, dict[str, Any], str]] = [
    (
        "below one GB for a vCPU",
        {"commander": {"memory_mb": 1024}},
        "commander.memory_mb = 1024: has to be between 1 and 4 GB",
    ),
    (
        "above four",
        {"commander": {"cpu": 0.5}},
        "commander.memory_mb = (default): has to be between 1 and 4 GB",
    ),
    (
        "steps of memory",
        {"commander": {"memory_mb": 4000}},
        "commander.memory_mb = 4000: has to be a multiple of 64",
    ),
    (
        "steps of CPU",
        {"commander": {"cpu": 1.03}},
        "commander.cpu = 1.03: has to be a multiple of 0.05",
    ),
    (
        "disk",
        {"commander": {"disk_mb": 1024}},
        "commander.disk_mb = 1024: input should be 512 or 10240",
    ),
    (
        "lease",
        {"commander": {"timeout_s": 30}},
        "commander.lease_ms = (default): has to be at most half of `timeout_s`",
    ),
    (
        "built-in runtime",
        {"dispatcher": {"instance_concurrency": 2}},
        "dispatcher.instance_concurrency = 2: input should be 1",
    ),
    (
        "gateway waits",
        {"dispatcher": {"timeout_s": 30}},
        "dispatcher.timeout_s = 30: has to be below `gateway.timeout_ms`",
    ),
    (
        "retries",
        {"commander": {"delivery": {"retries": 9}}},
        "commander.delivery.retries = 9: input should be less than or equal to 8",
    ),
    ("sweep", {"notifier": {"sweep": "often"}}, 'notifier.sweep = "often"'),
    (
        "reserved",
        {"commander": {"reserved_concurrency": 1, "provisioned": {"target": 2}}},
        "has to keep at most `reserved_concurrency` (1)",
    ),
    (
        "bounds",
        {"commander": {"provisioned": {"tracked": [{"name": "a", "minimum": 3, "maximum": 2}]}}},
        "provisioned.tracked.0.minimum = 3: has to not be above",
    ),
    (
        "schedule",
        {
            "commander": {
                "provisioned": {"scheduled": [{"name": "a", "schedule": "daily", "target": 1}]}
            }
        },
        'schedule = "daily"',
    ),
    (
        "one zone",
        {"network": {"zones": ["cn-hangzhou-h"]}},
        'network.zones = ["cn-hangzhou-h"]: has to name at least two zones',
    ),
    (
        "zone twice",
        {"network": {"zones": ["cn-hangzhou-h", "cn-hangzhou-h"]}},
        "has to name at least two zones, each once",
    ),
    (
        "zone elsewhere",
        {"network": {"zones": ["cn-beijing-h", "cn-beijing-i"]}},
        "has to be in cn-hangzhou",
    ),
    (
        "public range",
        {"network": {"cidr": "8.8.0.0/16"}},
        'network.cidr = "8.8.0.0/16": has to be inside 10.0.0.0/8',
    ),
    ("small range", {"network": {"cidr": "10.0.0.0/27"}}, "has to be at least a /25"),
    (
        "reserved range",
        {"network": {"reserved_cidrs": ["10.20.5.0/24"]}},
        "has to not overlap the reserved range 10.20.5.0/24",
    ),
    (
        "overlap",
        {"network": {"function_cidrs": ["10.20.0.0/24", "10.20.0.128/25"]}},
        "has to not overlap (10.20.0.0/24 and 10.20.0.128/25 do)",
    ),
    (
        "populator overlaps",
        {"network": {"populator_cidr": "10.20.0.0/24"}},
        'network.populator_cidr = "10.20.0.0/24": has to not overlap',
    ),
    ("outside", {"network": {"populator_cidr": "10.99.0.0/24"}}, "has to be inside 10.20.0.0/16"),
    (
        "one for each zone",
        {"network": {"function_cidrs": ["10.20.0.0/24"]}},
        "has to have one range for each of the 2 zones",
    ),
    (
        "existing in one zone",
        {
            "network": {
                "existing": {
                    "vpc_id": "vpc-a",
                    "functions": [SWITCH],
                    "populator": {**SWITCH, "cidr": "10.0.9.0/24"},
                }
            }
        },
        "existing.functions",
    ),
    (
        "economy",
        {"image": {"new_registry": {"name": "agents", "edition": "Economy"}}},
        'edition = "Economy": has to not be Economy',
    ),
    (
        "edition",
        {"image": {"new_registry": {"name": "agents", "edition": "Gold"}}},
        "has to be one of Basic, Standard, Advanced",
    ),
    (
        "two registries",
        {"image": {"repository": "r.example.com/a/b", "new_registry": {"name": "agents"}}},
        "exactly one of the two",
    ),
    ("no registry", {"image": {}}, "exactly one of the two"),
    (
        "tag in repository",
        {"image": {"repository": "r.example.com/a/b:latest"}},
        "image.repository",
    ),
    (
        "results",
        {"results": {"retention_days": 30}},
        "results.retention_days = 30: has to be above the 30 days",
    ),
    (
        "no name",
        {"model": {"base_url": "https://m.example.com"}},
        "model.name = (default): has to be set together",
    ),
    (
        "plain model",
        {"model": {"base_url": "http://m.example.com", "name": "m"}},
        "has to begin with https://",
    ),
    (
        "endpoint",
        {"endpoints": {"oss": "127.0.0.1:80"}},
        'endpoints.oss = "127.0.0.1:80": has to be a URL',
    ),
    ("unknown key", {"commander": {"memory": 1}}, "commander.memory = 1: is no setting"),
    ("unknown group", {"comander": {}}, "comander = [secret]: is no group of settings"),
    (
        "wrong type",
        {"commander": {"cpu": "many"}},
        'commander.cpu = "many": input should be a valid number',
    ),
    ("no object", {"commander": 3}, "commander = 3"),
    ("tag", {"deployment": {"owner": "aliyun-team"}}, "begin neither with aliyun"),
    (
        "file",
        {"gateway": {"jwks": "config/none.json"}},
        "gateway.jwks = 'config/none.json': has to name a file that can be read",
    ),
    (
        "file outside",
        {"gateway": {"jwks": "../../etc/passwd"}},
        "has to name a file in the project",
    ),
    ("no keys", {"gateway": {"jwks": {"keys": []}}}, "has to be a list with at least one key"),
    (
        "symmetric",
        {"gateway": {"jwks": {"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}}},
        "jwks.keys.0.k = [secret]",
    ),
    (
        "small key",
        {"gateway": {"jwks": {"keys": [{**KEY, "n": KEY["n"][:100]}]}}},
        "at least 2048 bits",
    ),
    ("same kid", {"gateway": {"jwks": {"keys": [KEY, KEY]}}}, "a `kid` each, no two the same"),
]


@pytest.mark.parametrize(("_name", "groups", "expected"), WRONG, ids=[row[0] for row in WRONG])
def test_a_wrong_setting_is_named_with_its_value_and_its_rule(
    _name: str, groups: dict[str, Any], expected: str
) -> None:
    with pytest.raises(WrongSettings) as caught:
        parse_settings("dev", CLOUD, {**MINIMUM, **groups})
    assert expected in str(caught.value)


@pytest.mark.parametrize("member", ["d", "p", "q", "dp", "dq", "qi"])
def test_private_parts_of_a_key_are_refused_and_not_shown(member: str) -> None:
    jwks = {"keys": [{**KEY, member: "c3VwZXItc2VjcmV0"}]}
    with pytest.raises(WrongSettings) as caught:
        parse_settings("dev", CLOUD, {**MINIMUM, "gateway": {"jwks": jwks}})
    assert f"gateway.jwks.keys.0.{member} = [secret]" in str(caught.value)
    assert "c3VwZXItc2VjcmV0" not in str(caught.value)


def test_everything_that_is_wrong_is_listed_at_once() -> None:
    groups = {
        "commander": {"cpu": 0.33, "foo": 1, "timeout_s": "soon"},
        "network": {"zones": [], "bar": 2},
        "model": {"nme": "x"},
    }
    with pytest.raises(WrongSettings) as caught:
        parse_settings("dev", {"region": "cn-hangzhou"}, groups)
    text = str(caught.value)
    names = (
        "alicloud:accountId",
        "commander.cpu",
        "commander.foo",
        "commander.timeout_s",
        "network.zones",
        "network.bar",
        "model.nme",
        "image",
        "gateway",
    )
    for name in names:
        assert f"  {name} = " in text, text
    assert text.startswith(f"{len(names)} settings are wrong in Pulumi.dev.yaml:")


def test_values_of_secret_groups_and_of_keys_are_masked() -> None:
    with pytest.raises(WrongSettings) as caught:
        parse_settings(
            "dev",
            CLOUD,
            {**MINIMUM, "model": {"api_key": "sk-1"}, "endpoints": {"oss": "sk-2"}},
            secret_groups=["endpoints"],
        )
    assert "sk-" not in str(caught.value)


@pytest.mark.parametrize("name", ["Dev", "a", "averylongname", "my-env", "1st"])
def test_an_environment_has_a_short_plain_name(name: str) -> None:
    with pytest.raises(WrongSettings, match="environment"):
        parse_settings(name, CLOUD, MINIMUM)


@pytest.mark.parametrize(
    ("environment", "expected"), [("dev", False), ("staging", True), ("prod", True)]
)
def test_data_is_protected_by_environment_and_by_wish(environment: str, expected: bool) -> None:
    assert settings_of(environment).protects_data is expected
    assert (
        settings_of(environment, deployment={"protect_data": not expected}).protects_data
        is not expected
    )


def test_a_model_may_do_without_a_key_and_stand_on_this_machine() -> None:
    model = {"base_url": "http://127.0.0.1:11434/v1", "name": "small"}
    settings = parse_settings("local", CLOUD, {**MINIMUM, "model": model})
    assert not settings.has_model_key
    with pytest.raises(WrongSettings, match=r"model\.base_url = \(default\): has to be set"):
        parse_settings("dev", CLOUD, MINIMUM, has_model_key=True)


def test_texts_of_the_command_line_are_taken_as_numbers() -> None:
    assert settings_of(commander={"cpu": "0.5", "memory_mb": 1024}).commander.cpu == 0.5


def test_a_damaged_key_file_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "keys.json").write_text("{")
    with pytest.raises(WrongSettings, match="has to name a JSON file"):
        parse_settings("dev", CLOUD, {**MINIMUM, "gateway": {"jwks": "keys.json"}}, root=tmp_path)
    (tmp_path / "keys.json").write_text("[]")
    with pytest.raises(WrongSettings, match="a JSON object"):
        parse_settings("dev", CLOUD, {**MINIMUM, "gateway": {"jwks": "keys.json"}}, root=tmp_path)

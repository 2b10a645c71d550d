from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from alibabacloud_tea_openapi.exceptions import AlibabaCloudException

from localcloud.core.errors import CloudError, StateDamaged
from localcloud.keys import Vault
from localcloud.ram import Credentials
from tests.localcloud.oos.conftest import Plane

OOS, GATEWAY = "2019-06-01", "2016-07-14"
SECRET = "sk-very-secret"
Statement = Callable[[str, str], str]


def parameter_arn(plane: Plane, name: str) -> str:
    return f"acs:oos:{plane.config.region}:{plane.config.account_id}:secretparameter/{name}"


def app_arn(plane: Plane, app_id: str) -> str:
    return f"acs:apigateway:{plane.config.region}:{plane.config.account_id}:app/{app_id}"


async def test_a_role_reads_the_parameter_that_it_may(plane: Plane, statement: Statement) -> None:
    plane.parameters.put({"secretParameterName": "agent/model-key", "value": SECRET})
    allowed = statement("oos:GetSecretParameter", parameter_arn(plane, "agent/model-key"))
    query = {"Name": "agent/model-key", "WithDecryption": "true"}
    answer = await plane.call(plane.role(allowed), OOS, "GetSecretParameter", query)
    assert answer["Parameter"]["Value"] == SECRET
    assert answer["Parameter"]["Type"] == "Secret"
    assert answer["RequestId"]


async def test_parameters_may_stand_in_a_form(plane: Plane) -> None:
    plane.parameters.put({"secretParameterName": "key", "value": SECRET})
    form = {"Name": "key", "WithDecryption": "true"}
    answer = await plane.call(plane.ram.administrator, OOS, "GetSecretParameter", {}, body=form)
    assert answer["Parameter"]["Value"] == SECRET


async def test_without_decryption_the_value_stays_secret(plane: Plane) -> None:
    plane.parameters.put({"secretParameterName": "key", "value": SECRET})
    answer = await plane.call(plane.ram.administrator, OOS, "GetSecretParameter", {"Name": "key"})
    assert SECRET not in str(answer)


async def refused(plane: Plane, *args: Any) -> AlibabaCloudException:
    with pytest.raises(AlibabaCloudException) as caught:
        await plane.call(*args)
    return caught.value


async def test_what_a_role_may_not_is_named(plane: Plane, statement: Statement) -> None:
    plane.parameters.put({"secretParameterName": "other", "value": SECRET})
    allowed = statement("oos:GetSecretParameter", parameter_arn(plane, "agent/*"))
    query = {"Name": "other", "WithDecryption": "true"}
    error = await refused(plane, plane.role(allowed), OOS, "GetSecretParameter", query)
    assert (error.status_code, error.code) == (403, "NoPermission")
    assert parameter_arn(plane, "other") in error.message
    assert SECRET not in error.message


@pytest.mark.parametrize(
    ("version", "action", "query", "expected"),
    [
        (OOS, "GetSecretParameter", {"Name": "nothing"}, (404, "EntityNotExists.Parameter")),
        (OOS, "GetSecretParameter", {}, (400, "MissingName")),
        (OOS, "StartExecution", {}, (501, "NotSupported")),
        (GATEWAY, "DescribeAppSecurity", {"AppId": "1"}, (404, "NotFoundApp")),
        (GATEWAY, "DescribeAppSecurity", {}, (400, "MissingAppId")),
        (GATEWAY, "DeleteApi", {}, (501, "NotSupported")),
    ],
)
async def test_bad_calls(
    plane: Plane, version: str, action: str, query: dict[str, str], expected: tuple[int, str]
) -> None:
    error = await refused(plane, plane.ram.administrator, version, action, query)
    assert (error.status_code, error.code) == expected


async def test_a_wrong_secret_is_refused(plane: Plane) -> None:
    key = plane.ram.administrator.access_key_id
    error = await refused(
        plane, Credentials(key, "wrong"), OOS, "GetSecretParameter", {"Name": "k"}
    )
    assert (error.status_code, error.code) == (403, "SignatureDoesNotMatch")


async def test_the_notifiers_role_reads_its_apps_secret_and_no_other(
    plane: Plane, statement: Statement
) -> None:
    mine = plane.definitions.put_app({"name": "pusher"})
    other = plane.definitions.put_app({"name": "another"})
    allowed = statement("apigateway:DescribeAppSecurity", app_arn(plane, mine.id))
    role = plane.role(allowed)
    answer = await plane.call(role, GATEWAY, "DescribeAppSecurity", {"AppId": mine.id})
    assert (answer["AppKey"], answer["AppSecret"]) == (mine.key, mine.secret)
    error = await refused(plane, role, GATEWAY, "DescribeAppSecurity", {"AppId": other.id})
    assert error.status_code == 403


@pytest.mark.parametrize(
    ("name", "value", "field"),
    [
        ("x", "v", "secretParameterName"),
        ("a b", "v", "secretParameterName"),
        ("oos-key", "v", "secretParameterName"),
        ("", "v", "secretParameterName"),
        ("key", "", "value of key"),
        ("key", "v" * 4097, "value of key"),
    ],
)
async def test_parameters_have_rules(plane: Plane, name: str, value: str, field: str) -> None:
    with pytest.raises(CloudError, match=field):
        plane.parameters.put({"secretParameterName": name, "value": value})


async def test_a_changed_value_is_a_new_version(plane: Plane) -> None:
    first = plane.parameters.put({"secretParameterName": "key", "value": "a"})
    second = plane.parameters.put({"secretParameterName": "key", "value": "b"})
    assert (first.version, second.version) == (1, 2)
    assert plane.parameters.value(second) == "b"
    plane.parameters.remove("key")
    assert not plane.parameters.exists("key")


def test_a_secret_of_another_key_is_damage(tmp_path: Path) -> None:
    token = Vault(tmp_path / "a.key").encrypt("x")
    with pytest.raises(StateDamaged):
        Vault(tmp_path / "b.key").decrypt(token)
    (tmp_path / "c.key").write_text("no key")
    with pytest.raises(StateDamaged):
        Vault(tmp_path / "c.key")
    assert (tmp_path / "a.key").stat().st_mode & 0o077 == 0

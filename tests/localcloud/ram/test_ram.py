"""Rights: what a policy lets pass, and whose a signature is."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from localcloud.core.clock import ManualClock
from localcloud.core.config import CloudConfig
from localcloud.core.errors import CloudError
from localcloud.ram import Principal, Ram
from localcloud.ram.keys import STS_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TABLE = "acs:ots:cn-hangzhou:1:instance/agent/table/agent_events"


def trust(service: str = "fc.aliyuncs.com") -> str:
    statement = {
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Principal": {"Service": [service]},
    }
    return json.dumps({"Version": "1", "Statement": [statement]})


def policy(*statements: tuple[str, Any, Any]) -> str:
    given = [{"Effect": e, "Action": a, "Resource": r} for e, a, r in statements]
    return json.dumps({"Version": "1", "Statement": given})


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def ram(tmp_path: Path, clock: ManualClock) -> Iterator[Ram]:
    made = Ram(CloudConfig(state_dir=tmp_path), clock)
    made.create_role("worker", trust())
    yield made
    made.close()


def may(ram: Ram, action: str, resource: str) -> bool:
    try:
        ram.authorise(Principal("role/worker", "worker"), action, resource)
    except CloudError as refused:
        assert refused.status == 403
        assert action in refused.message
        assert resource in refused.message
        return False
    return True


@pytest.mark.parametrize(
    ("statements", "action", "resource", "verdict"),
    [
        ([], "ots:GetRow", TABLE, False),
        ([("Allow", "ots:GetRow", TABLE)], "ots:GetRow", TABLE, True),
        ([("Allow", "ots:GetRow", TABLE)], "ots:PutRow", TABLE, False),
        ([("Allow", "ots:GetRow", TABLE)], "ots:GetRow", TABLE + "2", False),
        ([("Allow", "ots:Get*", TABLE)], "ots:GetRange", TABLE, True),
        ([("Allow", "OTS:getrow", TABLE)], "ots:GetRow", TABLE, None),
        ([("Allow", ["ots:PutRow", "ots:GetRow"], [TABLE])], "ots:GetRow", TABLE, True),
        ([("Allow", "ots:GetRow", "acs:ots:*:*:instance/agent/*")], "ots:GetRow", TABLE, True),
        ([("Allow", "ots:GetRow", "acs:ots:*:*:instance/agen?/*")], "ots:GetRow", TABLE, True),
        ([("Allow", "*", "*")], "fc:InvokeFunction", TABLE, True),
        ([("Allow", "*", "*"), ("Deny", "ots:*", TABLE)], "ots:GetRow", TABLE, False),
        # A dot is a dot: patterns know `*` and `?` and nothing else.
        ([("Allow", "ots:GetRow", TABLE.replace("_", "."))], "ots:GetRow", TABLE, False),
    ],
)
def test_what_a_policy_lets_pass(
    ram: Ram, statements: Any, action: str, resource: str, verdict: bool | None
) -> None:
    if verdict is None:
        with pytest.raises(CloudError, match="MalformedPolicyDocument"):
            ram.put_policy("p", policy(*statements))
        return
    if statements:
        ram.put_policy("p", policy(*statements))
        ram.attach("worker", "p")
    assert may(ram, action, resource) is verdict


def test_a_right_ends_with_its_policy(ram: Ram) -> None:
    ram.put_policy("p", policy(("Allow", "ots:GetRow", TABLE)))
    ram.attach("worker", "p")
    assert may(ram, "ots:GetRow", TABLE)
    ram.put_policy("p", policy(("Allow", "ots:PutRow", TABLE)))
    assert not may(ram, "ots:GetRow", TABLE)
    assert may(ram, "ots:PutRow", TABLE)
    ram.detach("worker", "p")
    assert not may(ram, "ots:PutRow", TABLE)


@pytest.mark.parametrize(
    "document",
    [
        "no json",
        "[]",
        '{"Version": "2", "Statement": []}',
        '{"Version": "1", "Statement": [{"Effect": "Allow", "Action": "*"}]}',
        '{"Version": "1", "Statement": [{"Effect": "Perhaps", "Action": "*", "Resource": "*"}]}',
        '{"Version": "1", "Statement": [{"Effect": "Allow", "Action": "x", "Resource": "*"}]}',
        '{"Version": "1", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "t"}]}',
        '{"Version": "1", "Statement": [{"Effect": ["Allow"], "Action": "*", "Resource": "*"}]}',
        '{"Version": "1", "Statement": [{"Effect": "Allow", "Action": 1, "Resource": "*"}]}',
        '{"Version": "1", "Statement": [{"Effect": "Allow", "Action": [], "Resource": "*"}]}',
        '{"Version": "1", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": [null]}]}',
        '{"Version": "1", "Statement": ["Allow"]}',
        (
            '{"Version": "1", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*",'
            ' "Condition": {}}]}'
        ),
    ],
)
def test_what_is_not_evaluated_is_refused(ram: Ram, document: str) -> None:
    with pytest.raises(CloudError, match="MalformedPolicyDocument"):
        ram.put_policy("p", document)


@pytest.mark.parametrize(
    "change",
    [
        {"Effect": "Deny"},
        {"Condition": {"IpAddress": {"acs:SourceIp": "10.0.0.0/8"}}},
        {"Principal": {"RAM": ["acs:ram::1:root"]}},
        {"Principal": {"Service": "fc.aliyuncs.com", "RAM": ["acs:ram::1:root"]}},
        {"Action": "*"},
        {"Principal": {"Service": 1}},
    ],
)
def test_a_trust_that_is_not_evaluated_is_refused(ram: Ram, change: dict[str, Any]) -> None:
    document = json.loads(trust())
    document["Statement"][0] |= change
    with pytest.raises(CloudError, match="MalformedPolicyDocument"):
        ram.create_role("worker", json.dumps(document))


def test_a_denial_sees_beyond_a_line_break(ram: Ram) -> None:
    secret = "acs:oss:*:1:bucket/secret/*"
    ram.put_policy("p", policy(("Allow", "*", "*"), ("Deny", "oss:GetObject", secret)))
    ram.attach("worker", "p")
    assert not may(ram, "oss:GetObject", "acs:oss:*:1:bucket/secret/a\nb")


def test_only_a_trusted_service_gets_credentials(ram: Ram) -> None:
    ram.create_role("door", trust("apigateway.aliyuncs.com"))
    with pytest.raises(CloudError, match="does not trust"):
        ram.credentials_for(ram.arn("door"))
    given = ram.credentials_for(ram.arn("door"), "apigateway.aliyuncs.com")
    assert ram.principal(given.access_key_id, given.security_token).role == "door"


def test_a_token_belongs_to_its_key(ram: Ram) -> None:
    given = ram.credentials_for(ram.arn("worker"))
    for token in (None, "", "other"):
        with pytest.raises(CloudError, match="InvalidSecurityToken"):
            ram.principal(given.access_key_id, token)
    with pytest.raises(CloudError, match="InvalidAccessKeyId"):
        ram.principal("nobody", None)
    assert ram.secret_of("nobody") is None


async def test_credentials_are_renewed_at_half_time_and_expire(
    ram: Ram, clock: ManualClock
) -> None:
    first = ram.credentials_for(ram.arn("worker"))
    assert ram.credentials_for(ram.arn("worker")) == first
    await clock.advance(STS_SECONDS / 2 + 1)
    second = ram.credentials_for(ram.arn("worker"))
    assert second.access_key_id != first.access_key_id
    # What an instance holds already stays valid for its whole time.
    assert ram.principal(first.access_key_id, first.security_token).role == "worker"
    await clock.advance(STS_SECONDS / 2)
    with pytest.raises(CloudError, match="expired"):
        ram.principal(first.access_key_id, first.security_token)


def test_the_administrator_may_do_everything_and_outlives_a_restart(
    ram: Ram, tmp_path: Path, clock: ManualClock
) -> None:
    key = ram.administrator.access_key_id
    ram.authorise(ram.principal(key, None), "any:Thing", "acs:any:*:*:thing")
    ram.close()
    again = Ram(CloudConfig(state_dir=tmp_path), clock)
    assert again.administrator == ram.administrator
    assert (tmp_path / "ram.sqlite").stat().st_mode & 0o077 == 0
    again.close()


def test_a_deleted_role_has_no_rights_left(ram: Ram) -> None:
    given = ram.credentials_for(ram.arn("worker"))
    ram.delete_role("worker")
    with pytest.raises(CloudError, match="InvalidAccessKeyId"):
        ram.principal(given.access_key_id, given.security_token)


def test_a_secret_is_not_printed(ram: Ram) -> None:
    given = ram.credentials_for(ram.arn("worker"))
    assert given.access_key_secret not in repr(given)
    assert str(given.security_token) not in repr(given)

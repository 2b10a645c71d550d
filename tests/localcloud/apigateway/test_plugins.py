from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import jwt
import pytest

from localcloud.apigateway.errors import GatewayError
from localcloud.apigateway.jwt_auth import JwtAuth
from localcloud.apigateway.traffic_control import Counters, TrafficControl
from localcloud.core.errors import CloudError
from localcloud.keys import TokenKeys

NOW = 1_700_000_000.0


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> TokenKeys:
    return TokenKeys(tmp_path_factory.mktemp("keys") / "signing-key.pem")


@pytest.fixture(scope="module")
def other_keys(tmp_path_factory: pytest.TempPathFactory) -> TokenKeys:
    return TokenKeys(tmp_path_factory.mktemp("other") / "signing-key.pem")


def data(keys: TokenKeys, **changes: Any) -> str:
    return json.dumps(
        {
            "parameter": "Authorization",
            "parameterLocation": "header",
            "jwks": keys.jwks["keys"],
            "claimParameters": [
                {"claimName": "sub", "parameterName": "x-claim-sub", "location": "header"}
            ],
        }
        | changes
    )


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def test_a_valid_token_gives_its_claims(keys: TokenKeys) -> None:
    token = keys.sign("ann", now=NOW, seconds=60, tenant="t", scope="tasks")
    claims = JwtAuth.parse(data(keys)).claims_of(bearer(token), {}, NOW + 59)
    assert claims is not None
    assert (claims["sub"], claims["tenant"], claims["scope"]) == ("ann", "t", "tasks")


def test_the_key_set_may_be_given_in_each_documented_form(keys: TokenKeys) -> None:
    token = keys.sign("ann", now=NOW, seconds=60)
    key = keys.jwks["keys"][0]
    for form in ({"jwks": keys.jwks}, {"jwks": [key]}, {"jwk": key, "jwks": None}):
        assert JwtAuth.parse(data(keys, **form)).claims_of(bearer(token), {}, NOW)


def test_no_token_is_400_unless_that_is_allowed(keys: TokenKeys) -> None:
    with pytest.raises(GatewayError, match="JWT required") as caught:
        JwtAuth.parse(data(keys)).claims_of({}, {}, NOW)
    assert (caught.value.status, caught.value.code) == (400, "I400JR")
    assert JwtAuth.parse(data(keys, bypassEmptyToken=True)).claims_of({}, {}, NOW) is None


def test_an_expired_token_is_refused_by_the_clouds_clock(keys: TokenKeys) -> None:
    token = keys.sign("ann", now=NOW, seconds=60)
    with pytest.raises(GatewayError, match="expired") as caught:
        JwtAuth.parse(data(keys)).claims_of(bearer(token), {}, NOW + 60)
    assert (caught.value.status, caught.value.code) == (403, "A403JE")
    assert JwtAuth.parse(data(keys, ignoreExpirationCheck=True)).claims_of(
        bearer(token), {}, NOW + 60
    )


def test_a_token_passes_once_where_replay_is_prevented(keys: TokenKeys) -> None:
    plugin = JwtAuth.parse(data(keys, preventJtiReplay=True))
    token = keys.sign("ann", now=NOW, seconds=60)
    assert plugin.claims_of(bearer(token), {}, NOW)
    with pytest.raises(GatewayError, match="is used") as caught:
        plugin.claims_of(bearer(token), {}, NOW)
    assert caught.value.code == "S403JU"
    assert plugin.claims_of(bearer(keys.sign("ann", now=NOW, seconds=60)), {}, NOW)


def forged(keys: TokenKeys, other: TokenKeys) -> list[str]:
    good = keys.sign("ann", now=NOW, seconds=60)
    kid = keys.jwks["keys"][0]["kid"]
    claims = {"sub": "eve", "exp": NOW + 60}
    head, body, tail = good.split(".")
    swapped = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return [
        other.sign("eve", now=NOW, seconds=60),
        jwt.encode(claims, "", "none", {"kid": kid}),
        jwt.encode(claims, keys.jwks["keys"][0]["n"], "HS256", {"kid": kid}),
        f"{head}.{swapped}.{tail}",
        f"{head}.{body}.",
        "not-a-token",
        "a.b.c",
        "x" * 20_000,
    ]


def test_a_forged_token_is_403(keys: TokenKeys, other_keys: TokenKeys) -> None:
    plugin = JwtAuth.parse(data(keys))
    for token in forged(keys, other_keys):
        with pytest.raises(GatewayError) as caught:
            plugin.claims_of(bearer(token), {}, NOW)
        assert caught.value.status == 403
        assert caught.value.code in {"A403JT", "A403JK"}


@pytest.mark.parametrize(
    "claims", [{"exp": "later"}, {}, {"exp": True}, {"exp": NOW + 9, "nbf": NOW + 1}]
)
def test_times_have_to_be_there_and_right(tmp_path: Path, claims: dict[str, Any]) -> None:
    keys = TokenKeys(tmp_path / "k.pem")
    private = (tmp_path / "k.pem").read_text()
    token = (
        jwt.encode({"sub": "a"} | claims, private, "RS256") if claims.get("exp") != "later" else ""
    )
    if not token:
        head = base64.urlsafe_b64encode(b'{"alg":"RS256"}').decode().rstrip("=")
        token = f"{head}.e30.AAAA"
    with pytest.raises(GatewayError, match="Invalid JWT"):
        JwtAuth.parse(data(keys)).claims_of(bearer(token), {}, NOW)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"issuer": "x"}, "issuer"),
        ({"parameterLocation": "cookie"}, "parameterLocation"),
        ({"parameter": ""}, "parameter"),
        ({"jwks": []}, "jwk"),
        ({"jwks": [{"kty": "RSA"}]}, "jwk"),
        ({"claimParameters": [{"claimName": "sub", "location": "body"}]}, "claimParameters"),
    ],
)
def test_plugin_data_that_is_wrong_names_the_field(
    keys: TokenKeys, changes: dict[str, Any], field: str
) -> None:
    with pytest.raises(CloudError, match=field):
        JwtAuth.parse(data(keys, **changes))


def test_calls_beyond_the_limit_wait_for_the_next_window() -> None:
    control = TrafficControl.parse('{"unit": "MINUTE", "apiDefault": 2}')
    counters = Counters()
    counters.take(control, "p", "api", None, NOW)
    counters.take(control, "p", "api", None, NOW + 1)
    with pytest.raises(GatewayError) as caught:
        counters.take(control, "p", "api", None, NOW + 10.5)
    assert (caught.value.status, caught.value.headers()["retry-after"]) == (429, "50")
    counters.take(control, "p", "another", None, NOW + 10.5)
    counters.take(control, "p", "api", None, NOW + 60)


def test_apps_have_limits_of_their_own() -> None:
    control = TrafficControl.parse(
        "unit: SECOND\napiDefault: 100\nappDefault: 1\nuserDefault: 3\n"
        "specials:\n- type: APP\n  policies:\n  - {key: '7', value: 2}\n"
    )
    counters = Counters()
    counters.take(control, "p", "api", "1", NOW)
    with pytest.raises(GatewayError, match="APP"):
        counters.take(control, "p", "api", "1", NOW)
    counters.take(control, "p", "api", "7", NOW)
    counters.take(control, "p", "api", "7", NOW)
    with pytest.raises(GatewayError, match="USER"):
        counters.take(control, "p", "api", "2", NOW)


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("{}", "unit"),
        ('{"unit": "WEEK"}', "unit"),
        ('{"unit": "DAY"}', "apiDefault"),
        ('{"unit": "DAY", "apiDefault": -1}', "apiDefault"),
        ('{"unit": "DAY", "apiDefault": "9"}', "apiDefault"),
        ('{"unit": "DAY", "apiDefault": 9, "scope": "API"}', "scope"),
        ("[", "neither JSON nor YAML"),
        ("[]", "object"),
    ],
)
def test_limits_that_are_wrong_name_the_field(text: str, field: str) -> None:
    with pytest.raises(CloudError, match=field):
        TrafficControl.parse(text)

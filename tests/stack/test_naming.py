"""Names stay within the limits of every service, and differ wherever environments do."""

from __future__ import annotations

import inspect

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stack.naming import FUNCTIONS, ROLE, Names, fitting

environments = st.from_regex(r"[a-z][a-z0-9]{1,9}", fullmatch=True)
accounts = st.from_regex(r"[0-9]{16}", fullmatch=True)
LABELS = {
    "function": FUNCTIONS,
    "role": (*FUNCTIONS, "gateway"),
    "policy": (*FUNCTIONS, "gateway", "notifier-signing"),
    "gateway": ("api", "jwt", "throttling", "submit_task", "register", "unregister", "notify"),
    "network": ("vpc", "populator", "functions", "nat", "functions-ap-southeast-1-a"),
}


def everything(names: Names) -> dict[str, str]:
    found = {}
    for attribute, value in inspect.getmembers(Names):
        if isinstance(value, property):
            found[attribute] = getattr(names, attribute)
    for method, labels in LABELS.items():
        for label in labels:
            found[f"{method} {label}"] = getattr(names, method)(label)
    return found


@given(environments, accounts)
def test_every_name_is_taken_by_its_service(environment: str, account: str) -> None:
    assert all(everything(Names(environment, account)).values())


@given(environments, environments, accounts)
def test_two_environments_share_no_name(one: str, other: str, account: str) -> None:
    if one != other:
        mine, theirs = everything(Names(one, account)), everything(Names(other, account))
        assert all(mine[key] != theirs[key] for key in mine)


@given(environments, accounts, accounts)
def test_what_is_unique_in_the_world_differs_by_account(
    environment: str, one: str, other: str
) -> None:
    if one != other:
        mine, theirs = Names(environment, one), Names(environment, other)
        for attribute in ("results_bucket", "artifacts_bucket", "log_project"):
            assert getattr(mine, attribute) != getattr(theirs, attribute)


def test_a_name_that_does_not_fit_says_what_would() -> None:
    with pytest.raises(ValueError, match="cannot be the name of a RAM role: it has to match"):
        fitting("under_score", ROLE)


def test_the_tablestore_instance_has_at_most_sixteen_characters() -> None:
    assert len(Names("a" * 10, "1" * 16).tablestore_instance) == 16
    with pytest.raises(ValueError, match="Tablestore"):
        _ = Names("a" * 11, "1" * 16).tablestore_instance

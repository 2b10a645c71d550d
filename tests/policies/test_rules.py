"""Every rule has compliant, violating and unknown fixtures, run by one test."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from policies.rules import RESOURCE_RULES, STACK_RULES
from policies.rules.model import UNKNOWN, Finding, Resource, ResourceRule, StackRule, Verdict

FIXTURES = Path(__file__).parent / "fixtures"
RULES: dict[str, ResourceRule | StackRule] = {
    rule.id: rule for rule in (*RESOURCE_RULES, *STACK_RULES)
}
VERDICTS = {
    "compliant": Verdict.COMPLIANT,
    "violating": Verdict.VIOLATION,
    "unknown": Verdict.UNKNOWN,
}
# Protection is an option of the program: nothing about it is ever computed by the cloud.
NEVER_UNKNOWN = {"data-protected"}


class _Loader(yaml.SafeLoader):
    """YAML with `!unknown` for what a preview does not know."""


_Loader.add_constructor("!unknown", lambda _loader, _node: UNKNOWN)


def fixtures(rule: str) -> dict[str, list[Any]]:
    loaded: dict[str, list[Any]] = yaml.load((FIXTURES / f"{rule}.yaml").read_text(), _Loader)
    return loaded


def cases() -> list[Any]:
    return [
        pytest.param(rule, kind, number, id=f"{rule}-{kind}-{number}")
        for rule in RULES
        for kind, listed in fixtures(rule).items()
        for number in range(len(listed))
    ]


def resource(given: dict[str, Any]) -> Resource:
    return Resource(
        type=given["type"],
        name="it",
        urn=f"urn:{given['type']}",
        props=given["props"],
        protect=given.get("protect", False),
        environment=given.get("environment", "dev"),
    )


def check(rule: ResourceRule | StackRule, given: Any) -> list[Finding]:
    if isinstance(rule, StackRule):
        return list(rule.check([resource(each) for each in given]))
    assert given["type"] in rule.types
    return list(rule.check(resource(given)))


@pytest.mark.parametrize(("rule", "kind", "number"), cases())
def test_a_rule_says_what_its_fixture_says(rule: str, kind: str, number: int) -> None:
    found = check(RULES[rule], fixtures(rule)[kind][number])
    verdicts = {finding.verdict for finding in found}
    if kind == "compliant":
        assert verdicts <= {Verdict.COMPLIANT}, found
    else:
        assert VERDICTS[kind] in verdicts, found
        assert all(finding.message for finding in found if finding.verdict is VERDICTS[kind])
    if kind == "unknown":
        assert Verdict.VIOLATION not in verdicts, "what nobody knows is no violation"


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_has_all_three_kinds_of_fixtures(rule: str) -> None:
    given = fixtures(rule)
    assert set(given) == set(VERDICTS)
    for kind, listed in given.items():
        assert listed or (kind == "unknown" and rule in NEVER_UNKNOWN), (
            f"{rule} has none that is {kind}"
        )


def test_no_fixture_is_left_over() -> None:
    assert {path.stem for path in FIXTURES.glob("*.yaml")} == set(RULES)


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.id)
def test_a_rule_tells_people_what_to_do(rule: ResourceRule | StackRule) -> None:
    assert rule.link.startswith("https://")
    for text in (rule.title, rule.reason, rule.remedy):
        assert text
    assert rule.reason.endswith(".")
    assert rule.remedy.endswith(".")
    assert rule.id == rule.id.lower()


def test_every_type_of_a_resource_rule_has_a_fixture() -> None:
    for rule in RESOURCE_RULES:
        listed = [given["type"] for kind in VERDICTS for given in fixtures(rule.id)[kind]]
        if rule.id != "required-tags" and rule.id != "data-protected":
            assert set(rule.types) == set(listed), rule.id

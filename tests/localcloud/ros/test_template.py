from __future__ import annotations

import json
from typing import Any

import pytest

from localcloud.core.errors import CloudError
from localcloud.ros.template import Template, resolve


def template(resources: dict[str, Any], **sections: Any) -> str:
    return json.dumps({"ROSTemplateFormatVersion": "2015-09-01", "Resources": resources} | sections)


def test_resources_come_in_the_order_of_their_references() -> None:
    parsed = Template.parse(
        template(
            {
                "C": {"Type": "T", "Properties": {"x": {"Fn::Sub": "${B}-${A.Id}"}}},
                "B": {"Type": "T", "Properties": {"x": {"Ref": "A"}}},
                "A": {"Type": "T"},
                "D": {"Type": "T", "DependsOn": "C"},
            }
        )
    )
    assert [resource.logical_id for resource in parsed.resources] == ["A", "B", "C", "D"]


def test_functions_are_evaluated() -> None:
    value = {
        "join": {"Fn::Join": ["-", ["a", {"Ref": "P"}]]},
        "sub": {"Fn::Sub": "x ${P} ${R.Id} ${!kept}"},
        "own": {"Fn::Sub": ["${v}", {"v": {"Ref": "P"}}]},
        "select": {"Fn::Select": ["1", ["a", "b"]]},
        "list": [{"Fn::GetAtt": ["R", "Id"]}],
    }
    found = resolve(value, lambda name: f"<{name}>", lambda res, att: f"<{res}.{att}>")
    assert found == {
        "join": "a-<P>",
        "sub": "x <P> <R.Id> ${kept}",
        "own": "<P>",
        "select": "b",
        "list": ["<R.Id>"],
    }


def test_parameters_have_defaults_and_must_be_defined() -> None:
    parsed = Template.parse(
        template({"A": {"Type": "T"}}, Parameters={"p": {"Type": "String"}, "q": {"Default": "2"}})
    )
    assert parsed.parameters({"p": "1"}) == {"p": "1", "q": "2"}
    with pytest.raises(CloudError, match="p has no value"):
        parsed.parameters({})
    with pytest.raises(CloudError, match="z is not defined"):
        parsed.parameters({"p": "1", "z": "1"})


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[1", "neither JSON nor YAML"),
        ("text", "object"),
        ("{}", "ROSTemplateFormatVersion"),
        (template({}), "no Resources"),
        (template({"A": {}}), "A has no Type"),
        (template({"A": {"Type": "T"}}, Mappings={}), "Mappings"),
        (template({"A": {"Type": "T", "Condition": "x"}}), "Condition"),
        (
            template({"A": {"Type": "T", "Properties": {"x": {"Ref": "B"}}}}),
            "B, which is not defined",
        ),
        (template({"A": {"Type": "T", "DependsOn": ["B"]}}), "B, which is not defined"),
        (
            template({"A": {"Type": "T", "DependsOn": "B"}, "B": {"Type": "T", "DependsOn": "A"}}),
            "depend on each other",
        ),
        (template({"A": {"Type": "T", "Properties": {"x": {"Fn::GetAtt": "A"}}}}), "list of two"),
    ],
)
def test_a_template_that_is_wrong_says_why(text: str, why: str) -> None:
    with pytest.raises(CloudError, match=why):
        Template.parse(text)


def test_an_unknown_function_is_named() -> None:
    with pytest.raises(CloudError, match="Fn::Index"):
        resolve({"Fn::Index": []}, str, lambda _, name: name)

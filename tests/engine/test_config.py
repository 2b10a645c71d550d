"""Projects and configurations: what the program gets, and one clear message for what is wrong."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from engine.config import load_configuration, load_project, stacks
from engine.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def test_values_reach_the_program_as_the_cli_writes_them(make_project: Callable[..., Path]) -> None:
    root = make_project(
        "",
        project="config:\n  size: {type: integer, default: 3}\n  alicloud:region: {value: here}\n",
        config="""
            flag: true
            on: "on"
            word: yes
            number: 1.0
            other:group: {b: [1, null, "ü"], a: {x: 2.5}}
        """,
    )
    project = load_project(root)

    assert load_configuration(project, "dev").values == {
        "trial:size": "3",
        "alicloud:region": "here",
        "trial:flag": "true",
        "trial:on": "on",
        "trial:word": "yes",
        "trial:number": "1",
        "other:group": '{"a":{"x":2.5},"b":[1,null,"ü"]}',
    }


def test_overrides_are_merged_into_objects_and_replace_everything_else(
    make_project: Callable[..., Path],
) -> None:
    root = make_project("", config="group: {a: {x: 1, y: 2}, b: [1]}\nword: old\n")
    overrides = {"group": {"a": {"x": 9}, "b": [2]}, "trial:word": "new", "other:thing": {"k": 1}}

    values = load_configuration(load_project(root), "dev", overrides).values

    assert json.loads(values["trial:group"]) == {"a": {"x": 9, "y": 2}, "b": [2]}
    assert values["trial:word"] == "new"
    assert values["other:thing"] == '{"k":1}'


def test_secure_values_are_placeholders_and_secret_wherever_they_stand(
    make_project: Callable[..., Path],
) -> None:
    root = make_project("", config="key: {secure: AAAA}\ngroup: {list: [{secure: BBBB}], n: 1}\n")

    configuration = load_configuration(load_project(root), "dev", secrets={"token": "t0ken"})

    assert configuration.secret_keys == {"trial:key", "trial:group", "trial:token"}
    assert configuration.values["trial:key"] == "[secret]"
    assert json.loads(configuration.values["trial:group"]) == {"list": ["[secret]"], "n": 1}
    assert configuration.values["trial:token"] == "t0ken"
    assert set(configuration.shown().values()) == {"[secret]"}


def test_only_files_of_stacks_name_stacks(make_project: Callable[..., Path]) -> None:
    root = make_project("")
    (root / "Pulumi.prod.yaml").write_text("")

    assert stacks(root) == ["dev", "prod"]


@pytest.mark.parametrize("stack", ["nowhere", "../dev", "", "a" * 101])
def test_an_unknown_stack_is_named_with_the_known_ones(
    make_project: Callable[..., Path], stack: str
) -> None:
    project = load_project(make_project(""))

    with pytest.raises(EngineError, match=r"no stack named .*known: dev"):
        load_configuration(project, stack)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: [", r"Pulumi\.yaml: line 1"),
        ("- a", r"must be a map"),
        ("runtime: python", r"'name' is missing"),
        ("name: x\nruntime: nodejs", r"'runtime' is 'nodejs'"),
        ("name: x\nruntime: python\nmain: elsewhere", r"no program"),
        ("name: x\nruntime: python\nconfig: {a: {b: 1}}", r"config key 'a' has 'b'"),
        ("name: x\nruntime: python\nconfig: [1]", r"'config' must be a map"),
    ],
)
def test_a_wrong_project_file_has_one_message(
    make_project: Callable[..., Path], text: str, message: str
) -> None:
    root = make_project("")
    (root / "Pulumi.yaml").write_text(text)

    with pytest.raises(EngineError, match=message):
        load_project(root)


def test_a_missing_project_and_a_missing_value_have_one_message(
    make_project: Callable[..., Path], tmp_path: Path
) -> None:
    with pytest.raises(EngineError, match="no Pulumi project here"):
        load_project(tmp_path)

    project = load_project(make_project("", project="config:\n  size: {type: integer}\n"))
    with pytest.raises(EngineError, match="missing the configuration value 'trial:size'"):
        load_configuration(project, "dev")


@pytest.mark.parametrize("text", ["config:\n  a: b: c", "config: [1]", "\tx", "config: 5"])
def test_a_broken_stack_file_names_the_file(make_project: Callable[..., Path], text: str) -> None:
    root = make_project("")
    (root / "Pulumi.dev.yaml").write_text(text)

    with pytest.raises(EngineError, match=r"^Pulumi\.dev\.yaml:"):
        load_configuration(load_project(root), "dev")

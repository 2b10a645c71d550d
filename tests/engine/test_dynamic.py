"""Dynamic resources, run by the SDK's own provider process."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from engine.deploy import up
from engine.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.engine.conftest import MemoryCloud

PROVIDER = '''
"""A dynamic provider that writes down what it was asked to do."""

import os
from pathlib import Path

import pulumi
from pulumi import dynamic


def note(text):
    with Path("log.txt").open("a") as file:
        file.write(text + "\\n")


class Provider(dynamic.ResourceProvider):
    def check(self, olds, news):
        failures = [dynamic.CheckFailure("digest", "too short")] if len(news["digest"]) < 2 else []
        return dynamic.CheckResult({**news, "checked": True}, failures)

    def diff(self, id_, olds, news):
        same = olds["digest"] == news["digest"] and olds["key"] == news["key"]
        replaces = ["digest"] if olds["digest"] != news["digest"] else []
        return dynamic.DiffResult(changes=not same, replaces=replaces, delete_before_replace=True)

    def create(self, props):
        if props["digest"] == "refused":
            raise ValueError("the registry refused it")
        note(f"create {props['digest']} {props['key']} {os.environ['CREDENTIAL']}")
        outputs = {**props, "url": "u:" + props["digest"]}
        return dynamic.CreateResult("id-" + props["digest"], outputs)

    def update(self, id_, olds, news):
        note(f"update {id_} {olds['key']} to {news['key']}")
        return dynamic.UpdateResult({**news, "url": olds["url"]})

    def delete(self, id_, props):
        note(f"delete {id_} {props['digest']}")


class Push(dynamic.Resource, module="artifacts", name="Push"):
    url: pulumi.Output[str]

    def __init__(self, name, digest, key):
        super().__init__(Provider(), name, {"digest": digest, "key": key, "url": None})
'''

PROGRAM = """
    from artifacts import Push

    if config.get("digest"):
        push = Push("push", config.require("digest"), config.require_secret("key"))
        Thing("user", label=push.url)
"""


async def test_a_dynamic_resource_lives_its_life(
    make_project: Callable[..., Path], cloud: MemoryCloud, tmp_path: Path
) -> None:
    root = make_project(PROGRAM)
    (root / "artifacts.py").write_text(PROVIDER)
    state = tmp_path / "state.json"

    async def deploy(digest: str, key: str) -> dict[str, int]:
        result = await up(
            root,
            "dev",
            cloud,
            state=state,
            config={"digest": digest},
            secrets={"key": key},
            environment={"CREDENTIAL": "from-outside"},
        )
        return result.summary

    assert await deploy("d1", "first-key") == {"create": 3}
    assert list(cloud.things.values()) == [{"label": "u:d1"}]
    assert await deploy("d1", "first-key") == {"same": 3}
    assert await deploy("d1", "second-key") == {"same": 2, "update": 1}
    assert await deploy("d2", "second-key") == {"replace": 1, "same": 1, "update": 1}
    assert "second-key" not in state.read_text()
    assert "from-outside" not in state.read_text()
    with pytest.raises(EngineError, match="push has invalid inputs: digest: too short"):
        await deploy("x", "second-key")
    with pytest.raises(EngineError, match=r"failed: ValueError: the registry refused it$"):
        await deploy("refused", "second-key")
    assert await deploy("", "second-key") == {"delete": 2, "same": 1}
    assert (root / "log.txt").read_text().splitlines() == [
        "create d1 first-key from-outside",
        "update id-d1 first-key to second-key",
        "delete id-d1 d1",
        "create d2 second-key from-outside",
        "delete id-d2 d2",
    ]

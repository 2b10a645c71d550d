"""Small Pulumi projects, written from text, and a provider that keeps its cloud in memory."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from engine.deploy import UpResult, up
from engine.provider import Created, Difference, compare_inputs

if TYPE_CHECKING:
    from collections.abc import Callable

THING = textwrap.dedent(
    """
    import pulumi
    from pulumi import Output, ResourceOptions

    config = pulumi.Config()

    class Thing(pulumi.CustomResource):
        token: Output[str]
        size: Output[int]
        label: Output[str]

        def __init__(self, name, opts=None, **props):
            props = {"token": None, **props}
            super().__init__("test:index:Thing", name, props, opts)

    class Group(pulumi.ComponentResource):
        def __init__(self, name, opts=None):
            super().__init__("test:index:Group", name, None, opts)
    """
)


@pytest.fixture
def make_project(tmp_path: Path) -> Callable[..., Path]:
    """Write a project: the program gets ``Thing`` (a resource) and ``Group`` (a component)."""

    def make(program: str, *, config: str = "", project: str = "", stack: str = "dev") -> Path:
        root = tmp_path / "project"
        root.mkdir(exist_ok=True)
        (root / "Pulumi.yaml").write_text(f"name: trial\nruntime: python\n{project}")
        body = textwrap.dedent(config)
        (root / f"Pulumi.{stack}.yaml").write_text(
            "config:\n" + textwrap.indent(body, "  ") if body else "{}\n"
        )
        (root / "__main__.py").write_text(THING + textwrap.dedent(program))
        return root

    return make


@dataclass
class MemoryCloud:
    """A provider for tests: resources are entries of a dict, operations are recorded."""

    things: dict[str, dict[str, Any]] = field(default_factory=dict)
    calls: list[tuple[str, str]] = field(default_factory=list)
    made: int = 0
    replace_on: tuple[str, ...] = ()
    delete_first: bool = False
    fail: dict[tuple[str, str], Exception] = field(default_factory=dict)

    def difference(self, type_: str, old: dict[str, Any], new: dict[str, Any]) -> Difference:
        compared = compare_inputs(old, new)
        forced = tuple(key for key in compared.keys if key in self.replace_on)
        return Difference("replace", forced, self.delete_first) if forced else compared

    async def create(self, type_: str, urn: str, inputs: dict[str, Any]) -> Created:
        self.made += 1
        id_ = f"{self._note('create', urn)}-{self.made}"
        self.things[id_] = inputs
        return Created(id_, {"token": f"token of {id_}"})

    async def update(
        self, type_: str, urn: str, id_: str, old_outputs: dict[str, Any], inputs: dict[str, Any]
    ) -> dict[str, Any]:
        self._note("update", urn)
        self.things[id_] = inputs
        return {"token": old_outputs["token"]}

    async def delete(self, type_: str, urn: str, id_: str, outputs: dict[str, Any]) -> None:
        self._note("delete", urn)
        self.things.pop(id_, None)

    async def read(self, type_: str, id_: str, inputs: dict[str, Any]) -> Created:
        return Created(id_, {"token": f"found {id_}"})

    async def call(self, token: str, args: dict[str, Any]) -> dict[str, Any]:
        return {"answer": f"{token} {args['question']}"}

    def _note(self, op: str, urn: str) -> str:
        name = urn.rsplit("::", 1)[-1]
        if error := self.fail.get((op, name)):
            raise error
        self.calls.append((op, name))
        return name


@pytest.fixture
def cloud() -> MemoryCloud:
    return MemoryCloud()


CHAIN = """
    size = config.get_int("size") or 1
    a = Thing("a", size=size)
    b = Thing("b", label=a.token)
    pulumi.export("token", b.token)
    pulumi.export("label", b.label)
"""
"""A program of two things, one made from the other."""


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state" / "dev.json"


@pytest.fixture
def deploy(
    make_project: Callable[..., Path], cloud: MemoryCloud, state: Path
) -> Callable[..., Any]:
    async def run(program: str, **options: Any) -> UpResult:
        return await up(make_project(program), "dev", cloud, state=state, **options)

    return run


def names(cloud: MemoryCloud) -> set[str]:
    return {id_.rsplit("-", 1)[0] for id_ in cloud.things}

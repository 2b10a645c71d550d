"""Deployments: create, update, replace, delete; previews against what is deployed."""

from __future__ import annotations

import asyncio
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.fernet import Fernet

from engine.deploy import up
from engine.errors import EngineError, OperationFailed, ProgramFailed
from engine.preview import PreviewFailed, preview

if TYPE_CHECKING:
    from collections.abc import Callable

    from engine.events import ResourceEvent
    from tests.engine.conftest import MemoryCloud


from tests.engine.conftest import CHAIN, names


async def test_outputs_flow_from_resource_to_resource(
    deploy: Callable[..., Any], cloud: MemoryCloud
) -> None:
    events: list[ResourceEvent] = []

    result = await deploy(CHAIN, on_event=events.append)

    assert cloud.things == {"a-1": {"size": 1}, "b-2": {"label": "token of a-1"}}
    assert result.outputs == {"token": "token of b-2", "label": "token of a-1"}
    assert result.summary == {"create": 3}
    assert [state.name for state in result.resources] == ["trial-dev", "a", "b"]
    phases = [(event.phase, event.op) for event in events if event.name == "a"]
    assert phases == [("registered", ""), ("started", "create"), ("done", "create")]
    assert events[0].parent is None
    assert all(event.parent for event in events if event.name == "a")


async def test_the_same_program_again_does_nothing(
    deploy: Callable[..., Any], cloud: MemoryCloud, state: Path
) -> None:
    first = await deploy(CHAIN)
    cloud.calls.clear()
    written = state.read_text()

    second = await deploy(CHAIN)

    assert cloud.calls == []
    assert second.summary == {"same": 3}
    assert second.outputs == first.outputs
    assert state.read_text() == written


async def test_update_replace_and_delete(deploy: Callable[..., Any], cloud: MemoryCloud) -> None:
    await deploy(CHAIN + '    Thing("gone", label=b.token)\n')
    cloud.calls.clear()

    updated = await deploy(CHAIN, config={"size": 2})
    assert cloud.calls == [("update", "a"), ("delete", "gone")]
    assert updated.summary == {"delete": 1, "same": 2, "update": 1}

    cloud.calls.clear()
    cloud.replace_on = ("size",)
    replaced = await deploy(CHAIN, config={"size": 3})
    assert cloud.calls == [("create", "a"), ("update", "b"), ("delete", "a")]
    assert replaced.summary == {"replace": 1, "same": 1, "update": 1}
    assert names(cloud) == {"a", "b"}


@pytest.mark.parametrize("by_program", [True, False])
async def test_delete_before_replace(
    deploy: Callable[..., Any], cloud: MemoryCloud, by_program: bool
) -> None:
    option = "ResourceOptions(delete_before_replace=True)" if by_program else "None"
    program = f'Thing("a", {option}, size=config.require_int("size"))'
    await deploy(program, config={"size": 1})
    cloud.calls.clear()
    cloud.replace_on, cloud.delete_first = ("size",), not by_program

    await deploy(program, config={"size": 2})

    assert cloud.calls == [("delete", "a"), ("create", "a")]


async def test_options_about_changes(deploy: Callable[..., Any], cloud: MemoryCloud) -> None:
    program = """
        n = config.require_int("n")
        Thing("kept", ResourceOptions(ignore_changes=["size", "deep.a", "many[1]"]),
              size=n, deep={"a": n, "b": n}, many=[n, n])
        Thing("fresh", ResourceOptions(replace_on_changes=["size"]), size=n)
    """
    await deploy(program, config={"n": 1})
    cloud.calls.clear()

    await deploy(program, config={"n": 2})

    assert sorted(cloud.calls) == [("create", "fresh"), ("delete", "fresh"), ("update", "kept")]
    kept = next(inputs for id_, inputs in cloud.things.items() if id_.startswith("kept"))
    assert kept == {"size": 1, "deep": {"a": 1, "b": 2}, "many": [2, 1]}


async def test_protected_resources_stay(deploy: Callable[..., Any], cloud: MemoryCloud) -> None:
    await deploy('Thing("a", ResourceOptions(protect=True))\nThing("b")')

    with pytest.raises(OperationFailed, match=r"delete of .*::a failed: it is protected"):
        await deploy("")
    assert names(cloud) == {"a", "b"}

    await deploy('Thing("a", ResourceOptions(protect=False))')
    await deploy("")
    assert names(cloud) == set()


async def test_a_protected_resource_is_not_replaced(
    deploy: Callable[..., Any], cloud: MemoryCloud
) -> None:
    program = 'Thing("a", ResourceOptions(protect=True), size=config.require_int("size"))'
    await deploy(program, config={"size": 1})
    cloud.replace_on = ("size",)

    with pytest.raises(EngineError, match=r"::a must be replaced \(changed: size\)"):
        await deploy(program, config={"size": 2})
    assert cloud.calls == [("create", "a")]


async def test_retained_resources_are_forgotten(
    deploy: Callable[..., Any], cloud: MemoryCloud, state: Path
) -> None:
    await deploy('Thing("a", ResourceOptions(retain_on_delete=True))')
    await deploy("")

    assert names(cloud) == {"a"}
    assert "::a" not in state.read_text()


async def test_what_goes_with_another_is_not_deleted_by_itself(
    deploy: Callable[..., Any], cloud: MemoryCloud
) -> None:
    await deploy('a = Thing("a")\nThing("b", ResourceOptions(deleted_with=a))')
    cloud.calls.clear()
    await deploy("")

    assert cloud.calls == [("delete", "a")]


async def test_aliases_keep_what_was_renamed(
    deploy: Callable[..., Any], cloud: MemoryCloud, state: Path
) -> None:
    await deploy('g = Group("old")\nThing("old-child", ResourceOptions(parent=g))\nThing("x")')
    cloud.calls.clear()

    result = await deploy(
        """
        g = Group("new", ResourceOptions(aliases=[pulumi.Alias(name="old")]))
        Thing("new-child", ResourceOptions(parent=g))
        Thing("y", ResourceOptions(aliases=["urn:pulumi:dev::trial::test:index:Thing::x"]))
        """
    )

    assert cloud.calls == []
    assert result.summary == {"same": 4}
    assert "::old" not in state.read_text()


async def test_deletions_go_from_dependents_to_dependencies(
    deploy: Callable[..., Any], cloud: MemoryCloud
) -> None:
    await deploy(
        """
        last = Thing("z")
        for name in "cab":
            last = Thing(name, label=last.token)
        Thing("child", ResourceOptions(parent=last))
        """
    )
    cloud.calls.clear()
    await deploy("")

    assert [name for _, name in cloud.calls] == ["child", "b", "a", "c", "z"]


async def test_data_sources_reads_and_providers(
    deploy: Callable[..., Any], cloud: MemoryCloud
) -> None:
    program = """
        class Cloud(pulumi.ProviderResource):
            def __init__(self, name):
                super().__init__("test", name, {"region": "here"})

        provider = Cloud("cloud")
        answer = pulumi.runtime.invoke_output("test:index:ask", {"question": "why"})
        there = Thing("there", ResourceOptions(id="i-7"))
        Thing("a", ResourceOptions(provider=provider),
              answer=answer.apply(lambda a: a["answer"]), other=there.token, id2=there.id)
    """
    await deploy(program)
    assert list(cloud.things.values()) == [
        {"answer": "test:index:ask why", "other": "found i-7", "id2": "i-7"}
    ]

    assert (await deploy(program)).summary == {"read": 1, "same": 3}
    await deploy("")
    assert cloud.calls == [("create", "a"), ("delete", "a")]


async def test_secrets_are_encrypted_at_rest_and_clear_for_the_provider(
    deploy: Callable[..., Any], cloud: MemoryCloud, state: Path
) -> None:
    program = """
        secret = config.require_secret("key")
        a = Thing("a", ResourceOptions(additional_secret_outputs=["token"]),
                  label=secret, deep=[{"x": secret}])
        pulumi.export("out", a.label)
        pulumi.export("token", a.token)
        pulumi.export("open", 1)
    """
    result = await deploy(program, secrets={"key": "hunter2"})

    assert cloud.things["a-1"] == {"label": "hunter2", "deep": [{"x": "hunter2"}]}
    assert result.outputs["out"] == "hunter2"
    assert result.secret_outputs == {"out", "token"}
    assert "hunter2" not in state.read_text()
    assert "hunter2" not in repr(result.resources)
    assert "token of" not in state.read_text()
    key = state.with_name(state.name + ".key")
    assert [stat.S_IMODE(path.stat().st_mode) for path in (state, key)] == [0o600, 0o600]
    again = await deploy(program, secrets={"key": "hunter2"})
    assert again.summary == {"same": 2}

    secret_key = key.read_bytes()
    key.unlink()
    with pytest.raises(EngineError, match=r"key .* is missing"):
        await deploy(program, secrets={"key": "hunter2"})
    key.write_bytes(secret_key[::-1][:10])
    with pytest.raises(EngineError, match="not a Fernet key"):
        await deploy(program, secrets={"key": "hunter2"})
    key.write_bytes(Fernet.generate_key())
    with pytest.raises(EngineError, match="encrypted with another key"):
        await deploy(program, secrets={"key": "hunter2"})


async def test_a_key_of_ones_own(deploy: Callable[..., Any], state: Path) -> None:
    key = Fernet.generate_key()
    await deploy('Thing("a", label=pulumi.Output.secret("x"))', protect_key=key)

    assert not state.with_name(state.name + ".key").exists()
    with pytest.raises(EngineError, match="not a Fernet key"):
        await deploy("", protect_key=b"short")


async def test_imported_resources_are_adopted(
    deploy: Callable[..., Any], cloud: MemoryCloud
) -> None:
    program = 'a = Thing("a", ResourceOptions(import_="i-7"), size=1)\npulumi.export("t", a.token)'

    result = await deploy(program)

    assert result.outputs == {"t": "found i-7"}
    assert result.summary == {"create": 1, "import": 1}
    assert (await deploy(program)).summary == {"same": 2}
    await deploy("")
    assert cloud.calls == [("delete", "a")]


async def test_an_operation_may_take_no_longer_than_its_timeout(
    deploy: Callable[..., Any], cloud: MemoryCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def for_ever(*_: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(cloud, "create", for_ever)

    with pytest.raises(OperationFailed, match=r"::a failed: it took longer than 0.05 s"):
        await deploy(
            'Thing("a", ResourceOptions(custom_timeouts=pulumi.CustomTimeouts(create="50ms")))'
        )


async def test_the_program_may_talk_but_not_of_secrets(deploy: Callable[..., Any]) -> None:
    result = await deploy('print("the key is", config.require("key"))', secrets={"key": "hunter2"})

    assert [entry.message for entry in result.diagnostics] == ["the key is [secret]"]

    with pytest.raises(ProgramFailed, match=r"ValueError: \[secret\] is wrong"):
        await deploy(
            'raise ValueError(config.require("key") + " is wrong")', secrets={"key": "hunter2"}
        )


async def test_a_preview_against_a_state(
    make_project: Callable[..., Path], cloud: MemoryCloud, state: Path
) -> None:
    program = """
        n = config.require_int("n")
        a = Thing("a", size=n)
        b = Thing("b", label=a.token, tags={"n": n, "m": 1})
        Thing("c", label=b.token)
        Thing("gone") if n == 1 else None
    """
    root = make_project(program)
    deployed = await up(root, "dev", cloud, state=state, config={"n": 1})
    written, calls = state.read_bytes(), list(cloud.calls)
    cloud.replace_on = ("size",)

    result = await preview(root, "dev", state=state, provider=cloud, config={"n": 2})

    token = next(entry.outputs["token"] for entry in deployed.resources if entry.name == "b")
    document = result.to_json()
    assert document["changeSummary"] == {"delete": 1, "replace": 1, "same": 2, "update": 1}
    steps = {step["urn"].rsplit("::", 1)[-1]: step for step in document["steps"]}
    assert set(steps) == {"trial-dev", "a", "b", "gone"}
    assert steps["a"]["diffReasons"] == steps["a"]["replaceReasons"] == ["size"]
    assert steps["a"]["detailedDiff"] == {"size": {"kind": "update-replace", "inputDiff": True}}
    assert steps["a"]["oldState"]["delete"] is True
    assert steps["b"]["detailedDiff"] == {
        "label": {"kind": "update", "inputDiff": True},
        "tags.n": {"kind": "update", "inputDiff": True},
    }
    assert steps["b"]["oldState"]["outputs"]["token"] == token
    assert "newState" not in steps["gone"]
    assert (state.read_bytes(), cloud.calls) == (written, calls)


async def test_a_preview_warns_of_protected_resources(
    make_project: Callable[..., Path], deploy: Callable[..., Any], state: Path
) -> None:
    await deploy('Thing("a", ResourceOptions(protect=True))')

    with pytest.raises(PreviewFailed, match="::a would be deleted, but is protected"):
        await preview(make_project(""), "dev", state=state)

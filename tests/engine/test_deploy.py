"""Deployments: create, update, replace, delete, and going on after any interruption."""

from __future__ import annotations

import asyncio
import json
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from cryptography.fernet import Fernet

from engine.deploy import UpResult, up
from engine.errors import EngineError, OperationFailed, ProgramFailed
from engine.preview import PreviewFailed, preview

if TYPE_CHECKING:
    from collections.abc import Callable

    from engine.events import ResourceEvent
    from tests.engine.conftest import MemoryCloud

REPOSITORY = Path(__file__).parents[2]

CHAIN = """
    size = config.get_int("size") or 1
    a = Thing("a", size=size)
    b = Thing("b", label=a.token)
    pulumi.export("token", b.token)
    pulumi.export("label", b.label)
"""


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


async def test_a_failed_operation_is_reported_and_the_next_run_goes_on(
    deploy: Callable[..., Any], cloud: MemoryCloud
) -> None:
    events: list[ResourceEvent] = []
    cloud.fail = {("create", "b"): RuntimeError("quota exceeded")}

    with pytest.raises(OperationFailed, match=r"create of .*::b failed: quota exceeded"):
        await deploy(CHAIN, on_event=events.append)

    failed = [event for event in events if event.phase == "failed"]
    assert [(event.name, event.error) for event in failed] == [("b", "quota exceeded")]
    cloud.fail = {}
    result = await deploy(CHAIN)
    assert cloud.calls == [("create", "a"), ("create", "b")]
    assert result.summary == {"create": 1, "same": 2}


@pytest.mark.parametrize("delete_first", [True, False])
@pytest.mark.parametrize("stage", ["create", "delete"])
async def test_an_interrupted_replacement_goes_on(
    deploy: Callable[..., Any], cloud: MemoryCloud, stage: str, delete_first: bool
) -> None:
    await deploy(CHAIN, config={"size": 1})
    cloud.calls.clear()
    cloud.replace_on, cloud.delete_first = ("size",), delete_first
    cloud.fail = {(stage, "a"): RuntimeError("interrupted")}

    with pytest.raises(OperationFailed, match="interrupted"):
        await deploy(CHAIN, config={"size": 2})
    cloud.fail = {}
    await deploy(CHAIN, config={"size": 2})

    ops = [op for op, name in cloud.calls if name == "a"]
    assert ops == (["delete", "create"] if delete_first else ["create", "delete"])
    assert sorted(names(cloud)) == ["a", "b"]
    assert [inputs["size"] for inputs in cloud.things.values() if "size" in inputs] == [2]
    cloud.calls.clear()
    await deploy(CHAIN, config={"size": 2})
    assert cloud.calls == []


DOOMED = """
import asyncio, json, os, sys
from pathlib import Path
from engine.deploy import up
from engine.provider import Created, compare_inputs

class Cloud:
    \"\"\"Keeps its things in a file, and dies with the process after some operations.\"\"\"

    left = int(sys.argv[3])

    def _change(self, name, inputs):
        path = Path(sys.argv[2])
        things = json.loads(path.read_text()) if path.exists() else {}
        things[name] = inputs
        path.write_text(json.dumps({k: v for k, v in things.items() if v is not None}))
        if self.left == 0:
            os._exit(9)
        self.left -= 1

    def difference(self, type_, old, new):
        return compare_inputs(old, new)

    async def create(self, type_, urn, inputs):
        name = urn.rsplit("::", 1)[-1]
        self._change(name, inputs)
        return Created(name, {"token": name})

    async def delete(self, type_, urn, id_, outputs):
        self._change(id_, None)

asyncio.run(up(Path(sys.argv[1]), "dev", Cloud(), state=Path(sys.argv[4])))
"""


@pytest.mark.parametrize("lives", [1, 2])
async def test_killed_again_and_again_it_still_gets_there(
    make_project: Callable[..., Path], tmp_path: Path, lives: int
) -> None:
    """Killed with the cloud changed and that not recorded; every run gets somewhat further."""
    things, state = tmp_path / "things.json", tmp_path / "state.json"

    async def until_done(root: Path) -> int:
        for attempt in range(10):
            command = (sys.executable, "-c", DOOMED, root, things, str(lives), state)
            process = await asyncio.create_subprocess_exec(*command, cwd=REPOSITORY)
            if await process.wait() == 0:
                return attempt
        raise AssertionError("it never ended")

    program = 'last = Thing("t0")\nfor n in "12":\n    last = Thing(f"t{n}", label=last.token)\n'
    attempts = await until_done(make_project(program))
    assert sorted(json.loads(things.read_text())) == ["t0", "t1", "t2"]
    assert attempts >= 1

    await until_done(make_project(""))
    assert json.loads(things.read_text()) == {}
    await gone(str(tmp_path))


async def gone(mark: str) -> None:
    """Wait until no process has a text in its command line."""
    for _ in range(200):
        lines = [process.info["cmdline"] or [] for process in psutil.process_iter(["cmdline"])]
        if not any(mark in word for line in lines for word in line):
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"a process of {mark} is still there")


async def test_cancelled_it_ends_the_program_and_keeps_what_is_done(
    make_project: Callable[..., Path], cloud: MemoryCloud, state: Path
) -> None:
    root = make_project("import time\na = Thing('a')\na.token.apply(lambda _: time.sleep(60))\n")
    done = asyncio.Event()

    def watch(event: ResourceEvent) -> None:
        if event.name == "a" and event.phase == "done":
            done.set()

    task = asyncio.create_task(up(root, "dev", cloud, state=state, on_event=watch))
    await asyncio.wait_for(done.wait(), 30)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, 20)

    assert "::a" in state.read_text()


async def test_a_failing_program_deletes_nothing(
    deploy: Callable[..., Any], cloud: MemoryCloud
) -> None:
    await deploy('Thing("a")')

    with pytest.raises(ProgramFailed, match="the reason"):
        await deploy("raise ValueError('the reason')")
    assert names(cloud) == {"a"}


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"version": 1}', '{"version": 1, "project": "x"}']
)
async def test_a_damaged_state_is_refused(
    deploy: Callable[..., Any], cloud: MemoryCloud, state: Path, text: str
) -> None:
    state.parent.mkdir()
    state.write_text(text)

    with pytest.raises(EngineError, match="is damaged"):
        await deploy(CHAIN)
    assert state.read_text() == text
    assert cloud.calls == []


async def test_the_state_of_another_stack_is_refused(
    deploy: Callable[..., Any], make_project: Callable[..., Path], cloud: MemoryCloud, state: Path
) -> None:
    await deploy("")

    root = make_project("", stack="prod")
    with pytest.raises(EngineError, match="belongs to project 'trial', stack 'dev'"):
        await up(root, "prod", cloud, state=state)


async def test_two_deployments_do_not_share_a_state(
    make_project: Callable[..., Path], cloud: MemoryCloud, state: Path
) -> None:
    root = make_project(CHAIN)
    inside = asyncio.Event()
    first = asyncio.create_task(
        up(root, "dev", cloud, state=state, on_event=lambda _: inside.set())
    )
    await asyncio.wait_for(inside.wait(), 30)

    with pytest.raises(EngineError, match="another deployment is working"):
        await up(root, "dev", cloud, state=state)
    await first


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

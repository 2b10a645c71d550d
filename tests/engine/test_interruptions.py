"""Deployments go on after any interruption, and refuse a state that is not theirs."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from engine.deploy import up
from engine.errors import EngineError, OperationFailed, ProgramFailed

if TYPE_CHECKING:
    from collections.abc import Callable

    from engine.events import ResourceEvent
    from tests.engine.conftest import MemoryCloud


from tests.engine.conftest import CHAIN, names

REPOSITORY = Path(__file__).parents[2]


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

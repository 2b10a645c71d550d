from __future__ import annotations

from pathlib import Path

import httpx
import psutil
import pytest

from engine.errors import EngineError
from engine.events import ResourceEvent
from localcloud.lock import StateInUse
from localcloud.server import open_port
from localcloud.up import RunningCloud, running


def headers(cloud: RunningCloud) -> dict[str, str]:
    return {"authorization": f"Bearer {cloud.token}"}


async def test_a_request_goes_through_gateway_and_function(small_cloud: RunningCloud) -> None:
    async with httpx.AsyncClient(base_url=small_cloud.api_url, timeout=20) as http:
        assert (await http.get("/v1/x")).status_code == 400
        answer = await http.post("/v1/x", content="hello", headers=headers(small_cloud))
        seen = answer.json()
        assert (answer.status_code, seen["method"], seen["body"]) == (200, "POST", "hello")
        assert seen["headers"]["x-claim-sub"] == "demo"
        assert seen["oss"] == small_cloud.endpoints["oss"]
        for path in ("/v1/crash", "/v1/bad"):
            failed = await http.get(path, headers=headers(small_cloud))
            assert (failed.status_code, failed.json()["code"]) == (502, "D502FC")
        health = (await http.get("/_local/health")).json()
        assert health["status"] == "ok"
        rebound = await http.get("/v1/x", headers={"host": "evil.example"})
        assert rebound.status_code == 421
    assert small_cloud.outputs["group"].endswith("-cn-hangzhou.alicloudapi.com")
    assert small_cloud.outputs["function"].endswith(":functions/echo")


async def test_a_role_that_may_not_invoke_is_a_502_that_says_so(
    small_project: Path, tmp_path: Path
) -> None:
    stack = small_project / "Pulumi.local.yaml"
    stack.write_text(stack.read_text() + "  small:allowed: another\n")
    async with (
        running(small_project, tmp_path / "state", environment={}) as cloud,
        httpx.AsyncClient(base_url=cloud.api_url) as http,
    ):
        answer = await http.get("/v1/x", headers=headers(cloud))
    assert answer.status_code == 502
    assert "fc:InvokeFunction" in answer.json()["detail"]
    assert "functions/echo" in answer.json()["detail"]


async def test_a_second_start_changes_nothing_and_works(
    small_project: Path, tmp_path: Path
) -> None:
    state = tmp_path / "state"
    async with running(small_project, state, environment={}) as first:
        port, group = first.cloud.config.port, first.outputs["group"]
        with pytest.raises(StateInUse):
            async with running(small_project, state, environment={}):
                pass
    events: list[ResourceEvent] = []
    async with running(small_project, state, on_event=events.append, environment={}) as again:
        assert again.cloud.config.port == port
        assert again.outputs["group"] == group
        assert set(again.result.summary) == {"same"}
        async with httpx.AsyncClient(base_url=again.api_url, timeout=20) as http:
            assert (await http.get("/v1/x", headers=headers(first))).status_code == 200
    assert {event.op for event in events if event.phase == "done"} == {"same"}


async def test_another_port_is_told_to_everybody(small_project: Path, tmp_path: Path) -> None:
    state = tmp_path / "state"
    async with running(small_project, state, environment={}) as first:
        before = first.cloud.config.port
    with open_port(before):
        async with (
            running(small_project, state, environment={}) as cloud,
            httpx.AsyncClient(base_url=cloud.api_url, timeout=20) as http,
        ):
            assert cloud.cloud.config.port != before
            assert cloud.result.summary["update"] >= 1
            seen = (await http.get("/v1/x", headers=headers(cloud))).json()
            assert seen["oss"] == cloud.api_url


async def test_nothing_is_left_behind(small_project: Path, tmp_path: Path) -> None:
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    async with running(small_project, tmp_path / "state", environment={}) as cloud:
        async with httpx.AsyncClient(base_url=cloud.api_url, timeout=20) as http:
            assert (await http.get("/v1/x", headers=headers(cloud))).status_code == 200
        assert cloud.cloud.fc.instances()
    assert {child.pid for child in psutil.Process().children(recursive=True)} <= before
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{cloud.api_url}/_local/health")


async def test_a_program_that_fails_says_why_and_the_state_goes_on(
    small_project: Path, tmp_path: Path
) -> None:
    program = small_project / "__main__.py"
    good = program.read_text()
    program.write_text(good.replace('runtime="python3.10"', 'runtime="cobol"'))
    state = tmp_path / "state"
    with pytest.raises(EngineError, match="cobol"):
        async with running(small_project, state, environment={}):
            pass
    program.write_text(good)
    async with running(small_project, state, environment={}) as cloud:
        assert cloud.result.summary["same"] >= 5
        assert cloud.result.summary["create"] >= 1


async def test_no_secret_is_in_the_state(small_project: Path, tmp_path: Path) -> None:
    async with running(small_project, tmp_path / "state", environment={}) as cloud:
        value = cloud.cloud.oos.value(cloud.cloud.oos.get("small-key"))
        assert value == "sk-very-secret"
    for path in (tmp_path / "state").rglob("*"):
        if path.is_file():
            assert b"sk-very-secret" not in path.read_bytes(), path

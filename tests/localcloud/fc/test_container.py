"""Custom containers: the image's command as a process, spoken to over HTTP."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import textwrap
from pathlib import Path
from typing import Any

import psutil
import pytest

from localcloud.core.errors import CloudError
from tests.localcloud.fc.conftest import Bench, Maker, close, error_of, gone, until
from tests.localcloud.fc.images import layer, push

SERVER = textwrap.dedent(
    """
    import json, os, pathlib, sys, threading, time
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

    STATE = {"initialized": 0}
    SEEN = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            pathlib.Path(os.environ["NOTES"], "pre-stop").touch()
            self.answer(b"")

        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.path == "/initialize":
                STATE["initialized"] += 1
                return self.answer(b"")
            print("working on", body.decode())
            command = json.loads(body)
            if command == "environment":
                return self.answer(json.dumps(dict(os.environ)).encode())
            if command == "look":
                return self.answer(json.dumps({
                    "headers": {k.lower(): v for k, v in self.headers.items()},
                    "cwd": os.getcwd(), "argv": sys.argv, "path": sys.path, **STATE,
                }).encode())
            if command == "fail":
                return self.answer(b"it failed", 404)
            if command == "crash":
                os._exit(3)
            if command == "meet":
                SEEN.append(1)
                while len(SEEN) < 2:
                    time.sleep(0.005)
                return self.answer(str(os.getpid()).encode())
            pathlib.Path(os.environ["NOTES"], "began").touch()
            time.sleep(60)

        def answer(self, body, status=200):
            self.send_response(200)
            self.send_header("x-fc-status", str(status))
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            pass

    address = (os.environ["LISTEN_HOST"], int(os.environ["FC_CUSTOM_LISTEN_PORT"]))
    ThreadingHTTPServer(address, Handler).serve_forever()
    """
)
CONFIG = {
    "Entrypoint": ["python3", "-m", "server"],
    "WorkingDir": "/app",
    "Env": ["PYTHONUNBUFFERED=1", "PATH=/usr/local/bin"],
}


def spec(image: str, notes: Path, **more: Any) -> dict[str, Any]:
    variables = {"NOTES": str(notes), **more.pop("variables", {})}
    return {
        "functionName": "box",
        "runtime": "custom-container",
        "handler": "not-used",
        "timeout": 10,
        "memorySize": 256,
        "instanceConcurrency": 2,
        "customContainerConfig": {"image": image, "port": 9000},
        "environmentVariables": variables,
        **more,
    }


@pytest.fixture
async def image(bench: Bench) -> str:
    return push(bench.images, "team/box", [layer({"app/server.py": SERVER})], CONFIG)


async def active(bench: Bench) -> None:
    assert await bench.settled("box") == "Active"


async def test_pending_until_the_image_is_there(bench: Bench, image: str, tmp_path: Path) -> None:
    described = bench.fc.create_function(spec(image, tmp_path))
    assert (described["state"], described["lastUpdateStatus"]) == ("Pending", "InProgress")
    with pytest.raises(CloudError) as refused:
        await bench.fc.invoke("box", b'"look"')
    assert refused.value.status == 503
    await active(bench)
    described = bench.fc.get_function("box")
    assert (described["state"], described["lastUpdateStatus"]) == ("Active", "Successful")
    assert (await bench.fc.invoke("box", b'"look"')).error_type is None


async def test_an_image_that_is_not_there(bench: Bench, tmp_path: Path) -> None:
    bench.fc.create_function(spec(f"registry.example.com/team/none@sha256:{'0' * 64}", tmp_path))
    assert await bench.settled("box") == "Failed"
    assert "not in the registry" in bench.fc.get_function("box")["stateReason"]
    with pytest.raises(CloudError, match="is Failed"):
        await bench.fc.invoke("box", b'"look"')


async def test_headers_and_environment(bench: Bench, image: str, tmp_path: Path) -> None:
    role = bench.role("worker")
    hook = {"initializer": {"timeout": 5}}
    bench.fc.create_function(spec(image, tmp_path, role=role, instanceLifecycleConfig=hook))
    await active(bench)
    seen = await bench.call("box", "look")
    headers, credentials = seen["headers"], bench.ram.credentials_for(role)
    assert headers["x-fc-request-id"] == bench.fc.invocations()[0].request_id
    assert headers["x-fc-access-key-id"] == credentials.access_key_id
    assert headers["x-fc-access-key-secret"] == credentials.access_key_secret
    assert headers["x-fc-security-token"] == credentials.security_token
    assert headers["x-fc-function-name"] == "box"
    assert headers["x-fc-control-path"] == "/invoke"
    assert headers["content-type"] == "application/octet-stream"
    assert seen["initialized"] == 1
    assert seen["cwd"].endswith("/app")
    assert not [entry for entry in seen["path"] if "site-packages" in entry]
    environment = await bench.call("box", "environment")
    assert environment["PYTHONUNBUFFERED"] == "1"
    assert environment["FC_FUNCTION_NAME"] == "box"
    assert environment["PATH"] != "/usr/local/bin"
    allowed = {"PATH", "HOME", "TMPDIR", "LANG", "LC_CTYPE", "NOTES", "LISTEN_HOST"}
    rest = {name for name in environment if not name.startswith(("FC_", "PYTHON"))}
    assert rest <= allowed


async def test_requests_share_an_instance(bench: Bench, image: str, tmp_path: Path) -> None:
    bench.fc.create_function(spec(image, tmp_path))
    await active(bench)
    first, second = await asyncio.gather(*(bench.fc.invoke("box", b'"meet"') for _ in range(2)))
    assert first.body == second.body
    (instance,) = bench.fc.instances()
    assert instance.state == "frozen"
    assert int(first.body) == instance.pid
    await until(lambda: psutil.Process(instance.pid).status() == psutil.STATUS_STOPPED)


async def test_a_failed_function(bench: Bench, image: str, tmp_path: Path) -> None:
    bench.fc.create_function(spec(image, tmp_path))
    await active(bench)
    result = await bench.fc.invoke("box", b'"fail"')
    assert (result.status, result.error_type, result.body) == (
        200,
        "HandledInvocationError",
        b"it failed",
    )


async def test_a_crash(bench: Bench, image: str, tmp_path: Path) -> None:
    bench.fc.create_function(spec(image, tmp_path))
    await active(bench)
    error, document = error_of(await bench.fc.invoke("box", b'"crash"'))
    assert error == "ProcessExited"
    assert "exit code 3" in document["errorMessage"]
    assert "working on" in document["errorMessage"]
    await until(lambda: not bench.fc.instances())


async def test_a_timeout(bench: Bench, image: str, tmp_path: Path) -> None:
    bench.fc.create_function(spec(image, tmp_path, timeout=1))
    await active(bench)
    error, _ = error_of(await bench.fc.invoke("box", b'"sleep"'))
    assert error == "FunctionTimeout"


async def test_killed_from_outside(bench: Bench, image: str, tmp_path: Path) -> None:
    bench.fc.create_function(spec(image, tmp_path))
    await active(bench)
    call = asyncio.create_task(bench.fc.invoke("box", b'"sleep"'))
    await until((tmp_path / "began").exists)
    (instance,) = bench.fc.instances()
    os.kill(instance.pid, signal.SIGKILL)
    error, document = error_of(await call)
    assert error == "ProcessExited"
    assert "SIGKILL" in document["errorMessage"]


async def test_output_is_its_log(bench: Bench, image: str, tmp_path: Path) -> None:
    bench.sls.put_project("proj")
    bench.sls.put_logstore("proj", "store")
    log = {"project": "proj", "logstore": "store"}
    bench.fc.create_function(spec(image, tmp_path, logConfig=log))
    await active(bench)
    await bench.fc.invoke("box", b'"look"')
    request = bench.fc.invocations()[0].request_id
    lines = await until(lambda: bench.sls.tail("proj", "store"))
    assert [(line.message, line.fields["requestId"]) for line in lines] == [
        ('working on "look"', request)
    ]


async def test_mounts_are_folders(bench: Bench, image: str, tmp_path: Path) -> None:
    file_system = bench.nas.create_file_system()
    bench.nas.put_access_group("readers")
    bench.nas.put_access_rule("readers", {"sourceCidrIp": "0.0.0.0/0", "rwAccessType": "RDONLY"})
    domain = bench.nas.create_mount_target(file_system, "readers")
    folder = bench.nas.folder(file_system) / "abc"
    folder.mkdir()
    (folder / "bundle.tar").write_text("bundle")
    nas = {"mountPoints": [{"serverAddr": f"{domain}:/abc", "mountDir": "/mnt/auto/python"}]}
    variables = {
        "DEPENDENCY_BUNDLE": "/mnt/auto/python/bundle.tar",
        "BOTH": "/mnt/auto/python:/mnt/auto/python/x",
        "OTHER": "/mnt/auto/python-other",
    }
    bench.fc.create_function(spec(image, tmp_path, nasConfig=nas, variables=variables))
    await active(bench)
    environment = await bench.call("box", "environment")
    assert environment["DEPENDENCY_BUNDLE"] == str(folder / "bundle.tar")
    assert environment["BOTH"] == f"{folder}:{folder}/x"
    assert environment["OTHER"] == "/mnt/auto/python-other"
    assert (folder / "bundle.tar").stat().st_mode & 0o222 == 0


async def test_a_refused_mount_fails_the_start(bench: Bench, image: str, tmp_path: Path) -> None:
    nas = {"mountPoints": [{"serverAddr": "nowhere.example.com:/", "mountDir": "/mnt/x"}]}
    bench.fc.create_function(spec(image, tmp_path, nasConfig=nas))
    await active(bench)
    error, document = error_of(await bench.fc.invoke("box", b'"look"'))
    assert error == "InstanceStartFailed"
    assert "nowhere.example.com" in document["errorMessage"]


@pytest.mark.parametrize(
    ("config", "text"),
    [
        ({"Entrypoint": ["/bin/nothing"]}, "/bin/nothing"),
        ({}, "neither an entrypoint nor a command"),
        ({"Entrypoint": ["python3", "-c", "raise SystemExit('cannot listen')"]}, "cannot listen"),
    ],
)
async def test_a_container_that_does_not_start(
    bench: Bench, tmp_path: Path, config: dict[str, Any], text: str
) -> None:
    image = push(bench.images, "team/box", [layer({"app/x": ""})], config)
    bench.fc.create_function(spec(image, tmp_path))
    await active(bench)
    result = await bench.fc.invoke("box", b'"look"')
    assert result.error_type in ("InstanceStartFailed", "ProcessExited")
    assert text in json.loads(result.body)["errorMessage"]
    await until(lambda: not bench.fc.instances())


async def test_a_command_of_the_function_wins(bench: Bench, tmp_path: Path) -> None:
    config = {"Entrypoint": ["/bin/nothing"], "Cmd": ["never"], "WorkingDir": "/"}
    image = push(bench.images, "team/box", [layer({"srv/main.py": SERVER})], config)
    container = {"image": image, "entrypoint": ["python3"], "command": ["/srv/main.py", "arg"]}
    bench.fc.create_function(spec(image, tmp_path, customContainerConfig=container))
    await active(bench)
    seen = await bench.call("box", "look")
    assert seen["argv"][1:] == ["arg"]
    assert seen["argv"][0].endswith("/srv/main.py")


async def test_after_a_restart_it_is_active_at_once(
    make_bench: Maker, image: str, bench: Bench, tmp_path: Path
) -> None:
    bench.fc.create_function(spec(image, tmp_path))
    await active(bench)
    await bench.fc.invoke("box", b'"look"')
    (pid,) = bench.pids()
    await close(bench)
    assert gone(pid)
    again = await make_bench()
    assert again.fc.get_function("box")["state"] == "Active"
    assert (await again.call("box", "look"))["initialized"] == 0

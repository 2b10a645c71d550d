"""The dynamic resources but for pushing: waiting, uploading, populating, comparing."""

from __future__ import annotations

import hashlib
import json
from http.server import BaseHTTPRequestHandler
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from stack.artifacts.bundle import build_bundle
from stack.artifacts.lock import LOCK_FILE, bundle_id
from stack.dynamic.active import FunctionActiveProvider, wait_until_active
from stack.dynamic.base import DeploymentError
from stack.dynamic.bundle import BundleUploadProvider, PopulateProvider
from stack.dynamic.credentials import from_environment
from stack.dynamic.image import ImagePushProvider
from tests.stack.loopback import serving
from tests.stack.world import PROJECT

if TYPE_CHECKING:
    from collections.abc import Iterator

PROVIDERS = (FunctionActiveProvider, BundleUploadProvider, PopulateProvider, ImagePushProvider)


def seen(
    state: str | None, update: str | None = None, reason: str | None = None
) -> SimpleNamespace:
    return SimpleNamespace(
        state=state,
        state_reason=reason,
        last_update_status=update,
        last_update_status_reason=None,
    )


class Clock:
    """Time that passes only by waiting."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> float:
        return self.seconds

    def pause(self, seconds: float) -> None:
        self.seconds += seconds


def wait(*states: SimpleNamespace, timeout: float = 60) -> tuple[str, float]:
    clock, left = Clock(), list(states)
    state = wait_until_active(
        lambda: left.pop(0) if len(left) > 1 else left[0],
        name="f",
        timeout=timeout,
        now=clock.now,
        pause=clock.pause,
    )
    return state, clock.seconds


def test_waiting_ends_when_the_function_is_active() -> None:
    assert wait(seen("Active", "Successful")) == ("Active", 0)
    assert wait(seen(None)) == ("Active", 0)
    state, seconds = wait(
        seen("Pending"), seen("Active", "InProgress"), seen("Active", "Successful")
    )
    assert state == "Active"
    assert 0 < seconds < 1


def test_waiting_ends_when_it_is_of_no_use() -> None:
    with pytest.raises(DeploymentError, match="ImagePullFailed") as caught:
        wait(seen("Pending"), seen("Failed", reason="ImagePullFailed"))
    assert "what ran before still runs" in str(caught.value)
    with pytest.raises(DeploymentError, match="its update Failed"):
        wait(seen("Active", "Failed"))


def test_waiting_ends_in_time() -> None:
    with pytest.raises(DeploymentError, match=r"still Pending after 7 s.*active_wait_s"):
        wait(seen("Pending"), timeout=7)


@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda each: each.__name__)
def test_a_step_compares_its_inputs_and_nothing_else(provider: type) -> None:
    old = {"a": 1, "b": "x", "__provider": "one", "output": 7}
    same = {"a": 1, "b": "x", "__provider": "two"}
    assert provider().diff("id", old, same).changes is False
    assert provider().diff("id", old, {**same, "a": 2}).changes is True
    assert provider().diff("id", old, {**same, "a": 2}).replaces == []
    provider().delete("id", old)


def test_credentials_come_from_the_environment_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ALIBABA_CLOUD_ACCESS_KEY_ID", "ALICLOUD_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(DeploymentError, match="set ALIBABA_CLOUD_ACCESS_KEY_ID"):
        from_environment()
    monkeypatch.setenv("ALICLOUD_ACCESS_KEY", "old")
    monkeypatch.setenv("ALICLOUD_SECRET_KEY", "old-secret")
    assert from_environment().access_key_id == "old"
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", "new")
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "new-secret")
    monkeypatch.setenv("ALIBABA_CLOUD_SECURITY_TOKEN", "token")
    found = from_environment()
    assert (found.access_key_id, found.security_token) == ("new", "token")
    assert "new-secret" not in repr(found)
    assert "token" not in repr(found).replace("security_token", "")


class _Cloud(BaseHTTPRequestHandler):
    """Enough of OSS and Function Compute for one bundle: objects by path, one function."""

    protocol_version = "HTTP/1.1"
    objects: dict[str, tuple[bytes, dict[str, str]]]
    puts: list[str]
    says: dict[str, Any]

    def do_HEAD(self) -> None:
        found = self.objects.get(self.path)
        if found is None:
            self._answer(404, {"x-oss-request-id": "1"})
        else:
            self._answer(200, {**found[1], "content-length": str(len(found[0]))})

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        meta = {k.lower(): v for k, v in self.headers.items() if k.lower().startswith("x-oss-meta")}
        self.objects[self.path] = (body, meta)
        self.puts.append(self.path)
        self._answer(200, {"x-oss-request-id": "1"})

    def do_GET(self) -> None:
        self._answer(200, {"content-type": "application/json"}, b'{"state": "Active"}')

    def do_POST(self) -> None:
        payload = json.loads(self.rfile.read(int(self.headers["content-length"])))
        stored = self.objects[f"/{payload['bucket']}/{payload['key']}"][0]
        digest = hashlib.sha256(stored).hexdigest()
        answer = {**payload, "sha256": digest, **self.says}
        failed = (
            {"x-fc-error-type": "UnhandledInvocationError"} if "errorMessage" in self.says else {}
        )
        self._answer(200, failed, json.dumps(answer).encode())

    def _answer(self, status: int, headers: dict[str, str], body: bytes = b"") -> None:
        self.send_response(status)
        for name, value in {"content-length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Nothing."""


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, type[_Cloud]]]:
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "secret")
    monkeypatch.delenv("ALIBABA_CLOUD_SECURITY_TOKEN", raising=False)
    handler = type("Handler", (_Cloud,), {"objects": {}, "puts": [], "says": {}})
    with serving(handler) as url:
        yield url, handler


def upload_inputs(url: str, bundle: str) -> dict[str, Any]:
    return {
        "bucket": "artifacts",
        "key": f"bundles/{bundle}.tar",
        "bundleId": bundle,
        "target": "host",
        "endpoint": url,
        "region": "cn-hangzhou",
    }


def populate_inputs(url: str, bundle: str) -> dict[str, Any]:
    return {
        "functionName": "agent-dev-populator",
        "bucket": "artifacts",
        "key": f"bundles/{bundle}.tar",
        "directory": bundle,
        "functionEndpoint": url,
        "objectEndpoint": url,
        "region": "cn-hangzhou",
        "timeoutSeconds": 10,
    }


def test_a_bundle_is_uploaded_once_and_populated(
    cloud: tuple[str, type[_Cloud]], monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    url, handler = cloud
    lock = tmp_path / "lock.txt"
    lock.write_text("".join(line for line in _lines_of_lock() if line.startswith("cycler")))
    small = build_bundle(PROJECT, "host", tmp_path / "out", lock)
    monkeypatch.setattr("stack.artifacts.bundle.build_bundle", lambda *_: small)
    uploaded = BundleUploadProvider().create(upload_inputs(url, small.name))
    again = BundleUploadProvider().update("id", {}, upload_inputs(url, small.name))
    assert uploaded.outs["sha256"] == again.outs["sha256"] == small.sha256
    assert again.outs["bytes"] == small.bytes
    assert len(handler.puts) == 1
    populated = PopulateProvider().create(populate_inputs(url, small.name))
    assert populated.outs["sha256"] == small.sha256
    assert populated.outs["directory"] == populated.id == small.name


def _lines_of_lock() -> list[str]:
    text = (PROJECT / LOCK_FILE).read_text()
    return [f"{line.split(' ')[0]}\n" for line in text.splitlines() if "==" in line]


def test_a_lock_that_changed_meanwhile_is_refused(
    cloud: tuple[str, type[_Cloud]], monkeypatch: pytest.MonkeyPatch
) -> None:
    other = SimpleNamespace(name="other", path="x", sha256="y", bytes=1)
    monkeypatch.setattr("stack.artifacts.bundle.build_bundle", lambda *_: other)
    with pytest.raises(DeploymentError, match="the lock file changed since the preview"):
        BundleUploadProvider().create(
            upload_inputs(cloud[0], bundle_id(PROJECT / LOCK_FILE, "host"))
        )


def test_a_populator_that_does_not_verify_stops_the_deployment(
    cloud: tuple[str, type[_Cloud]],
) -> None:
    url, handler = cloud
    inputs = populate_inputs(url, "b")
    with pytest.raises(DeploymentError, match="is not in artifacts any more"):
        PopulateProvider().create(inputs)
    meta = {"x-oss-meta-sha256": hashlib.sha256(b"tar").hexdigest()}
    handler.objects["/artifacts/bundles/b.tar"] = (b"tar", meta)
    handler.says = {"sha256": "another"}
    with pytest.raises(DeploymentError, match="What runs is untouched"):
        PopulateProvider().create(inputs)
    handler.says = {"errorMessage": "disk full"}
    with pytest.raises(DeploymentError, match="disk full"):
        PopulateProvider().create(inputs)


def test_the_official_sdk_asks_for_the_state(cloud: tuple[str, type[_Cloud]]) -> None:
    inputs = {
        "functionName": "f",
        "revision": "1",
        "endpoint": cloud[0],
        "region": "cn-hangzhou",
        "timeoutSeconds": 5,
    }
    assert FunctionActiveProvider().create(inputs).outs["state"] == "Active"

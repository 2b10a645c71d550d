"""Pushing an image: only what is missing travels, and every refusal says what to do."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from stack.artifacts.base import record_base
from stack.artifacts.image import BASE_FILE, build_image, make_image, read_base
from stack.artifacts.registry import Reference, Registry, RegistryError
from stack.dynamic.base import DeploymentError
from stack.dynamic.image import ImagePushProvider, login_of, push_layout
from tests.stack.loopback import RegistryState, registry
from tests.stack.test_artifacts import lay_out

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NAME = "agent/commander"


@pytest.fixture
def http() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=10) as client:
        yield client


def laid_out(tmp_path: Path) -> tuple[Path, str]:
    artifact = build_image(lay_out(tmp_path), tmp_path / "out")
    return tmp_path / "out" / "commander-image", f"sha256:{artifact.sha256}"


def digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


@pytest.mark.parametrize("challenge", ["Basic", "Bearer"])
def test_an_image_arrives_whole(tmp_path: Path, http: httpx.Client, challenge: str) -> None:
    layout, digest = laid_out(tmp_path)
    state = RegistryState(login=("user", "pass:word"), challenge=challenge)
    with registry(state) as url:
        push_layout(layout, digest, Registry(http, url, NAME, "user", "pass:word"), None)
    assert state.pushed[-1] == digest
    manifest = json.loads(state.manifests[NAME, digest])
    assert all((NAME, layer["digest"]) in state.blobs for layer in manifest["layers"])


def test_only_what_is_missing_travels(tmp_path: Path, http: httpx.Client) -> None:
    layout, digest = laid_out(tmp_path)
    state = RegistryState()
    with registry(state) as url:
        push_layout(layout, digest, Registry(http, url, NAME), None)
        first = list(state.pushed)
        push_layout(layout, digest, Registry(http, url, NAME), None)
        assert state.pushed == [*first, digest], "the manifest again, no blob"
        (tmp_path / "functions/commander/handler.py").write_text("NAME = 'changed'\n")
        artifact = build_image(tmp_path, tmp_path / "out")
        push_layout(layout, f"sha256:{artifact.sha256}", Registry(http, url, NAME), None)
    assert len(state.pushed) == len(first) + 1 + 3


def test_layers_of_the_base_are_mounted_or_copied(tmp_path: Path, http: httpx.Client) -> None:
    base_layer = b"an operating system"
    config = json.dumps({"config": {}, "rootfs": {"diff_ids": [digest_of(base_layer)]}}).encode()
    manifest = json.dumps(
        {
            "config": {"digest": digest_of(config), "size": len(config)},
            "layers": [
                {"mediaType": "x", "digest": digest_of(base_layer), "size": len(base_layer)}
            ],
        }
    ).encode()
    shared = RegistryState()
    for name, content in ((digest_of(base_layer), base_layer), (digest_of(config), config)):
        shared.blobs["library/python", name] = content
    for version in ("3.12", digest_of(manifest)):
        shared.manifests["library/python", version] = manifest
    root = lay_out(tmp_path)
    elsewhere = RegistryState()
    with registry(shared) as home, registry(elsewhere) as away:
        host = home.removeprefix("http://")
        base = record_base(root, f"{host}/library/python:3.12")
        assert base.reference == f"{host}/library/python@{digest_of(manifest)}"
        assert read_base(root) == base
        artifact = build_image(root, tmp_path / "out")
        layout, digest = tmp_path / "out" / "commander-image", f"sha256:{artifact.sha256}"
        push_layout(layout, digest, Registry(http, home, NAME), base.reference)
        assert digest_of(base_layer) not in shared.pushed, "mounted within one registry"
        push_layout(layout, digest, Registry(http, away, NAME), base.reference)
        assert elsewhere.blobs[NAME, digest_of(base_layer)] == base_layer
    layers = json.loads(make_image(root).manifest.content)["layers"]
    assert layers[0]["digest"] == digest_of(base_layer)


def test_an_index_gives_its_linux_image(tmp_path: Path) -> None:
    root = lay_out(tmp_path)
    config = b'{"rootfs": {"diff_ids": []}}'
    inner = json.dumps({"config": {"digest": digest_of(config), "size": 1}, "layers": []}).encode()
    entries = [
        {"digest": "sha256:" + "0" * 64, "platform": {"os": "linux", "architecture": "arm64"}},
        {"digest": digest_of(inner), "platform": {"os": "linux", "architecture": "amd64"}},
    ]
    state = RegistryState()
    state.blobs["base", digest_of(config)] = config
    state.manifests["base", "1"] = json.dumps({"manifests": entries}).encode()
    state.manifests["base", "2"] = json.dumps({"manifests": entries[:1]}).encode()
    state.manifests["base", digest_of(inner)] = inner
    with registry(state) as url:
        host = url.removeprefix("http://")
        assert record_base(root, f"{host}/base:1").reference.endswith(digest_of(inner))
        before = (root / BASE_FILE).read_bytes()
        with pytest.raises(RegistryError, match="no image for linux/amd64"):
            record_base(root, f"{host}/base:2")
        with pytest.raises(RegistryError, match="answered 404"):
            record_base(root, f"{host}/base:3")
    assert (root / BASE_FILE).read_bytes() == before


def test_credentials_do_not_travel_in_the_clear(http: httpx.Client) -> None:
    state = RegistryState(login=("u", "p"), challenge="Elsewhere")
    with registry(state) as url, pytest.raises(RegistryError, match="in the clear to elsewhere"):
        Registry(http, url, NAME, "u", "p").has_blob("sha256:" + "0" * 64)


def test_a_registry_that_lies_is_found_out(http: httpx.Client) -> None:
    state = RegistryState()
    wrong = "sha256:" + "1" * 64
    state.manifests[NAME, wrong] = b"{}"
    state.blobs[NAME, wrong] = b"other"
    with registry(state) as url:
        with pytest.raises(RegistryError, match="another digest"):
            Registry(http, url, NAME).manifest(wrong)
        with pytest.raises(RegistryError, match="came damaged"):
            Registry(http, url, NAME).blob(wrong)


@pytest.mark.parametrize("text", ["python", "library/python:3", ""])
def test_a_reference_names_its_registry(text: str) -> None:
    with pytest.raises(RegistryError, match="no full reference"):
        Reference.parse(text)
    found = Reference.parse("docker.io/library/python:3.12")
    assert (found.url, found.repository, found.version) == (
        "https://registry-1.docker.io",
        "library/python",
        "3.12",
    )


def inputs(url: str, layout: Path, digest: str, **changes: Any) -> dict[str, Any]:
    return {
        "layout": str(layout),
        "digest": digest,
        "requiresBase": False,
        "address": "registry.example.com/agent/commander",
        "registry": url,
        "repository": NAME,
        "accessKeyLogin": True,
        "region": "cn-hangzhou",
        **changes,
    }


@pytest.fixture
def access_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "secret")
    for name in ("ALIBABA_CLOUD_SECURITY_TOKEN", "REGISTRY_USERNAME", "REGISTRY_PASSWORD"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.usefixtures("access_key")
def test_the_resource_pushes_once_and_names_the_digest(tmp_path: Path) -> None:
    layout, digest = laid_out(tmp_path)
    state = RegistryState(login=("key", "secret"))
    with registry(state) as url:
        created = ImagePushProvider().create(inputs(url, layout, digest))
        count = len(state.pushed)
        ImagePushProvider().update(created.id, {}, inputs(url, layout, digest))
    assert created.outs["reference"] == f"registry.example.com/agent/commander@{digest}"
    assert created.id == f"{NAME}/{digest}"
    assert len(state.pushed) == count


@pytest.mark.usefixtures("access_key")
def test_a_refusal_names_the_call_and_says_that_nothing_changed(tmp_path: Path) -> None:
    layout, digest = laid_out(tmp_path)
    state = RegistryState(login=("key", "secret"), refuse_uploads=True)
    with (
        registry(state) as url,
        pytest.raises(DeploymentError, match="what runs is untouched") as caught,
    ):
        ImagePushProvider().create(inputs(url, layout, digest))
    assert "answered 403: quota" in str(caught.value)
    with pytest.raises(DeploymentError, match="cannot be pushed"):
        ImagePushProvider().create(inputs(url, layout, digest))


@pytest.mark.usefixtures("access_key")
def test_an_image_without_python_is_not_pushed_to_a_cloud(tmp_path: Path) -> None:
    layout, digest = laid_out(tmp_path)
    with pytest.raises(DeploymentError, match=r"stack\.artifacts base REFERENCE"):
        ImagePushProvider().create(inputs("http://unused", layout, digest, requiresBase=True))


def test_what_to_log_in_with(monkeypatch: pytest.MonkeyPatch, access_key: None) -> None:
    settings = {
        "registry": "https://r.example.com",
        "accessKeyLogin": False,
        "region": "cn-hangzhou",
    }
    with pytest.raises(DeploymentError, match=r"set image\.instance_id"):
        login_of(settings)
    assert login_of({**settings, "accessKeyLogin": True}) == ("key", "secret")
    monkeypatch.setenv("REGISTRY_USERNAME", "robot")
    monkeypatch.setenv("REGISTRY_PASSWORD", "pass")
    assert login_of(settings) == ("robot", "pass")

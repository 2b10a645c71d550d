"""The distribution API, request by request."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from localcloud.core.clock import SystemClock
from localcloud.core.config import CloudConfig
from localcloud.core.door import Door
from localcloud.core.errors import CloudError
from localcloud.ram import Ram
from localcloud.registry import Registry
from localcloud.registry.store import parse_reference

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"


def digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


@pytest.fixture
async def registry(tmp_path: Path) -> AsyncIterator[Registry]:
    config = CloudConfig(state_dir=tmp_path)
    ram = Ram(config, SystemClock())
    registry = Registry(config, ram)
    yield registry
    await registry.stop()
    ram.close()


@pytest.fixture
async def http(registry: Registry) -> AsyncIterator[httpx.AsyncClient]:
    keys = registry._ram.administrator
    transport = httpx.ASGITransport(Door([registry]))
    auth = (keys.access_key_id, keys.access_key_secret)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://127.0.0.1", auth=auth
    ) as client:
        yield client


async def push_blob(http: httpx.AsyncClient, content: bytes, repository: str = "team/app") -> str:
    begun = await http.post(f"/v2/{repository}/blobs/uploads/")
    assert begun.status_code == 202
    digest = digest_of(content)
    done = await http.put(begun.headers["location"], params={"digest": digest}, content=content)
    assert (done.status_code, done.headers["docker-content-digest"]) == (201, digest)
    return digest


async def manifest_of(http: httpx.AsyncClient, *contents: bytes) -> bytes:
    digests = [await push_blob(http, content) for content in contents]
    parts = [
        {"digest": digest, "size": len(content), "mediaType": "application/x"}
        for digest, content in zip(digests, contents, strict=True)
    ]
    return json.dumps({"schemaVersion": 2, "config": parts[0], "layers": parts[1:]}).encode()


async def push_manifest(
    http: httpx.AsyncClient, content: bytes, reference: str, kind: str = MANIFEST
) -> httpx.Response:
    path = f"/v2/team/app/manifests/{reference}"
    return await http.put(path, content=content, headers={"content-type": kind})


def code_of(answer: httpx.Response) -> str:
    return str(answer.json()["errors"][0]["code"])


async def test_ping_asks_for_a_login(http: httpx.AsyncClient) -> None:
    assert (await http.get("/v2/")).status_code == 200
    wrong = [None, ("x", "y"), (http._auth._auth_header[:9], "")]  # type: ignore[union-attr]
    for auth in wrong:
        http.auth = auth  # type: ignore[assignment]
        for path in ("/v2/", "/v2/team/app/tags/list"):
            answer = await http.get(path)
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"].startswith("Basic ")
            assert code_of(answer) == "UNAUTHORIZED"
    answer = await http.get("/v2/", headers={"authorization": "Basic %%%"})
    assert answer.status_code == 401


async def test_a_blob_in_one_piece(http: httpx.AsyncClient) -> None:
    digest = await push_blob(http, b"layer")
    head = await http.head(f"/v2/team/app/blobs/{digest}")
    assert (head.status_code, head.headers["content-length"]) == (200, "5")
    assert (await http.get(f"/v2/team/app/blobs/{digest}")).content == b"layer"
    part = await http.get(f"/v2/team/app/blobs/{digest}", headers={"range": "bytes=1-2"})
    assert (part.status_code, part.content) == (206, b"ay")


async def test_a_blob_in_one_request(http: httpx.AsyncClient) -> None:
    digest = digest_of(b"layer")
    done = await http.post(
        "/v2/team/app/blobs/uploads/", params={"digest": digest}, content=b"layer"
    )
    assert done.status_code == 201
    assert (await http.head(f"/v2/team/app/blobs/{digest}")).status_code == 200


async def test_a_blob_in_chunks(http: httpx.AsyncClient) -> None:
    location = (await http.post("/v2/team/app/blobs/uploads/")).headers["location"]
    first = await http.patch(location, content=b"one", headers={"content-range": "0-2"})
    assert (first.status_code, first.headers["range"]) == (202, "0-2")
    assert (await http.get(location)).headers["range"] == "0-2"
    again = await http.patch(location, content=b"two", headers={"content-range": "0-2"})
    assert (again.status_code, code_of(again)) == (416, "BLOB_UPLOAD_INVALID")
    await http.patch(location, content=b"two", headers={"content-range": "3-5"})
    done = await http.put(location, params={"digest": digest_of(b"onetwo")})
    assert done.status_code == 201
    assert (await http.get(done.headers["location"])).content == b"onetwo"


async def test_content_must_have_its_digest(http: httpx.AsyncClient) -> None:
    location = (await http.post("/v2/team/app/blobs/uploads/")).headers["location"]
    wrong = digest_of(b"other")
    answer = await http.put(location, params={"digest": wrong}, content=b"layer")
    assert (answer.status_code, code_of(answer)) == (400, "DIGEST_INVALID")
    assert (await http.head(f"/v2/team/app/blobs/{wrong}")).status_code == 404
    assert (await http.get(location)).status_code == 404


async def test_an_upload_can_be_cancelled(http: httpx.AsyncClient) -> None:
    location = (await http.post("/v2/team/app/blobs/uploads/")).headers["location"]
    assert (await http.delete(location)).status_code == 204
    assert (await http.get(location)).status_code == 404


async def test_a_blob_belongs_to_its_repository(http: httpx.AsyncClient) -> None:
    digest = await push_blob(http, b"layer")
    assert (await http.head(f"/v2/other/app/blobs/{digest}")).status_code == 404
    query = {"mount": digest, "from": "team/app"}
    assert (await http.post("/v2/other/app/blobs/uploads/", params=query)).status_code == 201
    assert (await http.get(f"/v2/other/app/blobs/{digest}")).content == b"layer"
    query = {"mount": digest_of(b"unknown"), "from": "team/app"}
    assert (await http.post("/v2/other/app/blobs/uploads/", params=query)).status_code == 202


async def test_a_manifest_by_tag_and_digest(http: httpx.AsyncClient) -> None:
    content = await manifest_of(http, b"{}", b"layer")
    done = await push_manifest(http, content, "v1")
    digest = digest_of(content)
    assert (done.status_code, done.headers["docker-content-digest"]) == (201, digest)
    for reference in ("v1", digest):
        found = await http.get(f"/v2/team/app/manifests/{reference}")
        assert found.content == content
        assert found.headers["content-type"] == MANIFEST
        assert found.headers["docker-content-digest"] == digest
        head = await http.head(f"/v2/team/app/manifests/{reference}")
        assert head.headers["content-length"] == str(len(content))
    assert (await http.get("/v2/other/app/manifests/v1")).status_code == 404


async def test_a_tag_moves_and_digests_stay(http: httpx.AsyncClient) -> None:
    first = await manifest_of(http, b"{}", b"one")
    second = await manifest_of(http, b"{}", b"two")
    for content, tag in ((first, "a"), (first, "latest"), (second, "latest"), (second, "b")):
        assert (await push_manifest(http, content, tag)).status_code == 201
    assert (await http.get("/v2/team/app/manifests/latest")).content == second
    assert (await http.get(f"/v2/team/app/manifests/{digest_of(first)}")).content == first
    assert (await http.get("/v2/team/app/tags/list")).json()["tags"] == ["a", "b", "latest"]
    page = await http.get("/v2/team/app/tags/list", params={"n": 1, "last": "a"})
    assert page.json() == {"name": "team/app", "tags": ["b"]}
    assert (await http.get("/v2/nobody/tags/list")).status_code == 404


async def test_an_index_of_manifests(http: httpx.AsyncClient, registry: Registry) -> None:
    content = await manifest_of(http, b"{}")
    await push_manifest(http, content, "amd64")
    index = json.dumps({"manifests": [{"digest": digest_of(content)}]}).encode()
    assert (await push_manifest(http, index, "all", INDEX)).status_code == 201
    with pytest.raises(CloudError, match="index"):
        registry.images.image("h.example.com/team/app:all")


@pytest.mark.parametrize(
    ("content", "reference", "kind", "code"),
    [
        (b"{", "v1", MANIFEST, "MANIFEST_INVALID"),
        (b"[]", "v1", MANIFEST, "MANIFEST_INVALID"),
        (b"{}", "v1", "text/plain", "MANIFEST_INVALID"),
        (b"{}", f"sha256:{'0' * 64}", MANIFEST, "DIGEST_INVALID"),
        (
            json.dumps({"config": {"digest": f"sha256:{'0' * 64}"}, "layers": []}).encode(),
            "v1",
            MANIFEST,
            "MANIFEST_BLOB_UNKNOWN",
        ),
        (b"x" * (4 * 1024 * 1024 + 1), "v1", MANIFEST, "SIZE_INVALID"),
    ],
)
async def test_manifests_that_are_refused(
    http: httpx.AsyncClient, content: bytes, reference: str, kind: str, code: str
) -> None:
    answer = await push_manifest(http, content, reference, kind)
    assert answer.status_code in (400, 413)
    assert code_of(answer) == code


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v2/Team/app/tags/list", 400),
        ("GET", "/v2/team/app/blobs/sha256:xyz", 400),
        ("GET", "/v2/team/app/blobs/uploads/nothing", 404),
        ("PUT", f"/v2/team/app/blobs/uploads/{'0' * 32}", 404),
        ("GET", "/v2/team/app/manifests/-x", 400),
        ("DELETE", "/v2/team/app/manifests/v1", 501),
        ("GET", "/v2/_catalog", 501),
    ],
)
async def test_bad_requests(http: httpx.AsyncClient, method: str, path: str, status: int) -> None:
    answer = await http.request(method, path)
    assert answer.status_code == status
    assert answer.json()["errors"][0]["message"]


async def test_an_image_is_found_whatever_the_host(
    http: httpx.AsyncClient, registry: Registry
) -> None:
    config = json.dumps({"config": {"Entrypoint": ["python3"]}}).encode()
    content = await manifest_of(http, config, b"layer")
    await push_manifest(http, content, "v1")
    for reference in (
        f"a.example.com:5000/team/app@{digest_of(content)}",
        "b.example.com/team/app:v1",
    ):
        image = registry.images.image(reference)
        assert image.digest == digest_of(content)
        assert image.config["config"]["Entrypoint"] == ["python3"]
        assert [path.read_bytes() for path, _ in image.layers] == [b"layer"]


@pytest.mark.parametrize(
    ("reference", "parts"),
    [
        ("team/app", ("team/app", "latest")),
        ("host.example.com/app:v2", ("app", "v2")),
        ("localhost:5000/a/b@sha256:" + "0" * 64, ("a/b", "sha256:" + "0" * 64)),
        ("host.example.com/app:v2@sha256:" + "0" * 64, ("app", "sha256:" + "0" * 64)),
    ],
)
def test_references(reference: str, parts: tuple[str, str]) -> None:
    assert parse_reference(reference) == parts


@pytest.mark.parametrize("reference", ["", "UPPER/case", "a/../b", "app@sha256:1", "app:bad tag"])
def test_malformed_references(reference: str) -> None:
    with pytest.raises(CloudError):
        parse_reference(reference)

"""Object storage with the official SDK as its client."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import alibabacloud_oss_v2 as oss
import httpx
import pytest

from localcloud.core.clock import ManualClock
from localcloud.core.errors import CloudError, StateDamaged
from localcloud.oss.content import GRACE_SECONDS
from localcloud.oss.model import Expiration
from localcloud.oss.store import ObjectStore
from localcloud.ram import Credentials
from tests.localcloud.oss.bench import Site, call, refused, site

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("body", [b"", b"hello", bytes(range(256)) * 5000])
async def test_what_is_put_is_got(served: Site, body: bytes) -> None:
    client = served.client()
    put = await call(
        client.put_object,
        oss.PutObjectRequest(
            bucket="results",
            key="a/b ü.txt",
            body=body,
            content_type="text/x",
            metadata={"made-by": "a test"},
        ),
    )
    got = await call(client.get_object, oss.GetObjectRequest(bucket="results", key="a/b ü.txt"))
    assert got.body.content == body
    assert (got.content_type, got.etag, got.hash_crc64) == ("text/x", put.etag, put.hash_crc64)
    assert got.server_side_encryption == "AES256"
    head = await call(client.head_object, oss.HeadObjectRequest(bucket="results", key="a/b ü.txt"))
    assert head.content_length == len(body)
    assert dict(head.metadata) == {"made-by": "a test"}


async def test_a_range(served: Site) -> None:
    served.service.store.put_object("results", "k", b"0123456789")
    request = oss.GetObjectRequest(bucket="results", key="k", range_header="bytes=2-4")
    got = await call(served.client().get_object, request)
    assert (got.status_code, got.body.content, got.content_range) == (206, b"234", "bytes 2-4/10")


async def test_what_is_not_there(served: Site) -> None:
    client = served.client()
    missing = oss.GetObjectRequest(bucket="results", key="no")
    assert await refused(client.get_object, missing) == (404, "NoSuchKey")
    missing = oss.GetObjectRequest(bucket="other", key="no")
    assert await refused(client.get_object, missing) == (404, "NoSuchBucket")
    await call(client.delete_object, oss.DeleteObjectRequest(bucket="results", key="no"))


async def test_overwriting_can_be_forbidden(served: Site) -> None:
    client = served.client()
    first = oss.PutObjectRequest(bucket="results", key="k", body=b"1", forbid_overwrite=True)
    again = oss.PutObjectRequest(bucket="results", key="k", body=b"2", forbid_overwrite=True)
    await call(client.put_object, first)
    assert await refused(client.put_object, again) == (409, "FileAlreadyExists")
    assert served.service.store.get_object("results", "k") == b"1"


async def test_a_list_goes_on_where_it_stopped(served: Site) -> None:
    for number in range(5):
        served.service.store.put_object("results", f"p/{number}", b"x")
    served.service.store.put_object("results", "q/0", b"x")

    def everything() -> list[str]:
        paginator = served.client().list_objects_v2_paginator(limit=2)
        request = oss.ListObjectsV2Request(bucket="results", prefix="p/")
        return [
            str(entry.key) for page in paginator.iter_page(request) for entry in page.contents or []
        ]

    assert await asyncio.to_thread(everything) == [f"p/{number}" for number in range(5)]


async def test_a_link_needs_no_key_and_expires(tmp_path: Path) -> None:
    from datetime import UTC, datetime, timedelta

    clock = ManualClock(datetime.now(UTC).timestamp())
    async with site(tmp_path, clock) as served, httpx.AsyncClient() as http:
        served.service.store.create_bucket("results")
        served.service.store.put_object("results", "k", b"content", "text/plain")
        link = served.client().presign(
            oss.GetObjectRequest(bucket="results", key="k"), expires=timedelta(minutes=1)
        )
        answer = await http.get(str(link.url))
        assert (answer.status_code, answer.content) == (200, b"content")
        assert (await http.get(str(link.url).replace("/k?", "/other?"))).status_code == 403
        await clock.advance(120)
        assert (await http.get(str(link.url))).status_code == 403


async def test_without_or_with_a_wrong_signature(served: Site) -> None:
    served.service.store.put_object("results", "k", b"secret")
    async with httpx.AsyncClient() as http:
        answer = await http.get(f"{served.url}/results/k", headers={"authorization": "OSS x:y"})
    assert answer.status_code == 403
    assert b"secret" not in answer.content
    wrong = Credentials(served.ram.administrator.access_key_id, "wrong")
    request = oss.GetObjectRequest(bucket="results", key="k")
    assert await refused(served.client(wrong).get_object, request) == (403, "SignatureDoesNotMatch")


async def test_a_role_may_do_what_its_policy_allows(served: Site) -> None:
    client = served.client(served.role("reader", (["oss:GetObject"], "results/mine/*")))
    served.service.store.put_object("results", "mine/k", b"1")
    served.service.store.put_object("results", "other/k", b"2")
    got = await call(client.get_object, oss.GetObjectRequest(bucket="results", key="mine/k"))
    assert got.body.content == b"1"
    other = oss.GetObjectRequest(bucket="results", key="other/k")
    assert await refused(client.get_object, other) == (403, "AccessDenied")
    write = oss.PutObjectRequest(bucket="results", key="mine/k", body=b"3")
    assert await refused(client.put_object, write) == (403, "AccessDenied")
    copy = oss.CopyObjectRequest(bucket="results", key="x", source_bucket="results", source_key="x")
    assert await refused(client.copy_object, copy) == (403, "AccessDenied")


async def test_what_is_not_supported_says_so(served: Site) -> None:
    request = oss.GetBucketAclRequest(bucket="results")
    assert await refused(served.client().get_bucket_acl, request) == (501, "NotSupported")


async def test_lifecycle_and_restart(tmp_path: Path) -> None:
    clock = ManualClock()
    store = ObjectStore(tmp_path, clock)
    store.create_bucket("results", expirations=[Expiration("tmp/", 1)])
    store.put_object("results", "tmp/k", b"same")
    store.put_object("results", "kept", b"same")
    await clock.advance(86400)
    with pytest.raises(CloudError, match="NoSuchKey"):
        store.head("results", "tmp/k")
    store.close()
    again = ObjectStore(tmp_path, clock)
    # Both had the same content: what one of them leaves behind stays for the other.
    assert again.get_object("results", "kept") == b"same"
    assert [found.key for found in again.list("results")] == ["kept"]
    again.close()


async def test_what_nobody_uses_any_more_goes_after_a_while(tmp_path: Path) -> None:
    clock = ManualClock()
    store = ObjectStore(tmp_path, clock)
    store.create_bucket("results", expirations=[Expiration("tmp/", 1)])
    first = store.put_object("results", "k", b"first")
    store.put_object("results", "tmp/k", b"passing")
    store.put_object("results", "k", b"second")
    # Somebody may be about to open it.
    assert store.content(first).read_bytes() == b"first"
    await clock.advance(GRACE_SECONDS)
    store.put_object("results", "other", b"second")
    assert not store.content(first).exists()
    await clock.advance(86400)
    assert store.remove_expired() == 1
    assert [found.key for found in store.list("results")] == ["k", "other"]
    (tmp_path / "incoming" / "left").write_bytes(b"half")
    store.close()
    store = ObjectStore(tmp_path, clock)
    files = [path for path in tmp_path.rglob("*") if path.is_file() and "sqlite" not in path.name]
    assert [path.read_bytes() for path in files] == [b"second"]
    store.delete_bucket("results", force=True)
    with pytest.raises(CloudError, match="NoSuchBucket"):
        store.list("results")
    store.close()


def test_a_bucket_with_something_in_it_stays(tmp_path: Path) -> None:
    store = ObjectStore(tmp_path, ManualClock())
    store.create_bucket("results")
    store.put_object("results", "k", b"")
    with pytest.raises(CloudError, match="BucketNotEmpty"):
        store.delete_bucket("results")
    store.delete("results", "k")
    store.delete_bucket("results")
    store.delete_bucket("results")
    store.close()


def test_a_damaged_database_names_its_file(tmp_path: Path) -> None:
    (tmp_path / "oss.sqlite").write_bytes(b"this is no database" * 100)
    with pytest.raises(StateDamaged, match=r"oss\.sqlite"):
        ObjectStore(tmp_path, ManualClock())


@pytest.mark.parametrize("name", ["ab", "-abc", "abc-", "ABC", "a" * 64, "a_b"])
def test_bucket_names(tmp_path: Path, name: str) -> None:
    store = ObjectStore(tmp_path, ManualClock())
    with pytest.raises(CloudError, match="InvalidBucketName"):
        store.create_bucket(name)
    store.close()

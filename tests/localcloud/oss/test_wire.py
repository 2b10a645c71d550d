"""What requests ask for beside the plain operations, and what is refused rather than ignored."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import alibabacloud_oss_v2 as oss
import httpx
import pytest
from starlette.requests import Request

from localcloud.core.errors import CloudError
from localcloud.oss.content import Digests
from localcloud.oss.headers import check_digests
from localcloud.ram import Credentials
from tests.localcloud.oss.bench import Site, call, refused

if TYPE_CHECKING:
    from collections.abc import Iterable

NAMES = ["a%20b", "a b", "a+b", "ü/ä", "q?x=1#y", "a//b", "trail/", "tab\tand\nline", "日本"]


def put(key: str, body: bytes = b"x", **more: Any) -> oss.PutObjectRequest:
    return oss.PutObjectRequest(bucket="results", key=key, body=body, **more)


def get(key: str, **more: Any) -> oss.GetObjectRequest:
    return oss.GetObjectRequest(bucket="results", key=key, **more)


async def test_names_stay_what_they_are(served: Site) -> None:
    client = served.client()
    for number, name in enumerate(NAMES):
        await call(client.put_object, put(name, str(number).encode()))
    for number, name in enumerate(NAMES):
        assert (await call(client.get_object, get(name))).body.content == str(number).encode()
    assert {found.key for found in served.service.store.list("results")} == set(NAMES)
    answer = await call(client.list_objects_v2, oss.ListObjectsV2Request(bucket="results"))
    assert {entry.key for entry in answer.contents} == set(NAMES)


async def test_standard_headers_are_kept_and_may_be_overridden(served: Site) -> None:
    client = served.client()
    await call(client.put_object, put("k", cache_control="no-cache", content_disposition="inline"))
    got = await call(client.get_object, get("k"))
    assert (got.cache_control, got.content_disposition) == ("no-cache", "inline")
    got = await call(client.get_object, get("k", response_content_type="text/csv"))
    assert got.content_type == "text/csv"
    bad = get("k", response_content_disposition="a\r\nx-injected: 1")
    assert await refused(client.get_object, bad) == (400, "InvalidArgument")


async def test_conditions_on_a_read(served: Site) -> None:
    client = served.client()
    tag = (await call(client.put_object, put("k"))).etag
    assert (await call(client.get_object, get("k", if_match=tag))).body.content == b"x"
    assert await refused(client.get_object, get("k", if_match='"0"')) == (412, "PreconditionFailed")
    assert (await refused(client.get_object, get("k", if_none_match=tag)))[0] == 304
    later = (datetime.now(UTC) + timedelta(hours=1)).strftime("%a, %d %b %Y %H:%M:%S GMT")
    assert (await refused(client.get_object, get("k", if_modified_since=later)))[0] == 304
    got = await call(client.get_object, get("k", if_unmodified_since=later))
    assert got.status_code == 200


@pytest.mark.parametrize(
    ("text", "status", "body"),
    [
        ("bytes=0-0", 206, b"0"),
        ("bytes=-3", 206, b"789"),
        ("bytes=7-", 206, b"789"),
        ("bytes=7-100", 206, b"789"),
        ("bytes=10-", 200, b"0123456789"),
        ("bytes=5-2", 200, b"0123456789"),
        ("bytes=0-1,3-4", 200, b"0123456789"),
        ("items=0-1", 200, b"0123456789"),
        ("bytes=-", 200, b"0123456789"),
    ],
)
async def test_ranges(served: Site, text: str, status: int, body: bytes) -> None:
    served.service.store.put_object("results", "k", b"0123456789")
    client = served.client()
    got = await call(client.get_object, get("k", range_header=text))
    assert (got.status_code, got.body.content) == (status, body)
    if status == 200:
        strict = get("k", range_header=text, range_behavior="standard")
        assert await refused(client.get_object, strict) == (416, "InvalidRange")


async def test_an_error_of_head_has_its_code(served: Site) -> None:
    missing = oss.HeadObjectRequest(bucket="results", key="no")
    assert await refused(served.client().head_object, missing) == (404, "NoSuchKey")


async def test_a_body_that_is_not_what_its_digest_says(served: Site) -> None:
    bad = put("k", content_md5="AAAAAAAAAAAAAAAAAAAAAA==")
    assert await refused(served.client().put_object, bad) == (400, "InvalidDigest")
    assert served.service.store.list("results") == []


async def test_a_large_body_that_is_refused_gets_its_answer(served: Site) -> None:
    client = served.client(served.role("reader", (["oss:GetObject"], "results/*")))
    assert await refused(client.put_object, put("k", b"x" * 20_000_000)) == (403, "AccessDenied")


def test_a_signed_digest_is_held_against_the_body() -> None:
    digests = Digests(1, "a" * 64, "B" * 32, 1)

    def request(signed: str) -> Request:
        headers = [(b"x-oss-content-sha256", signed.encode())]
        return Request({"type": "http", "headers": headers})

    check_digests(request("UNSIGNED-PAYLOAD"), digests)
    check_digests(request("a" * 64), digests)
    with pytest.raises(CloudError, match="InvalidDigest"):
        check_digests(request("b" * 64), digests)


@pytest.mark.parametrize(
    "request_",
    [
        put("k", acl="public-read"),
        put("k", storage_class="Archive"),
        put("k", tagging="a=b"),
        put("k", server_side_encryption="SM4"),
        get("k", process="image/resize,w_10"),
        get("k", version_id="1"),
    ],
    ids=["acl", "class", "tags", "encryption", "process", "version"],
)
async def test_what_is_not_here_is_refused(served: Site, request_: Any) -> None:
    served.service.store.put_object("results", "k", b"x")
    client = served.client()
    function = (
        client.put_object if isinstance(request_, oss.PutObjectRequest) else client.get_object
    )
    assert await refused(function, request_) == (501, "NotSupported")


async def test_user_metadata_has_a_limit(served: Site) -> None:
    large = put("k", metadata={f"m{number}": "x" * 1000 for number in range(9)})
    assert await refused(served.client().put_object, large) == (400, "InvalidArgument")


async def test_a_copy(served: Site) -> None:
    client = served.client()
    await call(client.put_object, put("a b", b"same", metadata={"m": "1"}, content_type="text/x"))
    copy = oss.CopyObjectRequest(
        bucket="results", key="copy", source_bucket="results", source_key="a b"
    )
    made = await call(client.copy_object, copy)
    got = await call(client.get_object, get("copy"))
    assert (got.body.content, got.etag, dict(got.metadata)) == (b"same", made.etag, {"m": "1"})
    replacing = oss.CopyObjectRequest(
        bucket="results",
        key="copy",
        source_key="a b",
        metadata_directive="REPLACE",
        metadata={"m": "2"},
    )
    await call(client.copy_object, replacing)
    assert dict((await call(client.get_object, get("copy"))).metadata) == {"m": "2"}
    missing = oss.CopyObjectRequest(bucket="results", key="x", source_key="none")
    assert await refused(client.copy_object, missing) == (404, "NoSuchKey")


def pages(served: Site, **more: Any) -> list[tuple[list[str], list[str]]]:
    paginator = served.client().list_objects_v2_paginator(limit=2)
    request = oss.ListObjectsV2Request(bucket="results", **more)
    found: Iterable[Any] = paginator.iter_page(request)
    return [
        (
            [str(entry.key) for entry in page.contents or []],
            [str(entry.prefix) for entry in page.common_prefixes or []],
        )
        for page in found
    ]


async def test_a_list_by_folders(served: Site) -> None:
    for key in ("a", "b/1", "b/2", "b/3", "c/1", "c/d/1", "e"):
        served.service.store.put_object("results", key, b"")
    assert await asyncio.to_thread(pages, served, delimiter="/") == [
        (["a"], ["b/"]),
        (["e"], ["c/"]),
    ]
    assert await asyncio.to_thread(pages, served, delimiter="/", prefix="c/") == [
        (["c/1"], ["c/d/"]),
    ]
    assert await asyncio.to_thread(pages, served, start_after="c/1") == [(["c/d/1", "e"], [])]


@pytest.mark.parametrize("more", [{"max_keys": 0}, {"max_keys": 1001}, {"continuation_token": "x"}])
async def test_a_bad_list(served: Site, more: Any) -> None:
    request = oss.ListObjectsV2Request(bucket="results", **more)
    assert await refused(served.client().list_objects_v2, request) == (400, "InvalidArgument")


async def test_who_signs_for_another_region_or_service_is_refused(served: Site) -> None:
    client = served.client(region="cn-shanghai")
    assert await refused(client.get_object, get("k")) == (403, "SignatureDoesNotMatch")


async def test_credentials_of_a_role_need_their_token(served: Site) -> None:
    served.service.store.put_object("results", "k", b"x")
    given = served.role("reader", (["oss:GetObject"], "results/*"))
    assert (await call(served.client(given).get_object, get("k"))).body.content == b"x"
    bare = Credentials(given.access_key_id, given.access_key_secret)
    assert (await refused(served.client(bare).get_object, get("k")))[0] == 403


async def test_a_link_to_write_by(served: Site) -> None:
    link = served.client().presign(
        oss.PutObjectRequest(bucket="results", key="k", content_type="text/plain")
    )
    async with httpx.AsyncClient() as http:
        headers = {"content-type": "text/plain"}
        answer = await http.put(str(link.url), content=b"by link", headers=headers)
        assert answer.status_code == 200
        answer = await http.put(str(link.url), content=b"x", headers={"content-type": "text/html"})
        assert answer.status_code == 403
        assert (await http.get(str(link.url))).status_code == 403
    assert served.service.store.get_object("results", "k") == b"by link"


async def test_a_planned_fault(served: Site) -> None:
    served.service.store.put_object("results", "k", b"x")
    served.faults.fail_next("oss", "GetObject", CloudError(503, "ServiceUnavailable", "later"))
    assert await refused(served.client().get_object, get("k")) == (503, "ServiceUnavailable")
    assert (await call(served.client().get_object, get("k"))).body.content == b"x"


async def test_a_body_that_ends_too_early_leaves_nothing(served: Site) -> None:
    link = served.client().presign(oss.PutObjectRequest(bucket="results", key="k"))
    target = str(link.url).removeprefix(served.url)
    host = served.url.removeprefix("http://")
    reader, writer = await asyncio.open_connection(*host.split(":"))
    writer.write(
        f"PUT {target} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 1000\r\n\r\nhalf".encode()
    )
    await writer.drain()
    incoming = served.config.state_dir / "oss" / "incoming"
    while not list(incoming.glob("*")):
        await asyncio.sleep(0.01)
    writer.close()
    while list(incoming.glob("*")):
        await asyncio.sleep(0.01)
    assert served.service.store.list("results") == []
    assert await reader.read() == b""

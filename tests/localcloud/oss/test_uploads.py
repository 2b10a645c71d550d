"""Uploads in parts."""

from __future__ import annotations

import hashlib
import io
from typing import TYPE_CHECKING, Any

import alibabacloud_oss_v2 as oss
import pytest

from localcloud.core.clock import ManualClock
from localcloud.core.errors import CloudError
from localcloud.oss.model import Attributes
from localcloud.oss.store import ObjectStore
from localcloud.oss.uploads import Uploads
from tests.localcloud.oss.bench import Site, call, refused

if TYPE_CHECKING:
    from pathlib import Path

PART = 100 * 1024
PLACE = {"bucket": "results", "key": "big/ü"}


async def begin(client: Any, **more: Any) -> str:
    request = oss.InitiateMultipartUploadRequest(**PLACE, **more)
    answer = await call(client.initiate_multipart_upload, request)
    assert answer.key == PLACE["key"]
    return str(answer.upload_id)


async def part(client: Any, upload: str, number: int, body: bytes) -> oss.UploadPart:
    request = oss.UploadPartRequest(**PLACE, upload_id=upload, part_number=number, body=body)
    answer = await call(client.upload_part, request)
    return oss.UploadPart(part_number=number, etag=answer.etag)


def complete(upload: str, *parts: oss.UploadPart, **more: Any) -> Any:
    listed = oss.CompleteMultipartUpload(parts=list(parts))
    return oss.CompleteMultipartUploadRequest(
        **PLACE, upload_id=upload, complete_multipart_upload=listed, **more
    )


async def test_parts_become_one_object(served: Site) -> None:
    client = served.client()
    upload = await begin(client, content_type="text/x", metadata={"m": "1"})
    second = await part(client, upload, 2, b"end")
    await part(client, upload, 1, b"a" * PART)
    first = await part(client, upload, 1, b"b" * PART)
    listed = await call(client.list_parts, oss.ListPartsRequest(**PLACE, upload_id=upload))
    assert [(one.part_number, one.size) for one in listed.parts] == [(1, PART), (2, 3)]
    made = await call(client.complete_multipart_upload, complete(upload, first, second))
    assert made.etag.endswith('-2"')
    got = await call(client.get_object, oss.GetObjectRequest(**PLACE))
    assert got.body.content == b"b" * PART + b"end"
    assert (got.content_type, dict(got.metadata), got.etag) == ("text/x", {"m": "1"}, made.etag)
    again = complete(upload, first, second)
    assert await refused(client.complete_multipart_upload, again) == (404, "NoSuchUpload")
    assert list((served.config.state_dir / "oss" / "parts").glob("*")) == []


async def test_the_sdk_s_own_uploader(served: Site) -> None:
    body = bytes(range(256)) * 2048

    def upload() -> Any:
        uploader = served.client().uploader(part_size=PART, parallel_num=2)
        return uploader.upload_from(oss.PutObjectRequest(**PLACE), io.BytesIO(body))

    await call(lambda _: upload(), None)
    stored = served.service.store.get_object("results", PLACE["key"])
    assert hashlib.sha256(stored).digest() == hashlib.sha256(body).digest()


async def test_all_that_is_there(served: Site) -> None:
    client = served.client()
    upload = await begin(client)
    for number in (1, 2):
        await part(client, upload, number, b"x" * PART)
    request = oss.CompleteMultipartUploadRequest(**PLACE, upload_id=upload, complete_all="yes")
    await call(client.complete_multipart_upload, request)
    assert served.service.store.head("results", PLACE["key"]).size == 2 * PART


async def test_what_cannot_be_completed(served: Site) -> None:
    client = served.client()
    upload = await begin(client)
    small = await part(client, upload, 1, b"small")
    second = await part(client, upload, 2, b"x" * PART)
    other = oss.UploadPart(part_number=1, etag='"0"')
    missing = oss.UploadPart(part_number=3, etag=second.etag)
    call_it = client.complete_multipart_upload
    for parts, code in (
        ((small, second), "EntityTooSmall"),
        ((second, small), "InvalidPartOrder"),
        ((other, second), "InvalidPart"),
        ((second, missing), "InvalidPart"),
        ((), "InvalidPart"),
    ):
        assert await refused(call_it, complete(upload, *parts)) == (400, code)
    assert served.service.store.list("results") == []
    served.service.store.put_object("results", PLACE["key"], b"there")
    forbidden = complete(upload, second, forbid_overwrite=True)
    assert await refused(call_it, forbidden) == (409, "FileAlreadyExists")


async def test_an_upload_is_given_up(served: Site) -> None:
    client = served.client()
    upload = await begin(client)
    await part(client, upload, 1, b"x")
    abort = oss.AbortMultipartUploadRequest(**PLACE, upload_id=upload)
    elsewhere = oss.AbortMultipartUploadRequest(bucket="results", key="other", upload_id=upload)
    assert await refused(client.abort_multipart_upload, elsewhere) == (404, "NoSuchUpload")
    await call(client.abort_multipart_upload, abort)
    assert await refused(client.abort_multipart_upload, abort) == (404, "NoSuchUpload")
    late = oss.UploadPartRequest(**PLACE, upload_id=upload, part_number=1, body=b"x")
    assert await refused(client.upload_part, late) == (404, "NoSuchUpload")


@pytest.mark.parametrize("number", [0, 10_001, -1])
async def test_numbers_of_parts(served: Site, number: int) -> None:
    client = served.client()
    upload = await begin(client)
    bad = oss.UploadPartRequest(**PLACE, upload_id=upload, part_number=number, body=b"x")
    assert await refused(client.upload_part, bad) == (400, "InvalidArgument")


async def test_a_role_uploads_where_it_may_put(served: Site) -> None:
    client = served.client(served.role("writer", (["oss:PutObject"], "results/big/*")))
    upload = await begin(client)
    one = await part(client, upload, 1, b"x")
    await call(client.complete_multipart_upload, complete(upload, one))
    elsewhere = oss.InitiateMultipartUploadRequest(bucket="results", key="small")
    denied = (403, "AccessDenied")
    assert await refused(client.initiate_multipart_upload, elsewhere) == denied


def test_an_upload_goes_on_after_a_restart(tmp_path: Path) -> None:
    store = ObjectStore(tmp_path, ManualClock())
    uploads = Uploads(store, tmp_path / "parts")
    store.create_bucket("results")
    place = ("results", "k")
    upload = uploads.begin(*place, Attributes())
    with store.incoming() as incoming:
        incoming.write(b"x")
        uploads.put_part(place, upload, 1, incoming, incoming.finish())
    (tmp_path / "parts" / "stray").mkdir()
    store.close()
    store = ObjectStore(tmp_path, ManualClock())
    uploads = Uploads(store, tmp_path / "parts")
    assert [path.name for path in (tmp_path / "parts").iterdir()] == [upload]
    assert uploads.complete(place, upload, None).size == 1
    with pytest.raises(CloudError, match="NoSuchUpload"):
        uploads.parts(place, upload)
    store.close()

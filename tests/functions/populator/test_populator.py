from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from functions.populator import handler, share
from functions.populator.handler import populate
from functions.populator.job import BadJob, Job, read_job
from functions.populator.share import BadBundle, Share
from tests.functions.wire import BUCKET, wire

DATA = os.urandom(300_000)
DIGEST = hashlib.sha256(DATA).hexdigest()
JOB = Job("bucket", "bundles/b.tar", DIGEST, "b1")


def stream(_: Job, data: bytes = DATA) -> Iterator[bytes]:
    for start in range(0, len(data), 100_000):
        yield data[start : start + 100_000]


def content(root: Path) -> dict[str, bytes]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file()
    }


def complete(root: Path) -> bool:
    described = json.dumps({"bytes": len(DATA), "sha256": DIGEST}).encode() + b"\n"
    return content(root) == {"b1/bundle.tar": DATA, "b1/bundle.json": described}


def test_a_bundle_is_put_there_once(tmp_path: Path) -> None:
    done = {"directory": "b1", "sha256": DIGEST, "bytes": len(DATA)}
    assert populate(JOB, Share(str(tmp_path)), stream) == {**done, "created": True}
    assert complete(tmp_path)

    def never(_: Job) -> Iterator[bytes]:
        raise AssertionError("it is there already")

    assert populate(JOB, Share(str(tmp_path)), never) == {**done, "created": False}


def test_the_empty_directory_of_a_mount_is_filled(tmp_path: Path) -> None:
    (tmp_path / "b1").mkdir()
    assert populate(JOB, Share(str(tmp_path)), stream)["created"] is True
    assert complete(tmp_path)


@pytest.mark.parametrize("data", [b"", DATA[:-1], DATA + b"x"])
def test_another_digest_is_never_visible(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(BadBundle, match="digest"):
        populate(JOB, Share(str(tmp_path)), lambda job: stream(job, data))
    assert content(tmp_path) == {}
    assert list(tmp_path.iterdir()) == []


def test_a_stream_that_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    def broken(_: Job) -> Iterator[bytes]:
        yield DATA[:1000]
        raise ConnectionError("gone")

    with pytest.raises(ConnectionError):
        populate(JOB, Share(str(tmp_path)), broken)
    assert list(tmp_path.iterdir()) == []


def test_too_large_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(share, "BUNDLE_BYTES", 1000)
    with pytest.raises(BadBundle, match="1000"):
        populate(JOB, Share(str(tmp_path)), stream)
    assert list(tmp_path.iterdir()) == []


def test_two_at_once_are_harmless(tmp_path: Path) -> None:
    def other_first(job: Job) -> Iterator[bytes]:
        yield from stream(job)
        assert populate(JOB, Share(str(tmp_path)), stream)["created"] is True

    assert populate(JOB, Share(str(tmp_path)), other_first)["created"] is False
    assert complete(tmp_path)


@pytest.mark.parametrize(
    "name", ["bundle.json", "bundle.tar"], ids=["no description", "half a bundle"]
)
def test_a_directory_that_is_not_ours_is_left_alone(tmp_path: Path, name: str) -> None:
    populate(JOB, Share(str(tmp_path)), stream)
    (tmp_path / "b1" / name).write_bytes(b"{}")
    before = content(tmp_path)
    with pytest.raises(BadBundle, match="b1"):
        populate(JOB, Share(str(tmp_path)), stream)
    assert content(tmp_path) == before


def test_what_was_killed_is_cleaned_up_later(tmp_path: Path) -> None:
    old, new = tmp_path / "b0.tmp-aa", tmp_path / "b2.tmp-bb"
    for folder in (old, new):
        folder.mkdir()
        (folder / "bundle.tar").write_bytes(b"x")
    yesterday = time.time() - 25 * 3600
    os.utime(old, (yesterday, yesterday))
    populate(JOB, Share(str(tmp_path)), stream)
    assert not old.exists()
    assert new.exists()


GOOD = {"bucket": "bucket", "key": "bundles/b.tar", "sha256": DIGEST, "directory": "/b1"}


def test_a_job_is_read() -> None:
    assert read_job(json.dumps(GOOD)) == JOB


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ({"bucket": "B"}, "bucket"),
        ({"bucket": None}, "bucket"),
        ({"key": "../x"}, "key"),
        ({"key": 7}, "key"),
        ({"sha256": "x"}, "sha256"),
        ({"sha256": DIGEST.upper()}, "sha256"),
        ({"directory": ".."}, "directory"),
        ({"directory": "a/b"}, "directory"),
        ({"directory": ""}, "directory"),
        ({"directory": "a.tmp-x"}, "directory"),
        ({"directory": "a\n"}, "directory"),
    ],
)
def test_wrong_jobs_are_refused(change: dict[str, Any], names: str) -> None:
    with pytest.raises(BadJob, match=names):
        read_job(json.dumps({**GOOD, **change}))


@pytest.mark.parametrize("event", ["", "[]", "7"])
def test_events_that_are_no_jobs(event: str) -> None:
    with pytest.raises(BadJob):
        read_job(event)


class Context:
    request_id = "r"


@pytest.fixture
async def cloud(tmp_path: Path) -> AsyncIterator[Any]:
    async with wire(tmp_path / "state") as cloud:
        yield cloud


async def test_from_object_storage(
    cloud: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import asyncio

    cloud.oss.store.put_object(BUCKET, "bundles/b.tar", DATA)
    root = tmp_path / "share"
    root.mkdir()
    monkeypatch.setenv("OSS_ENDPOINT", cloud.url)
    monkeypatch.setenv("SHARE_ROOT", str(root))
    monkeypatch.setenv("FC_REGION", cloud.region)
    key = cloud.credentials()
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", key.access_key_id)
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", key.access_key_secret)
    monkeypatch.setenv("ALIBABA_CLOUD_SECURITY_TOKEN", key.security_token)
    handler.initializer(Context())
    event = json.dumps({**GOOD, "bucket": BUCKET}).encode()
    said = json.loads(await asyncio.to_thread(handler.handler, event, Context()))
    assert said == {"directory": "b1", "sha256": DIGEST, "bytes": len(DATA), "created": True}
    assert complete(root)

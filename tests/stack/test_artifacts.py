"""The same input gives the same bytes, whoever builds, wherever and whenever."""

from __future__ import annotations

import gzip
import io
import json
import os
import random
import subprocess
import sys
import tarfile
import time
import zipfile
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stack.artifacts.deflate import deflate
from stack.artifacts.image import make_image, read_base
from stack.artifacts.oci import gzip_bytes, tar_bytes
from stack.artifacts.zip import ZIP_FUNCTIONS, build_zip, zip_bytes
from tests.stack.world import PROJECT

FUNCTIONS = (*ZIP_FUNCTIONS, "commander")
BUILD = """
import json, sys
from pathlib import Path
from stack.artifacts.build import package
packages = package(Path(sys.argv[1]))
everything = [*packages.code.values(), packages.image]
print(json.dumps([each.as_json() for each in everything]))
"""


def lay_out(root: Path, *, reverse: bool = False) -> Path:
    """A small project; the order of writing is the order in which some file systems list."""
    files = {"functions/__init__.py": "", "functions/tables.json": '{"tables": []}'}
    for function in FUNCTIONS:
        files[f"functions/{function}/__init__.py"] = ""
        files[f"functions/{function}/handler.py"] = f"NAME = {function!r}\n"
        files[f"functions/{function}/deep/data.json"] = "{}"
    files["functions/common/__init__.py"] = ""
    files["functions/common/ids.py"] = "ID = 1\n"
    for name in sorted(files, reverse=reverse):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(files[name])
    return root


def litter(root: Path) -> None:
    """What lies about in a checkout and must not travel."""
    for name in (
        "functions/dispatcher/__pycache__/handler.cpython-311.pyc",
        "functions/dispatcher/.env",
        "functions/dispatcher/handler.py~",
        "functions/dispatcher/tests/test_handler.py",
        "functions/common/notes.txt",
        "functions/commander/requirements.txt",
    ):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("secret")


def build(root: Path, *, umask: int, zone: str) -> str:
    """Package in a process with its own umask and time zone; return what it prints."""
    done = subprocess.run(
        [sys.executable, "-c", BUILD, str(root)],
        cwd=PROJECT,
        env={**os.environ, "TZ": zone, "PYTHONHASHSEED": "random"},
        umask=umask,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_two_clones_give_the_same_bytes(tmp_path: Path) -> None:
    one = lay_out(tmp_path / "here")
    other = lay_out(tmp_path / "somewhere" / "else", reverse=True)
    litter(other)
    years_ago = time.time() - 10**8
    for path in other.rglob("*"):
        os.utime(path, (years_ago, years_ago))
        path.chmod(0o777 if path.is_dir() else 0o600)
    first = build(one, umask=0o022, zone="Asia/Shanghai")
    assert first == build(other, umask=0o077, zone="America/New_York")
    for artifact in json.loads(first):
        mine, theirs = one / artifact["path"], other / artifact["path"]
        if mine.is_file():
            assert mine.read_bytes() == theirs.read_bytes()
    digest = make_image(one).digest.removeprefix("sha256:")
    assert (one / "build/artifacts/commander-image/blobs/sha256" / digest).is_file()


def test_an_archive_has_its_function_and_common_and_nothing_else(tmp_path: Path) -> None:
    root = lay_out(tmp_path)
    litter(root)
    artifact = build_zip(root, "dispatcher", tmp_path / "out")
    with zipfile.ZipFile(artifact.path) as archive:
        assert archive.namelist() == [
            "functions/__init__.py",
            "functions/common/__init__.py",
            "functions/common/ids.py",
            "functions/dispatcher/__init__.py",
            "functions/dispatcher/deep/data.json",
            "functions/dispatcher/handler.py",
            "functions/tables.json",
            "index.py",
        ]
        assert "functions.dispatcher.handler import handler" in archive.read("index.py").decode()
        assert all(entry.external_attr >> 16 == 0o100644 for entry in archive.infolist())
    assert artifact.sha256[:16] in artifact.path


def test_the_digest_changes_with_the_code_and_with_nothing_else(tmp_path: Path) -> None:
    root = lay_out(tmp_path)
    before = {name: build_zip(root, name, tmp_path / "out").sha256 for name in ZIP_FUNCTIONS}
    image = make_image(root).digest
    (root / "functions/dispatcher/handler.py").write_text("NAME = 'other'\n")
    after = {name: build_zip(root, name, tmp_path / "out").sha256 for name in ZIP_FUNCTIONS}
    assert {name for name in before if before[name] != after[name]} == {"dispatcher"}
    assert make_image(root).digest == image


def test_an_archive_can_be_read_by_anybody() -> None:
    with zipfile.ZipFile(io.BytesIO(zip_bytes({"b": b"2", "a/c": b"1"}))) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["a/c", "b"]


@given(st.one_of(st.binary(max_size=3000), st.text("ab \n", max_size=3000).map(str.encode)))
def test_what_is_packed_is_what_comes_out(content: bytes) -> None:
    assert zlib.decompress(deflate(content), -15) == content
    assert gzip.decompress(gzip_bytes(content)) == content


def test_matches_reach_as_far_as_the_window() -> None:
    noise = random.Random(1).randbytes(40_000)
    for content in (noise[:32_760] + noise[:300], noise + noise, b"x" * 100_000, bytes(1)):
        assert zlib.decompress(deflate(content), -15) == content


def test_sources_shrink_to_less_than_half() -> None:
    source = (PROJECT / "stack/artifacts/deflate.py").read_bytes()
    assert len(deflate(source)) < len(source) / 2


def test_the_layer_is_the_application_below_app(tmp_path: Path) -> None:
    image = make_image(lay_out(tmp_path))
    config, layer = image.blobs
    with tarfile.open(fileobj=io.BytesIO(layer.content)) as archive:
        names = archive.getnames()
        assert {entry.uid for entry in archive} == {0}
        assert {entry.mtime for entry in archive} == {0}
    assert "app/functions/commander/handler.py" in names
    assert not [name for name in names if "dispatcher" in name]
    settings = json.loads(config.content)["config"]
    assert settings["Entrypoint"] == ["python3", "-m", "functions.commander"]
    assert settings["WorkingDir"] == "/app"
    assert json.loads(image.manifest.content)["config"]["digest"] == config.digest


def test_a_base_comes_first_and_leaves_its_environment(tmp_path: Path) -> None:
    root = lay_out(tmp_path)
    base = {
        "reference": "registry.example.com/base/python@sha256:" + "a" * 64,
        "manifest": {"layers": [{"mediaType": "x", "digest": "sha256:" + "b" * 64, "size": 3}]},
        "config": {
            "config": {"Env": ["PATH=/usr/local/bin", "LANG=C.UTF-8"], "Cmd": ["python3"]},
            "rootfs": {"diff_ids": ["sha256:" + "c" * 64]},
            "history": [{"created_by": "base"}],
        },
    }
    (root / "functions/commander/base.json").write_text(json.dumps(base))
    image = make_image(root)
    layers = json.loads(image.manifest.content)["layers"]
    config = json.loads(image.blobs[0].content)
    assert [layer["digest"] for layer in layers] == ["sha256:" + "b" * 64, image.blobs[1].digest]
    assert config["rootfs"]["diff_ids"][0] == "sha256:" + "c" * 64
    assert "PATH=/usr/local/bin" in config["config"]["Env"]
    assert "PYTHONUNBUFFERED=1" in config["config"]["Env"]
    assert "Cmd" not in config["config"]
    assert "base.json" not in tar_names(image.blobs[1].content)


def tar_names(layer: bytes) -> str:
    with tarfile.open(fileobj=io.BytesIO(layer)) as archive:
        return " ".join(archive.getnames())


def test_a_damaged_base_says_how_to_write_it_anew(tmp_path: Path) -> None:
    root = lay_out(tmp_path)
    (root / "functions/commander/base.json").write_text('{"reference": 1}')
    with pytest.raises(ValueError, match=r"stack\.artifacts base REFERENCE"):
        read_base(root)


def test_folders_stand_before_what_is_in_them() -> None:
    with tarfile.open(fileobj=io.BytesIO(tar_bytes({"a/b/c": b"1"}))) as archive:
        assert archive.getnames() == ["a", "a/b", "a/b/c"]


def test_the_dispatcher_is_light() -> None:
    """The article's headline begins here; 100 KB is what issue 6 allows."""
    artifact = build_zip(PROJECT, "dispatcher", Path("build/artifacts"))
    assert artifact.bytes <= 100_000, f"{artifact.bytes} bytes"

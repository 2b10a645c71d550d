"""Dependency bundles: named by their lock, verified against it, the same every time."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import subprocess
import sys
import tarfile
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stack.artifacts.bundle import build_bundle
from stack.artifacts.bytecode import pyc_bytes
from stack.artifacts.installed import BundleError, belongs, interpreter_of
from stack.artifacts.lock import LOCK_FILE, bundle_id, exact_target, locked_versions
from tests.stack.world import PROJECT

SMALL = "cycler"
TARGET = "3.12-manylinux_2_28_x86_64"


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    """A lock of one small package, as it is installed here."""
    path = tmp_path / "lock.txt"
    version = importlib.metadata.version(SMALL)
    path.write_text(f"{SMALL}=={version} \\\n    --hash=sha256:{'0' * 64}\n    # via us\n")
    return path


def test_a_bundle_is_named_without_being_built(lock: Path) -> None:
    name = bundle_id(lock, TARGET)
    assert len(name) == 32
    assert name == bundle_id(lock, TARGET)
    assert name != bundle_id(lock, "3.13-manylinux_2_28_x86_64")
    lock.write_text(lock.read_text() + "\n")
    assert name != bundle_id(lock, TARGET)
    assert sys.implementation.cache_tag in exact_target("host")


def test_a_bundle_is_what_site_packages_would_be(tmp_path: Path, lock: Path) -> None:
    artifact = build_bundle(PROJECT, "host", tmp_path / "out", lock)
    with tarfile.open(artifact.path) as archive:
        names = archive.getnames()
        archive.extractall(tmp_path / "site", filter="data")
    tag = sys.implementation.cache_tag
    assert f"cycler/__pycache__/__init__.{tag}.pyc" in names
    assert names == sorted(names)
    assert not [name for name in names if name.endswith("/RECORD")]
    script = (
        "import cycler; print(cycler.__file__, cycler.__cached__, len(cycler.cycler(a=[1, 2])))"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-B", "-c", script],
        env={"PYTHONPATH": str(tmp_path / "site")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert str(tmp_path / "site") in done.stdout
    assert done.stdout.split()[-1] == "2"


def test_two_builds_give_the_same_bytes(tmp_path: Path, lock: Path) -> None:
    one = build_bundle(PROJECT, "host", tmp_path / "one", lock)
    other = build_bundle(PROJECT, "host", tmp_path / "other", lock)
    assert (one.sha256, one.bytes) == (other.sha256, other.bytes)
    assert Path(one.path).read_bytes() == Path(other.path).read_bytes()


def test_a_bundle_that_is_there_is_not_built_again(tmp_path: Path, lock: Path) -> None:
    first = build_bundle(PROJECT, "host", tmp_path / "out", lock)
    before = Path(first.path).stat().st_mtime_ns
    assert build_bundle(PROJECT, "host", tmp_path / "out", lock) == first
    assert Path(first.path).stat().st_mtime_ns == before


def test_another_version_than_the_locked_one_is_refused(tmp_path: Path, lock: Path) -> None:
    lock.write_text(f"{SMALL}==0.0.1\n")
    with pytest.raises(BundleError, match=r"0\.0\.1 is locked: run `make install`"):
        build_bundle(PROJECT, "host", tmp_path / "out", lock)
    lock.write_text("no-such-package-here==1.0\n")
    with pytest.raises(BundleError, match="locked but not installed"):
        build_bundle(PROJECT, "host", tmp_path / "out", lock)
    assert not list((tmp_path / "out").glob("*.tar"))


def test_markers_choose_and_open_versions_are_refused(lock: Path) -> None:
    lock.write_text("a==1 ; python_version < '3'\na==2 ; python_version >= '3'\n")
    assert locked_versions(lock) == {"a": "2"}
    lock.write_text("a>=1\n")
    with pytest.raises(ValueError, match="does not pin a"):
        locked_versions(lock)


def test_the_commanders_own_lock_fits_what_is_installed() -> None:
    versions = locked_versions(PROJECT / LOCK_FILE)
    assert {name: importlib.metadata.version(name) for name in versions} == dict(versions)


def test_bytecode_is_not_checked_against_its_source() -> None:
    source = b"VALUE = 1\n"
    content = pyc_bytes(source, "pkg/module.py")
    assert content[:4] == importlib.util.MAGIC_NUMBER
    assert int.from_bytes(content[4:8], "little") == 0b01
    assert content[8:16] == importlib.util.source_hash(source)


@given(
    st.sampled_from(["pandas/core.py", "pandas/_libs/a.so", "x-1.dist-info/METADATA", "tzdata/a"])
)
def test_what_imports_open_is_there(name: str) -> None:
    assert belongs(PurePosixPath(name))


@pytest.mark.parametrize(
    "name",
    [
        "../../bin/tool",
        "/etc/passwd",
        "pandas/tests/test_a.py",
        "pandas/__pycache__/a.pyc",
        "pandas/a.pyi",
        "x-1.dist-info/RECORD",
        "x-1.dist-info/direct_url.json",
    ],
)
def test_what_no_import_opens_is_not(name: str) -> None:
    assert not belongs(PurePosixPath(name))


def test_a_python_that_is_not_here_is_asked_for() -> None:
    assert interpreter_of("host") == sys.executable
    with pytest.raises(BundleError, match=r"uv python install 3\.29"):
        interpreter_of("3.29-manylinux_2_28_x86_64")

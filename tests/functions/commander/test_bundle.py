"""Libraries come from one file, unpacked once; a damaged one is refused by name."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from functions.commander.bundle import BundleError, Libraries, unpack

Entry = tuple[tarfile.TarInfo, bytes]


def entry(name: str, data: bytes = b"", kind: bytes = tarfile.REGTYPE) -> Entry:
    found = tarfile.TarInfo(name)
    found.size, found.type = len(data), kind
    if kind in {tarfile.SYMTYPE, tarfile.LNKTYPE}:
        found.linkname = "/etc/passwd"
    return found, data


Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(*entries: Entry, size: int | None = None) -> Path:
        path = tmp_path / "bundle.tar"
        with tarfile.open(path, "w") as archive:
            for found, data in entries:
                archive.addfile(found, io.BytesIO(data))
        described = {"bytes": path.stat().st_size if size is None else size, "sha256": "-"}
        path.with_suffix(".json").write_text(json.dumps(described))
        return path

    return write


CODE = """
import sys, threading
from pathlib import Path
from functions.commander.bundle import Libraries
libraries = Libraries(Path(sys.argv[1]))
thread = libraries.prefetch(lambda: ["bundled"], lambda: ["bundled.deep"])
libraries.require(["bundled.deep"])
thread.join()
import bundled.deep
print(bundled.deep.VALUE, len([entry for entry in sys.path if "libraries-" in entry]))
print(sys.path.index(str(Path(bundled.__file__).parent.parent)) > sys.path.index(sys.argv[2]))
"""


def test_what_the_bundle_holds_can_be_imported_and_is_unpacked_once(
    write: Write, tmp_path: Path, project: Path
) -> None:
    path = write(
        entry("bundled/__init__.py"),
        entry("bundled/deep.py", b"VALUE = 42"),
        entry("json.py", b"raise SystemExit('the standard library comes first')"),
    )
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    done = subprocess.run(
        [sys.executable, "-S", "-c", CODE, path, str(project)],
        env={"PYTHONPATH": str(project), "TMPDIR": str(scratch)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    assert done.stdout.splitlines()[-2:] == ["42 1", "True"]
    assert len(list(scratch.iterdir())) == 1


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (entry("../evil.py", b"x"), r"entry '\.\./evil\.py' leaves the folder"),
        (entry("a/../../evil.py", b"x"), "leaves the folder"),
        (entry("/evil.py", b"x"), "leaves the folder"),
        (entry("link", kind=tarfile.SYMTYPE), "entry 'link' is no plain file"),
        (entry("hard", kind=tarfile.LNKTYPE), "is no plain file|linkname"),
        (entry("device", kind=tarfile.CHRTYPE), "is no plain file"),
    ],
)
def test_an_entry_that_would_do_harm_is_refused(
    bad: Entry, message: str, write: Write, tmp_path: Path
) -> None:
    target = tmp_path / "out" / "in"
    target.mkdir(parents=True)
    with pytest.raises(BundleError, match=message):
        unpack(write(entry("good.py", b"x"), bad), target)
    assert [path.name for path in tmp_path.rglob("evil.py")] == []


def test_a_bundle_of_another_size_or_none_at_all_is_refused(write: Write, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"bundle\.tar: has \d+ bytes, bundle\.json says 7"):
        unpack(write(entry("a.py"), size=7), tmp_path)
    path = write(entry("a.py"))
    path.with_suffix(".json").write_text("[]")
    with pytest.raises(BundleError, match="must be an object with 'bytes'"):
        unpack(path, tmp_path)
    path.with_suffix(".json").unlink()
    path.write_bytes(b"no tar at all")
    with pytest.raises(BundleError, match=r"bundle\.tar: "):
        unpack(path, tmp_path)
    with pytest.raises(BundleError, match=r"DEPENDENCY_BUNDLE, value '.*': there is no such file"):
        Libraries(tmp_path / "none.tar").ready()


def test_without_a_bundle_what_is_importable_is_used() -> None:
    libraries = Libraries(None)
    libraries.require(["json"])
    with pytest.raises(ImportError):
        libraries.require(["no_such_library_anywhere"])
    libraries.prefetch(lambda: ["no_such_library_anywhere"]).join(10)

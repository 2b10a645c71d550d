"""Code packages: unpacked safely, kept by digest."""

from __future__ import annotations

import stat
import zipfile
from io import BytesIO
from pathlib import Path

import pytest

from localcloud.core.errors import CloudError
from localcloud.fc import limits
from localcloud.fc.code import CodeStore
from tests.localcloud.fc.conftest import Bench, Maker, close, zipped

ECHO = "def handler(event, context):\n    return event\n"


@pytest.fixture
def store(tmp_path: Path) -> CodeStore:
    return CodeStore(tmp_path / "code")


def test_a_package_is_read_only(store: CodeStore) -> None:
    folder = store.folder(store.keep(zipped({"index.py": "x = 1", "pkg/mod.py": "y = 2"})))
    assert (folder / "pkg" / "mod.py").read_text() == "y = 2"
    assert stat.S_IMODE((folder / "index.py").stat().st_mode) == 0o444


def test_the_same_package_is_kept_once(store: CodeStore) -> None:
    content = zipped({"index.py": "x = 1"})
    assert store.keep(content) == store.keep(content)
    digest = store.keep(content)
    assert store.folder(digest) == store.folder(digest)


@pytest.mark.parametrize("name", ["../evil.py", "/evil.py", "a/../../evil.py"])
def test_entries_that_lead_out(store: CodeStore, tmp_path: Path, name: str) -> None:
    digest = store.keep(zipped({"good.py": "", name: "evil"}))
    with pytest.raises(CloudError, match="leaves the package"):
        store.folder(digest)
    assert not list(tmp_path.rglob("evil.py"))
    assert [path.name for path in (tmp_path / "code").iterdir()] == [f"{digest}.zip"]


def test_links_are_refused(store: CodeStore) -> None:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        entry = zipfile.ZipInfo("link")
        entry.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(entry, "/etc/passwd")
    with pytest.raises(CloudError, match="leaves the package"):
        store.folder(store.keep(buffer.getvalue()))


def test_a_bomb(store: CodeStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "CODE_UNPACKED", 1000)
    with pytest.raises(CloudError, match="unpacked"):
        store.folder(store.keep(zipped({"zeros": b"\0" * 1001})))


def test_what_is_no_package(store: CodeStore, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CloudError, match="no zip"):
        store.keep(b"hello")
    monkeypatch.setattr(limits, "CODE_ZIP", 10)
    with pytest.raises(CloudError, match="at most 10"):
        store.keep(zipped({"a": "b"}))


async def test_a_function_with_a_bad_package_can_be_mended(bench: Bench) -> None:
    bench.python("app", ECHO)
    bench.objects["code", "bad.zip"] = zipped({"../index.py": ECHO})
    bad = bench.spec("app", code={"ossBucketName": "code", "ossObjectName": "bad.zip"})
    bench.fc.update_function("app", bad)
    with pytest.raises(CloudError, match="leaves the package"):
        await bench.fc.invoke("app", b"")
    bench.fc.update_function("app", bench.spec("app"))
    assert (await bench.fc.invoke("app", b"x")).body == b"x"


async def test_packages_that_nobody_has_are_removed_at_the_next_start(make_bench: Maker) -> None:
    bench = await make_bench()
    bench.python("app", ECHO)
    bench.python("other", f"{ECHO}# other\n")
    await bench.fc.invoke("app", b"")
    await bench.fc.invoke("other", b"")
    bench.fc.delete_function("other")
    await close(bench)
    again = await make_bench()
    kept = {path.name for path in (again.config.state_dir / "fc" / "code").iterdir()}
    digest = again.fc.get_function("app")["codeChecksum"]
    assert kept == {digest, f"{digest}.zip"}
    assert (await again.fc.invoke("app", b"x")).body == b"x"

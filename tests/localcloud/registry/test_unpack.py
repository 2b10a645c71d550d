"""Layers as a folder: whiteouts, links, and what is refused."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from localcloud.core.errors import CloudError
from localcloud.registry import Image
from localcloud.registry.unpack import unpack_image
from tests.localcloud.fc.images import LAYER, layer


def image(folder: Path, *layers: bytes, kind: str = LAYER) -> Image:
    files = []
    for number, content in enumerate(layers):
        path = folder / f"layer-{number}"
        path.write_bytes(content)
        files.append((path, kind))
    return Image("sha256:x", {}, tuple(files))


def link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> dict[str, tarfile.TarInfo]:
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = kind, target
    return {name: entry}


def test_later_layers_win_and_whiteouts_remove(tmp_path: Path) -> None:
    base = layer({"a/one": "1", "a/two": "2", "b/x": "x", "b/y": "y", "c": "base"})
    top = layer({"a/.wh.one": "", "b/.wh..wh..opq": "", "b/z": "z", "c": "top"})
    root = tmp_path / "root"
    unpack_image(image(tmp_path, base, top), root)
    found = {
        str(path.relative_to(root)): path.read_text() for path in root.rglob("*") if path.is_file()
    }
    assert found == {"a/two": "2", "b/z": "z", "c": "top"}


def test_links_stay_within(tmp_path: Path) -> None:
    content = layer(
        {
            "usr/bin/real": "program",
            **link("bin", "/usr/bin"),
            **link("usr/lib/up", "../bin/real"),
            **link("hard", "usr/bin/real", tarfile.LNKTYPE),
        }
    )
    root = tmp_path / "root"
    unpack_image(image(tmp_path, content), root)
    assert (root / "bin" / "real").resolve() == (root / "usr/bin/real").resolve()
    assert (root / "usr/lib/up").read_text() == (root / "hard").read_text() == "program"


@pytest.mark.parametrize(
    "entries",
    [
        {"../outside": "x"},
        {"a/../../outside": "x"},
        {**link("way", "../.."), "way/outside": "x"},
        link("hard", "../outside", tarfile.LNKTYPE),
        link("hard", "nothing", tarfile.LNKTYPE),
    ],
)
def test_what_leads_out_is_refused(tmp_path: Path, entries: dict[str, str]) -> None:
    (tmp_path / "outside").write_text("secret")
    root = tmp_path / "state" / "root"
    with pytest.raises(CloudError):
        unpack_image(image(tmp_path, layer(entries)), root)
    assert not root.exists()
    assert not list((tmp_path / "state").iterdir())
    assert (tmp_path / "outside").read_text() == "secret"


def test_an_absolute_name_is_meant_within(tmp_path: Path) -> None:
    unpack_image(image(tmp_path, layer({"/etc/name": "x"})), tmp_path / "root")
    assert (tmp_path / "root/etc/name").read_text() == "x"


def test_damaged_and_unknown_layers(tmp_path: Path) -> None:
    for content, kind in (
        (b"no gzip", LAYER),
        (layer({"a": "x"})[:-20], LAYER),
        (b"", "x/tar+zstd"),
    ):
        with pytest.raises(CloudError):
            unpack_image(image(tmp_path, content, kind=kind), tmp_path / "root")
        assert not (tmp_path / "root").exists()


def test_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("localcloud.registry.unpack.LARGEST_IMAGE", 10)
    with pytest.raises(CloudError, match="at most 10"):
        unpack_image(image(tmp_path, layer({"a": "x" * 11})), tmp_path / "root")


def test_an_image_that_is_there_is_left_alone(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    unpack_image(image(tmp_path, b"not even read"), root)
    assert list(root.iterdir()) == []

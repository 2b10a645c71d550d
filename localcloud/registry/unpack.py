"""An image's layers as one folder (image-spec v1.1, layer.md)."""

from __future__ import annotations

import gzip
import shutil
import tarfile
import uuid
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, BinaryIO

from localcloud.core.errors import CloudError

if TYPE_CHECKING:
    from localcloud.registry.store import Image

LARGEST_IMAGE = 10 * 1024**3
MOST_ENTRIES = 500_000
_WHITEOUT = ".wh."
_OPAQUE = ".wh..wh..opq"


def unpack_image(image: Image, folder: Path) -> None:
    """Unpack the layers, base first; nothing is there until everything is.

    Whiteouts remove what lower layers put. Entries that would land outside of the folder, by their
    name or through a link, are refused; devices are left out.

    Args:
        image: from the registry.
        folder: the root file system to make; left alone when it is there.

    Raises:
        CloudError: 400, a layer is malformed, unsafe or too large.
    """
    if folder.exists():
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    part = folder.with_name(f".{folder.name}.{uuid.uuid4().hex}")
    part.mkdir()
    try:
        budget = _Budget()
        for path, media_type in image.layers:
            with path.open("rb") as raw:
                _unpack_layer(_opened(raw, media_type), part, budget)
        part.rename(folder)
    except (tarfile.TarError, gzip.BadGzipFile, EOFError, OSError) as bad:
        raise CloudError(400, "ImageInvalid", f"image {image.digest}: {bad}") from bad
    finally:
        shutil.rmtree(part, ignore_errors=True)


class _Budget:
    """What one image may take, over all of its layers."""

    def __init__(self) -> None:
        self._bytes = LARGEST_IMAGE
        self._entries = MOST_ENTRIES

    def take(self, entry: tarfile.TarInfo) -> None:
        self._bytes -= entry.size
        self._entries -= 1
        if self._bytes < 0 or self._entries < 0:
            raise CloudError(400, "ImageInvalid", f"an image has at most {LARGEST_IMAGE} bytes")


def _opened(raw: BinaryIO, media_type: str) -> BinaryIO:
    if media_type.endswith("gzip"):
        return gzip.open(raw)  # type: ignore[return-value]
    if media_type.endswith(".tar"):
        return raw
    raise CloudError(400, "ImageInvalid", f"layers of type {media_type} are not supported")


def _unpack_layer(stream: BinaryIO, root: Path, budget: _Budget) -> None:
    with tarfile.open(fileobj=stream, mode="r|") as archive:
        for entry in archive:
            budget.take(entry)
            name = PurePosixPath("/", entry.name).relative_to("/")
            if ".." in name.parts:
                raise CloudError(
                    400, "ImageInvalid", f"layer entry {entry.name!r} leaves the image"
                )
            if not name.parts:
                continue
            if name.name.startswith(_WHITEOUT):
                _white_out(root, name)
            elif entry.isfile() or entry.isdir() or entry.issym() or entry.islnk():
                _place(archive, entry, root, name)


def _white_out(root: Path, name: PurePosixPath) -> None:
    folder = _inside(root, name.parent)
    if name.name == _OPAQUE:
        victims = list(folder.iterdir()) if folder.is_dir() else []
    else:
        victims = [folder / name.name.removeprefix(_WHITEOUT)]
    for victim in victims:
        _remove(victim)


def _place(
    archive: tarfile.TarFile, entry: tarfile.TarInfo, root: Path, name: PurePosixPath
) -> None:
    parent = _inside(root, name.parent)
    parent.mkdir(parents=True, exist_ok=True)
    target = parent / name.name
    if entry.isdir():
        if target.is_symlink() or (target.exists() and not target.is_dir()):
            _remove(target)
        target.mkdir(exist_ok=True)
        target.chmod(entry.mode & 0o777 | 0o700)
        return
    _remove(target)
    if entry.issym():
        target.symlink_to(_link_text(name, entry.linkname))
    elif entry.islnk():
        source = _inside(root, PurePosixPath("/", entry.linkname).relative_to("/"))
        if source.is_symlink() or not source.is_file():
            raise CloudError(400, "ImageInvalid", f"hard link {entry.name!r} to nothing")
        target.hardlink_to(source)
    else:
        content = archive.extractfile(entry)
        with target.open("wb") as file:
            if content is not None:
                shutil.copyfileobj(content, file)
        target.chmod(entry.mode & 0o777 | 0o400)


def _link_text(name: PurePosixPath, text: str) -> str:
    """An absolute link is meant within the image; here it becomes relative, and stays within."""
    if not text.startswith("/"):
        return text
    inner = PurePosixPath(text).relative_to("/")
    up = "../" * (len(name.parts) - 1)
    return f"{up}{inner}" or "."


def _inside(root: Path, name: PurePosixPath) -> Path:
    """A path in the image, its links followed, which must not lead out."""
    path = root.joinpath(*name.parts)
    real = path.resolve()
    if not real.is_relative_to(root.resolve()):
        raise CloudError(400, "ImageInvalid", f"layer entry {str(name)!r} leaves the image")
    return real


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)

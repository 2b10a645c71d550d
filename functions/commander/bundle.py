"""Heavy libraries, when they are needed: from one file on the share, unpacked once an instance.

A tree of thousands of files on a network share costs a round trip for every path that an import
tries. So the share holds one tar for a set of dependencies; it is read once in sequence into the
instance's own temporary folder, which then joins `sys.path`. `prefetch` does that, and the imports,
in a thread, while the planner thinks. Standard library only.
"""

from __future__ import annotations

import importlib
import json
import shutil
import sys
import tarfile
import tempfile
import time
from pathlib import Path, PurePosixPath
from threading import Lock, Thread
from typing import TYPE_CHECKING

from functions.commander.log import LOG

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

MAX_UNPACKED_BYTES = 2 * 1024**3


class BundleError(Exception):
    """The bundle cannot be used; the text says why."""


class Libraries:
    """The libraries of one instance.

    Args:
        bundle: the tar, with paths relative to a `site-packages` folder; `None`: use what is
            importable already.
    """

    def __init__(self, bundle: Path | None) -> None:
        self._bundle = bundle
        self._unpacked: Path | None = None
        self._unpacking = Lock()
        # One import at a time: threads that import parts of one library could wait for each other.
        self._importing = Lock()

    def ready(self) -> None:
        """Make the libraries importable; returns at once if they are.

        Raises:
            BundleError: there is no bundle at that path, or it is damaged.
        """
        with self._unpacking:
            if self._bundle is None or self._unpacked is not None:
                return
            began = time.monotonic()
            target = Path(tempfile.mkdtemp(prefix="libraries-"))
            try:
                unpack(self._bundle, target)
            except BaseException:
                shutil.rmtree(target, ignore_errors=True)
                raise
            self._unpacked = target
            _join_path(target)
            LOG.info("libraries_unpacked", ms=round((time.monotonic() - began) * 1000))

    def require(self, modules: Iterable[str]) -> None:
        """Import modules, after unpacking if need be.

        Raises:
            BundleError: as for `ready`.
            ImportError: a module is in no place.
        """
        self.ready()
        for name in modules:
            with self._importing:
                importlib.import_module(name)

    def prefetch(self, *stages: Callable[[], Iterable[str]]) -> Thread:
        """Do in a thread what `require` does; what goes wrong shows where it is required.

        Args:
            stages: each names modules, and is asked once those of the stage before are imported.
        """

        def work() -> None:
            try:
                for modules in stages:
                    self.require(modules())
            except (BundleError, ImportError) as error:
                LOG.warning("prefetch_failed", error=str(error))

        thread = Thread(target=work, name="prefetch", daemon=True)
        thread.start()
        return thread


def unpack(bundle: Path, target: Path) -> None:
    """Unpack a bundle into an empty folder: plain files and folders below it, nothing else.

    Raises:
        BundleError: there is no such file, it is not the size that `bundle.json` beside it says, it
            is no tar, or an entry would leave the folder or is neither file nor folder.
    """
    _check_size(bundle)
    left = MAX_UNPACKED_BYTES
    try:
        with tarfile.open(bundle, "r:") as archive:
            for member in archive:
                path = PurePosixPath(member.name)
                if path.is_absolute() or ".." in path.parts:
                    raise BundleError(f"{bundle.name}: entry '{member.name}' leaves the folder")
                place = target.joinpath(*path.parts)
                if member.isdir():
                    place.mkdir(parents=True, exist_ok=True)
                    continue
                source = archive.extractfile(member) if member.isfile() else None
                if source is None:
                    raise BundleError(f"{bundle.name}: entry '{member.name}' is no plain file")
                left -= member.size
                if left < 0:
                    raise BundleError(f"{bundle.name}: more than {MAX_UNPACKED_BYTES} bytes")
                place.parent.mkdir(parents=True, exist_ok=True)
                with source, place.open("xb") as written:
                    shutil.copyfileobj(source, written, 1024 * 1024)
    except (tarfile.TarError, OSError) as error:
        raise BundleError(f"{bundle.name}: {error}") from error


def _check_size(bundle: Path) -> None:
    if not bundle.is_file():
        raise BundleError(f"DEPENDENCY_BUNDLE, value '{bundle}': there is no such file")
    described = bundle.with_suffix(".json")
    if not described.is_file():
        return
    try:
        expected = int(json.loads(described.read_text(encoding="utf-8"))["bytes"])
    except (ValueError, KeyError, TypeError) as error:
        raise BundleError(f"{described.name}: must be an object with 'bytes'") from error
    found = bundle.stat().st_size
    if found != expected:
        raise BundleError(f"{bundle.name}: has {found} bytes, {described.name} says {expected}")


def _join_path(folder: Path) -> None:
    """Before the first `site-packages`, if there is one; the application's own code stays first."""
    position = next(
        (place for place, entry in enumerate(sys.path) if "site-packages" in entry), len(sys.path)
    )
    sys.path.insert(position, str(folder))
    importlib.invalidate_caches()

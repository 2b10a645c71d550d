"""Which files the locked packages consist of, here or on another platform."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from stack.artifacts.lock import HOST, locked_versions

if TYPE_CHECKING:
    from collections.abc import Iterator

# What no import opens, and what differs from one installation to the next.
LEFT_OUT_SUFFIXES = frozenset({".pyc", ".pyi", ".pyx", ".pxd", ".c", ".h", ".cpp", ".hpp"})
LEFT_OUT_FOLDERS = frozenset({"__pycache__", "tests", "bin"})
LEFT_OUT_RECORDS = frozenset(
    {"RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json"}
)


class BundleError(RuntimeError):
    """The bundle cannot be built; the message says what to do."""


def belongs(name: PurePosixPath) -> bool:
    """Whether a file of an installed package goes into the bundle."""
    record = name.parts[0].endswith(".dist-info") and name.name in LEFT_OUT_RECORDS
    folders = LEFT_OUT_FOLDERS.intersection(name.parts[:-1])
    return not (
        name.is_absolute()
        or ".." in name.parts
        or record
        or folders
        or name.suffix in LEFT_OUT_SUFFIXES
    )


def host_files(lock: Path) -> dict[str, Path]:
    """Return the files of the locked packages here, by their name below site-packages.

    Raises:
        BundleError: a package is missing here, or has another version than the lock.
    """
    found = {}
    for name, version in locked_versions(lock).items():
        try:
            distribution = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError as error:
            raise BundleError(
                f"{name} {version} is locked but not installed here: run `make install`"
            ) from error
        if distribution.version != version:
            raise BundleError(
                f"{name} {distribution.version} is installed here, {version} is locked: run "
                f"`make install`"
            )
        for file in distribution.files or []:
            inside = PurePosixPath(file)
            if belongs(inside):
                found[inside.as_posix()] = Path(str(distribution.locate_file(file)))
    return found


@contextmanager
def resolved_files(lock: Path, target: str) -> Iterator[dict[str, Path]]:
    """Install the lock for another platform, without running foreign code; yield its files.

    Args:
        lock: requirements with hashes.
        target: such as `3.12-manylinux_2_28_x86_64`.

    Raises:
        BundleError: a package has no wheel for the target, or a hash is wrong.
    """
    version, _, platform = target.partition("-")
    platform = f"x86_64-{platform.removesuffix('_x86_64')}"
    with tempfile.TemporaryDirectory(prefix="bundle-") as folder:
        command = [
            *(_uv(), "pip", "install", "--quiet", "--no-config", "--target", folder),
            *(
                "--python",
                sys.executable,
                "--python-version",
                version,
                "--python-platform",
                platform,
            ),
            *(
                "--only-binary",
                ":all:",
                "--no-deps",
                "--require-hashes",
                "--link-mode",
                "copy",
                "-r",
                str(lock),
            ),
        ]
        done = subprocess.run(  # noqa: S603  (uv, by its full path)
            command, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise BundleError(
                f"the dependencies do not resolve for {target}:\n{done.stderr.strip()}"
            )
        root = Path(folder)
        names = (path.relative_to(root) for path in root.rglob("*") if path.is_file())
        inside = (PurePosixPath(name.as_posix()) for name in names)
        yield {
            name.as_posix(): root / name
            for name in inside
            if belongs(name) and not name.name.startswith(".lock")
        }


def interpreter_of(target: str) -> str:
    """Return a Python that makes bytecode for the target.

    Raises:
        BundleError: there is none on this machine.
    """
    version = target.partition("-")[0]
    if target == HOST or version == f"{sys.version_info.major}.{sys.version_info.minor}":
        return sys.executable
    done = subprocess.run(  # noqa: S603  (uv, by its full path)
        [_uv(), "python", "find", "--no-config", "--no-project", "--system", version],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise BundleError(
            f"the bundle is for Python {version}, whose bytecode only that version makes: "
            f"`uv python install {version}`, or set share.bundle_target to the Python of your image"
        )
    return done.stdout.strip()


def _uv() -> str:
    from uv import find_uv_bin

    return str(find_uv_bin())

"""Dependency bundles: one file for each lock, read once in sequence."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import tarfile
import tempfile
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from stack.artifacts.artifact import Artifact
from stack.artifacts.installed import BundleError, host_files, interpreter_of, resolved_files
from stack.artifacts.lock import HOST, LOCK_FILE, bundle_id

if TYPE_CHECKING:
    from collections.abc import Mapping

COMPILER = Path(__file__).with_name("bytecode.py")
CHUNK = 1 << 20


def build_bundle(root: Path, target: str, out: Path, lock: Path | None = None) -> Artifact:
    """Write the bundle of a lock as `bundle-<id>.tar`, or find that it is there.

    An uncompressed tar of what would lie in site-packages, sources with unchecked-hash bytecode
    beside them.

    Args:
        root: the project.
        target: `host`, or Python and platform such as `3.12-manylinux_2_28_x86_64`.
        out: where to write, relative to the project.
        lock: another lock than the commander's.

    Raises:
        BundleError: it cannot be built; the message says why and what to do.
    """
    lock = lock or root / LOCK_FILE
    identity = bundle_id(lock, target)
    path = out / f"bundle-{identity}.tar"
    record = (root / path).with_suffix(".json")
    if not (record.exists() and (root / path).exists()):
        (root / out).mkdir(parents=True, exist_ok=True)
        _build(lock, target, root / path, record)
    size_and_digest = json.loads(record.read_text(encoding="utf-8"))
    return Artifact(
        name=identity,
        kind="bundle",
        path=path.as_posix(),
        bytes=size_and_digest["bytes"],
        sha256=size_and_digest["sha256"],
    )


def _build(lock: Path, target: str, path: Path, record: Path) -> None:
    source = nullcontext(host_files(lock)) if target == HOST else resolved_files(lock, target)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with source as files, tempfile.TemporaryDirectory(prefix="bytecode-") as folder:
            compiled = _compiled(files, interpreter_of(target), Path(folder))
            _write_tar({**files, **compiled}, beside)
        with beside.open("rb") as stream:
            sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
        size = beside.stat().st_size
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
    beside.write_text(json.dumps({"sha256": sha256, "bytes": size}), encoding="utf-8")
    beside.replace(record)


def _compiled(files: Mapping[str, Path], interpreter: str, folder: Path) -> dict[str, Path]:
    """Compile every source with the target's interpreter; return files by name in the bundle."""
    tag = _ask(
        interpreter, ["-I", "-S", "-c", "import sys; print(sys.implementation.cache_tag)"]
    ).strip()
    outputs: dict[str, Path] = {}
    lines = []
    for number, name in enumerate(sorted(name for name in files if name.endswith(".py"))):
        parent, _, stem = name.removesuffix(".py").rpartition("/")
        cached = "/".join([*([parent] if parent else []), "__pycache__", f"{stem}.{tag}.pyc"])
        outputs[cached] = folder / str(number)
        lines.append(f"{files[name]}\t{name}\t{outputs[cached]}\n")
    _ask(interpreter, ["-I", "-S", str(COMPILER)], "".join(lines))
    return {name: path for name, path in outputs.items() if path.exists()}


def _ask(interpreter: str, arguments: list[str], text: str = "") -> str:
    done = subprocess.run(  # noqa: S603  (our own script, in an interpreter that uv found)
        [interpreter, *arguments],
        input=text,
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONHASHSEED": "0", "PATH": os.environ.get("PATH", "")},
    )
    if done.returncode:
        raise BundleError(f"{interpreter} could not make bytecode:\n{done.stderr.strip()}")
    return done.stdout


def _write_tar(files: Mapping[str, Path], path: Path) -> None:
    with (
        path.open("wb") as stream,
        tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for name in sorted(files):
            entry = tarfile.TarInfo(name)
            entry.size = files[name].stat().st_size
            # The mode on disk is the umask's; a shared library is recognised by its name.
            entry.mode = 0o755 if ".so" in Path(name).suffixes else 0o644
            with files[name].open("rb") as content:
                archive.addfile(entry, content)

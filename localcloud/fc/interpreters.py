"""Which Python runs which runtime: the version asked for if it is here, else this one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_PROBE = "import sys; print('%d.%d.%d' % sys.version_info[:3]); print(sys.executable)"
_PROBE_SECONDS = 20
_DEFAULT_VERSION = "3.10"  # What `python3` means is not documented for FC 3.0.


@dataclass(frozen=True)
class Interpreter:
    """A Python on this machine.

    Attributes:
        path: of the binary.
        version: such as "3.10.13".
        stands_in_for: the version that was asked for and is not here, or None.
    """

    path: Path
    version: str
    stands_in_for: str | None = None

    def describe(self) -> str:
        """For people."""
        if self.stands_in_for is None:
            return f"{self.version} ({self.path})"
        return f"{self.version}, standing in for {self.stands_in_for}"


@cache
def base_interpreter() -> Interpreter:
    """The interpreter that this process runs on, without its virtual environment."""
    base = getattr(sys, "_base_executable", None) or sys.executable
    version = ".".join(str(part) for part in sys.version_info[:3])
    return Interpreter(Path(base).resolve(), version)


@cache
def interpreter_for(runtime: str) -> Interpreter:
    """Find the interpreter of a built-in runtime; slow the first time, since candidates are run.

    Args:
        runtime: such as "python3.10".
    """
    wanted = runtime.removeprefix("python")
    wanted = wanted if "." in wanted else _DEFAULT_VERSION
    base = base_interpreter()
    if base.version.startswith(f"{wanted}."):
        return base
    for candidate in _candidates(wanted):
        found = _probe(candidate)
        if found is not None and found.version.startswith(f"{wanted}."):
            return found
    return Interpreter(base.path, base.version, stands_in_for=wanted)


def _candidates(version: str) -> list[Path]:
    name = f"python{version}"
    folders = [folder for folder in os.get_exec_path() if Path(folder).is_absolute()]
    on_path = [Path(hit) for folder in folders if (hit := shutil.which(name, path=folder))]
    versions = Path.home() / ".pyenv" / "versions"
    return [*on_path, *sorted(versions.glob(f"{version}*/bin/{name}"), reverse=True)]


def _probe(candidate: Path) -> Interpreter | None:
    """Run it: a shim may name a version that is not installed."""
    try:
        done = subprocess.run(  # noqa: S603  (a Python of this machine)
            [candidate, "-S", "-c", _PROBE],
            capture_output=True,
            text=True,
            timeout=_PROBE_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    lines = done.stdout.split("\n")
    return Interpreter(Path(lines[1]).resolve(), lines[0])

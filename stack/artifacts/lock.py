"""The lock file of the commander's dependencies."""

from __future__ import annotations

import hashlib
import sys
import sysconfig
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

LOCK_FILE = "functions/commander/requirements.txt"
HOST = "host"
# Part of every bundle's name: raise it when the same lock gives other bytes.
FORMAT_VERSION = 1


def exact_target(target: str) -> str:
    """Return the target with nothing left open: `host` becomes this interpreter and platform."""
    if target != HOST:
        return target
    return f"{HOST}-{sys.implementation.cache_tag}-{sysconfig.get_platform()}"


def bundle_id(lock: Path, target: str) -> str:
    """Return the name of a bundle without building it: a digest of lock, target and format."""
    text = b"\0".join(
        [lock.read_bytes(), exact_target(target).encode(), str(FORMAT_VERSION).encode()]
    )
    return hashlib.sha256(text).hexdigest()[:32]


def locked_versions(lock: Path) -> Mapping[str, str]:
    """Return the versions by name that a lock has for this interpreter.

    Raises:
        ValueError: a line is no pinned requirement.
    """
    from packaging.markers import default_environment
    from packaging.requirements import Requirement

    environment: dict[str, Any] = {**default_environment()}
    found = {}
    for line in lock.read_text(encoding="utf-8").splitlines():
        text = line.split("#", 1)[0].strip().removesuffix("\\").strip()
        if not text or text.startswith("--hash="):
            continue
        requirement = Requirement(text)
        pins = list(requirement.specifier)
        if len(pins) != 1 or pins[0].operator != "==":
            raise ValueError(f"{lock.name} does not pin {requirement.name} to one version")
        if requirement.marker is None or requirement.marker.evaluate(environment):
            found[requirement.name] = pins[0].version
    return found

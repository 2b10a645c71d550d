"""One cloud a state directory."""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class StateInUse(Exception):
    """Another local cloud runs on this state directory."""


@contextmanager
def state_lock(state_dir: Path) -> Iterator[None]:
    """Hold the directory for this process; the system lets go of it when the process ends.

    Raises:
        StateInUse: another process holds it.
        OSError: the directory cannot be written.
    """
    state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(state_dir / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 32, 0).decode(errors="replace").strip()
            raise StateInUse(
                f"a local cloud (process {holder or 'unknown'}) already runs on {state_dir}: "
                "stop it, or choose another --state-dir"
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)

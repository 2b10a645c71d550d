"""Becomes a container's command after asking the kernel to kill it when the platform dies (Linux).

Started as ``python -I -S launch.py <pid of the platform> <program> <arguments…>``.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Set the signal, then replace this process by the command."""
    parent, command = int(sys.argv[1]), sys.argv[2:]
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        # The platform died before the kernel knew.
        sys.exit(1)
    try:
        os.execve(command[0], command, os.environ)  # noqa: S606  (that is what it is for)
    except OSError as error:
        print(f"cannot run {command[0]}: {error.strerror}", file=sys.stderr)
        sys.exit(126)


if __name__ == "__main__":
    main()

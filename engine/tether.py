"""Runs a script or a module that ends together with the process that started it.

    python tether.py script.py arguments…
    python tether.py -m module arguments…

The starter holds the other end of our standard input and never writes to it. When that end is
closed, the starter is gone, however it went: a program whose engine was killed would otherwise wait
for an answer for ever. What runs here sees an empty standard input.
"""

from __future__ import annotations

import os
import runpy
import sys
import threading


def main() -> None:
    """Watch the starter from a thread and run what the arguments name."""
    lifeline = os.dup(0)
    empty = os.open(os.devnull, os.O_RDONLY)
    os.dup2(empty, 0)
    os.close(empty)
    threading.Thread(target=_end_with, args=(lifeline,), daemon=True).start()
    target, *arguments = sys.argv[1:]
    if target == "-m":
        sys.argv = arguments
        sys.path[0] = ""
        runpy.run_module(arguments[0], run_name="__main__", alter_sys=True)
    else:
        sys.argv = [target, *arguments]
        del sys.path[0]
        runpy.run_path(target, run_name="__main__")


def _end_with(lifeline: int) -> None:
    os.read(lifeline, 1)
    os._exit(1)


if __name__ == "__main__":
    main()

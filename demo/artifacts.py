"""What gets deployed, packaged by the same command that a deployment uses."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

from demo.screen import size, table

if TYPE_CHECKING:
    from pathlib import Path

    from rich.table import Table


def package(project: Path) -> Table:
    """Run `python -m stack.artifacts build` and show what it made.

    Raises:
        subprocess.CalledProcessError: the packaging failed; its message went to standard error.
    """
    command = [
        sys.executable,
        "-m",
        "stack.artifacts",
        "build",
        "--out",
        "build/artifacts",
        "--json",
    ]
    done = subprocess.run(  # noqa: S603 - our own command, no shell
        command, cwd=project, check=True, stdout=subprocess.PIPE, text=True
    )
    rows = [
        (item["name"], item["kind"], size(item["bytes"]), item["sha256"][:16], item["path"])
        for item in json.loads(done.stdout)
    ]
    headings = [
        ("artifact", "left"),
        ("kind", "left"),
        ("size", "right"),
        ("sha256", "left"),
        ("path", "left"),
    ]
    return table(headings, rows)

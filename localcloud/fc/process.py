"""A process that leads a group of its own: started, frozen, measured, ended as a whole."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import sys
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

_LONGEST_LINE = 64 * 1024
_REMOVED_WITHIN_S = 5.0


class Process:
    """One running process group.

    Args:
        process: just spawned, its output piped.
        on_line: gets every line of output, without its end.
    """

    def __init__(self, process: asyncio.subprocess.Process, on_line: Callable[[str], None]) -> None:
        self._process = process
        self._on_line = on_line
        self.pid = process.pid
        self._output = asyncio.create_task(self._pump())
        self.exited = asyncio.create_task(self._wait())

    @classmethod
    async def spawn(
        cls,
        command: Sequence[str],
        *,
        environment: Mapping[str, str],
        folder: Path,
        record: Path,
        on_line: Callable[[str], None],
        descriptors: Sequence[int] = (),
    ) -> Process:
        """Start a command.

        Args:
            command: program and arguments.
            environment: all of it; nothing is inherited.
            folder: working directory.
            record: where to write down the process, for `reap`.
            on_line: gets its output.
            descriptors: to inherit.

        Raises:
            OSError: it cannot be started.
        """
        process = await asyncio.create_subprocess_exec(
            *command,
            env=dict(environment),
            cwd=folder,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            pass_fds=descriptors,
            limit=_LONGEST_LINE,
            # Same session, own group: a stopped group whose parent dies becomes orphaned, and
            # POSIX has it hung up and continued.
            process_group=0,
        )
        started = cls(process, on_line)
        with contextlib.suppress(psutil.NoSuchProcess):
            created = psutil.Process(process.pid).create_time()
            record.write_text(json.dumps({"pid": process.pid, "created": created}))
        return started

    def freeze(self) -> None:
        """Stop the whole group, as the platform freezes an instance between requests."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let the group go on."""
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """End the whole group at once."""
        self._signal(signal.SIGKILL)

    async def end(self, grace: float) -> None:
        """Ask the group to end, wait, then kill what is left of it."""
        self.thaw()
        self._signal(signal.SIGTERM)
        await asyncio.wait({self.exited}, timeout=grace)
        self.kill()
        await self.drained()

    async def drained(self) -> None:
        """Wait for the end of the process and of its output."""
        await self.exited
        self.kill()  # Children that outlived their leader.
        await asyncio.wait({self._output}, timeout=_REMOVED_WITHIN_S)
        self._output.cancel()

    def resident_bytes(self) -> int:
        """Memory of the process and its descendants; pages that they share count more than once."""
        try:
            leader = psutil.Process(self.pid)
            family = [leader, *leader.children(recursive=True)]
        except psutil.NoSuchProcess:
            return 0
        total = 0
        for member in family:
            with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                total += member.memory_info().rss
        return total

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)

    async def _wait(self) -> int:
        return await self._process.wait()

    async def _pump(self) -> None:
        stream = self._process.stdout
        if stream is None:
            return
        while True:
            try:
                line = await stream.readuntil(b"\n")
            except asyncio.IncompleteReadError as last:
                if last.partial:
                    self._on_line(last.partial.decode(errors="replace"))
                return
            except asyncio.LimitOverrunError as long:
                line = await stream.readexactly(long.consumed)
            self._on_line(line.decode(errors="replace").rstrip("\n"))


def describe_exit(code: int) -> str:
    """An exit code in words."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"signal {signal.Signals(-code).name}"
    except ValueError:
        return f"signal {-code}"


def reap(root: Path) -> None:
    """End what instances left behind, and remove their folders.

    A runtime host ends by itself when the platform dies, and so do containers on Linux; this is for
    what could not, and for children that left their group. A process is taken for ours when its id
    and start time are those written down, or when its temporary directory is an instance's.

    Args:
        root: folder of the folders of instances that nobody serves any more.
    """
    for record in root.glob("*/process.json"):
        with contextlib.suppress(OSError, ValueError, KeyError, psutil.Error):
            known = json.loads(record.read_text())
            leader = psutil.Process(known["pid"])
            if abs(leader.create_time() - known["created"]) < 0.05:
                os.killpg(leader.pid, signal.SIGKILL)
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            home = process.environ().get("TMPDIR", "")
            if home.startswith(f"{root}{os.sep}") and process.pid != os.getpid():
                process.kill()
    for folder in root.glob("*"):
        shutil.rmtree(folder, ignore_errors=True)


def dies_with_parent(command: Sequence[str], launcher: Path, python: Path) -> list[str]:
    """Wrap a command so that the kernel kills it when this process dies, where it can do that."""
    if not sys.platform.startswith("linux"):
        return list(command)
    return [str(python), "-I", "-S", str(launcher), str(os.getpid()), *command]

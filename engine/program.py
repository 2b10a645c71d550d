"""Runs the program: a process of its own, connected to the two services."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import grpc
import grpc.aio
from pulumi.runtime.proto import engine_pb2_grpc, resource_pb2_grpc

from engine.errors import EngineError, ProgramFailed
from engine.monitor import ORGANIZATION, PARALLEL, Deployment, EngineService, MonitorService

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from engine.config import Configuration, Project
    from engine.diagnostics import Diagnostics, Severity

GRPC_OPTIONS = [
    ("grpc.max_receive_message_length", 400 * 1024 * 1024),
    ("grpc.max_send_message_length", 400 * 1024 * 1024),
]
"""The limits of the real engine: an archive in an input may be large."""

_HERE = Path(__file__).parent
_SHOWN_EXIT_CODE = 32
_GRACE_SECONDS = 5.0
_MAX_OUTPUT = 1024 * 1024


async def run_program(
    project: Project,
    stack: str,
    configuration: Configuration,
    deployment: Deployment,
    diagnostics: Diagnostics,
    *,
    dry_run: bool,
    environment: Mapping[str, str] | None = None,
) -> None:
    """Run the program to its end.

    Raises:
        ProgramFailed: the program ended with an error; the message is its own.
        EngineError: the deployment could not go on; the program was ended.
    """
    monitor = MonitorService(project, stack, configuration, deployment, dry_run=dry_run)
    async with serving(monitor, EngineService(diagnostics)) as address:
        settings = {
            "monitor": address,
            "engine": address,
            "project": project.name,
            "stack": stack,
            "organization": ORGANIZATION,
            "root_directory": str(project.root),
            "parallel": PARALLEL,
            "dry_run": dry_run,
        }
        process = await start(
            project.python,
            (str(_HERE / "launch.py"), json.dumps(settings)),
            project.program,
            program_environment(project.python, configuration) | dict(environment or {}),
        )
        async with ended(process):
            impatience = asyncio.create_task(_stop_after(monitor.failed, process))
            try:
                await asyncio.gather(
                    _collect(process.stdout, "info", diagnostics),
                    _collect(process.stderr, "info#err", diagnostics),
                    process.wait(),
                )
            finally:
                impatience.cancel()
    if monitor.failure is not None:
        raise monitor.failure
    _check_exit(process.returncode, diagnostics)


async def start(
    python: Path, arguments: Sequence[str], directory: Path, environment: Mapping[str, str]
) -> asyncio.subprocess.Process:
    """Start a Python process, with its output in pipes, that does not outlive this one.

    Raises:
        EngineError: it cannot be started.
    """
    try:
        return await asyncio.create_subprocess_exec(
            *(str(python), "-u", str(_HERE / "tether.py"), *arguments),
            cwd=directory,
            env=dict(environment),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
    except OSError as error:
        raise EngineError(f"{python} cannot be started: {error.strerror}") from None


@contextlib.asynccontextmanager
async def serving(
    monitor: resource_pb2_grpc.ResourceMonitorServicer | None,
    engine: engine_pb2_grpc.EngineServicer,
) -> AsyncIterator[str]:
    """Serve on a free loopback port and yield its address."""
    server = grpc.aio.server(options=GRPC_OPTIONS)
    if monitor is not None:
        resource_pb2_grpc.add_ResourceMonitorServicer_to_server(monitor, server)
    engine_pb2_grpc.add_EngineServicer_to_server(engine, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(None)


@contextlib.asynccontextmanager
async def ended(process: asyncio.subprocess.Process) -> AsyncIterator[None]:
    """Make sure that a process is gone afterwards: asked first, killed when it does not go."""
    try:
        yield
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            try:
                await asyncio.wait_for(process.wait(), _GRACE_SECONDS)
            except TimeoutError:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()


def program_environment(python: Path, configuration: Configuration) -> dict[str, str]:
    """Return the environment in which the language host starts a program."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONHOME"}
    environment["PATH"] = os.pathsep.join([str(python.parent), environment.get("PATH", "")])
    if (python.parent.parent / "pyvenv.cfg").is_file():
        environment["VIRTUAL_ENV"] = str(python.parent.parent)
    environment["PULUMI_CONFIG"] = json.dumps(configuration.values)
    environment["PULUMI_CONFIG_SECRET_KEYS"] = json.dumps(sorted(configuration.secret_keys))
    return environment


async def read_port(process: asyncio.subprocess.Process, seconds: float) -> int:
    """Return the port that a plugin prints as its first line.

    Raises:
        ValueError: it printed something else, or ended.
        TimeoutError: it printed nothing in time.
    """
    line = b""
    if process.stdout is not None:
        line = await asyncio.wait_for(process.stdout.readline(), seconds)
    return int(line)


async def read_all(stream: asyncio.StreamReader | None) -> bytes:
    """Read a stream to its end, so that its writer never blocks; keep what fits the limit."""
    kept = bytearray()
    while stream is not None and (chunk := await stream.read(64 * 1024)):
        kept += chunk[: max(0, _MAX_OUTPUT - len(kept))]
    return bytes(kept)


async def _stop_after(failed: asyncio.Event, process: asyncio.subprocess.Process) -> None:
    """End a program that goes on although all its calls are turned away."""
    await failed.wait()
    await asyncio.sleep(_GRACE_SECONDS)
    async with ended(process):
        return


async def _collect(
    stream: asyncio.StreamReader | None, severity: Severity, diagnostics: Diagnostics
) -> None:
    printed = await read_all(stream)
    diagnostics.add(severity, printed.decode("utf-8", errors="replace"))


def _check_exit(code: int | None, diagnostics: Diagnostics) -> None:
    if code == 0 or code is None:
        return
    errors = diagnostics.errors()
    if code < 0:
        errors.append(f"the program was ended by signal {-code}")
    elif code != _SHOWN_EXIT_CODE and not errors:
        printed = [entry.message for entry in diagnostics if entry.severity == "info#err"]
        errors = printed or [f"the program ended with exit code {code}"]
    raise ProgramFailed("\n".join(errors) or "the program failed")

"""The commands. Whatever goes wrong is one message on standard error, and exit code 1."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import re
import signal
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from engine.errors import EngineError
from localcloud.cloud import SIGNING_KEY
from localcloud.core.errors import CloudError, StateDamaged
from localcloud.coverage import coverage_markdown
from localcloud.keys import TokenKeys
from localcloud.lock import StateInUse
from localcloud.server import PortUnusable
from localcloud.up import DEMO_SCOPE, RunningCloud, running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engine.events import ResourceEvent

PROJECT = Path(__file__).resolve().parents[1]
STATE_DIR = PROJECT / ".localcloud"
_DURATION = re.compile(r"^(\d{1,6})([smhd])$")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

StateDir = Annotated[Path, typer.Option(help="Where everything is kept.")]


@app.callback()
def main() -> None:
    """The embedded Alibaba Cloud."""


@app.command("up")
def up_command(
    *,
    json_: Annotated[
        bool, typer.Option("--json", help="Print one line of JSON when it is up.")
    ] = False,
    state_dir: StateDir = STATE_DIR,
    port: Annotated[
        str, typer.Option(help="Loopback port; 0: the one of the last time, or any free one.")
    ] = "0",
) -> None:
    """Start the cloud, provision the stack `local`, and stay until Ctrl-C or SIGTERM."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    with _errors():
        asyncio.run(_up(state_dir, _port(port), as_json=json_))


@app.command()
def token(
    *,
    state_dir: StateDir = STATE_DIR,
    sub: Annotated[str, typer.Option(help="Who it is for.")] = "demo",
    tenant: Annotated[str, typer.Option(help="Whose it is; empty: that of `sub`.")] = "",
    scope: Annotated[str, typer.Option(help="Permissions, separated by spaces.")] = DEMO_SCOPE,
    expires: Annotated[str, typer.Option(help="How long it is valid: 90s, 15m, 12h, 7d.")] = "12h",
) -> None:
    """Print a token that the gateway of this state directory accepts."""
    with _errors():
        path = state_dir / SIGNING_KEY
        if not path.exists():
            raise _Refused(f"{state_dir} holds no cloud yet: `python -m localcloud up` makes one")
        signed = TokenKeys(path).sign(
            sub, now=time.time(), seconds=_seconds(expires), tenant=tenant or None, scope=scope
        )
        typer.echo(signed)


@app.command()
def coverage() -> None:
    """Print, as Markdown, the operations and resource types that the cloud has."""
    with _errors():
        typer.echo(coverage_markdown(), nl=False)


class _Refused(Exception):
    """Bad input of a command."""


_EXPECTED = (
    _Refused,
    StateInUse,
    PortUnusable,
    StateDamaged,
    EngineError,
    CloudError,
    OSError,
)


async def _up(state_dir: Path, port: int, *, as_json: bool) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    own = asyncio.current_task()
    provisioned = False

    def ask_to_stop() -> None:
        stop.set()
        if not provisioned and own is not None:
            own.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ask_to_stop)
    console = Console(stderr=as_json, highlight=False)
    show = None if as_json else _progress(console)
    try:
        async with running(PROJECT, state_dir, port, show) as cloud:
            provisioned = True
            if as_json:
                typer.echo(json.dumps(describe(cloud)))
            else:
                _introduce(console, cloud)
            await stop.wait()
    except asyncio.CancelledError:
        if not stop.is_set():
            raise
    if not as_json:
        console.print("stopped; the state is kept")


def describe(cloud: RunningCloud) -> dict[str, Any]:
    """What a script needs to know."""
    return {
        "api_url": cloud.api_url,
        "websocket_url": cloud.websocket_url,
        "token": cloud.token,
        "endpoints": cloud.endpoints,
        "state_dir": str(cloud.state_dir),
        "pid": os.getpid(),
    }


def _progress(console: Console) -> Any:
    def show(event: ResourceEvent) -> None:
        if event.phase == "done" and event.op != "same":
            console.print(f"  {event.op:8} {event.type.split(':')[-1]} [dim]{event.name}[/]")

    return show


def _introduce(console: Console, cloud: RunningCloud) -> None:
    counts = ", ".join(f"{count} {op}" for op, count in sorted(cloud.result.summary.items()))
    console.print(f"[bold green]the local cloud is up[/] ({counts})")
    for label, value in (
        ("API", f"{cloud.api_url}/v1"),
        ("WebSocket", cloud.websocket_url),
        ("state", str(cloud.state_dir)),
    ):
        console.print(f"  {label:10} {value}", soft_wrap=True)
    console.print("\n[dim]token of user demo, valid for 12 h:[/]")
    console.print(cloud.token, soft_wrap=True)
    console.print("\n[dim]try:[/]")
    body = json.dumps({"input": "Which month is the wettest in the Seattle weather data set?"})
    console.print(
        f"curl -s {cloud.api_url}/v1/tasks -H 'content-type: application/json' "
        f"-H 'authorization: Bearer {cloud.token}' -d '{body}'",
        soft_wrap=True,
        markup=False,
    )
    console.print("\nCtrl-C stops it.")


def _port(text: str) -> int:
    if not re.fullmatch(r"-?\d{1,9}", text, re.ASCII):
        raise _Refused(f"port {text!r} is no number: give one from 0 to 65535")
    return int(text)


def _seconds(text: str) -> int:
    found = _DURATION.match(text)
    if not found:
        raise _Refused(f"--expires {text!r}: a number and s, m, h or d, for example 12h")
    return int(found[1]) * _UNITS[found[2]]


@contextmanager
def _errors() -> Iterator[None]:
    """Turn what a person can act on into one message and exit code 1."""
    try:
        yield
    except _EXPECTED as error:
        typer.echo(f"error: {_message(error)}", err=True)
        raise typer.Exit(1) from None


def _message(error: Exception) -> str:
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return str(error)

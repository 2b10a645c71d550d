"""`make demo`: the whole pattern on one machine, once."""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from rich.markdown import Markdown
from rich.padding import Padding

from clients import AgentClient, AgentError, ChannelClosed, PushChannel
from demo.artifacts import package
from demo.checks import Unexpected, check_resumed, check_succeeded, was_interrupted
from demo.failure import Killer
from demo.provisioning import Provisioning
from demo.questions import AGAIN, WEATHER, Answer, ask
from demo.screen import open_console, section, size
from demo.timeline import others, timeline
from engine.errors import EngineError
from localcloud.core.errors import StateDamaged
from localcloud.up import running

if TYPE_CHECKING:
    from rich.console import Console

    from clients import Event
    from localcloud.up import RunningCloud

Show = Callable[["Event"], None]
PROJECT = Path(__file__).resolve().parent.parent
CHARTS = Path("build/demo")
STEPS_BEFORE_THE_KILL = 2


async def demo(console: Console) -> None:
    """Package, provision, ask, kill and resume, measure."""
    began = time.monotonic()
    section(console, 1, "What gets deployed")
    console.print(package(PROJECT))

    section(console, 2, "The Pulumi program provisions environment `local` on the local cloud")
    progress = Provisioning(console)
    with tempfile.TemporaryDirectory(prefix="agent-demo-") as state:
        with progress:
            up = running(PROJECT, Path(state), on_event=progress.on_event)
            cloud = await up.__aenter__()
        try:
            _provisioned(console, progress, cloud)
            await _questions(console, cloud)
        finally:
            await up.__aexit__(None, None, None)
    console.print(
        f"\nDone in {time.monotonic() - began:.1f} s. Nothing is left running; "
        "[bold]make local[/] keeps the cloud up."
    )


def _provisioned(console: Console, progress: Provisioning, cloud: RunningCloud) -> None:
    console.print(progress.tree())
    console.print(f"[dim]API[/]       {cloud.api_url}/v1\n[dim]WebSocket[/] {cloud.websocket_url}")
    for runtime, found in cloud.cloud.fc.runtimes().items():
        console.print(f"[dim]{runtime}[/] is {found}", soft_wrap=True)
    if os.environ.get("MODEL_NAME"):
        console.print(f"[dim]Planner[/]   the model {os.environ['MODEL_NAME']}")
    else:
        console.print(
            "[dim]Planner[/]   [yellow]declared playbooks[/], since no model is configured "
            "(MODEL_BASE_URL, MODEL_API_KEY, MODEL_NAME)"
        )


async def _questions(console: Console, cloud: RunningCloud) -> None:
    async with (
        AgentClient(cloud.api_url, cloud.token) as client,
        PushChannel(cloud.websocket_url, cloud.token) as channel,
    ):
        section(console, 3, "A question about real data, through the API Gateway")
        console.print(f"[bold]{WEATHER}[/]")
        first = await ask(client, channel, WEATHER, _printer(console))
        check_succeeded(first)
        section(console, 4, "The answer")
        await _answer(console, client, first)

        section(console, 5, "Again, and the commander is killed halfway")
        second, killer = await _killed(console, client, channel, cloud)
        console.print(check_resumed(second, killer))
        await _answer(console, client, second)

    section(console, 6, "What ran when")
    records = cloud.cloud.fc.invocations()
    console.print(timeline(records, [first.log, second.log]))
    console.print(f"[dim]{others(records)}[/]", soft_wrap=True)


async def _killed(
    console: Console, client: AgentClient, channel: PushChannel, cloud: RunningCloud
) -> tuple[Answer, Killer]:
    """Ask until the kill comes before the end: all six steps take about a third of a second."""
    for question in AGAIN:
        console.print(f"[bold]{question}[/]")
        killer = Killer(cloud.cloud.fc, str(cloud.outputs["commander"]), STEPS_BEFORE_THE_KILL)
        show = _printer(console)

        def on_event(event: Event, show: Show = show, killer: Killer = killer) -> None:
            show(event)
            killer.on_event(event)
            if killer.first_told():
                console.print(f"  [red]SIGKILL[/] to the commander, process {killer.killed}")

        answer = await ask(client, channel, question, on_event)
        if was_interrupted(answer):
            break
        console.print("  the commander was quicker than the kill: once more")
    return answer, killer


def _printer(console: Console) -> Show:
    began = time.monotonic()

    def show(event: Event) -> None:
        step = f" [bold]{event.data['step']}[/]" if "step" in event.data else ""
        took = f" [dim]{float(event.data['ms']):.0f} ms[/]" if "ms" in event.data else ""
        at = time.monotonic() - began
        console.print(f"  [dim]{at:5.2f} s  {event.seq:>2}[/]  {event.kind}{step}{took}")

    return show


async def _answer(console: Console, client: AgentClient, answer: Answer) -> None:
    output = answer.ticket.document.get("output")
    text = output if isinstance(output, str) else (output or {}).get("text", str(output))
    console.print(Padding(Markdown(text) if console.is_terminal else text, (0, 2)))
    for artifact in answer.ticket.document.get("artifacts", []):
        data = await client.download(artifact["url"])
        path = CHARTS / f"{answer.ticket.ticket_id}-{Path(artifact['name']).name}"
        (PROJECT / path).parent.mkdir(parents=True, exist_ok=True)
        (PROJECT / path).write_bytes(data)
        console.print(f"  [green]{path}[/] [dim]{size(len(data))}[/]", soft_wrap=True)


def main() -> int:
    """Run the demo; 1 and one message when something does not hold."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    console = open_console()
    try:
        asyncio.run(demo(console))
    except (
        AgentError,
        ChannelClosed,
        EngineError,
        StateDamaged,
        TimeoutError,
        Unexpected,
    ) as error:
        sys.stderr.write(f"error: {error or type(error).__name__}\n")
        return 1
    except subprocess.CalledProcessError as error:
        return error.returncode
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

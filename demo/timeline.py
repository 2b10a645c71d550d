"""What ran when: dispatcher and commander, cold and warm, and each step, on one axis."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from demo.screen import table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.table import Table

    from clients import Event
    from localcloud.fc import InvocationRecord

BAR_WIDTH = 40
SHOWN = frozenset({"dispatcher", "commander"})


@dataclass(frozen=True)
class Span:
    """One bar: seconds since the epoch, and how long."""

    start: float
    seconds: float
    cells: tuple[str, ...]


def timeline(records: Iterable[InvocationRecord], logs: Sequence[Sequence[Event]]) -> Table:
    """Invocations and steps by their start; an invocation's bar includes its cold start.

    Args:
        records: of Function Compute; what is neither dispatcher nor commander is left out.
        logs: of the tickets whose steps are drawn.
    """
    spans = [_invocation(record) for record in records if _short(record) in SHOWN]
    spans += [_step(event) for log in logs for event in log if event.kind.startswith("step_")]
    spans.sort(key=lambda span: span.start)
    first = min((span.start for span in spans), default=0.0)
    last = max((span.start + span.seconds for span in spans), default=0.0)
    headings = [
        ("at", "right"),
        ("what", "left"),
        ("start", "left"),
        ("cold ms", "right"),
        ("run ms", "right"),
        ("end", "left"),
        ("", "left"),
    ]
    return table(
        headings,
        [
            (
                f"{span.start - first:.2f} s",
                *span.cells,
                _bar(span.start - first, span.seconds, last - first),
            )
            for span in spans
        ],
    )


def others(records: Iterable[InvocationRecord]) -> str:
    """One line on the functions that the timeline leaves out."""
    found: dict[str, list[InvocationRecord]] = {}
    for record in records:
        if _short(record) not in SHOWN:
            found.setdefault(_short(record), []).append(record)
    return " · ".join(
        f"{name}: {len(runs)} × ({sum(run.cold for run in runs)} cold), "
        f"median {statistics.median(run.run_ms for run in runs):.0f} ms"
        for name, runs in sorted(found.items())
    )


def _invocation(record: InvocationRecord) -> Span:
    cells = (
        f"[bold]{_short(record)}[/] [dim]{record.kind}[/]",
        "[cyan]cold[/]" if record.cold else "warm",
        f"{record.init_ms:.0f}" if record.cold else "",
        f"{record.run_ms:.0f}",
        "[green]ok[/]" if record.error is None else f"[red]{record.error}[/]",
    )
    return Span(record.started_at, (record.init_ms + record.run_ms) / 1000, cells)


def _step(event: Event) -> Span:
    ms = float(event.data.get("ms", 0))
    started = datetime.fromisoformat(str(event.data["started_at"])).timestamp()
    outcome = event.kind.removeprefix("step_")
    end = "[green]ok[/]" if outcome == "succeeded" else f"[red]{outcome}[/]"
    name = f"  {event.data.get('step')} [dim]{event.data.get('tool')}[/]"
    return Span(started, ms / 1000, (name, "", "", f"{ms:.0f}", end))


def _short(record: InvocationRecord) -> str:
    return record.function.rpartition("-")[2]


def _bar(start: float, took: float, whole: float) -> str:
    if whole <= 0:
        return ""
    offset = min(int(start / whole * BAR_WIDTH), BAR_WIDTH - 1)
    return " " * offset + "━" * max(1, round(took / whole * BAR_WIDTH))

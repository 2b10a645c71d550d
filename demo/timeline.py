"""What ran when: every invocation cold or warm, every step, on one time axis."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from demo.screen import table

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.table import Table

    from clients import Event
    from localcloud.fc import InvocationRecord

BAR_WIDTH = 34


def invocations(records: Iterable[InvocationRecord]) -> Table:
    """One row an invocation, in the order of their start."""
    ordered = sorted(records, key=lambda record: record.started_at)
    if not ordered:
        return table([("nothing was invoked", "left")], [])
    first = ordered[0].started_at
    last = max(r.started_at + (r.init_ms + r.run_ms) / 1000 for r in ordered)
    rows = []
    for record in ordered:
        took = record.init_ms + record.run_ms
        start = record.started_at - first
        rows.append(
            (
                f"{start:6.2f} s",
                record.function.rpartition("-")[2],
                record.kind,
                "[cyan]cold[/]" if record.cold else "warm",
                f"{record.init_ms:.0f}" if record.cold else "",
                f"{record.run_ms:.0f}",
                "[green]ok[/]" if record.error is None else f"[red]{record.error}[/]",
                _bar(start, took / 1000, last - first),
            )
        )
    headings = [
        ("at", "right"),
        ("function", "left"),
        ("kind", "left"),
        ("start", "left"),
        ("start ms", "right"),
        ("run ms", "right"),
        ("end", "left"),
        ("", "left"),
    ]
    return table(headings, rows)


def steps(log: Iterable[Event]) -> Table:
    """One row a step outcome of a ticket."""
    rows = []
    for event in log:
        if not event.kind.startswith("step_"):
            continue
        data = event.data
        rows.append(
            (
                str(event.seq),
                str(data.get("step", "")),
                str(data.get("tool", "")),
                _clock(data.get("started_at")),
                f"{float(data.get('ms', 0)):.0f}",
                event.kind.removeprefix("step_"),
            )
        )
    headings = [
        ("seq", "right"),
        ("step", "left"),
        ("tool", "left"),
        ("started", "left"),
        ("ms", "right"),
        ("outcome", "left"),
    ]
    return table(headings, rows)


def _bar(start: float, took: float, whole: float) -> str:
    if whole <= 0:
        return ""
    offset = int(start / whole * BAR_WIDTH)
    return " " * offset + "━" * max(1, round(took / whole * BAR_WIDTH))


def _clock(value: object) -> str:
    try:
        return f"{datetime.fromisoformat(str(value)):%H:%M:%S.%f}"[:-3]
    except ValueError:
        return ""

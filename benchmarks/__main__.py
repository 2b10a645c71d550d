"""`make bench`: measure, print a table, and write the figures to build/bench."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from benchmarks.cold_imports import as_json, measure

PROJECT = Path(__file__).resolve().parent.parent


def bench(
    runs: Annotated[int, typer.Option(min=3, help="Counted runs of each case.")] = 7,
    out: Annotated[Path, typer.Option(help="Where the figures go.")] = PROJECT / "build/bench",
) -> None:
    """Measure what a cold start spends on imports."""
    results = measure(PROJECT, runs)
    table = Table("case", "median ms", "least", "most", "ratio", "modules", box=None)
    for column in table.columns[1:]:
        column.justify = "right"
    for row in results:
        table.add_row(
            row.case,
            f"{row.median_ms:.1f}",
            f"{row.least_ms:.1f}",
            f"{row.most_ms:.1f}",
            f"{row.ratio:.2f} ×",
            str(row.modules),
        )
    Console().print(table)
    out.mkdir(parents=True, exist_ok=True)
    (out / "cold_imports.json").write_text(as_json(results), encoding="utf-8")


if __name__ == "__main__":
    typer.run(bench)

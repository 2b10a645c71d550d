"""How the demo speaks: sections and tables in a terminal, plain lines elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.rule import Rule
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterable

PLAIN_WIDTH = 140


def open_console() -> Console:
    """A console on standard output; a pipe or a file gets plain lines of a fixed width."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=PLAIN_WIDTH)


def section(console: Console, number: int, title: str) -> None:
    """Head a part of the demo."""
    console.print()
    if console.is_terminal:
        console.print(Rule(f"[bold]{number}[/]  {title}", align="left", style="cyan"))
    else:
        console.print(f"== {number}. {title}")


def size(count: int) -> str:
    """Bytes for people: `size(1536)` is `1.5 KiB`."""
    amount = float(count)
    for unit in ("B", "KiB", "MiB"):
        if amount < 1024:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} GiB"


def table(headings: Iterable[tuple[str, str]], rows: Iterable[tuple[str, ...]]) -> Table:
    """A light table.

    Args:
        headings: title and justification (`left` or `right`) of each column.
        rows: the cells, as text.
    """
    drawn = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for title, side in headings:
        drawn.add_column(title, justify="right" if side == "right" else "left", overflow="fold")
    for row in rows:
        drawn.add_row(*row)
    return drawn

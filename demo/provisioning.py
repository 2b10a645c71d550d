"""The Pulumi program at work: progress while it runs, then the tree of what it made."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from rich.live import Live
from rich.table import Table
from rich.tree import Tree

if TYPE_CHECKING:
    from types import TracebackType

    from rich.console import Console, RenderableType

    from engine.events import ResourceEvent

ROOT = "pulumi:pulumi:Stack"
MARKS = {"create": "[green]+[/]", "update": "[yellow]~[/]", "replace": "[magenta]±[/]"}


@dataclass
class Node:
    """One resource, or one component with what it holds."""

    name: str
    type: str
    parent: str | None
    op: str = ""
    seconds: float = 0.0
    done: bool = False
    children: list[str] = field(default_factory=list)


class Provisioning:
    """Collects the engine's events; as a context it draws them while they come.

    A terminal sees a line a component with its progress. Elsewhere nothing is drawn until `tree`.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._nodes: dict[str, Node] = {}
        self._live: Live | None = None
        self._current = ""

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live = Live(console=self._console, refresh_per_second=12, transient=True)
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def on_event(self, event: ResourceEvent) -> None:
        """Take one event of the engine."""
        node = self._nodes.get(event.urn)
        if node is None:
            node = self._nodes[event.urn] = Node(event.name, event.type, event.parent)
            if event.parent in self._nodes:
                self._nodes[event.parent].children.append(event.urn)
        if event.phase == "started":
            self._current = f"{event.type.split(':')[-1]} {event.name}"
        if event.phase == "done":
            node.op, node.seconds, node.done = event.op, event.seconds, True
        if self._live is not None:
            self._live.update(self._progress())

    def tree(self) -> RenderableType:
        """Everything that was made, by component."""
        roots = [urn for urn, node in self._nodes.items() if node.type == ROOT]
        top = Tree(
            f"[bold]{self._nodes[roots[0]].name}[/]" if roots else "stack", guide_style="dim"
        )
        for urn in roots:
            self._hang(top, urn)
        return top

    def summary(self) -> dict[str, int]:
        """How many resources had each operation."""
        counts: dict[str, int] = {}
        for node in self._nodes.values():
            counts[node.op] = counts.get(node.op, 0) + 1
        return counts

    def _hang(self, branch: Tree, urn: str) -> None:
        for child in self._nodes[urn].children:
            node = self._nodes[child]
            kind = node.type.split(":")[-1]
            if node.children:
                held = len(self._below(child))
                twig = branch.add(f"[bold cyan]{kind}[/] {node.name} [dim]({held} resources)[/]")
                self._hang(twig, child)
            else:
                took = f" [dim]{node.seconds:.2f} s[/]" if node.seconds >= 0.1 else ""
                branch.add(f"{MARKS.get(node.op, '·')} {kind} [dim]{node.name}[/]{took}")

    def _below(self, urn: str) -> list[str]:
        direct = self._nodes[urn].children
        return [leaf for child in direct for leaf in (self._below(child) or [child])]

    def _progress(self) -> RenderableType:
        grid = Table.grid(padding=(0, 2))
        for urn, node in self._nodes.items():
            leaves = self._below(urn)
            if leaves and node.type != ROOT:
                done = sum(self._nodes[leaf].done for leaf in leaves)
                mark = "[green]✓[/]" if done == len(leaves) else "[cyan]…[/]"
                grid.add_row(mark, node.name, f"[dim]{done}/{len(leaves)}[/]")
        grid.add_row("", f"[dim]{self._current}[/]", "")
        return grid

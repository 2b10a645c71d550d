"""The preview for a terminal; plain lines where it is none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.markup import escape
from rich.text import Text
from rich.tree import Tree

if TYPE_CHECKING:
    from rich.console import Console

    from engine.preview import Preview, Step

_SIGNS = {
    "create": ("+", "green"),
    "update": ("~", "yellow"),
    "replace": ("±", "magenta"),
    "delete": ("-", "red"),
    "read": (">", "cyan"),
    "import": ("=", "cyan"),
    "same": (" ", "dim"),
}
_VERBS = {
    "create": "to create",
    "update": "to update",
    "replace": "to replace",
    "delete": "to delete",
    "read": "to read",
    "import": "to import",
    "same": "unchanged",
}


def show(preview: Preview, console: Console) -> None:
    """Print the tree of resources, the messages, the findings and the summary."""
    if preview.steps:
        console.print(_tree(preview))
    for entry in preview.diagnostics:
        style = {"warning": "yellow", "error": "red"}.get(entry.severity, "dim")
        label = entry.severity if entry.severity in ("warning", "error") else "program"
        console.print(Text(f"{label}: {entry.message}", style=style))
    for finding in preview.findings:
        style = "red" if finding.mandatory else "yellow"
        where = finding.urn.rsplit("::", 1)[-1]
        console.print(Text(f"{finding.level} {finding.policy} ({where}): ", style=style), end="")
        console.print(Text(finding.message.replace("\n", " ")))
    counts = ", ".join(f"{count} {_VERBS[op]}" for op, count in preview.summary.items())
    console.print(f"[bold]{counts or 'nothing to do'}[/bold] in {preview.seconds:.1f} s")


def _tree(preview: Preview) -> Tree:
    nodes: dict[str, Tree] = {}
    top = Tree("", hide_root=True)
    for step in preview.steps:
        state = step.new or step.old
        parent = nodes.get(state.parent if state else "", top)
        nodes[step.urn] = parent.add(_label(step))
    return top


def _label(step: Step) -> str:
    state = step.new or step.old
    sign, style = _SIGNS[step.op]
    type_, name = (state.type, state.name) if state else ("", step.urn)
    marks = [mark for mark, on in (("protected", state and state.protect),) if on]
    if step.decision.keys:
        marks.append("changed: " + ", ".join(step.decision.keys))
    notes = f" [dim]({escape('; '.join(marks))})[/dim]" if marks else ""
    return (
        f"[{style}]{sign}[/{style}] [bold]{escape(name)}[/bold] [dim]{escape(type_)}[/dim]{notes}"
    )

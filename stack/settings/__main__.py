"""`python -m stack.settings`: print the settings reference, or write it to the documentation."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stack.settings.reference import reference

DOCUMENT = Path(__file__).parents[2] / "docs" / "settings.md"


def main(
    write: Annotated[
        bool, typer.Option("--write", help="Write docs/settings.md instead of printing.")
    ] = False,
) -> None:
    """Print the settings reference."""
    if write:
        DOCUMENT.write_text(reference(), encoding="utf-8")
    else:
        typer.echo(reference(), nl=False)


if __name__ == "__main__":
    typer.run(main)

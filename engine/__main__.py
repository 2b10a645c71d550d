"""The command line: ``python -m engine preview --stack dev``."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console

from engine.errors import EngineError
from engine.preview import Preview, PreviewFailed, preview
from engine.render import show

_WIDE = 400

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)


@app.callback()
def about() -> None:
    """Run the Pulumi program of this project without the CLI and without an account."""


@app.command("preview")
def preview_command(
    stack: Annotated[str, typer.Option("--stack", "-s", help="Name of the stack.")],
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the JSON of `pulumi preview --json`.")
    ] = False,
    policy_pack: Annotated[
        list[Path] | None, typer.Option(help="Directory of a policy pack to run; repeatable.")
    ] = None,
    project: Annotated[
        Path, typer.Option("--cwd", "-C", help="Directory of Pulumi.yaml.")
    ] = Path(),
    state: Annotated[
        Path | None,
        typer.Option(
            exists=True, dir_okay=False, help="Checkpoint to compare with; else all is new."
        ),
    ] = None,
    show_sames: Annotated[
        bool, typer.Option(help="List unchanged resources in the JSON, too.")
    ] = False,
) -> None:
    """Show what a deployment would do.

    Exit code 1: it failed, or a mandatory policy is violated.
    """
    try:
        result = asyncio.run(
            preview(project, stack, state=state, policy_packs=tuple(policy_pack or ()))
        )
    except PreviewFailed as error:
        if as_json:
            _print_json(error.preview, show_sames=show_sames)
        _fail(str(error))
    except EngineError as error:
        _fail(str(error))
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    else:
        if as_json:
            _print_json(result, show_sames=show_sames)
        else:
            # Without a terminal there is no width to wrap at.
            show(result, Console(width=None if sys.stdout.isatty() else _WIDE))
        if not result.passed:
            _fail("a mandatory policy is violated")


def _print_json(result: Preview, *, show_sames: bool) -> None:
    document = result.to_json(show_sames=show_sames)
    sys.stdout.write(json.dumps(document, indent=4, sort_keys=True, ensure_ascii=False) + "\n")


def _fail(message: str) -> NoReturn:
    sys.stderr.write(f"error: {message}\n")
    raise typer.Exit(1)


if __name__ == "__main__":
    app()

"""`python -m stack.artifacts`: package what is deployed, and record what it is built on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stack.artifacts.build import OUT, PROJECT_ROOT, build_everything
from stack.artifacts.bundle import build_bundle
from stack.artifacts.image import build_image
from stack.artifacts.installed import BundleError
from stack.artifacts.lock import HOST

if TYPE_CHECKING:
    from collections.abc import Callable

    from stack.artifacts.artifact import Artifact

app = typer.Typer(
    add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, help=__doc__
)
OutOption = Annotated[Path, typer.Option("--out", help="Folder to write to.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
TargetOption = Annotated[
    str,
    typer.Option(
        "--target",
        help="Python and platform of the bundle, like 3.12-manylinux_2_28_x86_64, or host.",
    ),
]


@app.command()
def build(out: OutOption = OUT, as_json: JsonOption = False, target: TargetOption = HOST) -> None:
    """Package everything: code, image and dependency bundle."""
    _report(lambda: build_everything(PROJECT_ROOT, out, target), as_json)


@app.command()
def bundle(out: OutOption = OUT, as_json: JsonOption = False, target: TargetOption = HOST) -> None:
    """Package the dependency bundle alone."""
    _report(lambda: [build_bundle(PROJECT_ROOT, target, out)], as_json)


@app.command()
def image(out: OutOption = OUT, as_json: JsonOption = False) -> None:
    """Package the commander's image alone, as an OCI layout."""
    _report(lambda: [build_image(PROJECT_ROOT, out)], as_json)


@app.command()
def base(
    reference: Annotated[
        str, typer.Argument(help="Image to build on, host/name:tag or host/name@digest.")
    ],
) -> None:
    """Record the image that the commander's is built on: its digest, manifest and configuration."""
    from stack.artifacts.base import RegistryError, record_base

    try:
        record = record_base(PROJECT_ROOT, reference)
    except RegistryError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    typer.echo(f"{record.reference}: {len(record.manifest['layers'])} layers")


def _report(make: Callable[[], list[Artifact]], as_json: bool) -> None:
    try:
        artifacts = make()
    except (BundleError, OSError, ValueError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    if as_json:
        typer.echo(json.dumps([artifact.as_json() for artifact in artifacts], indent=2))
        return
    for artifact in artifacts:
        typer.echo(
            f"{artifact.kind:7} {artifact.name:34} {artifact.bytes:>12,} bytes  "
            f"{artifact.sha256[:16]}  {artifact.path}"
        )


if __name__ == "__main__":
    app()

"""Everything that is deployed, packaged alike for the program and for the command."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from stack.artifacts.bundle import build_bundle
from stack.artifacts.image import build_image
from stack.artifacts.zip import ZIP_FUNCTIONS, build_zip

if TYPE_CHECKING:
    from stack.artifacts.artifact import Artifact

PROJECT_ROOT = Path(__file__).parents[2]
OUT = Path("build/artifacts")


@dataclass(frozen=True)
class Packages:
    """Code archives by function, and the image."""

    code: dict[str, Artifact]
    image: Artifact


def package(root: Path = PROJECT_ROOT, out: Path = OUT) -> Packages:
    """Package what a preview needs; of the bundle, which takes seconds, that is its name."""
    return Packages(
        code={name: build_zip(root, name, out) for name in ZIP_FUNCTIONS},
        image=build_image(root, out),
    )


def build_everything(root: Path, out: Path, target: str) -> list[Artifact]:
    """Package everything, the dependency bundle as well."""
    packages = package(root, out)
    return [*packages.code.values(), packages.image, build_bundle(root, target, out)]

"""Which files belong to a function, and under which name they go into its artifact."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# By suffix rather than by exception: a stray note, a backup of an editor or a secret never travels.
SUFFIXES = frozenset({".py", ".json"})
# Read when the image is built, not when it runs.
BUILD_INPUTS = frozenset({"base.json"})
SHARED_FILES = ("__init__.py", "tables.json")


def source_files(root: Path, function: str) -> dict[str, bytes]:
    """Read what a function needs: itself, `common`, and the shared tables.

    Args:
        root: the project.
        function: its folder below `functions/`.

    Returns:
        Content by path, sorted, with slashes and relative to the project.

    Raises:
        FileNotFoundError: there is no such function.
    """
    functions = root / "functions"
    if not (functions / function).is_dir():
        raise FileNotFoundError(f"there is no function {function} in {functions}")
    found = [functions / name for name in SHARED_FILES if (functions / name).is_file()]
    for folder in ("common", function):
        found.extend(_files_below(functions / folder))
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in sorted(found)}


def _files_below(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        inside = path.relative_to(folder).parts
        hidden = any(part.startswith(".") or part in {"__pycache__", "tests"} for part in inside)
        if (
            path.is_file()
            and path.suffix in SUFFIXES
            and not hidden
            and inside[-1] not in BUILD_INPUTS
        ):
            yield path

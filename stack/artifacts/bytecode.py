"""Bytecode that is not checked against its source, made by the interpreter that will load it.

Run as a script (`python -I -S bytecode.py`), by any Python of 3.10 or newer: reads lines of source
path, name in the bundle and output path, separated by tabs; writes one pyc for each. A process of
its own with a fixed hash seed and a fixed order, so that the same sources give the same bytes.
"""

from __future__ import annotations

import _imp
import importlib.util
import marshal
import sys
from pathlib import Path

UNCHECKED_HASH = (0b01).to_bytes(4, "little")
# `_RAW_MAGIC_NUMBER` of importlib, which is private: the key that source hashes are made with.
HASH_KEY = int.from_bytes(importlib.util.MAGIC_NUMBER, "little")


def pyc_bytes(source: bytes, name: str) -> bytes:
    """Compile one file; PEP 552 describes the header.

    Raises:
        SyntaxError: the file is no Python of this version.
        ValueError: the file has null bytes.
    """
    code = compile(source, name, "exec", dont_inherit=True)
    return (
        importlib.util.MAGIC_NUMBER
        + UNCHECKED_HASH
        + _imp.source_hash(HASH_KEY, source)
        + marshal.dumps(code)
    )


def main() -> None:
    """Compile everything named on standard input, but for what does not compile."""
    for line in sys.stdin:
        source, name, output = line.rstrip("\n").split("\t")
        try:
            content = pyc_bytes(Path(source).read_bytes(), name)
        except (SyntaxError, ValueError):
            # Templates and files for other versions lie about in packages; importing them fails
            # with or without.
            continue
        Path(output).write_bytes(content)


if __name__ == "__main__":
    main()

"""``python -m localcloud``: keep a cloud up, sign a token for it, say what it covers."""

from __future__ import annotations

from localcloud.cli import app

app(prog_name="python -m localcloud")

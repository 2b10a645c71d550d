"""The preview of a program equals what the real CLI said of it, as it was recorded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from engine.preview import preview
from tests.engine.comparing import comparable

RECORDED = Path(__file__).parent / "recorded"


@pytest.fixture(scope="module")
def recording() -> dict[str, Any]:
    document: dict[str, Any] = json.loads((RECORDED / "preview-create.json").read_text())
    return document


async def test_the_recorded_program_has_the_recorded_preview(recording: dict[str, Any]) -> None:
    document = (await preview(RECORDED, "dev")).to_json()

    assert comparable(document) == comparable(recording)
    assert document["changeSummary"] == recording["changeSummary"]
    assert document["config"] == recording["config"]
    assert document["diagnostics"] == recording["diagnostics"]
    assert document.keys() == recording.keys() - {"provenance"}
    ours = {step["urn"]: step for step in document["steps"]}
    for step in recording["steps"]:
        assert ours[step["urn"]].keys() == step.keys()
        added = ours[step["urn"]]["newState"].keys() - step["newState"].keys()
        assert added <= {"sourcePosition"}
        assert step["newState"].keys() <= ours[step["urn"]]["newState"].keys()

"""With a model configured the commander plans with it; the key is in no state, log or variable."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import psutil

from clients import AgentClient
from tests.e2e.conftest import start
from tests.functions.commander.scripted_model import serving, text

if TYPE_CHECKING:
    from pathlib import Path

KEY = "sk-very-secret-model-key"
PLAN: dict[str, Any] = {
    "steps": [
        {"id": "load", "tool": "load_dataset", "arguments": {"name": "cars"}},
        {
            "id": "profile",
            "tool": "profile_table",
            "arguments": {"table": {"$step": "load", "path": "table"}},
        },
        {
            "id": "report",
            "tool": "report",
            "arguments": {
                "title": "Cars",
                "findings": [{"kind": "overview", "profile": {"$step": "profile"}}],
            },
        },
    ],
    "answer": "report",
}
DANGLING = {**PLAN, "steps": PLAN["steps"][1:]}


async def test_the_model_plans_and_its_key_stays_secret(project: Path, tmp_path: Path) -> None:
    said = "The cars data set has a few hundred cars."
    # The first plan refers to a step that is not there: it is refused, and the model asked again.
    answers = [text(json.dumps(DANGLING)), text(json.dumps(PLAN)), text(said)]
    with serving(*answers) as model:
        environment = {
            "MODEL_BASE_URL": model.url,
            "MODEL_API_KEY": KEY,
            "MODEL_NAME": "scripted",
        }
        up = start(project, tmp_path, environment)
        try:
            async with AgentClient(up.api_url, up.info["token"]) as client:
                submitted = await client.submit("What is in the cars data set?")
                ticket = await client.wait(submitted.ticket_id, seconds=90)
                log = await client.events(submitted.ticket_id)
            for process in up.commanders():
                assert KEY not in str(process.environ()), psutil.pid_exists(process.pid)
        finally:
            assert await asyncio.to_thread(up.stop) == 0
    assert ticket.status == "succeeded", ticket.document
    planned = next(event for event in log if event.kind == "planned")
    assert planned.data["planner"]["kind"] == "model"
    assert planned.data["planner"]["asked"] == 2
    assert said in ticket.document["output"]["text"]
    assert len(model.asked) == 3
    assert all(headers["Authorization"] == f"Bearer {KEY}" for headers in model.headers)
    kept = [path for path in tmp_path.rglob("*") if path.is_file() and holds(path, KEY)]
    assert kept == []


def holds(path: Path, secret: str) -> bool:
    return secret.encode() in path.read_bytes()

"""The main job through the front door: asked over HTTP, followed over the WebSocket, right."""

from __future__ import annotations

import asyncio
import csv
import json
import os
import re
import signal
from collections import Counter, defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import vega_datasets

from clients import AgentClient, PushChannel

if TYPE_CHECKING:
    from clients import Event
    from tests.e2e.conftest import Up

QUESTION = "Which month is the wettest in Seattle, and how do temperatures run over the year?"
MONTHS = [
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
]


def weather() -> list[dict[str, str]]:
    """The data set, read with the standard library from the package that ships it."""
    path = Path(vega_datasets.__file__).parent / "_data/seattle-weather.csv"
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def by_month(column: str) -> dict[str, list[float]]:
    found: dict[str, list[float]] = defaultdict(list)
    for row in weather():
        found[MONTHS[int(re.split("[-/]", row["date"])[1]) - 1]].append(float(row[column]))
    return found


async def follow(up: Up, client: AgentClient, question: str, on_event: Any = None) -> list[Event]:
    """Submit a question and collect what is pushed until it ends."""
    pushed: list[Event] = []
    async with PushChannel(up.info["websocket_url"], up.info["token"]) as channel:
        submitted = await client.submit(question)
        assert submitted.status in {"queued", "running"}
        async with asyncio.timeout(90):
            async for event in channel:
                if event.ticket_id == submitted.ticket_id:
                    pushed.append(event)
                    if on_event is not None:
                        on_event(event)
                    if event.kind == "finished":
                        return pushed
    raise AssertionError("the channel ended before the ticket")


async def test_a_question_is_planned_computed_and_answered(up: Up, client: AgentClient) -> None:
    pushed = await follow(up, client, QUESTION)
    ticket_id = pushed[0].ticket_id
    ticket = await client.wait(ticket_id, seconds=10)
    log = await client.events(ticket_id)

    assert ticket.status == "succeeded"
    assert [event.seq for event in log] == list(range(1, len(log) + 1))
    assert [event.kind for event in log][:3] == ["queued", "taken", "planned"]
    assert log[-1].kind == "finished"
    steps = [event.data["step"] for event in log if event.kind == "step_succeeded"]
    assert set(steps) == {"load", "profile", "rank_months", "temperatures", "chart", "report"}
    # What was pushed is what the log says.
    by_seq = {event.seq: event for event in log}
    assert all(by_seq[event.seq].kind == event.kind for event in pushed)

    text = str(ticket.document["output"])
    rain = {month: sum(values) for month, values in by_month("precipitation").items()}
    wettest = max(rain, key=lambda month: rain[month])
    assert f"**{wettest}** is the wettest month: {rain[wettest]:,.1f} mm" in text
    highs = {month: sum(v) / len(v) for month, v in by_month("temp_max").items()}
    lows = {month: sum(v) / len(v) for month, v in by_month("temp_min").items()}
    for month in MONTHS:
        assert f"| {month} | {highs[month]:.1f} | {lows[month]:.1f} |" in text

    (chart,) = ticket.document["artifacts"]
    image = await client.download(chart["url"])
    assert image.startswith(b"\x89PNG\r\n\x1a\n")
    assert len(image) == chart["bytes"]


async def test_independent_steps_run_side_by_side(up: Up, client: AgentClient) -> None:
    pushed = await follow(up, client, QUESTION)
    log = await client.events(pushed[0].ticket_id)
    planned = next(event for event in log if event.kind == "planned")
    needs = {
        step["id"]: set(re.findall(r'"\$step": "(\w+)"', json.dumps(step["arguments"])))
        for step in planned.data["plan"]["steps"]
    }
    assert needs["rank_months"] == needs["temperatures"] == {"load"}
    order = [event.data["step"] for event in log if event.kind == "step_succeeded"]
    for step, before in needs.items():
        assert all(order.index(one) < order.index(step) for one in before)


async def killed_halfway(up: Up, client: AgentClient) -> list[Event]:
    """Follow a question whose commander is killed after two steps; the log of its ticket."""
    count = Counter[str]()

    def kill(event: Event) -> None:
        count[event.kind] += 1
        if count["step_succeeded"] == 2:
            for process in up.commanders():
                if process.status() != psutil.STATUS_STOPPED:
                    os.kill(process.pid, signal.SIGKILL)

    pushed = await follow(up, client, QUESTION, kill)
    await client.wait(pushed[0].ticket_id, seconds=10)
    return await client.events(pushed[0].ticket_id)


async def test_a_killed_commander_is_taken_over(up: Up, client: AgentClient) -> None:
    # A quick commander may end before the kill: then there is nothing to see, and it runs again.
    for _ in range(5):
        log = await killed_halfway(up, client)
        if sum(event.kind == "taken" for event in log) > 1:
            break
    assert sum(event.kind == "taken" for event in log) > 1
    assert [event.seq for event in log] == list(range(1, len(log) + 1))
    outcomes = Counter(event.data["step"] for event in log if event.kind == "step_succeeded")
    assert set(outcomes.values()) == {1}
    assert len(outcomes) == 6
    ticket = await client.ticket(log[0].ticket_id)
    assert ticket.status == "succeeded"
    assert "**November** is the wettest month" in str(ticket.document["output"])


async def test_a_session_remembers(up: Up, client: AgentClient) -> None:
    pushed = await follow(up, client, QUESTION)
    ticket = await client.ticket(pushed[0].ticket_id)
    session = await client.session(ticket.session_id)
    assert session["active_ticket"] is None
    assert [message["role"] for message in session["history"]] == ["user", "assistant"]
    answer = await client.submit(
        "And what did we find?", session_id=ticket.session_id, action="reply"
    )
    assert "November" in str(answer.output)
    await client.erase(ticket.session_id)

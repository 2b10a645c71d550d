"""What the commander's tests share: a bucket in memory, a context for tools, a scripted log."""

from __future__ import annotations

import csv
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import vega_datasets

from functions.commander.objects import OwnerObjects
from functions.commander.tools.context import ToolContext, Writer
from functions.commander.tools.tables import Tables
from functions.common.oss import ObjectTooLarge
from functions.common.tickets.events import Event
from functions.common.tickets.holding import Stale

OWNER = "0" * 32
TICKET = "t-1"


class MemoryBucket:
    """Object storage in a dictionary."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.types: dict[str, str] = {}
        self.reads: list[str] = []

    def put_if_absent(self, key: str, data: bytes, content_type: str) -> None:
        self.objects.setdefault(key, data)
        self.types.setdefault(key, content_type)

    def get(self, key: str, max_bytes: int) -> bytes | None:
        self.reads.append(key)
        data = self.objects.get(key)
        if data is not None and len(data) > max_bytes:
            raise ObjectTooLarge("too large")
        return data


def context_for(
    bucket: MemoryBucket, step: str = "step", writer: Writer | None = None, question: str = "why?"
) -> ToolContext:
    objects = OwnerObjects(bucket, OWNER, TICKET)
    return ToolContext(
        ticket_id=TICKET,
        step=step,
        question=question,
        objects=objects,
        tables=Tables(objects),
        writer=writer,
    )


def seattle() -> list[dict[str, str]]:
    """The Seattle weather as the csv module reads it."""
    path = Path(vega_datasets.__file__).parent / "_data" / "seattle-weather.csv"
    with path.open(newline="") as text:
        return list(csv.DictReader(text))


def event(seq: int, kind: str, data: Mapping[str, Any] | None = None) -> Event:
    return Event(seq, kind, f"row-{seq}", "2026-01-01T00:00:00.000Z", data or {})


@dataclass
class ScriptedJournal:
    """A held log in memory; rows of others can be put between, and the hold can be lost."""

    events: list[Event] = field(default_factory=list)
    seen: int = 0
    renewed: int = 0
    lost: bool = False
    beat_seconds: float = 5.0
    shown: float = field(default_factory=time.monotonic)

    @property
    def due_in(self) -> float:
        return self.shown + self.beat_seconds - time.monotonic()

    def others(self, kind: str, data: Mapping[str, Any] | None = None) -> None:
        self.events.append(event(len(self.events) + 1, kind, data))

    def record(self, kind: str, data: Mapping[str, Any]) -> list[Event]:
        self._check()
        self.others(kind, json.loads(json.dumps(data)))
        return self._unseen()

    def append(self, kind: str, data: Mapping[str, Any]) -> list[Event]:
        self._check()
        return self._unseen() or self.record(kind, data)

    def renew(self) -> list[Event]:
        self._check()
        self.renewed += 1
        return self._unseen()

    def kinds(self) -> list[str]:
        return [each.kind for each in self.events]

    def of(self, kind: str) -> list[Mapping[str, Any]]:
        return [each.data for each in self.events if each.kind == kind]

    def _check(self) -> None:
        if self.lost:
            raise Stale([])
        self.shown = time.monotonic()

    def _unseen(self) -> list[Event]:
        new = self.events[self.seen :]
        self.seen = len(self.events)
        return new

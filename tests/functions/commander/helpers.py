"""What the commander's tests share: a bucket in memory, a context for tools, a scripted log."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import vega_datasets

from functions.commander.objects import OwnerObjects
from functions.commander.tools.context import ToolContext, Writer
from functions.commander.tools.tables import Tables

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
            raise ValueError("too large")
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


@dataclass(frozen=True)
class LogRow:
    seq: int
    kind: str
    data: Mapping[str, Any]


class LostHold(Exception):
    pass


@dataclass
class ScriptedHold:
    """A hold on a log in memory; rows of others can be put between, and the hold can be lost."""

    rows: list[LogRow] = field(default_factory=list)
    seen: int = 0
    beats: int = 0
    lost: bool = False

    def others(self, kind: str, data: Mapping[str, Any] | None = None) -> None:
        self.rows.append(LogRow(len(self.rows) + 1, kind, data or {}))

    def append(self, kind: str, data: Mapping[str, Any]) -> Iterable[LogRow]:
        if self.lost:
            raise LostHold
        self.others(kind, data)
        return self._unseen()

    def beat(self) -> Iterable[LogRow]:
        if self.lost:
            raise LostHold
        self.beats += 1
        return self._unseen()

    def kinds(self) -> list[str]:
        return [row.kind for row in self.rows]

    def of(self, kind: str) -> list[Mapping[str, Any]]:
        return [row.data for row in self.rows if row.kind == kind]

    def _unseen(self) -> list[LogRow]:
        new = self.rows[self.seen :]
        self.seen = len(self.rows)
        return new

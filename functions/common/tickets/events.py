"""The rows of a ticket's log: their kinds, who may append them, how they are written and read."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from functions.common.tablestore.api import Row, Value

TABLE = "agent_events"

QUEUED = "queued"
REJECTED = "rejected"
CANCEL_REQUESTED = "cancel_requested"
APPROVED = "approved"
DENIED = "denied"
TAKEN = "taken"
PLANNED = "planned"
STEP_SUCCEEDED = "step_succeeded"
STEP_FAILED = "step_failed"
AWAITING_APPROVAL = "awaiting_approval"
HANDED_OVER = "handed_over"
FINISHED = "finished"

FIRST = frozenset({QUEUED, REJECTED})
CONTROL = frozenset({CANCEL_REQUESTED, APPROVED, DENIED})
HOLDER = frozenset({PLANNED, STEP_SUCCEEDED, STEP_FAILED, AWAITING_APPROVAL, HANDED_OVER, FINISHED})
RELEASES = frozenset({AWAITING_APPROVAL, HANDED_OVER})
TERMINAL = frozenset({REJECTED, FINISHED})
KINDS = FIRST | CONTROL | HOLDER | {TAKEN}

# What a `finished` row may hold inline; a larger output goes to object storage before its row.
INLINE_OUTPUT_BYTES = 16 * 1024
# Leaves room for key and columns below the service's 2 MB a cell.
DATA_BYTES = 1024 * 1024


class DamagedLog(RuntimeError):
    """A row that is no event, or a log that breaks the protocol."""


@dataclass(frozen=True)
class Draft:
    """A row that is to be appended.

    Attributes:
        kind: one of `KINDS`.
        data: JSON values.
        fence: for a holder's rows, the `seq` of its `taken` row.
    """

    kind: str
    data: Mapping[str, Any] = field(default_factory=dict)
    fence: int | None = None


@dataclass(frozen=True)
class Event:
    """A row of the log.

    Attributes:
        seq: its place, from 1, without gaps.
        kind: one of `KINDS`.
        row_id: tells whose row it is.
        at: ISO time in UTC, for people only.
        data: JSON values; what is in it depends on the kind.
        fence: for a holder's rows, the `seq` of its `taken` row.
    """

    seq: int
    kind: str
    row_id: str
    at: str
    data: Mapping[str, Any]
    fence: int | None = None

    @property
    def terminal(self) -> bool:
        """Whether nothing can follow."""
        return self.kind in TERMINAL


def encode(draft: Draft, row_id: str, now: float) -> dict[str, Value]:
    """The columns of a row.

    Raises:
        ValueError: an unknown kind, a fence where none belongs, or too much data.
    """
    if draft.kind not in KINDS:
        raise ValueError(f"event kind {draft.kind!r}: one of {', '.join(sorted(KINDS))}")
    if (draft.fence is not None) != (draft.kind in HOLDER):
        raise ValueError(f"event kind {draft.kind!r}: a fence belongs to a holder's rows, only")
    data = json.dumps(draft.data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    if len(data.encode()) > DATA_BYTES:
        raise ValueError(f"event {draft.kind!r} has more than {DATA_BYTES} bytes of data")
    columns: dict[str, Value] = {
        "kind": draft.kind,
        "row_id": row_id,
        "at": iso(now),
        "data": data,
    }
    if draft.fence is not None:
        columns["fence"] = draft.fence
    return columns


def decode(row: Row) -> Event:
    """Read a row.

    Raises:
        DamagedLog: a column is missing or wrong.
    """
    try:
        columns = row.columns
        seq, fence = row.key["seq"], columns.get("fence")
        data = json.loads(str(columns["data"]))
        if not isinstance(seq, int) or not isinstance(data, dict):
            raise TypeError("seq or data")
        return Event(
            seq=seq,
            kind=str(columns["kind"]),
            row_id=str(columns["row_id"]),
            at=str(columns["at"]),
            data=data,
            fence=fence if isinstance(fence, int) else None,
        )
    except (KeyError, ValueError, TypeError) as error:
        raise DamagedLog(f"{TABLE} {dict(row.key)}: {error!r}") from error


def tail_of(events: Sequence[Event]) -> int:
    """The `seq` of the last event; 0 for an empty log."""
    return events[-1].seq if events else 0


def is_settled(events: Sequence[Event]) -> bool:
    """Whether the log has ended."""
    return bool(events) and events[-1].terminal


def holder_of(events: Sequence[Event]) -> Event | None:
    """The `taken` row of whoever holds the ticket; `None` if nobody does."""
    for event in reversed(events):
        if event.kind == TAKEN:
            return event
        if event.kind in RELEASES or event.terminal:
            return None
    return None


def iso(now: float) -> str:
    """Unix seconds as text, to the millisecond."""
    whole = int(now)
    milliseconds = int((now - whole) * 1000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole)) + f".{milliseconds:03d}Z"

"""A store of rows in memory that keeps the conditions truly, and loses answers on request."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from functions.common.fc import Invocation, InvocationFailed
from functions.common.tablestore.api import (
    Bound,
    Compare,
    ConditionFailed,
    Expect,
    Key,
    Page,
    RangeKey,
    Row,
    Rule,
    UnknownOutcome,
    Value,
)

PRIMARY_KEYS = {
    table["name"]: tuple(name for name, _ in table["primary_key"])
    for table in json.loads(Path("functions/tables.json").read_text())["tables"]
}


class Killed(BaseException):
    """The process ended here."""


class FakeTables:
    """`RowStore` in memory.

    Attributes:
        rows: by table and key values.
        before: called before each write with its number from 1; may raise.
        after: called after each write that was made; may raise, and then the answer is lost.
    """

    def __init__(self) -> None:
        self.rows: dict[tuple[str, tuple[Any, ...]], dict[str, Value]] = {}
        self.writes = 0
        self.before: Callable[[int], None] | None = None
        self.after: Callable[[int], None] | None = None

    def get_row(self, table: str, key: Key, *, columns: Sequence[str] = ()) -> Row | None:
        row = self.rows.get(_place(table, key))
        return None if row is None else _row(table, _place(table, key)[1], row, columns)

    def put_row(
        self,
        table: str,
        key: Key,
        columns: Mapping[str, Value],
        *,
        expect: Expect = Expect.ANY,
        rule: Rule | None = None,
    ) -> None:
        def write(place: Any) -> None:
            self.rows[place] = dict(columns)

        self._write(table, key, expect, rule, write)

    def update_row(
        self,
        table: str,
        key: Key,
        *,
        put: Mapping[str, Value] | None = None,
        increment: Mapping[str, int] | None = None,
        delete: Sequence[str] = (),
        expect: Expect = Expect.ANY,
        rule: Rule | None = None,
    ) -> None:
        def write(place: Any) -> None:
            row = self.rows.setdefault(place, {})
            row.update(put or {})
            for name, step in (increment or {}).items():
                value = row.get(name, 0)
                assert isinstance(value, int)
                row[name] = value + step
            for name in delete:
                row.pop(name, None)

        self._write(table, key, expect, rule, write)

    def delete_row(
        self, table: str, key: Key, *, expect: Expect = Expect.ANY, rule: Rule | None = None
    ) -> None:
        self._write(table, key, expect, rule, lambda place: self.rows.pop(place, None))

    def get_range(
        self,
        table: str,
        start: RangeKey,
        end: RangeKey,
        *,
        limit: int | None = None,
        columns: Sequence[str] = (),
        backward: bool = False,
    ) -> Page:
        low, high = (
            (_bounds(table, end), _bounds(table, start))
            if backward
            else (
                _bounds(table, start),
                _bounds(table, end),
            )
        )
        keys = sorted(
            key
            for name, key in self.rows
            if name == table
            and (low < _order(key) <= high if backward else low <= _order(key) < high)
        )
        if backward:
            keys.reverse()
        cut = len(keys) if limit is None else limit
        rows = [_row(table, key, self.rows[table, key], columns) for key in keys[:cut]]
        following = keys[cut] if len(keys) > cut else None
        return Page(
            tuple(rows),
            None if following is None else tuple(zip(PRIMARY_KEYS[table], following, strict=True)),
        )

    def _write(
        self,
        table: str,
        key: Key,
        expect: Expect,
        rule: Rule | None,
        write: Callable[[Any], object],
    ) -> None:
        self.writes += 1
        number = self.writes
        if self.before:
            self.before(number)
        place = _place(table, key)
        row = self.rows.get(place)
        if expect is Expect.EXISTS and row is None:
            raise ConditionFailed("the row is not there", status=403)
        if expect is Expect.ABSENT and row is not None:
            raise ConditionFailed("the row is there", status=403)
        if rule is not None and not _holds(rule, row or {}):
            raise ConditionFailed(f"{rule.column}", status=403)
        write(place)
        if self.after:
            self.after(number)

    def columns(self, table: str, *key: Any) -> dict[str, Value] | None:
        return self.rows.get((table, key))


def lose_answers(tables: FakeTables, numbers: set[int], *, done: bool = True) -> None:
    """The answers to these writes get lost, the writes themselves with `done=False`."""

    def fail(number: int) -> None:
        if number in numbers:
            raise UnknownOutcome("the answer got lost")

    if done:
        tables.after = fail
    else:
        tables.before = fail


def kill_at(tables: FakeTables, number: int, *, after: bool) -> None:
    """The process ends before, or after, this write."""

    def end(current: int) -> None:
        if current == number:
            raise Killed

    if after:
        tables.after = end
    else:
        tables.before = end


def calm(tables: FakeTables) -> None:
    tables.before = tables.after = None


@dataclass
class ManualClock:
    """Wall clock and monotonic clock of one process; sleeping is instant and may have company."""

    wall: float = 1_800_000_000.0
    steady: float = 1_000.0
    company: Callable[[float], None] | None = None
    slept: list[float] = field(default_factory=list)

    def now(self) -> float:
        return self.wall

    def monotonic(self) -> float:
        return self.steady

    def pass_(self, seconds: float) -> None:
        self.wall += seconds
        self.steady += seconds

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.pass_(seconds)
        if self.company:
            self.company(seconds)


@dataclass
class FakeFunctions:
    """Function Compute: keeps invocations; `work` is what a synchronous one does."""

    work: Callable[[dict[str, Any]], None] | None = None
    error: InvocationFailed | None = None
    queued: list[dict[str, Any]] = field(default_factory=list)

    def invoke_async(self, function: str, payload: bytes) -> Invocation:
        assert function == "agent-test-commander"
        if self.error:
            raise self.error
        self.queued.append(json.loads(payload))
        return Invocation(202, "request", b"")

    def invoke(self, function: str, payload: bytes, *, read_seconds: float) -> Invocation:
        assert function == "agent-test-commander"
        if self.error:
            raise self.error
        if self.work:
            self.work(json.loads(payload))
        return Invocation(200, "request", b"{}")


@dataclass
class FakeObjects:
    deleted: list[str] = field(default_factory=list)

    def link(self, key: str, *, expires_s: int) -> str:
        return f"https://results.example/{key}?expires={expires_s}"

    def delete(self, key: str) -> None:
        self.deleted.append(key)


def _place(table: str, key: Key | RangeKey) -> tuple[str, tuple[Any, ...]]:
    names = tuple(name for name, _ in key)
    assert names == PRIMARY_KEYS[table], (table, names)
    return table, tuple(value for _, value in key)


def _order(key: tuple[Any, ...]) -> tuple[tuple[int, Any], ...]:
    return tuple((1, value) for value in key)


def _bounds(table: str, key: RangeKey) -> tuple[tuple[int, Any], ...]:
    return tuple(
        (0, "") if value is Bound.MIN else (2, "") if value is Bound.MAX else (1, value)
        for value in _place(table, key)[1]
    )


def _row(table: str, key: tuple[Any, ...], row: Mapping[str, Value], columns: Sequence[str]) -> Row:
    kept = {name: value for name, value in row.items() if not columns or name in columns}
    return Row(dict(zip(PRIMARY_KEYS[table], key, strict=True)), kept)


def _holds(rule: Rule, row: Mapping[str, Value]) -> bool:
    if rule.column not in row:
        return rule.pass_if_missing
    stored, value = row[rule.column], rule.value
    assert type(stored) is type(value)
    return {
        Compare.EQUAL: stored == value,
        Compare.NOT_EQUAL: stored != value,
        Compare.GREATER: stored > value,  # type: ignore[operator]
        Compare.GREATER_EQUAL: stored >= value,  # type: ignore[operator]
        Compare.LESS: stored < value,  # type: ignore[operator]
        Compare.LESS_EQUAL: stored <= value,  # type: ignore[operator]
    }[rule.compare]

"""The store itself: time, restarts, damage, and what the SDK cannot send."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from localcloud.core.config import CloudConfig
from localcloud.core.errors import CloudError, StateDamaged
from localcloud.tablestore import Tablestore
from localcloud.tablestore.filters import Comparator, Pagination, Single
from localcloud.tablestore.model import (
    Change,
    ChangeType,
    Condition,
    Edge,
    Expect,
    Return,
    Selection,
    Write,
    WriteType,
)
from tests.localcloud.tablestore.bench import INSTANCE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from localcloud.core.clock import ManualClock

DAY = 86400
ALL = Selection(max_versions=100)
Open = "Callable[[], Tablestore]"


def key(number: int = 1) -> Any:
    return [("id", "a"), ("n", number)]


def write(kind: WriteType = WriteType.PUT, number: int = 1, **values: Any) -> Write:
    changes = tuple(Change(ChangeType.PUT, name, value) for name, value in values.items())
    return Write(kind, key(number), changes)


def made(store: Tablestore, **options: Any) -> Tablestore:
    store.create_instance(INSTANCE)
    store.create_table(INSTANCE, "t", [("id", "STRING"), ("n", "INTEGER")], **options)
    return store


def cells(store: Tablestore, number: int = 1, selection: Selection = ALL) -> Any:
    row = store.get_row(INSTANCE, "t", key(number), selection).row
    return row and {name: list(found.values()) for name, found in row.cells.items()}


def test_a_restart_keeps_everything(opened: Callable[[], Tablestore]) -> None:
    store = made(opened(), ttl=DAY)
    store.write_row(INSTANCE, "t", write(a=1, b=b"\x00", c=-0.0, d=float("inf"), e=True))
    store = opened()
    assert cells(store) == {"a": [1], "b": [b"\x00"], "c": [-0.0], "d": [float("inf")], "e": [True]}
    assert store.table(INSTANCE, "t").options.time_to_live == DAY
    assert store.list_instances() == [INSTANCE]


async def test_cells_expire_one_by_one(
    opened: Callable[[], Tablestore], clock: ManualClock
) -> None:
    store = made(opened(), ttl=DAY)
    store.write_row(INSTANCE, "t", write(a=1))
    await clock.advance(DAY / 2)
    store.write_row(INSTANCE, "t", write(WriteType.UPDATE, b=2))
    await clock.advance(DAY / 2 - 1)
    assert cells(store) == {"a": [1], "b": [2]}
    assert store.remove_expired() == 0
    await clock.advance(1)
    assert cells(store) == {"b": [2]}
    await clock.advance(DAY / 2)
    assert cells(store) is None
    # An expired row is not in anybody's way.
    insert = Write(WriteType.PUT, key(), (), Condition(Expect.NOT_EXIST))
    store.write_row(INSTANCE, "t", insert)
    assert cells(store) == {}
    await clock.advance(DAY)
    assert store.remove_expired() == 1
    bounds = ([("id", Edge.MIN), ("n", Edge.MIN)], [("id", Edge.MAX), ("n", Edge.MAX)])
    assert store.get_range(INSTANCE, "t", bounds, ALL).rows == []


async def test_a_clock_that_goes_back_loses_no_write(
    opened: Callable[[], Tablestore], clock: ManualClock
) -> None:
    store = made(opened())
    store.write_row(INSTANCE, "t", write(a="first"))
    clock.jump(-3600)
    store.write_row(INSTANCE, "t", write(WriteType.UPDATE, a="second"))
    assert cells(store) == {"a": ["second"]}


def test_a_batch_is_on_disk_or_not_at_all(opened: Callable[[], Tablestore]) -> None:
    store = made(opened())
    big = "x" * 1_500_000
    writes = [write(number=number, a=big) for number in range(3)]
    with pytest.raises(CloudError, match="4194304"):
        store.batch_write(INSTANCE, [("t", writes)])
    assert cells(store, 0) is None


def test_the_new_value_of_a_counter_is_answered(opened: Callable[[], Tablestore]) -> None:
    store = made(opened())
    change = Change(ChangeType.INCREMENT, "beat", 2)
    beat = Write(WriteType.UPDATE, key(), (change,), returns=Return.AFTER_MODIFY)
    store.write_row(INSTANCE, "t", beat)
    row = store.write_row(INSTANCE, "t", beat).row
    assert row is not None
    assert list(row.cells["beat"].values()) == [4]


def test_a_window_on_the_columns(opened: Callable[[], Tablestore]) -> None:
    store = made(opened())
    store.write_row(INSTANCE, "t", write(a=1, b=2, c=3, d=4))
    assert cells(store, 1, Selection(max_versions=1, filter=Pagination(1, 2))) == {
        "b": [2],
        "c": [3],
    }


def test_any_version_may_satisfy_a_filter(opened: Callable[[], Tablestore]) -> None:
    store = made(opened(), max_versions=2)
    now = int(store._clock.now() * 1000)
    changes = tuple(Change(ChangeType.PUT, "a", value, now + value) for value in (1, 2))
    store.write_row(INSTANCE, "t", Write(WriteType.PUT, key(), changes))
    one = Single("a", Comparator.EQUAL, 1, latest_only=False)
    assert cells(store, 1, Selection(max_versions=2, filter=one)) == {"a": [2, 1]}
    latest = Single("a", Comparator.EQUAL, 1, latest_only=True)
    assert cells(store, 1, Selection(max_versions=2, filter=latest)) is None


@pytest.mark.parametrize(
    "selection",
    [
        Selection(),
        Selection(max_versions=0),
        Selection(time_range=(5, 5)),
        Selection(time_range=(-1, 5)),
        Selection(columns=("a",) * 129, max_versions=1),
        Selection(max_versions=1, filter=Pagination(-1, 1)),
    ],
)
def test_a_bad_selection(opened: Callable[[], Tablestore], selection: Selection) -> None:
    store = made(opened())
    with pytest.raises(CloudError, match="OTSParameterInvalid"):
        store.get_row(INSTANCE, "t", key(), selection)


@pytest.mark.parametrize("kind", [WriteType.UPDATE, WriteType.DELETE])
def test_only_a_put_may_expect_no_row(opened: Callable[[], Tablestore], kind: WriteType) -> None:
    store = made(opened())
    change = (Change(ChangeType.PUT, "a", 1),) if kind is WriteType.UPDATE else ()
    expecting = Write(kind, key(), change, Condition(Expect.NOT_EXIST))
    with pytest.raises(CloudError, match="EXPECT_NOT_EXIST"):
        store.write_row(INSTANCE, "t", expecting)


@pytest.mark.parametrize("name", ["ab", "a" * 17, "1abc", "ab-", "a_b", "äbc"])
def test_names_of_instances(opened: Callable[[], Tablestore], name: str) -> None:
    with pytest.raises(CloudError, match="OTSParameterInvalid"):
        opened().create_instance(name)


def test_instances(opened: Callable[[], Tablestore]) -> None:
    store = made(opened())
    with pytest.raises(CloudError, match="OTSObjectAlreadyExist"):
        store.create_instance(INSTANCE)
    with pytest.raises(CloudError, match="still has tables"):
        store.delete_instance(INSTANCE)
    store.delete_table(INSTANCE, "t")
    store.delete_instance(INSTANCE)
    with pytest.raises(CloudError, match="not found"):
        store.delete_instance(INSTANCE)
    for number in range(10):
        store.create_instance(f"agent-{number}")
    with pytest.raises(CloudError, match="OTSQuotaExhausted"):
        store.create_instance("one-more")


def test_a_table_that_allows_no_updates(opened: Callable[[], Tablestore]) -> None:
    store = made(opened(), allow_update=False)
    with pytest.raises(CloudError, match="does not allow updates"):
        store.write_row(INSTANCE, "t", write(WriteType.UPDATE, a=1))


def test_a_damaged_file_is_named(tmp_path: Path, clock: ManualClock) -> None:
    (tmp_path / "tablestore.sqlite").write_bytes(b"no database" * 1000)
    with pytest.raises(StateDamaged, match=r"tablestore\.sqlite"):
        Tablestore(CloudConfig(state_dir=tmp_path), clock)

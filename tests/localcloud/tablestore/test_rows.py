"""Operations on rows, with the official SDK as the client."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import tablestore as ots

from tests.localcloud.tablestore.bench import Bench, call, refused

KEY = [("ticket_id", "t"), ("seq", 1)]
ANY = ots.Condition("IGNORE")
NEW = ots.Condition("EXPECT_NOT_EXIST")
THERE = ots.Condition("EXPECT_EXIST")
FAILED = (403, "OTSConditionCheckFail")


def columns(row: Any) -> dict[str, Any]:
    return {name: value for name, value, _ in row.attribute_columns}


async def put(client: ots.OTSClient, key: Any = None, **values: Any) -> None:
    row = ots.Row(key or KEY, list(values.items()))
    await call(client.put_row, "log", row, ANY)


async def get(client: ots.OTSClient, key: Any = None, **more: Any) -> dict[str, Any] | None:
    _, row, _ = await call(client.get_row, "log", key or KEY, **more)
    return None if row is None else columns(row)


@pytest.mark.parametrize("region", [None, "cn-hangzhou"], ids=["v2", "v4"])
async def test_every_type_comes_back_as_it_went(bench: Bench, region: str | None) -> None:
    client = bench.client(region=region)
    values: dict[str, Any] = {
        "text": "ü\x00😀",
        "empty": "",
        "least": -(2**63),
        "most": 2**63 - 1,
        "real": 1.5e-300,
        "yes": True,
        "no": False,
        "bytes_": bytearray(b"\x00\xff\x00"),
    }
    await put(client, **values)
    found = await get(client)
    assert found == values
    assert {name: type(value) for name, value in (found or {}).items()} == {
        name: type(value) for name, value in values.items()
    }


async def test_a_row_is_inserted_once(bench: Bench) -> None:
    client = bench.client()
    row = ots.Row(KEY, [("kind", "queued")])
    usage, _ = await call(client.put_row, "log", row, NEW)
    assert (usage.read, usage.write) == (1, 1)
    assert await refused(client.put_row, "log", ots.Row(KEY, [("kind", "x")]), NEW) == FAILED
    assert await get(client) == {"kind": "queued"}


async def test_put_leaves_nothing_of_the_old_row(bench: Bench) -> None:
    client = bench.client()
    await put(client, a=1, b=2)
    await put(client, b=3)
    assert await get(client) == {"b": 3}


async def test_what_is_not_there(bench: Bench) -> None:
    client = bench.client()
    assert await get(client) is None
    await put(client, a=1)
    assert await get(client, columns_to_get=["b"]) is None
    assert await get(client, columns_to_get=["b", "seq"]) == {}
    assert await refused(client.get_row, "other", KEY) == (404, "OTSObjectNotExist")
    assert await refused(client.delete_row, "log", [("ticket_id", "x"), ("seq", 1)], THERE) == (
        FAILED
    )


async def test_a_row_may_be_its_key_alone(bench: Bench) -> None:
    client = bench.client()
    await put(client)
    assert await get(client) == {}


async def test_update_puts_deletes_and_counts(bench: Bench) -> None:
    client = bench.client()
    await put(client, kept="k", changed="old", gone=1, count=40)
    change = {
        "put": [("changed", "new"), ("added", 2.5)],
        "delete_all": ["gone"],
        "increment": [("count", 2), ("fresh", -3)],
    }
    await call(client.update_row, "log", ots.Row(KEY, change), THERE)
    assert await get(client) == {
        "kept": "k",
        "changed": "new",
        "added": 2.5,
        "count": 42,
        "fresh": -3,
    }


async def test_update_inserts_unless_it_only_deletes(bench: Bench) -> None:
    client = bench.client()
    await call(client.update_row, "log", ots.Row(KEY, {"delete_all": ["a"]}), ANY)
    assert await get(client) is None
    await call(client.update_row, "log", ots.Row(KEY, {"put": [("a", 1)]}), ANY)
    assert await get(client) == {"a": 1}
    # A row whose columns are all deleted is still there.
    await call(client.update_row, "log", ots.Row(KEY, {"delete_all": ["a"]}), THERE)
    assert await get(client) == {}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"increment": [("a", 1)]}, "OTSParameterInvalid"),
        ({"increment": [("n", 2**63 - 1)]}, "OTSParameterInvalid"),
        ({"put": [("ticket_id", "x")]}, "OTSParameterInvalid"),
        ({"put": [("not a name", "x")]}, "OTSParameterInvalid"),
        ({"put": [("ü", "x")]}, "OTSParameterInvalid"),
        ({"delete": ["a"]}, "OTSParameterInvalid"),
    ],
)
async def test_a_bad_update_changes_nothing(bench: Bench, change: Any, code: str) -> None:
    client = bench.client()
    await put(client, a="text", n=1)
    assert await refused(client.update_row, "log", ots.Row(KEY, change), ANY) == (400, code)
    assert await get(client) == {"a": "text", "n": 1}


def when(
    column: str, value: Any, comparator: int = ots.ComparatorType.EQUAL, **more: Any
) -> ots.Condition:
    return ots.Condition("IGNORE", ots.SingleColumnCondition(column, value, comparator, **more))


async def test_compare_and_swap(bench: Bench) -> None:
    client = bench.client()
    await put(client, version=1)
    step = ots.Row(KEY, {"put": [("version", 2)]})
    await call(client.update_row, "log", step, when("version", 1, pass_if_missing=False))
    again = when("version", 1, pass_if_missing=False)
    assert await refused(client.update_row, "log", step, again) == FAILED
    missing = when("holder", "x", pass_if_missing=False)
    assert await refused(client.update_row, "log", step, missing) == FAILED
    await call(client.update_row, "log", step, when("holder", "x", pass_if_missing=True))
    assert await refused(client.delete_row, "log", KEY, when("version", 3)) == FAILED
    await call(client.delete_row, "log", KEY, when("version", 2))
    assert await get(client) is None


async def test_one_of_many_writers_wins(bench: Bench) -> None:
    clients = [bench.client() for _ in range(4)]

    async def insert(client: ots.OTSClient, name: str) -> bool:
        try:
            await call(client.put_row, "log", ots.Row(KEY, [("by", name)]), NEW)
        except ots.OTSServiceError as error:
            assert error.get_error_code() == "OTSConditionCheckFail"
            return False
        return True

    won = await asyncio.gather(*(insert(one, str(n)) for n, one in enumerate(clients * 3)))
    assert won.count(True) == 1


async def test_no_increment_is_lost(bench: Bench) -> None:
    clients = [bench.client() for _ in range(4)]
    beat = ots.Row(KEY, {"increment": [("beat", 1)]})
    await asyncio.gather(*(call(one.update_row, "log", beat, ANY) for one in clients * 5))
    assert await get(clients[0]) == {"beat": 20}


async def test_conditions_together(bench: Bench) -> None:
    client = bench.client()
    await put(client, a=1, b="x")
    both = ots.CompositeColumnCondition(ots.LogicalOperator.AND)
    both.add_sub_condition(ots.SingleColumnCondition("a", 0, ots.ComparatorType.GREATER_THAN))
    either = ots.CompositeColumnCondition(ots.LogicalOperator.OR)
    either.add_sub_condition(ots.SingleColumnCondition("b", "y", ots.ComparatorType.EQUAL))
    negated = ots.CompositeColumnCondition(ots.LogicalOperator.NOT)
    negated.add_sub_condition(ots.SingleColumnCondition("b", "z", ots.ComparatorType.EQUAL))
    either.add_sub_condition(negated)
    both.add_sub_condition(either)
    assert await get(client, column_filter=both) == {"a": 1, "b": "x"}
    negated.sub_conditions[0] = ots.SingleColumnCondition("b", "x", ots.ComparatorType.EQUAL)
    assert await get(client, column_filter=both) is None


async def test_versions(bench: Bench) -> None:
    client = bench.client()
    bench.store.create_table("agent-test", "many", [("id", "STRING")], max_versions=2)
    key = [("id", "a")]
    base = int(bench.store._clock.now() * 1000)
    for number in range(3):
        change = ots.Row(key, {"put": [("v", number, base + number)]})
        await call(client.update_row, "many", change, ANY)
    _, row, _ = await call(client.get_row, "many", key, max_version=5)
    assert row.attribute_columns == [("v", 2, base + 2), ("v", 1, base + 1)]
    _, row, _ = await call(client.get_row, "many", key, max_version=1)
    assert row.attribute_columns == [("v", 2, base + 2)]
    _, row, _ = await call(
        client.get_row, "many", key, max_version=None, time_range=(base, base + 2)
    )
    assert row.attribute_columns == [("v", 1, base + 1)]
    drop = ots.Row(key, {"delete": [("v", None, base + 2)]})
    await call(client.update_row, "many", drop, ANY)
    _, row, _ = await call(client.get_row, "many", key, max_version=5)
    assert row.attribute_columns == [("v", 1, base + 1)]
    far = ots.Row(key, [("v", 1, base + 86_500_000)])
    assert await refused(client.put_row, "many", far, ANY) == (400, "OTSParameterInvalid")


async def test_generated_keys_grow(bench: Bench) -> None:
    client = bench.client()
    meta = ots.TableMeta("made", [("id", "STRING"), ("n", "INTEGER", ots.PK_AUTO_INCR)])
    throughput = ots.ReservedThroughput(ots.CapacityUnit(0, 0))
    await call(client.create_table, meta, ots.TableOptions(), throughput)
    numbers = []
    for _ in range(3):
        row = ots.Row([("id", "a"), ("n", ots.PK_AUTO_INCR)], [("x", 1)])
        _, answer = await call(client.put_row, "made", row, ANY, ots.ReturnType.RT_PK)
        numbers.append(dict(answer.primary_key)["n"])
    assert numbers == sorted(set(numbers))
    assert len(numbers) == 3
    described = await call(client.describe_table, "made")
    assert described.table_meta.schema_of_primary_key[1] == ("n", "INTEGER", ots.PK_AUTO_INCR)


async def test_batches(bench: Bench) -> None:
    client = bench.client()
    bench.store.create_table("agent-test", "other", [("id", "STRING")])
    await put(client, [("ticket_id", "t"), ("seq", 9)], a=0)
    request = ots.BatchWriteRowRequest()
    first = ots.Row([("ticket_id", "t"), ("seq", 9)], [("a", 1)])
    second = ots.Row([("ticket_id", "t"), ("seq", 10)], {"put": [("b", 2)]})
    items = [ots.PutRowItem(first, NEW), ots.UpdateRowItem(second, ANY)]
    request.add(ots.TableInBatchWriteRowItem("log", items))
    gone = ots.DeleteRowItem(ots.Row([("id", "x")]), ANY)
    request.add(ots.TableInBatchWriteRowItem("other", [gone]))
    request.add(ots.TableInBatchWriteRowItem("nowhere", [gone]))
    answer = await call(client.batch_write_row, request)
    outcomes = {
        name: [(one.is_ok, one.error_code) for one in answer.table_of_put.get(name, [])]
        + [(one.is_ok, one.error_code) for one in answer.table_of_update.get(name, [])]
        + [(one.is_ok, one.error_code) for one in answer.table_of_delete.get(name, [])]
        for name in ("log", "other", "nowhere")
    }
    assert outcomes == {
        "log": [(False, "OTSConditionCheckFail"), (True, None)],
        "other": [(True, None)],
        "nowhere": [(False, "OTSObjectNotExist")],
    }
    read = ots.BatchGetRowRequest()
    keys = [[("ticket_id", "t"), ("seq", n)] for n in (9, 10, 11)]
    read.add(ots.TableInBatchGetRowItem("log", keys, max_version=1))
    read.add(ots.TableInBatchGetRowItem("nowhere", keys, max_version=1))
    found = await call(client.batch_get_row, read)
    assert [one.row and columns(one.row) for one in found.get_result_by_table("log")] == [
        {"a": 0},
        {"b": 2},
        None,
    ]
    assert {one.error_code for one in found.get_result_by_table("nowhere")} == {"OTSObjectNotExist"}


@pytest.mark.parametrize(("count", "distinct"), [(201, 201), (2, 1)], ids=["many", "twice"])
async def test_a_bad_batch_writes_nothing(bench: Bench, count: int, distinct: int) -> None:
    client = bench.client()
    request = ots.BatchWriteRowRequest()
    rows = [ots.Row([("ticket_id", "t"), ("seq", n % distinct)], [("a", 1)]) for n in range(count)]
    items = [ots.PutRowItem(row, ANY) for row in rows]
    request.add(ots.TableInBatchWriteRowItem("log", items))
    assert await refused(client.batch_write_row, request) == (400, "OTSParameterInvalid")
    assert await get(client, [("ticket_id", "t"), ("seq", 0)]) is None


async def test_too_many_rows_to_read_at_once(bench: Bench) -> None:
    read = ots.BatchGetRowRequest()
    keys = [[("ticket_id", "t"), ("seq", n)] for n in range(101)]
    read.add(ots.TableInBatchGetRowItem("log", keys, max_version=1))
    assert await refused(bench.client().batch_get_row, read) == (400, "OTSParameterInvalid")


@pytest.mark.parametrize(
    ("key", "values", "answer"),
    [
        ([("ticket_id", "x" * 1025), ("seq", 1)], {}, (400, "OTSParameterInvalid")),
        ([("ticket_id", "ü" * 513), ("seq", 1)], {}, (400, "OTSParameterInvalid")),
        ([("seq", 1), ("ticket_id", "x")], {}, (400, "OTSInvalidPK")),
        ([("ticket_id", "x")], {}, (400, "OTSInvalidPK")),
        ([("ticket_id", 1), ("seq", 1)], {}, (400, "OTSInvalidPK")),
        ([("ticket_id", bytearray(b"x")), ("seq", 1)], {}, (400, "OTSInvalidPK")),
        (KEY, {"a": "x" * (2 * 1024 * 1024 + 1)}, (400, "OTSParameterInvalid")),
        (
            KEY,
            {"a": "x" * 1_900_000, "b": "x" * 1_900_000, "c": "x" * 500_000},
            (400, "OTSOutOfRowSizeLimit"),
        ),
        (KEY, {f"c{n}": 1 for n in range(1025)}, (400, "OTSParameterInvalid")),
        (KEY, {f"c{n}": "x" * 2_000_000 for n in range(5)}, (413, "OTSRequestBodyTooLarge")),
    ],
)
async def test_limits(bench: Bench, key: Any, values: Any, answer: tuple[int, str]) -> None:
    row = ots.Row(key, list(values.items()))
    assert await refused(bench.client().put_row, "log", row, ANY) == answer


async def test_the_largest_row_is_taken(bench: Bench) -> None:
    client = bench.client()
    key = [("ticket_id", "x" * 1024), ("seq", 1)]
    value = "x" * (2 * 1024 * 1024)
    await put(client, key, a=value)
    assert await get(client, key) == {"a": value}

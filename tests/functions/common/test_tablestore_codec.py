"""Rows and messages: the official SDK reads what we write, and we read what it writes."""

from __future__ import annotations

import string
from typing import Any

import pytest
import tablestore as ots
from hypothesis import given
from hypothesis import strategies as st
from tablestore.encoder import OTSProtoBufferEncoder
from tablestore.plainbuffer.plain_buffer_builder import PlainBufferBuilder
from tablestore.plainbuffer.plain_buffer_coded_stream import PlainBufferCodedInputStream
from tablestore.plainbuffer.plain_buffer_stream import PlainBufferInputStream

from functions.common.tablestore import codec, messages
from functions.common.tablestore.api import Bound, Compare, Expect, Rule

NAMES = st.text(string.ascii_letters + string.digits + "_", min_size=1, max_size=12)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
INTEGERS = st.integers(-(1 << 63), (1 << 63) - 1)
FLOATS = st.floats(allow_nan=False)
VALUES = st.one_of(TEXTS, INTEGERS, st.booleans(), FLOATS, st.binary(max_size=40))
KEYS = st.lists(
    st.tuples(NAMES, st.one_of(TEXTS, INTEGERS, st.binary(max_size=20))),
    min_size=1,
    max_size=4,
    unique_by=lambda cell: cell[0],
).map(tuple)
COLUMNS = st.dictionaries(NAMES, VALUES, max_size=6)
ENCODER = OTSProtoBufferEncoder("utf-8", enable_native=False)


def for_sdk(value: Any) -> Any:
    """The SDK takes `bytes` for a text and `bytearray` for a blob."""
    return bytearray(value) if isinstance(value, bytes) else value


def sdk_key(key: Any) -> list[tuple[str, Any]]:
    bounds = {Bound.MIN: ots.INF_MIN, Bound.MAX: ots.INF_MAX}
    return [
        (name, bounds[value] if isinstance(value, Bound) else for_sdk(value)) for name, value in key
    ]


def sdk_columns(columns: dict[str, Any]) -> list[tuple[str, Any]]:
    return [(name, for_sdk(value)) for name, value in columns.items()]


@given(KEYS, COLUMNS)
def test_the_sdk_reads_our_rows(key: Any, columns: dict[str, Any]) -> None:
    stream = PlainBufferCodedInputStream(PlainBufferInputStream(codec.encode_put(key, columns)))
    read_key, read_columns = stream.read_row()
    assert read_key == sdk_key(key)
    assert [(name, value) for name, value, _ in read_columns] == sdk_columns(columns)


@given(KEYS, COLUMNS)
def test_we_read_the_sdks_rows(key: Any, columns: dict[str, Any]) -> None:
    encoded = PlainBufferBuilder.serialize_for_put_row(sdk_key(key), sdk_columns(columns))
    (row,) = codec.decode_rows(bytes(encoded))
    assert tuple(row.key.items()) == key
    assert row.columns == columns
    assert {name: type(value) for name, value in row.columns.items()} == {
        name: type(value) for name, value in columns.items()
    }


def test_several_rows_and_timestamps() -> None:
    one = PlainBufferBuilder.serialize_for_put_row([("id", "a")], [("x", 1, 1234567890123)])
    two = PlainBufferBuilder.serialize_for_put_row([("id", "b")], [("x", "ä")])
    rows = codec.decode_rows(bytes(one) + bytes(two)[4:])
    assert [(row.key["id"], row.columns["x"]) for row in rows] == [("a", 1), ("b", "ä")]
    assert codec.decode_rows(b"") == []


@given(KEYS, COLUMNS, st.data())
def test_damage_is_noticed(key: Any, columns: dict[str, Any], data: st.DataObject) -> None:
    encoded = bytearray(codec.encode_put(key, columns))
    place = data.draw(st.integers(0, len(encoded) - 1))
    encoded[place] ^= data.draw(st.integers(1, 255))
    try:
        rows = codec.decode_rows(bytes(encoded))
    except codec.BadPlainBuffer:
        return
    # A CRC of eight bits cannot see everything, but what it lets through is never ours unnoticed:
    # only lengths and tags, which are outside of it, can still give rows, and then other ones.
    assert rows != [codec.decode_rows(codec.encode_put(key, columns))[0]]


@given(st.binary(max_size=60))
def test_any_bytes_are_rows_or_refused(data: bytes) -> None:
    for attempt in (data, codec.HEADER + data):
        try:
            codec.decode_rows(attempt)
        except codec.BadPlainBuffer:
            continue


@given(st.binary(max_size=40))
def test_any_bytes_are_a_message_or_refused(data: bytes) -> None:
    try:
        messages.fields(data)
    except messages.BadMessage:
        return


RULES = st.none() | st.builds(
    Rule,
    column=NAMES,
    compare=st.sampled_from(list(Compare)),
    value=VALUES,
    pass_if_missing=st.booleans(),
)
EXPECT = {
    Expect.ANY: ots.RowExistenceExpectation.IGNORE,
    Expect.EXISTS: ots.RowExistenceExpectation.EXPECT_EXIST,
    Expect.ABSENT: ots.RowExistenceExpectation.EXPECT_NOT_EXIST,
}
COMPARE = {
    Compare.EQUAL: ots.ComparatorType.EQUAL,
    Compare.NOT_EQUAL: ots.ComparatorType.NOT_EQUAL,
    Compare.GREATER: ots.ComparatorType.GREATER_THAN,
    Compare.GREATER_EQUAL: ots.ComparatorType.GREATER_EQUAL,
    Compare.LESS: ots.ComparatorType.LESS_THAN,
    Compare.LESS_EQUAL: ots.ComparatorType.LESS_EQUAL,
}


def sdk_condition(expect: Expect, rule: Rule | None) -> ots.Condition:
    if rule is None:
        return ots.Condition(EXPECT[expect])
    single = ots.SingleColumnCondition(
        rule.column,
        for_sdk(rule.value),
        COMPARE[rule.compare],
        pass_if_missing=rule.pass_if_missing,
    )
    return ots.Condition(EXPECT[expect], single)


def same_request(ours: bytes, theirs: Any) -> None:
    """Byte for byte, once the SDK's own fields that say nothing are away."""
    for name in ("return_content", "transaction_id"):
        if name in {field.name for field in theirs.DESCRIPTOR.fields}:
            theirs.ClearField(name)
    assert ours == theirs.SerializeToString()


@given(KEYS, COLUMNS, st.sampled_from(list(Expect)), RULES)
def test_put_row_is_the_sdks(key: Any, columns: Any, expect: Expect, rule: Rule | None) -> None:
    ours = messages.write_row("t", codec.encode_put(key, columns), expect, rule)
    row = ots.Row(sdk_key(key), sdk_columns(columns))
    same_request(ours, ENCODER._encode_put_row("t", row, sdk_condition(expect, rule), None, None))


@given(KEYS, st.dictionaries(NAMES, VALUES, min_size=1, max_size=4), RULES)
def test_update_row_is_the_sdks(key: Any, put: dict[str, Any], rule: Rule | None) -> None:
    encoded = codec.encode_update(key, put, {"count": 2}, ["old"])
    row = ots.Row(
        sdk_key(key),
        {"put": sdk_columns(put), "increment": [("count", 2)], "delete_all": ["old"]},
    )
    condition = sdk_condition(Expect.EXISTS, rule)
    same_request(
        messages.write_row("t", encoded, Expect.EXISTS, rule),
        ENCODER._encode_update_row("t", row, condition, None, None),
    )


@given(KEYS, RULES)
def test_delete_row_is_the_sdks(key: Any, rule: Rule | None) -> None:
    same_request(
        messages.write_row("t", codec.encode_delete(key), Expect.ANY, rule),
        ENCODER._encode_delete_row("t", sdk_key(key), sdk_condition(Expect.ANY, rule), None, None),
    )


@given(KEYS, st.lists(NAMES, max_size=3))
def test_get_row_is_the_sdks(key: Any, columns: list[str]) -> None:
    same_request(
        messages.get_row("t", codec.encode_key(key), columns),
        ENCODER._encode_get_row("t", sdk_key(key), columns, None, 1, None, None, None, None, None),
    )


@pytest.mark.parametrize("backward", [False, True])
@pytest.mark.parametrize("limit", [None, 7])
def test_get_range_is_the_sdks(backward: bool, limit: int | None) -> None:
    start, end = (("id", "a"), ("seq", Bound.MIN)), (("id", "a"), ("seq", Bound.MAX))
    if backward:
        start, end = end, start
    ours = messages.get_range(
        "t",
        codec.encode_key(start),
        codec.encode_key(end),
        limit=limit,
        columns=["x"],
        backward=backward,
    )
    direction = ots.Direction.BACKWARD if backward else ots.Direction.FORWARD
    theirs = ENCODER._encode_get_range(
        "t", direction, sdk_key(start), sdk_key(end), ["x"], limit, None, 1, None, None, None,
        None, None,
    )  # fmt: skip
    same_request(ours, theirs)


@pytest.mark.parametrize("value", [1 << 63, -(1 << 63) - 1])
def test_integers_have_64_bits(value: int) -> None:
    with pytest.raises(ValueError, match="64 bits"):
        codec.encode_value(value)


def test_a_row_has_four_megabytes() -> None:
    with pytest.raises(ValueError, match="limit"):
        codec.encode_put((("id", "a"),), {"x": "y" * codec.ROW_BYTES})

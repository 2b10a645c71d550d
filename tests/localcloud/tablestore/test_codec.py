"""PlainBuffer, the order of keys, and conditions: against the official SDK and plain models."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tablestore.plainbuffer.plain_buffer_builder import PlainBufferBuilder
from tablestore.plainbuffer.plain_buffer_coded_stream import PlainBufferCodedInputStream
from tablestore.plainbuffer.plain_buffer_stream import PlainBufferInputStream

from localcloud.core.errors import CloudError
from localcloud.tablestore.filters import Combinator, Comparator, Composite, Single, passes
from localcloud.tablestore.keys import decode_key, encode_key
from localcloud.tablestore.model import Edge, KeyColumn, KeyType
from localcloud.tablestore.stored import dump_cells, load_cells
from localcloud.tablestore.wire import messages
from localcloud.tablestore.wire.plainbuffer import (
    WireCell,
    WireRow,
    decode_row,
    decode_rows,
    decode_value,
    encode_rows,
    encode_value,
)

INT64 = st.integers(-(2**63), 2**63 - 1)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,10}", fullmatch=True)
KEY_VALUES = st.one_of(INT64, TEXT, st.binary(max_size=20))
VALUES = st.one_of(KEY_VALUES, st.booleans(), st.floats(allow_nan=False))
KEYS = st.lists(st.tuples(NAMES, KEY_VALUES), min_size=1, max_size=4)
VERSIONS = st.one_of(st.none(), st.integers(0, 2**40))
CELLS = st.lists(
    st.builds(
        WireCell,
        NAMES,
        st.one_of(st.none(), VALUES),
        VERSIONS,
        st.sampled_from([None, 1, 3, 4]),
    ),
    max_size=4,
)


def sdk(value: Any) -> Any:
    return bytearray(value) if isinstance(value, bytes) else value


@given(st.lists(st.tuples(KEYS, CELLS, st.booleans()), max_size=3))
def test_rows_come_back(rows: list[Any]) -> None:
    given_rows = [
        WireRow([WireCell(name, value) for name, value in key], cells, deleted)
        for key, cells, deleted in rows
    ]
    data = encode_rows(given_rows)
    assert (decode_rows(data) if data else []) == given_rows


@given(KEYS, st.lists(st.tuples(NAMES, VALUES, VERSIONS), max_size=4))
def test_a_row_of_ours_is_the_sdk_s(key: Any, cells: Any) -> None:
    ours = encode_rows(
        [WireRow([WireCell(n, v) for n, v in key], [WireCell(n, v, at) for n, v, at in cells])]
    )
    theirs = PlainBufferBuilder.serialize_for_put_row(
        [(n, sdk(v)) for n, v in key],
        [(n, sdk(v)) if at is None else (n, sdk(v), at) for n, v, at in cells],
    )
    assert ours == bytes(theirs)
    read = PlainBufferCodedInputStream(PlainBufferInputStream(ours)).read_row()
    assert read == ([(n, sdk(v)) for n, v in key], [(n, sdk(v), at) for n, v, at in cells])


@given(KEYS, st.lists(st.tuples(NAMES, INT64), min_size=1, max_size=3), NAMES)
def test_an_update_of_the_sdk_is_understood(key: Any, counts: Any, gone: str) -> None:
    data = PlainBufferBuilder.serialize_for_update_row(
        [(n, sdk(v)) for n, v in key],
        {
            "put": [("p", "x", 5)],
            "increment": counts,
            "delete_all": [gone],
            "delete": [("d", None, 7)],
        },
    )
    assert decode_row(bytes(data)).cells == [
        WireCell("p", "x", 5),
        *(WireCell(name, value, None, 4) for name, value in counts),
        WireCell(gone, None, None, 1),
        WireCell("d", None, 7, 3),
    ]


@given(KEYS, st.data())
def test_a_changed_byte_is_noticed_or_harmless(key: Any, data: st.DataObject) -> None:
    row = WireRow([WireCell(n, v) for n, v in key], [WireCell("c", "value")])
    encoded = bytearray(encode_rows([row]))
    at = data.draw(st.integers(0, len(encoded) - 1))
    encoded[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises(CloudError, match="OTSParameterInvalid"):
        decode_row(bytes(encoded))


@given(st.binary(max_size=60))
def test_no_bytes_break_the_reader(data: bytes) -> None:
    for read in (decode_rows, decode_value, lambda raw: messages.parse("PutRowRequest", raw)):
        try:
            read(data)
        except CloudError as error:
            assert error.code == "OTSParameterInvalid"


@given(st.one_of(VALUES, st.sampled_from(list(Edge))))
def test_values_come_back(value: Any) -> None:
    read = decode_value(encode_value(value))
    assert (read, type(read)) == (value, type(value))


@st.composite
def keys_of_one_table(draw: st.DrawFn) -> tuple[list[KeyColumn], list[list[Any]]]:
    kinds = draw(st.lists(st.sampled_from(list(KeyType)), min_size=1, max_size=4))
    small = {
        KeyType.INTEGER: st.one_of(INT64, st.integers(-2, 2)),
        KeyType.STRING: st.one_of(TEXT, st.text("a\x00b\x01", max_size=3)),
        KeyType.BINARY: st.one_of(
            st.binary(max_size=5), st.binary(max_size=2).map(lambda b: b"\x00" + b)
        ),
    }
    row = st.tuples(*(small[kind] for kind in kinds)).map(list)
    columns = [KeyColumn(f"k{number}", kind) for number, kind in enumerate(kinds)]
    return columns, draw(st.lists(row, min_size=2, max_size=6))


def plain(part: Any) -> tuple[int, Any]:
    """A sort key that knows nothing of the encoding."""
    if part is Edge.MIN:
        return (0, 0)
    if part is Edge.MAX:
        return (2, 0)
    return (1, part.encode() if isinstance(part, str) else part)


@given(keys_of_one_table())
def test_encoded_keys_sort_as_keys_do_and_come_back(case: Any) -> None:
    columns, rows = case
    assert sorted(rows, key=encode_key) == sorted(rows, key=lambda row: [plain(p) for p in row])
    for row in rows:
        assert decode_key(columns, encode_key(row)) == tuple(row)


@given(keys_of_one_table(), st.data())
def test_edges_lie_below_and_above_all_values(case: Any, data: st.DataObject) -> None:
    _, rows = case
    bounds = [
        [data.draw(st.sampled_from([part, Edge.MIN, Edge.MAX])) for part in row] for row in rows
    ]
    both = rows + bounds
    # Parts behind an edge still count, as they do when rows are compared part by part.
    assert sorted(both, key=encode_key) == sorted(both, key=lambda row: [plain(p) for p in row])


CELLS_OF_A_ROW = st.dictionaries(
    st.sampled_from("abc"),
    st.dictionaries(st.integers(0, 5), st.one_of(st.integers(-2, 2), st.sampled_from("xyz"))),
    max_size=3,
)
SINGLES = st.builds(
    Single,
    st.sampled_from("abc"),
    st.sampled_from(list(Comparator)),
    st.one_of(st.integers(-2, 2), st.sampled_from("xyz")),
    st.booleans(),
    st.booleans(),
)


def composites(parts: Any) -> Any:
    return st.one_of(
        parts.map(lambda part: Composite(Combinator.NOT, (part,))),
        st.builds(
            Composite,
            st.sampled_from([Combinator.AND, Combinator.OR]),
            st.lists(parts, min_size=2, max_size=3).map(tuple),
        ),
    )


def expected(condition: Any, cells: Any) -> bool:
    """The rules once more, as plainly as they can be said."""
    if isinstance(condition, Composite):
        verdicts = [expected(part, cells) for part in condition.parts]
        return {
            Combinator.NOT: not verdicts[0],
            Combinator.AND: min(verdicts),
            Combinator.OR: max(verdicts),
        }[condition.combinator]
    versions = cells.get(condition.column) or {}
    if condition.comparator is Comparator.EXIST:
        return bool(versions)
    if condition.comparator is Comparator.NOT_EXIST:
        return not versions
    if not versions:
        return bool(condition.pass_if_missing)
    seen = [versions[max(versions)]] if condition.latest_only else list(versions.values())
    symbols = {"EQUAL": "==", "NOT_EQUAL": "!=", "GREATER_THAN": ">", "GREATER_EQUAL": ">="}
    symbol = symbols.get(condition.comparator.name) or (
        "<" if condition.comparator.name == "LESS_THAN" else "<="
    )
    return any(
        isinstance(one, str) is isinstance(condition.value, str)
        and eval(f"{one!r} {symbol} {condition.value!r}")
        for one in seen
    )


@given(st.recursive(SINGLES, composites, max_leaves=6), CELLS_OF_A_ROW)
def test_conditions_are_what_they_say(condition: Any, cells: Any) -> None:
    assert passes(condition, cells) is expected(condition, cells)


@given(
    st.dictionaries(NAMES, st.dictionaries(st.integers(0, 2**40), VALUES, min_size=1), max_size=4)
)
def test_what_is_stored_comes_back(cells: Any) -> None:
    read = load_cells(dump_cells(cells))
    assert read == cells
    for name, versions in cells.items():
        assert [type(v) for v in read[name].values()] == [type(v) for v in versions.values()]

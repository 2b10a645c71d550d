"""Values survive the wire, the checkpoint and the eyes of people."""

from __future__ import annotations

import json
from typing import Any

import pytest
from google.protobuf import struct_pb2
from hypothesis import given
from hypothesis import strategies as st

from engine.values import (
    MASK,
    SIGNATURE_KEY,
    UNKNOWN,
    UNKNOWN_SENTINEL,
    Asset,
    ResourceReference,
    Secret,
    Signature,
    Unknown,
    contains,
    from_struct,
    masked,
    plain,
    to_struct,
    unwire,
    wire,
)

TEXT = st.text(alphabet=st.characters(codec="utf-8"), max_size=12).filter(
    lambda text: text not in (SIGNATURE_KEY, UNKNOWN_SENTINEL)
)
NUMBERS = st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(allow_nan=False, allow_infinity=False)
LEAVES = (
    st.none()
    | st.booleans()
    | NUMBERS
    | TEXT
    | st.just(UNKNOWN)
    | st.builds(
        ResourceReference,
        urn=TEXT,
        id=st.none() | TEXT.filter(bool) | st.just(UNKNOWN),
        package_version=TEXT,
    )
    | st.builds(lambda path: Asset(Signature.ASSET, {"path": path}), TEXT)
    | st.builds(lambda text: Asset(Signature.ASSET, {"text": text}), TEXT)
)


def _nested(children: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    assets = st.dictionaries(TEXT, st.builds(lambda p: Asset(Signature.ASSET, {"path": p}), TEXT))
    return (
        st.lists(children, max_size=3)
        | st.dictionaries(TEXT, children, max_size=3)
        | st.builds(lambda entries: Asset(Signature.ARCHIVE, {"assets": entries}), assets)
        | children.filter(lambda value: not contains(value, Secret)).map(Secret)
    )


VALUES = st.recursive(LEAVES, _nested, max_leaves=12)
PROPERTIES = st.dictionaries(TEXT, VALUES, max_size=4)


@given(PROPERTIES)
def test_properties_survive_the_wire(properties: dict[str, Any]) -> None:
    struct = struct_pb2.Struct.FromString(to_struct(properties).SerializeToString())

    assert from_struct(struct) == properties


@given(PROPERTIES)
def test_properties_survive_a_sealed_document(properties: dict[str, Any]) -> None:
    sealed: list[Any] = []

    def seal(value: Any) -> dict[str, Any]:
        sealed.append(json.dumps(value))
        return {SIGNATURE_KEY: Signature.SECRET, "number": len(sealed) - 1}

    document = json.loads(json.dumps(wire(properties, seal)))

    assert unwire(document, lambda fields: json.loads(sealed[fields["number"]])) == properties


@given(PROPERTIES)
def test_what_people_and_providers_get_is_plain_json(properties: dict[str, Any]) -> None:
    for view in (masked(properties), plain(properties)):
        assert not contains(view, Secret)
        assert not contains(view, Unknown)
        json.dumps(view)


@given(st.text(min_size=20, max_size=30), PROPERTIES)
def test_a_secret_shows_nowhere(secret: str, around: dict[str, Any]) -> None:
    value = {"nested": [{"deep": Secret({"password": secret})}], "around": Secret([secret, around])}

    assert secret not in json.dumps(masked(value), ensure_ascii=False)
    assert secret not in repr(value)
    assert masked(value)["nested"] == [{"deep": MASK}]
    assert plain(value)["nested"] == [{"deep": {"password": secret}}]


@given(VALUES, st.booleans())
def test_output_values_are_read_as_what_they_hold(value: Any, secret: bool) -> None:
    document = {SIGNATURE_KEY: Signature.OUTPUT, "secret": secret, "dependencies": ["urn:a"]}
    known = document | {"value": wire(value, lambda inner: inner)}
    read = unwire(wire(value, lambda inner: inner))

    assert unwire(known) == (Secret(read) if secret else read)
    assert unwire(document) == (Secret(UNKNOWN) if secret else UNKNOWN)


def test_whole_numbers_stay_whole() -> None:
    read = from_struct(to_struct({"count": 3, "ratio": 0.5, "flag": True}))

    assert [type(read[key]) for key in ("count", "ratio", "flag")] == [int, float, bool]


def test_a_provider_gets_assets_and_references_in_a_plain_form() -> None:
    value = {
        "code": Asset(Signature.ASSET, {"path": "a.zip"}),
        "vpc": ResourceReference("urn:x", "vpc-1"),
        "group": ResourceReference("urn:component"),
    }

    assert plain(value) == {
        "code": {"__asset": "file", "path": "a.zip"},
        "vpc": "vpc-1",
        "group": "urn:component",
    }


def test_an_unknown_signature_is_refused() -> None:
    struct = struct_pb2.Struct()
    struct.update({"a": {SIGNATURE_KEY: "no such thing"}})

    with pytest.raises(ValueError, match="no such thing"):
        from_struct(struct)

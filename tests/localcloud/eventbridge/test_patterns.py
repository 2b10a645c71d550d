"""Event patterns, operator by operator."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localcloud.core.errors import CloudError
from localcloud.eventbridge.patterns import Pattern

EVENT: dict[str, Any] = {
    "source": "acs.oss",
    "type": "oss:ObjectCreated:PostObject",
    "subject": "acs:oss:cn-hangzhou:123:bucket/file.png",
    "data": {
        "size": 42,
        "price": 1.5,
        "ip": "10.0.3.7",
        "nothing": None,
        "empty": "",
        "flag": True,
        "tags": ["red", "blue"],
        "deep": {"name": "x"},
    },
}


@pytest.mark.parametrize(
    ("pattern", "taken"),
    [
        ({}, True),
        ({"source": ["acs.oss"]}, True),
        ({"source": ["acs.ecs", "acs.oss"]}, True),
        ({"source": ["acs.ecs"]}, False),
        ({"source": "acs.oss"}, True),
        ({"source": ["acs.oss"], "type": ["other"]}, False),
        ({"source": [{"prefix": ""}]}, True),
        ({"type": [{"prefix": "oss:"}]}, True),
        ({"type": [{"prefix": "ecs:"}]}, False),
        ({"subject": [{"suffix": ".png"}]}, True),
        ({"subject": [{"suffix": ".jpg"}, {"contains": "bucket/"}]}, True),
        ({"subject": [{"contains": "missing"}]}, False),
        ({"source": [{"anything-but": "acs.ecs"}]}, True),
        ({"source": [{"anything-but": ["acs.ecs", "acs.oss"]}]}, False),
        ({"type": [{"anything-but": {"prefix": "oss:"}}]}, False),
        ({"data": {"unknown": [{"anything-but": "x"}]}}, False),
        ({"data": {"size": [42]}}, True),
        ({"data": {"size": ["42"]}}, False),
        ({"data": {"flag": [True]}}, True),
        ({"data": {"flag": [1]}}, False),
        ({"data": {"size": [{"numeric": [">", 0, "<=", 42]}]}}, True),
        ({"data": {"size": [{"numeric": ["<", 42]}]}}, False),
        ({"data": {"price": [{"numeric": ["=", 1.5]}]}}, True),
        ({"data": {"flag": [{"numeric": ["=", 1]}]}}, False),
        ({"data": {"ip": [{"cidr": "10.0.0.0/16"}]}}, True),
        ({"data": {"ip": [{"cidr": "10.1.0.0/16"}]}}, False),
        ({"source": [{"cidr": "10.1.0.0/16"}]}, False),
        ({"data": {"ip": [{"exists": True}]}}, True),
        ({"data": {"ip": [{"exists": False}]}}, False),
        ({"data": {"unknown": [{"exists": False}]}}, True),
        ({"data": {"unknown": {"deeper": [{"exists": False}]}}}, True),
        ({"data": {"nothing": [None]}}, True),
        ({"data": {"empty": [None]}}, False),
        ({"data": {"empty": [""]}}, True),
        ({"data": {"unknown": [None]}}, False),
        ({"data": {"tags": ["blue"]}}, True),
        ({"data": {"tags": ["green"]}}, False),
        ({"data": {"deep": {"name": ["x"]}}}, True),
        ({"data": {"size": {"name": ["x"]}}}, False),
    ],
)
def test_matching(pattern: dict[str, Any], taken: bool) -> None:
    assert Pattern(pattern).matches(EVENT) is taken


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("{", "no JSON"),
        ("[]", "object"),
        ({"a": [{"starts": "x"}]}, "'starts'"),
        ({"a": []}, "1 to 5"),
        ({"a": [1, 2, 3, 4, 5, 6]}, "1 to 5"),
        ({"a": {"b": [{"numeric": [">", "x"]}]}}, "'a.b'"),
        ({"a": [{"numeric": [">"]}]}, "comparisons"),
        ({"a": [{"cidr": "10.0.0.0/99"}]}, "cidr"),
        ({"a": [{"prefix": "x", "suffix": "y"}]}, "exactly one"),
        ({"a": [{"anything-but": {"suffix": "y"}}]}, "anything-but"),
    ],
)
def test_malformed_patterns_say_where(pattern: Any, text: str) -> None:
    with pytest.raises(CloudError, match=text) as refused:
        Pattern(pattern)
    assert refused.value.status == 400


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=3), JSON, max_size=4))
def test_any_event_is_matched_without_an_error(event: dict[str, Any]) -> None:
    operators = [
        {"prefix": "a"},
        {"numeric": [">", 1]},
        {"cidr": "::/0"},
        {"anything-but": 1},
        None,
    ]
    assert Pattern({"a": operators}).matches(event) in (True, False)
    for key, value in event.items():
        if isinstance(value, str | int):
            assert Pattern({key: [value]}).matches(event)
            assert not Pattern({key: [{"anything-but": value}]}).matches(event)

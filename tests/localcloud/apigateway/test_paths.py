from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localcloud.apigateway.paths import BadPath, PathPattern

texts = st.text(st.characters(blacklist_categories=["Cs"]), min_size=1, max_size=20)


@given(ticket=texts, step=texts)
def test_a_parameter_is_what_was_encoded(ticket: str, step: str) -> None:
    pattern = PathPattern.parse("/v1/tickets/[ticket_id]/approvals/{step}")
    raw = f"/v1/tickets/{quote(ticket, safe='')}/approvals/{quote(step, safe='')}"
    assert pattern.match(raw) == {"ticket_id": ticket, "step": step}


@given(st.text(max_size=40))
def test_matching_never_fails_on_what_a_client_sends(raw: str) -> None:
    found = PathPattern.parse("/v1/[a]").match(raw)
    assert found is None or set(found) == {"a"}


@pytest.mark.parametrize(
    "raw",
    [
        "/v1/tickets",
        "/v1/tickets/",
        "/v1/tickets/1/",
        "/v1//1",
        "v1/tickets/1",
        "",
        "*",
        "/V1/tickets/1",
    ],
)
def test_a_path_of_another_shape_does_not_match(raw: str) -> None:
    assert PathPattern.parse("/v1/tickets/[id]").match(raw) is None


def test_the_literal_is_more_specific_than_the_parameter() -> None:
    patterns = [PathPattern.parse(text) for text in ("/[a]/[b]", "/x/[b]", "/[a]/y", "/x/y")]
    patterns.sort(key=lambda pattern: pattern.rank)
    assert [pattern.text for pattern in patterns] == ["/x/y", "/x/[b]", "/[a]/y", "/[a]/[b]"]


@pytest.mark.parametrize("text", ["v1", "", "/a/[b", "/a/x[b]", "/a/*", "/[a]/[a]", "/{}", "/[]"])
def test_a_path_that_the_gateway_does_not_take_is_refused(text: str) -> None:
    with pytest.raises(BadPath):
        PathPattern.parse(text)

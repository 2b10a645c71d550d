"""Whatever comes, the answer is one of those that the OpenAPI file describes, and never a 500."""

from __future__ import annotations

import base64
import json
import string
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from functions.dispatcher.handler import answer
from tests.functions.dispatcher.conftest import ALICE, BOB, Api

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "input": st.text(max_size=40) | JSON,
        "action": st.sampled_from(["reason", "reply"]) | JSON,
        "variables": st.dictionaries(st.text(string.ascii_letters, max_size=4), JSON) | JSON,
        "session_id": st.text(max_size=30) | JSON,
        "other": JSON,
    },
)
BODIES = st.one_of(
    FIELDS.map(lambda value: json.dumps(value).encode()),
    JSON.map(lambda value: json.dumps(value).encode()),
    st.binary(max_size=60),
)
SEGMENT = st.text(st.characters(exclude_characters="/"), max_size=30)
PATHS = st.one_of(
    st.just("/v1/tasks"),
    st.builds("/v1/tickets/{}".format, SEGMENT),
    st.builds("/v1/tickets/{}/events".format, SEGMENT),
    st.builds("/v1/tickets/{}/approvals/{}".format, SEGMENT, SEGMENT),
    st.builds("/v1/sessions/{}".format, SEGMENT),
    st.text(max_size=40),
)
HEADERS = st.dictionaries(
    st.sampled_from(["Idempotency-Key", "If-None-Match", "Content-Type", "X-Claim-Scope"]),
    st.text(max_size=20),
    max_size=3,
)


@given(
    method=st.sampled_from(["GET", "POST", "DELETE", "PUT", "HEAD", "ODD"]),
    path=PATHS,
    body=BODIES,
    headers=HEADERS,
    query=st.dictionaries(st.sampled_from(["after", "limit"]), st.text(max_size=6)),
)
@settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_anything(api: Api, method: str, path: str, body: bytes, headers: Any, query: Any) -> None:
    event = {
        "path": path,
        "httpMethod": method,
        "headers": {**headers, **ALICE},
        "queryParameters": query,
        "body": base64.b64encode(body).decode(),
        "isBase64Encoded": True,
    }
    response = answer(api.app, json.dumps(event), "request-1")
    assert response.status in {200, 202, 204, 304, 400, 401, 403, 404, 405, 409, 413, 415, 422}
    if response.status >= 400:
        assert response.content_type == "application/problem+json"
        assert response.document["status"] == response.status
    json.dumps(response.document).encode()


@given(body=BODIES)
@settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_anything_as_an_approval(api: Api, body: bytes) -> None:
    document = api.submit()
    api.append(document["ticket_id"], "taken", lease_ms=1)
    api.append(document["ticket_id"], "awaiting_approval", step="a", arguments_hash="h")
    event = {
        "path": f"/v1/tickets/{document['ticket_id']}/approvals/a",
        "httpMethod": "POST",
        "headers": BOB,
        "body": base64.b64encode(body).decode(),
        "isBase64Encoded": True,
    }
    assert answer(api.app, json.dumps(event), "r").status in {200, 400}


@given(event=JSON)
@settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_any_event(api: Api, event: Any) -> None:
    assert answer(api.app, json.dumps(event), "r").status == 400

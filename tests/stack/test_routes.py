"""From the OpenAPI file, the key set and the push channel to what the gateway is told."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from stack.gateway_plugins import jwt_plugin, throttling_plugin
from stack.push_template import PARAMETERS, push_template
from stack.routes_data import read_routes, snake_case
from stack.settings.gateway import Throttling
from stack.tables import read_tables
from tests.stack.world import PROJECT

if TYPE_CHECKING:
    from pathlib import Path

OPENAPI = """
openapi: 3.1.0
components:
  parameters:
    Ticket: {name: ticket_id, in: path, required: true, schema: {$ref: "#/components/schemas/Id"}}
  schemas:
    Id: {type: string}
paths:
  /v1/tickets/{ticket_id}/events:
    parameters:
      - $ref: "#/components/parameters/Ticket"
    get:
      operationId: listEvents
      summary: The log
      x-timeout-ms: 5000
      parameters:
        - {name: after, in: query, schema: {type: integer}}
        - {name: session, in: cookie, schema: {type: string}}
    post:
      operationId: appendEvent
      requestBody: {}
"""


def test_an_operation_becomes_a_route(tmp_path: Path) -> None:
    (tmp_path / "functions").mkdir()
    (tmp_path / "functions/openapi.yaml").write_text(OPENAPI)
    listed, appended = read_routes(tmp_path)
    assert (listed.operation, listed.method, listed.timeout_ms) == ("list_events", "GET", 5000)
    assert listed.path == "/v1/tickets/[ticket_id]/events"
    found = [(p.name, p.location, p.type, p.required) for p in listed.parameters]
    assert found == [("ticket_id", "PATH", "STRING", True), ("after", "QUERY", "INT", False)]
    assert appended.has_body
    assert not listed.has_body


@pytest.mark.parametrize("text", ["paths: {/a: {get: {}}}", "[", "paths: 3"])
def test_a_damaged_file_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "functions").mkdir()
    (tmp_path / "functions/openapi.yaml").write_text(text)
    with pytest.raises(ValueError, match=r"functions/openapi\.yaml cannot be read"):
        read_routes(tmp_path)
    with pytest.raises(ValueError, match=r"functions/tables\.json cannot be read"):
        read_tables(tmp_path)


def test_our_own_api_has_every_operation_of_the_architecture() -> None:
    routes = {(route.method, route.path) for route in read_routes(PROJECT)}
    assert routes == {
        ("POST", "/v1/tasks"),
        ("GET", "/v1/tickets/[ticket_id]"),
        ("DELETE", "/v1/tickets/[ticket_id]"),
        ("GET", "/v1/tickets/[ticket_id]/events"),
        ("POST", "/v1/tickets/[ticket_id]/approvals/[step]"),
        ("GET", "/v1/sessions/[session_id]"),
        ("DELETE", "/v1/sessions/[session_id]"),
    }


def test_names_of_operations_fit_the_gateway() -> None:
    assert snake_case("submitTask") == "submit_task"
    assert snake_case("read-HTTPThing.v2") == "read_httpthing_v2"


def test_the_jwt_plugin_passes_claims_and_keeps_the_rest_of_the_key_set_out() -> None:
    data = json.loads(
        jwt_plugin({"keys": [{"kty": "RSA", "n": "x", "e": "AQAB", "kid": "1", "x5c": ["…"]}]})
    )
    assert data["jwks"] == [{"kty": "RSA", "n": "x", "e": "AQAB", "kid": "1"}]
    assert data["bypassEmptyToken"] is False
    assert data["ignoreExpirationCheck"] is False
    assert [claim["parameterName"] for claim in data["claimParameters"]] == [
        "x-claim-sub",
        "x-claim-tenant",
        "x-claim-scope",
        "x-claim-exp",
    ]
    assert json.loads(throttling_plugin(Throttling(each_api=5))) == {
        "unit": "SECOND",
        "apiDefault": 5,
    }


def test_the_push_channel_has_its_three_apis() -> None:
    names = {"register": "r_name", "unregister": "u_name", "notify": "n_name"}
    template = json.loads(
        push_template(names, region="cn-hangzhou", timeout_ms=1000, revision="abc")
    )
    apis = {
        each["Properties"]["WebSocketApiType"]: each["Properties"]
        for each in template["Resources"].values()
        if each["Type"] == "ALIYUN::ApiGateway::Api"
    }
    assert set(apis) == {"REGISTER", "UNREGISTER", "NOTIFY"}
    assert apis["NOTIFY"]["AuthType"] == "APP"
    assert apis["REGISTER"]["RequestConfig"]["RequestPath"] == "/v1/push/register"
    assert apis["REGISTER"]["RequestConfig"]["RequestMode"] == "MAPPING"
    attached = [
        each["Properties"]["ApiId"]["Fn::GetAtt"][0]
        for each in template["Resources"].values()
        if each["Type"] == "ALIYUN::ApiGateway::PluginAttachment"
    ]
    assert sorted(attached) == ["Register", "Unregister"], "whoever registers shows a token"
    assert set(template["Parameters"]) == set(PARAMETERS)

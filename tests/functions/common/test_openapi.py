"""The OpenAPI file is one, and says what the code does."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import openapi_spec_validator
import yaml

from functions.common.ids import new_session_id, new_ticket_id
from functions.common.strict_json import MAX_DEPTH
from functions.common.tickets import events, projection, sessions, view
from functions.common.tickets import open as open_tickets
from functions.dispatcher import body, router, tickets
from functions.notifier import connections

OPENAPI: dict[str, Any] = yaml.safe_load(Path("functions/openapi.yaml").read_text())
SCHEMAS = OPENAPI["components"]["schemas"]


def test_it_is_valid() -> None:
    openapi_spec_validator.validate(OPENAPI)


def test_it_has_exactly_the_routes_of_the_router() -> None:
    described = {
        (method.upper(), re.sub(r"\{\w+\}", "([^/]+)", path))
        for path, item in OPENAPI["paths"].items()
        for method in item
        if method != "parameters"
    }
    served = {(method, pattern) for pattern, methods in router._ROUTES for method in methods}
    assert described == served


def test_its_words_are_those_of_the_code() -> None:
    assert set(SCHEMAS["Kind"]["enum"]) == events.KINDS
    assert set(SCHEMAS["Status"]["enum"]) == view.SETTLED | {
        view.QUEUED,
        view.RUNNING,
        view.AWAITING,
    }
    assert re.fullmatch(SCHEMAS["TicketId"]["pattern"], new_ticket_id())
    assert re.fullmatch(SCHEMAS["SessionId"]["pattern"], new_session_id())


def test_its_limits_are_those_of_the_code() -> None:
    text = OPENAPI["info"]["description"]
    for limit in (body.BODY_BYTES, body.INPUT_CHARACTERS, body.VARIABLES_BYTES):
        assert f"{limit:,}" in text
    assert f"at most {MAX_DEPTH} levels" in text
    assert f"last {sessions.HISTORY_MESSAGES}\n" in text
    task = SCHEMAS["Task"]["properties"]
    assert task["input"]["maxLength"] == body.INPUT_CHARACTERS
    assert task["variables"]["maxProperties"] == body.VARIABLES
    query = OPENAPI["paths"]["/v1/tickets/{ticket_id}/events"]["get"]["parameters"]
    limit = next(given["schema"] for given in query if given["name"] == "limit")
    assert (limit["default"], limit["maximum"]) == (tickets.EVENTS, tickets.EVENTS_LIMIT)


def test_the_tables_are_those_of_the_code() -> None:
    tables = json.loads(Path("functions/tables.json").read_text())["tables"]
    modules = (events, open_tickets, projection, sessions, connections)
    assert {module.TABLE for module in modules} | {"agent_budgets"} == {
        table["name"] for table in tables
    }

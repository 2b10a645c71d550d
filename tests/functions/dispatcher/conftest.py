"""A dispatcher over a store in memory; every answer is held against the OpenAPI file."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from functions.common.gateway_event import encode_response
from functions.common.logs import Log
from functions.common.tickets.admission import Admission
from functions.common.tickets.events import FINISHED, PLANNED, TAKEN, Draft
from functions.common.tickets.log import TicketLog
from functions.common.tickets.open import OpenTickets
from functions.common.tickets.settling import TicketStore
from functions.dispatcher.app import App
from functions.dispatcher.handler import answer
from tests.functions.fakes import FakeFunctions, FakeObjects, FakeTables, ManualClock

OPENAPI: dict[str, Any] = yaml.safe_load(Path("functions/openapi.yaml").read_text())
ALICE = {"x-claim-sub": "alice", "x-claim-tenant": "acme", "x-claim-exp": "1900000000"}
BOB = {"x-claim-sub": "bob", "x-claim-tenant": "acme", "x-claim-scope": "read approver"}
EVE = {"x-claim-sub": "eve", "x-claim-tenant": "evil", "x-claim-scope": "approver"}


@dataclass
class Answer:
    """What the gateway would pass on."""

    status: int
    headers: dict[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)


@dataclass
class Api:
    """Calls the dispatcher as the gateway does."""

    tables: FakeTables
    clock: ManualClock
    store: TicketStore
    functions: FakeFunctions
    objects: FakeObjects
    app: App
    lines: list[str] = field(default_factory=list)

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        who: dict[str, str] = ALICE,
        headers: dict[str, str] | None = None,
        query: dict[str, str] | None = None,
        raw: str | None = None,
    ) -> Answer:
        event = {
            "path": path,
            "httpMethod": method,
            "headers": {"Content-Type": "application/json", **who, **(headers or {})},
            "queryParameters": query or {},
            "pathParameters": {},
            "body": raw if raw is not None else "" if body is None else json.dumps(body),
            "isBase64Encoded": False,
        }
        sent = json.loads(encode_response(answer(self.app, json.dumps(event), "request-1")))
        assert set(sent) == {"isBase64Encoded", "statusCode", "headers", "body"}
        found = Answer(sent["statusCode"], sent["headers"], sent["body"])
        conforms(method, path, found)
        return found

    def submit(self, text: str = "why?", **more: Any) -> dict[str, Any]:
        found = self.call("POST", "/v1/tasks", {"input": text, **more})
        assert found.status == 202, found.text
        document: dict[str, Any] = found.json
        return document

    def append(self, ticket_id: str, kind: str, **data: Any) -> int:
        """A row of the holder, or a `taken` one."""
        events = self.store.log.read(ticket_id)
        fence = max((event.seq for event in events if event.kind == TAKEN), default=None)
        draft = Draft(kind, data, None if kind == TAKEN else fence)
        return self.store.log.append(ticket_id, draft, after=len(events)).seq

    def finish(self, ticket_id: str, **data: Any) -> None:
        self.append(ticket_id, TAKEN, lease_ms=1)
        self.append(ticket_id, PLANNED, plan={"steps": [{"id": "a", "tool": "read"}]})
        self.append(ticket_id, FINISHED, **{"status": "succeeded", "output": "because", **data})

    def settle(self, ticket_id: str) -> None:
        ticket = self.store.tickets.read(ticket_id)
        assert ticket is not None
        self.store.settle(ticket, self.store.log.read(ticket_id))


@pytest.fixture
def api() -> Api:
    tables, clock, functions, objects = FakeTables(), ManualClock(), FakeFunctions(), FakeObjects()
    store = TicketStore(
        tables,
        log=TicketLog(tables, now=clock.now),
        open_tickets=OpenTickets(tables, now=clock.now),
    )
    lines: list[str] = []
    app = App(
        store=store,
        admission=Admission(store, now=clock.now),
        functions=functions,
        commander="agent-test-commander",
        results=objects,
        links=objects,
        log=Log("dispatcher", write=lines.append),
    )
    return Api(tables, clock, store, functions, objects, app, lines)


def conforms(method: str, path: str, found: Answer) -> None:
    """Hold an answer against the OpenAPI file, where the file knows the path."""
    assert found.headers["cache-control"] == "no-store"
    for template, item in OPENAPI["paths"].items():
        if not re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path):
            continue
        operation = item.get(method.lower())
        if operation is None or found.status in (400, 500):
            return
        described = operation["responses"].get(str(found.status))
        assert described is not None, f"{method} {template} does not describe {found.status}"
        if "$ref" in described:
            described = OPENAPI["components"]["responses"][described["$ref"].rpartition("/")[2]]
        content = described.get("content")
        if content is None:
            assert found.text == ""
            return
        ((kind, media),) = content.items()
        assert found.headers["content-type"] == kind
        schema = {**media["schema"], "components": OPENAPI["components"]}
        jsonschema.validate(found.json, schema, format_checker=jsonschema.FormatChecker())

"""A notifier over a store in memory, with a gateway that takes what is signed well."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from functions.common.logs import Log
from functions.common.owner import owner_of
from functions.common.rpc import AppSecurity
from functions.common.tickets.admission import Admission, Request
from functions.common.tickets.events import TAKEN, Draft
from functions.common.tickets.holding import Contender
from functions.common.tickets.log import TicketLog
from functions.common.tickets.open import OpenTickets
from functions.common.tickets.settling import TicketStore
from functions.notifier.app import App
from functions.notifier.completion import Completion
from functions.notifier.connections import Connections
from functions.notifier.handler import deal_with
from functions.notifier.push import Pusher
from functions.notifier.sweeper import Sweeper
from localcloud.apigateway import signature
from localcloud.apigateway.errors import GatewayError
from tests.functions.fakes import FakeFunctions, FakeTables, ManualClock

OWNER = owner_of("acme", "alice")
SECRET = AppSecurity("app-key", "app-secret")
PATH = "/v1/push/notify"


class Gateway(ThreadingHTTPServer):
    """The NOTIFY API: pushes to those devices that are online."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Notify)
        self.online = {"d1", "d2"}
        self.status = 200
        self.pushed: list[tuple[str, dict[str, Any]]] = []
        self.nonces: set[str] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}{PATH}"

    def devices(self) -> list[str]:
        return [device for device, _ in self.pushed]


class Notify(BaseHTTPRequestHandler):
    server: Gateway
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        status = self.server.status
        try:
            signature.verify(
                SECRET.app_secret,
                method="POST",
                path=self.path,
                parameters=[],
                headers=headers,
                body=body,
                now_ms=int(headers["x-ca-timestamp"]),
            )
        except GatewayError as error:
            status = error.status
        if headers["x-ca-nonce"] in self.server.nonces:
            status = 403
        self.server.nonces.add(headers["x-ca-nonce"])
        device = headers["x-ca-deviceid"]
        if status == 200 and device not in self.server.online:
            status = 404
        if status == 200:
            self.server.pushed.append((device, json.loads(body)))
        self.send_response(status)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Tests are quiet."""


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    server = Gateway()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@dataclass
class Notifier:
    """The notifier and what it acts on."""

    tables: FakeTables
    clock: ManualClock
    store: TicketStore
    admission: Admission
    functions: FakeFunctions
    gateway: Gateway
    app: App
    asked: list[int]
    lines: list[str] = field(default_factory=list)

    def send(self, event: Any) -> Any:
        text = event if isinstance(event, bytes) else json.dumps(event).encode()
        return json.loads(deal_with(self.app, text))

    def frame(self, path: str, device: str = "d1", **claims: str) -> int:
        headers = {"x-claim-sub": "alice", "x-claim-tenant": "acme", "x-claim-exp": "1800003600"}
        headers = {name: value for name, value in {**headers, **claims}.items() if value}
        event = {"path": path, "httpMethod": "POST", "headers": headers, "body": ""}
        event["headers"]["X-Ca-Deviceid"] = device
        return int(self.send(event)["statusCode"])

    def sweep(self) -> dict[str, int]:
        """What the timer did, without what is 0."""
        event = {"triggerTime": "2026-01-01T00:00:00Z", "triggerName": "sweeper", "payload": "x"}
        return {name: count for name, count in self.send(event).items() if count}

    def ticket(self) -> str:
        ask = Request(OWNER, "acme", None, "reason", "why?")
        return self.admission.admit(ask).ticket.ticket_id

    def append(self, ticket_id: str, kind: str, **data: Any) -> None:
        events = self.store.log.read(ticket_id)
        fence = max((event.seq for event in events if event.kind == TAKEN), default=None)
        own = kind not in ("taken", "approved", "cancel_requested", "rejected")
        draft = Draft(kind, data, fence if own else None)
        self.store.log.append(ticket_id, draft, after=len(events))

    def take(self, ticket_id: str) -> Any:
        return self.contender().take(ticket_id)[0]

    def contender(self) -> Contender:
        return Contender(
            self.store.log,
            self.store.open,
            monotonic=self.clock.monotonic,
            sleep=self.clock.sleep,
        )

    def kinds(self, ticket_id: str) -> list[str]:
        return [event.kind for event in self.store.log.read(ticket_id)]


@pytest.fixture
def notifier(gateway: Gateway) -> Notifier:
    tables, clock, functions = FakeTables(), ManualClock(), FakeFunctions()
    store = TicketStore(
        tables,
        log=TicketLog(tables, now=clock.now),
        open_tickets=OpenTickets(tables, now=clock.now),
    )
    lines: list[str] = []
    log = Log("notifier", write=lines.append)
    connections = Connections(tables, now=clock.now)
    asked: list[int] = []

    def security() -> AppSecurity:
        asked.append(1)
        return SECRET

    pusher = Pusher(gateway.url, security, connections, log)
    contender = Contender(store.log, store.open, monotonic=clock.monotonic, sleep=clock.sleep)
    sweeper = Sweeper(
        store,
        contender,
        functions,
        "agent-test-commander",
        pusher,
        log,
        now=clock.now,
        sleep=clock.sleep,
    )
    app = App(connections, Completion(store, pusher, sweeper, log), sweeper, log)
    admission = Admission(store, now=clock.now)
    return Notifier(tables, clock, store, admission, functions, gateway, app, asked, lines)

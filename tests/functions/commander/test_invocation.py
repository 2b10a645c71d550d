"""Whole tickets: taken, worked on, settled; killed at every write, and taken over."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from typing import Any

import pytest

from functions.commander import steps
from functions.commander.bundle import Libraries
from functions.commander.instance import Instance
from functions.commander.invocation import Commander
from functions.commander.plan import Step
from functions.commander.server import Request, TryAgain
from functions.commander.settings import Settings
from functions.common import ids
from functions.common.credentials import LatestCredentials
from functions.common.tablestore import TablestoreError
from functions.common.tickets import admission
from functions.common.tickets.events import Draft, Event
from functions.common.tickets.holding import Contender
from functions.common.tickets.log import TicketLog
from functions.common.tickets.open import OpenTickets
from functions.common.tickets.projection import Ticket
from functions.common.tickets.settling import TicketStore
from tests.functions.commander.helpers import MemoryBucket
from tests.functions.commander.scripted_model import serving, text
from tests.functions.fakes import FakeTables, Killed, ManualClock, calm, kill_at, lose_answers

WEATHER = "Which month is the wettest in Seattle, and how do temperatures run over the year?"
DESCRIBE = "Describe the iris data"
HEADERS = {
    "x-fc-request-id": "r-1",
    "x-fc-access-key-id": "LTAI",
    "x-fc-access-key-secret": "-",
}
SETTINGS = {
    "tablestore_endpoint": "http://127.0.0.1:1",
    "tablestore_instance": "agent-test",
    "oss_endpoint": "http://127.0.0.1:1",
    "results_bucket": "results",
    "eventbridge_endpoint": "http://127.0.0.1:1",
    "event_bus": "agent-test",
    "fc_region": "cn-hangzhou",
}


@dataclass
class World:
    """The tables, the bucket, the bus and a clock; commanders come and go."""

    tables: FakeTables = field(default_factory=FakeTables)
    bucket: MemoryBucket = field(default_factory=MemoryBucket)
    clock: ManualClock = field(default_factory=ManualClock)
    told: list[dict[str, Any]] = field(default_factory=list)

    @property
    def store(self) -> TicketStore:
        return TicketStore(
            self.tables,
            log=TicketLog(self.tables, now=self.clock.now),
            open_tickets=OpenTickets(self.tables, now=self.clock.now),
        )

    def commander(self, **settings: Any) -> Commander:
        store = self.store
        instance = Instance(
            settings=Settings(**{**SETTINGS, **settings}),
            credentials=LatestCredentials(),
            tickets=store,
            bucket=self.bucket,
            put_events=self.told.extend,
            libraries=Libraries(None),
        )
        contender = Contender(
            store.log, store.open, monotonic=self.clock.monotonic, sleep=self.clock.sleep
        )
        return Commander(instance, contender)

    def ask(self, question: str, action: str = "reason", session: str | None = None) -> Ticket:
        wanted = admission.Request("0" * 32, "tenant", session, action, question)
        return admission.Admission(self.store, now=self.clock.now).admit(wanted).ticket

    def log(self, ticket: Ticket) -> list[Event]:
        return self.store.log.read(ticket.ticket_id)

    def kinds(self, ticket: Ticket) -> list[str]:
        return [event.kind for event in self.log(ticket)]

    def invoke(self, ticket: Ticket, **settings: Any) -> dict[str, Any]:
        return self.commander(**settings).invoke(request(ticket))


@pytest.fixture
def world() -> World:
    return World()


def request(ticket: Ticket, **headers: str) -> Request:
    return Request(json.dumps({"ticket_id": ticket.ticket_id}).encode(), {**HEADERS, **headers})


def succeeded(events: list[Event]) -> list[str]:
    return [event.data["step"] for event in events if event.kind == "step_succeeded"]


def test_a_question_becomes_an_answer_a_file_and_a_memory(world: World) -> None:
    ticket = world.ask(WEATHER)
    assert world.invoke(ticket) == {"ticket_id": ticket.ticket_id, "status": "succeeded"}
    kinds = world.kinds(ticket)
    assert kinds == ["queued", "taken", "planned", *["step_succeeded"] * 6, "finished"]
    events = world.log(ticket)
    assert events[2].data["planner"]["kind"] == "playbook"
    assert set(succeeded(events)[1:4]) == {"profile", "rank_months", "temperatures"}
    stored = world.store.tickets.read(ticket.ticket_id)
    assert stored is not None
    assert stored.view.status == "succeeded"
    assert "**November** is the wettest month" in stored.view.output["text"]
    (artifact,) = stored.view.artifacts
    assert world.bucket.objects[str(artifact["key"])].startswith(b"\x89PNG")
    session = world.store.sessions.read(ticket.session_id)
    assert session is not None
    assert session.active_ticket == ""
    assert [turn["role"] for turn in session.history] == ["user", "assistant"]
    assert world.store.open.read(ticket.ticket_id) is None
    assert world.told == []
    assert max(len(json.dumps(event.data)) for event in events) < 8 * 1024
    assert all(
        key.startswith(f"{ticket.owner}/{ticket.ticket_id}/") for key in world.bucket.objects
    )


def test_a_settled_ticket_answers_again_without_running(world: World) -> None:
    ticket = world.ask(DESCRIBE)
    first = world.invoke(ticket)
    before = world.log(ticket)
    assert world.invoke(ticket) == first
    assert world.log(ticket) == before


def test_steps_are_published_where_switched_on(world: World) -> None:
    ticket = world.ask(DESCRIBE)
    world.invoke(ticket, publish_steps=True)
    own = [event for event in world.log(ticket) if event.kind != "queued"]
    assert [told["id"] for told in world.told] == [f"{ticket.ticket_id}:{e.seq}" for e in own]
    assert [told["type"] for told in world.told][-1] == "agent.ticket.finished"


def test_a_reply_is_answered_at_once_and_tells_of_its_end_itself(world: World) -> None:
    first = world.ask(DESCRIBE)
    world.invoke(first)
    ticket = world.ask("and now?", "reply", first.session_id)
    answer = world.invoke(ticket)
    assert answer["status"] == "succeeded"
    assert answer["output"]["text"].startswith("No model is configured")
    assert "Iris flowers" in answer["output"]["text"]
    assert world.kinds(ticket) == ["queued", "taken", "finished"]
    assert [told["type"] for told in world.told] == ["agent.ticket.finished"]


def test_a_reply_that_the_model_refuses_fails(world: World) -> None:
    with serving((400, {}, b"no")) as model:
        answer = world.invoke(
            world.ask("hello", "reply"), model_base_url=model.url, model_name="tiny"
        )
    assert answer["status"] == "failed"
    assert "answered 400: no" in answer["error"]


def test_a_model_plans_and_words_the_answer(world: World) -> None:
    plan = {
        "steps": [
            {"id": "load", "tool": "load_dataset", "arguments": {"name": "iris"}},
            {
                "id": "profile",
                "tool": "profile_table",
                "arguments": {"table": {"$step": "load", "path": "table"}},
            },
            {
                "id": "report",
                "tool": "report",
                "arguments": {
                    "title": "Iris",
                    "findings": [{"kind": "overview", "profile": {"$step": "profile"}}],
                },
            },
        ]
    }
    ticket = world.ask("What are irises?")
    with serving(text(json.dumps(plan)), text("Three species.")) as model:
        world.invoke(ticket, model_base_url=model.url, model_name="tiny")
    planned, finished = world.log(ticket)[2], world.log(ticket)[-1]
    assert planned.data["planner"]["kind"] == "model"
    assert planned.data["planner"]["usage"]["requests"] == 1
    assert "Three species." in finished.data["output"]["text"]


def test_a_question_that_nobody_can_answer_fails_for_good(world: World) -> None:
    ticket = world.ask("What is love?")
    assert world.invoke(ticket)["status"] == "failed"
    error = world.log(ticket)[-1].data["error"]
    assert error.startswith("no plan: no playbook answers this question")


def test_a_plan_must_fit_into_the_time_out(world: World) -> None:
    ticket = world.ask(DESCRIBE)
    told = {"x-fc-function-timeout": "80"}
    assert world.commander().invoke(request(ticket, **told))["status"] == "failed"
    assert (
        "field 'timeout_s', value 60.0: must be at most 50" in world.log(ticket)[-1].data["error"]
    )


def test_cancel_before_the_first_step(world: World) -> None:
    ticket = world.ask(DESCRIBE)
    world.store.log.append(ticket.ticket_id, Draft("cancel_requested"), after=1)
    assert world.invoke(ticket)["status"] == "cancelled"
    assert succeeded(world.log(ticket)) == []


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The steps that ran, in order."""
    found: list[str] = []
    run = steps.StepRunner.run

    def recording(self: steps.StepRunner, step: Step, outputs: Any) -> Any:
        found.append(step.id)
        return run(self, step, outputs)

    monkeypatch.setattr(steps.StepRunner, "run", recording)
    return found


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_killed_at_any_write_it_is_taken_over_and_finished_steps_do_not_run_again(
    after: bool, ran: list[str]
) -> None:
    number = 0
    while True:
        number += 1
        world = World()
        ticket = world.ask(DESCRIBE)
        kill_at(world.tables, world.tables.writes + number, after=after)
        del ran[:]
        try:
            world.invoke(ticket)
        except Killed:
            pass
        else:
            break
        calm(world.tables)
        recorded = succeeded(world.log(ticket))
        del ran[:]
        assert world.invoke(ticket)["status"] == "succeeded"
        assert not set(ran) & set(recorded)
        events = world.log(ticket)
        assert [event.seq for event in events] == list(range(1, len(events) + 1))
        assert sorted(succeeded(events)) == ["load", "profile", "report"]
        assert [event.kind for event in events].count("finished") == 1
        assert world.store.open.read(ticket.ticket_id) is None
        session = world.store.sessions.read(ticket.session_id)
        assert session is not None
        assert len(session.history) == 2
    assert number > 8


def test_lost_answers_change_nothing(world: World) -> None:
    ticket = world.ask(DESCRIBE)
    begun = world.tables.writes
    lose_answers(world.tables, set(range(begun + 1, begun + 40, 2)))
    assert world.invoke(ticket)["status"] == "succeeded"
    assert sorted(succeeded(world.log(ticket))) == ["load", "profile", "report"]


def test_a_stale_holder_stops_and_writes_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticket = world.ask(DESCRIBE)
    run = steps.StepRunner.run
    second: list[dict[str, Any]] = []

    def overtaken(self: steps.StepRunner, step: Step, outputs: Any) -> Any:
        if step.id == "profile" and not second:
            second.append({})
            second[0] = world.invoke(ticket)
        return run(self, step, outputs)

    monkeypatch.setattr(steps.StepRunner, "run", overtaken)
    assert world.invoke(ticket) == {"ticket_id": ticket.ticket_id, "status": "running"}
    assert second[0]["status"] == "succeeded"
    events = world.log(ticket)
    assert sorted(succeeded(events)) == ["load", "profile", "report"]
    assert events[-1].kind == "finished"
    assert [event.kind for event in events].count("taken") == 2


def test_a_second_invocation_leaves_a_living_holder_alone(world: World) -> None:
    ticket = world.ask(DESCRIBE)
    store = world.store
    hold, _ = Contender(store.log, store.open, monotonic=world.clock.monotonic).take(
        ticket.ticket_id
    )
    world.clock.company = lambda _: hold.renew() and None
    assert world.invoke(ticket) == {"ticket_id": ticket.ticket_id, "status": "running"}
    assert world.kinds(ticket) == ["queued", "taken"]


def test_after_five_commanders_that_got_nowhere_the_sixth_gives_up(world: World) -> None:
    ticket = world.ask(DESCRIBE)
    for _ in range(5):
        kill_at(world.tables, world.tables.writes + 2, after=True)
        with pytest.raises(Killed):
            world.invoke(ticket)
        calm(world.tables)
    assert world.invoke(ticket)["status"] == "failed"
    assert world.log(ticket)[-1].data["error"] == "given up: 5 commanders in a row got nowhere"


def test_what_a_retry_can_mend_asks_for_one(world: World) -> None:
    ticket = world.ask(DESCRIBE)

    def down(_: int) -> None:
        raise TablestoreError("no capacity")

    world.tables.before = down
    with pytest.raises(TryAgain, match="TablestoreError: no capacity"):
        world.invoke(ticket)
    calm(world.tables)
    with pytest.raises(TryAgain, match="does the function have a role"):
        world.commander().invoke(Request(request(ticket).body, {}))


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'{"ticket_id": 7}', b'{"ticket_id": "../x"}', b"[" * 100_000]
)
def test_a_payload_without_ticket_is_refused_for_good(body: bytes, world: World) -> None:
    answer = world.commander().invoke(Request(body, HEADERS))
    assert answer == {"error": "ticket_id: must be the id of a ticket"}


def test_an_unknown_or_unadmitted_ticket_is_refused(world: World) -> None:
    ticket = world.ask(DESCRIBE)
    for key in [key for key in world.tables.rows if key[0] == "agent_events"]:
        del world.tables.rows[key]
    assert world.invoke(ticket)["status"] == "unknown"
    body = json.dumps({"ticket_id": ids.new_ticket_id()}).encode()
    assert world.commander().invoke(Request(body, HEADERS))["status"] == "unknown"
    assert world.kinds(ticket) == []


def test_the_hold_is_kept_while_libraries_are_unpacked(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From a cold share that takes longer than a lease; nobody may take the ticket meanwhile."""
    ticket = world.ask(DESCRIBE)
    beats: list[int] = []
    unpacked = threading.Event()
    require = Libraries.require

    def slow(self: Libraries, modules: Any) -> None:
        assert unpacked.wait(20)
        require(self, modules)

    def beat(self: OpenTickets, ticket_id: str, fence: int, number: int) -> None:
        beats.append(number)
        if number == 2:
            unpacked.set()

    monkeypatch.setattr(Libraries, "require", slow)
    monkeypatch.setattr(OpenTickets, "beat", beat)
    store = world.store
    real = Contender(store.log, store.open, lease_ms=60)
    commander = world.commander()
    commander._contender = real
    assert commander.invoke(request(ticket))["status"] == "succeeded"
    assert beats[:2] == [1, 2]


def test_initialize_imports_where_asked_to(world: World) -> None:
    assert world.commander(prefetch=True).initialize(Request(b"", HEADERS)) == {}
    with pytest.raises(TryAgain):
        world.commander().initialize(Request(b"", {}))

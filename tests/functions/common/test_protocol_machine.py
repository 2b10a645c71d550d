"""Clients, commanders that die and thaw, sweepers, lost answers: the log against a plain model."""

from __future__ import annotations

import json
from dataclasses import replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    multiple,
    rule,
)

from functions.common.ids import ticket_id_of
from functions.common.logs import Log
from functions.common.tablestore.api import UnknownOutcome
from functions.common.tickets.admission import Admission, KeyReused, Request
from functions.common.tickets.events import (
    CANCEL_REQUESTED,
    FINISHED,
    FIRST,
    HOLDER,
    QUEUED,
    STEP_SUCCEEDED,
    TAKEN,
    Draft,
    is_settled,
)
from functions.common.tickets.holding import (
    Contender,
    Hold,
    Interrupted,
    Moving,
    NotAdmitted,
    Settled,
    Stale,
)
from functions.common.tickets.log import Collision, TicketLog
from functions.common.tickets.open import OpenTickets
from functions.common.tickets.settling import TicketStore
from functions.notifier.sweeper import Sweeper
from tests.functions.fakes import (
    FakeFunctions,
    FakeTables,
    Killed,
    ManualClock,
    calm,
    kill_at,
)

KEYS = ("k0", "k1", "k2", "k3")
OWNER = "owner"


class Nobody:
    """Nobody listens."""

    def push(self, *_: object) -> int:
        return 0


class Protocol(RuleBasedStateMachine):
    """Every ticket has a key; every hold is a process that may stop at any write."""

    holds = Bundle("holds")

    def __init__(self) -> None:
        super().__init__()
        self.tables = FakeTables()
        self.clock = ManualClock()
        self.store = TicketStore(
            self.tables,
            log=TicketLog(self.tables, now=self.clock.now),
            open_tickets=OpenTickets(self.tables, now=self.clock.now),
        )
        self.admission = Admission(self.store, now=self.clock.now)
        self.sweeper = Sweeper(
            self.store,
            self.contender(),
            FakeFunctions(),
            "agent-test-commander",
            Nobody(),  # type: ignore[arg-type]
            Log("notifier", write=lambda _: None),
            now=self.clock.now,
            sleep=self.clock.sleep,
        )
        self.session: str | None = None
        # The model: what was acknowledged to somebody has to stay.
        self.logs: dict[str, list[str]] = {}
        self.asked: dict[str, Request] = {}

    def contender(self) -> Contender:
        return Contender(
            self.store.log,
            self.store.open,
            lease_ms=1_000,
            monotonic=self.clock.monotonic,
            sleep=self.clock.sleep,
        )

    def fault(self, number: int | None, kind: str) -> None:
        """The next writes: none, or the one of this number ends the process or its answer."""
        calm(self.tables)
        if number is None:
            return
        target = self.tables.writes + number
        if kind.startswith("kill"):
            kill_at(self.tables, target, after=kind == "kill after")
            return

        def lose(current: int) -> None:
            if current == target:
                raise UnknownOutcome("lost")

        if kind == "lose done":
            self.tables.after = lose
        else:
            self.tables.before = lose

    faults = st.none() | st.integers(1, 6)
    fault_kinds = st.sampled_from(["kill before", "kill after", "lose done", "lose not done"])

    @rule(key=st.sampled_from(KEYS), same_session=st.booleans(), number=faults, kind=fault_kinds)
    def submit(self, key: str, same_session: bool, number: int | None, kind: str) -> None:
        request = self.asked.setdefault(
            key,
            Request(
                OWNER, "tenant", self.session if same_session else None, "reason", f"ask {key}"
            ),
        )
        self.fault(number, kind)
        try:
            admitted = self.admission.admit(request, key)
        except Killed:
            return
        finally:
            calm(self.tables)
        assert admitted.ticket.ticket_id == ticket_id_of(OWNER, key)
        assert admitted.events[0].kind in FIRST
        if admitted.events[0].kind == QUEUED and self.session is None:
            self.session = admitted.ticket.session_id

    @rule(key=st.sampled_from(KEYS))
    def submit_something_else(self, key: str) -> None:
        if key not in self.asked or self.store.tickets.read(ticket_id_of(OWNER, key)) is None:
            return
        try:
            self.admission.admit(replace(self.asked[key], input="other"), key)
        except KeyReused:
            return
        raise AssertionError("another body was taken")

    @rule(target=holds, key=st.sampled_from(KEYS), number=faults, kind=fault_kinds)
    def take(self, key: str, number: int | None, kind: str) -> object:
        contender = self.contender()
        ticket_id = ticket_id_of(OWNER, key)
        self.fault(number, kind)
        try:
            hold, events = contender.take(ticket_id)
        except (Killed, Moving, NotAdmitted, Stale):
            return multiple()
        except Settled as settled:
            assert is_settled(settled.events)
            return multiple()
        finally:
            calm(self.tables)
        assert events[-1].kind == TAKEN
        return hold

    @rule(hold=holds, number=faults, kind=fault_kinds, end=st.booleans())
    def work(self, hold: Hold, number: int | None, kind: str, end: bool) -> None:
        """A holder that may have lost its hold long ago: then it learns it, and writes nothing."""
        before = [event.row_id for event in self.store.log.read(hold.ticket_id)]
        newest = max(e.seq for e in self.store.log.read(hold.ticket_id) if e.kind == TAKEN)
        self.fault(number, kind)
        try:
            if end:
                hold.append(FINISHED, {"status": "succeeded", "output": "done"})
            else:
                hold.append(STEP_SUCCEEDED, {"step": "a"})
        except Stale:
            calm(self.tables)
            assert before == [event.row_id for event in self.store.log.read(hold.ticket_id)]
            return
        except (Interrupted, Killed):
            return
        finally:
            calm(self.tables)
        assert hold.fence == newest

    @rule(hold=consumes(holds))
    def die(self, hold: Hold) -> None:
        """The process is gone, its row in the log is not."""

    @rule(hold=holds)
    def beat(self, hold: Hold) -> None:
        try:
            hold.renew()
        except Stale:
            return
        assert not is_settled(self.store.log.read(hold.ticket_id)[: hold.fence])

    @rule(key=st.sampled_from(KEYS))
    def cancel(self, key: str) -> None:
        ticket_id = ticket_id_of(OWNER, key)
        events = self.store.log.read(ticket_id)
        if not events or is_settled(events):
            return
        try:
            self.store.log.append(ticket_id, Draft(CANCEL_REQUESTED), after=events[-1].seq)
        except Collision as collision:
            raise AssertionError("nobody else writes now") from collision

    @rule(number=faults, kind=fault_kinds)
    def sweep(self, number: int | None, kind: str) -> None:
        """The real one: rejects, settles, invokes; a commander may come (`take`) or not."""
        self.clock.pass_(120)
        self.fault(number, kind)
        try:
            self.sweeper.sweep()
        except Killed:
            return
        finally:
            calm(self.tables)

    @invariant()
    def logs_only_grow(self) -> None:
        for key in KEYS:
            ticket_id = ticket_id_of(OWNER, key)
            events = self.store.log.read(ticket_id)
            known = self.logs.get(ticket_id, [])
            assert [event.row_id for event in events[: len(known)]] == known
            self.logs[ticket_id] = [event.row_id for event in events]
            everything = [k for table, k in self.tables.rows if table == "agent_events"]
            assert sum(k[0] == ticket_id for k in everything) == len(events), "a gap"

    @invariant()
    def logs_keep_the_protocol(self) -> None:
        for key in KEYS:
            events = self.store.log.read(ticket_id_of(OWNER, key))
            fence = None
            for event in events:
                assert (event.seq == 1) == (event.kind in FIRST)
                if event.kind == TAKEN:
                    fence = event.seq
                if event.kind in HOLDER:
                    assert event.fence == fence
                assert not event.terminal or event.seq == len(events)

    @invariant()
    def sessions_keep_the_protocol(self) -> None:
        sessions = {
            key[0]: row
            for (table, key), row in self.tables.rows.items()
            if table == "agent_sessions"
        }
        for session_id in sessions:
            session = self.store.sessions.read(session_id)
            assert session is not None
            folded = [message["ticket_id"] for message in session.history[::2]]
            assert len(folded) == len(set(folded)), "folded twice"
            for ticket_id in folded:
                assert self.store.log.read(ticket_id)[-1].kind == FINISHED
            for ticket_id in json.loads(str(sessions[session_id]["tickets"])):
                events = self.store.log.read(ticket_id)
                if events and events[-1].kind == FINISHED and ticket_id not in folded:
                    assert session.active_ticket == ticket_id, "cleared without folding"
                if events and events[0].kind == QUEUED and not is_settled(events):
                    assert session.active_ticket == ticket_id, "a live ticket lost its session"

    def teardown(self) -> None:
        """Nothing stays locked: sweeping and one live commander bring everything to an end."""
        calm(self.tables)
        for key in KEYS:
            contender = self.contender()
            try:
                hold, _ = contender.take(ticket_id_of(OWNER, key))
                hold.append(FINISHED, {"status": "succeeded", "output": "done"})
            except (NotAdmitted, Settled):
                continue
        self.sweep(None, "")
        assert list(self.store.open.scan()) == []
        for (table, key), row in self.tables.rows.items():
            if table == "agent_sessions":
                assert row["active_ticket"] == "", key
        self.sessions_keep_the_protocol()


Protocol.TestCase.settings = settings(max_examples=40, stateful_step_count=20, deadline=None)
TestProtocol = Protocol.TestCase

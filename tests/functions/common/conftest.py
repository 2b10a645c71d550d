from __future__ import annotations

import pytest

from functions.common.tickets.admission import Admission
from functions.common.tickets.log import TicketLog
from functions.common.tickets.open import OpenTickets
from functions.common.tickets.settling import TicketStore
from tests.functions.fakes import FakeTables, ManualClock


@pytest.fixture
def tables() -> FakeTables:
    return FakeTables()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def store(tables: FakeTables, clock: ManualClock) -> TicketStore:
    return TicketStore(
        tables,
        log=TicketLog(tables, now=clock.now),
        open_tickets=OpenTickets(tables, now=clock.now),
    )


@pytest.fixture
def admission(store: TicketStore, clock: ManualClock) -> Admission:
    return Admission(store, now=clock.now)

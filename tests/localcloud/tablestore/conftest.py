"""A Tablestore of its own for every test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from localcloud.core.clock import ManualClock, SystemClock
from localcloud.core.config import CloudConfig
from localcloud.core.faults import Faults
from localcloud.ram import Ram
from localcloud.tablestore import Tablestore, TablestoreService
from tests.localcloud.tablestore.bench import INSTANCE, Bench


@pytest.fixture
async def bench(tmp_path: Path, serve: Any) -> AsyncIterator[Bench]:
    config, clock, faults = CloudConfig(state_dir=tmp_path), SystemClock(), Faults(1)
    ram, store = Ram(config, clock), Tablestore(config, clock)
    store.create_instance(INSTANCE)
    store.create_table(INSTANCE, "log", [("ticket_id", "STRING"), ("seq", "INTEGER")])
    async with serve(TablestoreService(store, config, clock, ram, faults)) as url:
        yield Bench(url, config, store, ram, faults)
    ram.close()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def opened(tmp_path: Path, clock: ManualClock) -> Any:
    """Opens the same store again and again; the last one is closed in the end."""
    stores: list[Tablestore] = []

    def open_() -> Tablestore:
        for store in stores:
            store.close()
        stores.append(Tablestore(CloudConfig(state_dir=tmp_path), clock))
        return stores[-1]

    yield open_
    for store in stores:
        store.close()

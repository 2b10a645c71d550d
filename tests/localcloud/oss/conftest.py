"""A served OSS with one bucket for every test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from localcloud.core.clock import SystemClock
from tests.localcloud.oss.bench import Site, site

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Site]:
    async with site(tmp_path, SystemClock()) as one:
        one.service.store.create_bucket("results", encryption="AES256")
        yield one

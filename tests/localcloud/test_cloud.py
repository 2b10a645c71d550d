"""All services together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from localcloud.cloud import Cloud
from localcloud.core.config import CloudConfig
from localcloud.core.errors import StateDamaged

if TYPE_CHECKING:
    from pathlib import Path


async def test_what_was_never_started_can_be_stopped(tmp_path: Path, project: Path) -> None:
    cloud = Cloud(CloudConfig(state_dir=tmp_path, port=1), project)
    await cloud.stop()


async def test_it_starts_and_stops_again_and_again(tmp_path: Path, project: Path) -> None:
    for _ in range(2):
        cloud = Cloud(CloudConfig(state_dir=tmp_path, port=1), project)
        await cloud.start()
        assert cloud.fc.instances() == []
        await cloud.stop()


def test_a_damaged_service_is_named(tmp_path: Path, project: Path) -> None:
    (tmp_path / "tablestore.sqlite").write_bytes(b"\x00no database" * 500)
    with pytest.raises(StateDamaged, match=r"tablestore\.sqlite"):
        Cloud(CloudConfig(state_dir=tmp_path, port=1), project)

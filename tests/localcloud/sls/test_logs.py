"""Logstores."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from localcloud.core.config import CloudConfig
from localcloud.core.errors import CloudError
from localcloud.sls import LogLine, LogService


@pytest.fixture
def logs(tmp_path: Path) -> Iterator[LogService]:
    logs = LogService(CloudConfig(state_dir=tmp_path), keep=10)
    logs.put_project("proj", "first")
    logs.put_logstore("proj", "store")
    yield logs
    logs.close()


def lines(*numbers: int) -> list[LogLine]:
    return [LogLine(float(n), f"line {n}", {"requestId": f"r{n % 2}"}) for n in numbers]


def test_tail_and_query(logs: LogService) -> None:
    logs.append("proj", "store", lines(1, 2, 3, 4))
    assert [line.message for line in logs.tail("proj", "store", 2)] == ["line 3", "line 4"]
    found = logs.query("proj", "store", begin=2, end=4, fields={"requestId": "r1"})
    assert found == lines(3)
    assert [line.at for line in logs.query("proj", "store", text="e 4")] == [4.0]


def test_a_store_is_bounded(logs: LogService) -> None:
    logs.put_logstore("proj", "other")
    logs.append("proj", "other", lines(99))
    for start in range(0, 40, 5):
        logs.append("proj", "store", lines(*range(start, start + 5)))
    kept = logs.tail("proj", "store", 100)
    assert 10 <= len(kept) < 20
    assert kept[-1].message == "line 39"
    assert len(logs.tail("proj", "other")) == 1


def test_long_lines_are_cut(logs: LogService) -> None:
    logs.append("proj", "store", [LogLine(0, "x" * 100_000)])
    assert len(logs.tail("proj", "store")[0].message) == 65_536


def test_lines_survive_a_restart(logs: LogService, tmp_path: Path) -> None:
    logs.append("proj", "store", lines(1))
    again = LogService(CloudConfig(state_dir=tmp_path))
    assert again.tail("proj", "store") == lines(1)
    again.close()


def test_names_and_what_is_not_there(logs: LogService) -> None:
    for name in ("ab", "Upper", "-x-", "x" * 64):
        with pytest.raises(CloudError):
            logs.put_project(name)
    with pytest.raises(CloudError):
        logs.put_logstore("nobody", "store")
    with pytest.raises(CloudError):
        logs.append("proj", "nothing", lines(1))
    logs.delete_logstore("proj", "store")
    with pytest.raises(CloudError):
        logs.tail("proj", "store")
    logs.delete_project("proj")
    assert logs.projects() == []

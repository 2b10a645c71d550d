"""Queues."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from localcloud.core.clock import ManualClock
from localcloud.core.config import CloudConfig
from localcloud.core.errors import CloudError
from localcloud.mns import Queues


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def queues(tmp_path: Path, clock: ManualClock) -> Iterator[Queues]:
    queues = Queues(CloudConfig(state_dir=tmp_path), clock)
    queues.put_queue("dead", visibility_timeout=30, retention=100)
    yield queues
    queues.close()


def test_first_in_first_out(queues: Queues) -> None:
    for body in (b"one", b"two"):
        queues.send("dead", body)
    assert queues.count("dead") == 2
    assert [message.body for message in queues.peek("dead")] == [b"one", b"two"]
    first, second = queues.receive("dead"), queues.receive("dead")
    assert first is not None
    assert second is not None
    assert (first.body, second.body) == (b"one", b"two")
    assert queues.receive("dead") is None


async def test_a_received_message_comes_back_unless_deleted(
    queues: Queues, clock: ManualClock
) -> None:
    queues.send("dead", b"one")
    first = queues.receive("dead")
    assert first is not None
    await clock.advance(31)
    again = queues.receive("dead")
    assert again is not None
    assert (again.id, again.received) == (first.id, 2)
    with pytest.raises(CloudError, match="handle"):
        queues.delete("dead", str(first.handle))
    queues.delete("dead", str(again.handle))
    assert queues.count("dead") == 0


async def test_old_messages_are_gone(queues: Queues, clock: ManualClock) -> None:
    queues.send("dead", b"one")
    await clock.advance(101)
    assert queues.count("dead") == 0


def test_messages_survive_a_restart(queues: Queues, tmp_path: Path, clock: ManualClock) -> None:
    queues.send("dead", b"one")
    again = Queues(CloudConfig(state_dir=tmp_path), clock)
    assert [message.body for message in again.peek("dead")] == [b"one"]
    again.close()


def test_limits_and_names(queues: Queues) -> None:
    queues.send("dead", b"x" * 65_536)
    with pytest.raises(CloudError, match="65537"):
        queues.send("dead", b"x" * 65_537)
    for name in ("", "1st", "a_b", "x" * 121):
        with pytest.raises(CloudError):
            queues.put_queue(name)
    with pytest.raises(CloudError, match="does not exist"):
        queues.send("nobody", b"")
    queues.delete_queue("dead")
    assert queues.names() == []


def test_arns(queues: Queues) -> None:
    base = "acs:mns:cn-hangzhou:1234567890123456:/queues/dead"
    assert queues.queue_of(base) == queues.queue_of(f"{base}/messages") == "dead"
    for arn in (
        "dead",
        base.replace("cn-hangzhou", "x"),
        base.replace("123456789", "9"),
        f"{base}/x",
    ):
        with pytest.raises(CloudError):
            queues.queue_of(arn)

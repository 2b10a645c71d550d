"""Our clients on the local cloud's wire, where the official SDKs are the other clients."""

from __future__ import annotations

import asyncio
import json
import logging
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import tablestore as ots

from functions.common.credentials import Credentials
from functions.common.eventbridge import EventBridgeClient, EventsRefused
from functions.common.oss import ObjectError, ObjectTooLarge, OssBucket
from functions.common.rpc import CallFailed, describe_app_security, get_secret_parameter
from functions.common.tablestore import (
    AccessDenied,
    ConditionFailed,
    Expect,
    NotFound,
    Rule,
    TablestoreClient,
    Throttled,
)
from functions.common.tablestore.api import Bound, Compare, UnknownOutcome
from functions.common.tickets.admission import Admission, Request
from functions.common.tickets.events import FINISHED, PLANNED
from functions.common.tickets.holding import Contender
from functions.common.tickets.settling import TicketStore
from localcloud.core.errors import CloudError
from tests.functions.wire import BUCKET, BUS, INSTANCE, Wire, wire

ROW = {"text": "ü", "number": 1 << 40, "yes": True, "real": 0.5, "bytes": b"\x00\xff"}
T = "agent_events"


@pytest.fixture(name="cloud")
async def cloud_fixture(tmp_path: Path) -> AsyncIterator[Wire]:
    async with wire(tmp_path) as cloud:
        yield cloud


async def call(function: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    """Blocking clients run beside the loop that serves them."""
    return await asyncio.to_thread(function, *arguments, **named)


def client(cloud: Wire, **more: Any) -> TablestoreClient:
    return TablestoreClient(cloud.url, INSTANCE, cloud.credentials, **more)


def key(seq: int) -> tuple[tuple[str, Any], ...]:
    return (("ticket_id", "t"), ("seq", seq))


async def test_rows(cloud: Wire) -> None:
    def work() -> None:
        ours = client(cloud)
        assert ours.get_row(T, key(1)) is None
        ours.put_row(T, key(1), ROW, expect=Expect.ABSENT)
        row = ours.get_row(T, key(1))
        assert row is not None
        assert (row.key, row.columns) == ({"ticket_id": "t", "seq": 1}, ROW)
        assert ours.get_row(T, key(1), columns=["yes"]).columns == {"yes": True}  # type: ignore[union-attr]
        with pytest.raises(ConditionFailed):
            ours.put_row(T, key(1), ROW, expect=Expect.ABSENT)
        with pytest.raises(ConditionFailed):
            ours.update_row(T, key(2), put={"a": 1}, expect=Expect.EXISTS)
        ours.update_row(T, key(1), put={"a": 1}, increment={"number": 2}, delete=["bytes"])
        changed = ours.get_row(T, key(1))
        assert changed is not None
        wanted = {**ROW, "a": 1, "number": (1 << 40) + 2}
        assert changed.columns == {name: value for name, value in wanted.items() if name != "bytes"}
        theirs = ots.OTSClient(
            cloud.url,
            cloud.credentials().access_key_id,
            cloud.credentials().access_key_secret,
            INSTANCE,
            logger_level=logging.CRITICAL,
        )
        _, read, _ = theirs.get_row(T, list(key(1)), max_version=1)
        assert {name: value for name, value, _ in read.attribute_columns} == changed.columns
        ours.delete_row(T, key(1))
        assert ours.get_row(T, key(1)) is None

    await call(work)


async def test_compare_and_swap(cloud: Wire) -> None:
    def work() -> None:
        ours = client(cloud)
        ours.put_row(T, key(1), {"version": 1})

        def swap(value: int, compare: Compare = Compare.EQUAL, column: str = "version") -> bool:
            rule = Rule(column, compare, value, pass_if_missing=False)
            try:
                ours.update_row(T, key(1), put={"n": 1}, expect=Expect.EXISTS, rule=rule)
            except ConditionFailed:
                return False
            return True

        assert [swap(0), swap(1), swap(2)] == [False, True, False]
        assert [swap(1, Compare.LESS), swap(2, Compare.LESS)] == [False, True]
        assert [swap(1, Compare.LESS_EQUAL), swap(0, Compare.LESS_EQUAL)] == [True, False]
        assert [swap(1, Compare.GREATER), swap(0, Compare.GREATER)] == [False, True]
        assert swap(1, column="missing") is False
        rule = Rule("missing", Compare.EQUAL, 1, pass_if_missing=True)
        ours.delete_row(T, key(1), rule=rule)

    await call(work)


async def test_ranges(cloud: Wire) -> None:
    def work() -> None:
        ours = client(cloud)
        for seq in range(1, 8):
            ours.put_row(T, key(seq), {"n": seq})
        ours.put_row(T, (("ticket_id", "u"), ("seq", 1)), {"n": 99})
        low, high = (("ticket_id", "t"), ("seq", 2)), (("ticket_id", "t"), ("seq", Bound.MAX))
        page = ours.get_range(T, low, high, limit=4)
        assert [row.columns["n"] for row in page.rows] == [2, 3, 4, 5]
        assert page.next_start == key(6)
        page = ours.get_range(T, page.next_start, high, limit=4)
        assert ([row.columns["n"] for row in page.rows], page.next_start) == ([6, 7], None)
        page = ours.get_range(T, high, low, limit=2, backward=True)
        assert [row.columns["n"] for row in page.rows] == [7, 6]

    await call(work)


async def test_errors_have_types(cloud: Wire) -> None:
    def work() -> None:
        with pytest.raises(NotFound):
            client(cloud).get_row("agent_nothing", key(1))
        wrong = Credentials(cloud.credentials().access_key_id, "wrong")
        with pytest.raises(AccessDenied):
            TablestoreClient(cloud.url, INSTANCE, lambda: wrong).get_row(T, key(1))

    await call(work)


@pytest.mark.parametrize("code", ["OTSServerBusy", "OTSRowOperationConflict"])
async def test_throttling_is_waited_out_and_in_the_end_told(cloud: Wire, code: str) -> None:
    waits: list[float] = []
    ours = client(cloud, sleep=waits.append)
    cloud.faults.fail_next("tablestore", "PutRow", CloudError(503, code, "busy"), count=2)
    await call(ours.put_row, T, key(1), {"n": 1}, expect=Expect.ABSENT)
    assert len(waits) == 2
    assert waits[1] > waits[0] / 2
    cloud.faults.fail_next("tablestore", "PutRow", CloudError(503, code, "busy"), count=6)
    with pytest.raises(Throttled):
        await call(ours.put_row, T, key(2), {"n": 1})


async def test_a_failed_read_is_repeated_a_failed_write_is_unknown(cloud: Wire) -> None:
    ours = client(cloud, sleep=lambda _: None)
    broken = CloudError(500, "OTSInternalServerError", "broken")
    cloud.faults.fail_next("tablestore", "*", broken, count=2)
    assert await call(ours.get_row, T, key(1)) is None
    cloud.faults.fail_next("tablestore", "*", broken)
    with pytest.raises(UnknownOutcome):
        await call(ours.put_row, T, key(1), {"n": 1})
    assert await call(ours.get_row, T, key(1)) is None


async def test_a_ticket_lives_on_the_wire(cloud: Wire) -> None:
    def work() -> None:
        store = TicketStore(client(cloud))
        admission = Admission(store)
        ask = Request("owner", "tenant", None, "reason", "why?", {"n": 1})
        admitted = admission.admit(ask, "key")
        assert admission.admit(ask, "key").ticket == admitted.ticket
        ticket_id = admitted.ticket.ticket_id
        store.open.count_invocation(ticket_id)
        hold, _ = Contender(store.log, store.open).take(ticket_id)
        hold.append(PLANNED, {"plan": {"steps": []}})
        assert hold.renew() == []
        hold.append(FINISHED, {"status": "succeeded", "output": "because"})
        settled = store.settle(admitted.ticket, store.log.read(ticket_id))
        assert store.tickets.read(ticket_id) == settled
        assert list(store.open.scan()) == []
        assert admission.admit(ask, "key").ticket.view.output == "because"

    await call(work)


async def test_objects(cloud: Wire) -> None:
    def work() -> None:
        bucket = OssBucket(cloud.url, BUCKET, cloud.region, cloud.credentials)
        assert bucket.get("owner/ticket/a") is None
        bucket.put_if_absent("owner/ticket/a", b"first", "text/plain")
        bucket.put_if_absent("owner/ticket/a", b"second", "text/plain")
        assert bucket.get("owner/ticket/a") == b"first"
        bucket.put("owner/ticket/a", b"third")
        assert b"".join(bucket.stream("owner/ticket/a")) == b"third"
        with pytest.raises(ObjectTooLarge):
            bucket.get("owner/ticket/a", max_bytes=2)
        link = bucket.link("owner/ticket/a", expires_s=60)
        with urllib.request.urlopen(link) as answer:
            assert answer.read() == b"third"
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(link.replace("ticket/a", "ticket/b"))
        assert refused.value.code == 403
        bucket.delete("owner/ticket/a")
        bucket.delete("owner/ticket/a")
        with pytest.raises(ObjectError) as missing:
            bucket.stream("owner/ticket/a")
        assert missing.value.status == 404
        wrong = Credentials(cloud.credentials().access_key_id, "wrong")
        with pytest.raises(ObjectError) as denied:
            OssBucket(cloud.url, BUCKET, cloud.region, lambda: wrong).put("a", b"")
        assert denied.value.code == "SignatureDoesNotMatch"

    await call(work)


async def test_events(cloud: Wire) -> None:
    arn = f"acs:mns:{cloud.region}:1234567890123456:/queues/seen"
    cloud.queues.put_queue("seen")
    cloud.eventbridge.put_rule(
        BUS,
        "all",
        {"source": [{"prefix": ""}]},
        [{"targetId": "seen", "type": "acs.mns.queue", "endpoint": arn, "paramLists": [
            {"resourceKey": "queue", "form": "CONSTANT", "value": "seen"},
            {"resourceKey": "Body", "form": "ORIGINAL"},
        ]}],
    )  # fmt: skip
    bus = EventBridgeClient(cloud.url, BUS, cloud.credentials)
    event = {"id": "t:1", "source": "/v1/tickets/t", "type": "agent.ticket.taken", "data": {"n": 1}}
    await call(bus.put, [event])
    async with asyncio.timeout(10):
        while not (messages := cloud.queues.peek("seen", 1)):
            await asyncio.sleep(0.01)
    seen = json.loads(messages[0].body)
    assert {name: seen[name] for name in event} == event
    with pytest.raises(ValueError, match="limit"):
        bus.put([{**event, "data": "x" * 70_000}])
    elsewhere = EventBridgeClient(cloud.url, "nowhere", cloud.credentials)
    with pytest.raises(EventsRefused):
        await call(elsewhere.put, [event])


async def test_secrets_are_read_at_start(cloud: Wire) -> None:
    cloud.parameters.put({"secretParameterName": "agent/model-key", "value": "sk-1"})
    app = cloud.definitions.put_app({"name": "push"})
    read = get_secret_parameter
    assert await call(read, cloud.url, cloud.credentials, "agent/model-key") == "sk-1"
    with pytest.raises(CallFailed):
        await call(read, cloud.url, cloud.credentials, "agent/nothing")
    security = await call(describe_app_security, cloud.url, cloud.credentials, app.id)
    assert (security.app_key, security.app_secret) == (app.key, app.secret)
    assert app.secret not in repr(security)

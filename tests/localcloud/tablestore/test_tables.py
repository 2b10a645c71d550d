"""Tables, rights, signatures and faults, with the official SDK as the client."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
import tablestore as ots
from tablestore.retry import DefaultRetryPolicy

from localcloud.core.errors import CloudError
from localcloud.ram import Credentials
from tests.localcloud.tablestore.bench import Bench, call, refused

KEY = [("ticket_id", "t"), ("seq", 1)]
ANY = ots.Condition("IGNORE")
THROUGHPUT = ots.ReservedThroughput(ots.CapacityUnit(0, 0))


def meta(name: str = "tickets", key: Any = None, defined: Any = None) -> ots.TableMeta:
    return ots.TableMeta(name, key or [("id", "STRING")], defined or [])


async def create(
    client: ots.OTSClient, table: ots.TableMeta, options: Any = None, **more: Any
) -> None:
    await call(client.create_table, table, options or ots.TableOptions(), THROUGHPUT, **more)


async def test_a_table_from_its_making_to_its_end(bench: Bench) -> None:
    client = bench.client()
    key = [("a", "STRING"), ("b", "INTEGER"), ("c", "BINARY"), ("d", "STRING")]
    encryption = ots.SSESpecification(True, ots.SSEKeyType.SSE_KMS_SERVICE)
    options = ots.TableOptions(86400, 3, 3600)
    await create(client, meta(key=key, defined=[("x", "DOUBLE")]), options, sse_spec=encryption)
    assert await call(client.list_table) == ("log", "tickets")
    found = await call(client.describe_table, "tickets")
    assert found.table_meta.schema_of_primary_key == key
    assert found.table_meta.defined_columns == [("x", "DOUBLE")]
    given = found.table_options
    assert (given.time_to_live, given.max_version, given.max_time_deviation) == (86400, 3, 3600)
    assert (found.sse_details.enable, found.sse_details.key_type) == (True, 1)
    await call(client.update_table, "tickets", ots.TableOptions(-1, 1, 86400), THROUGHPUT)
    given = (await call(client.describe_table, "tickets")).table_options
    assert (given.time_to_live, given.max_version) == (-1, 1)
    await call(client.delete_table, "tickets")
    assert await refused(client.describe_table, "tickets") == (404, "OTSObjectNotExist")


async def test_a_table_made_anew_has_no_old_rows(bench: Bench) -> None:
    client = bench.client()
    await call(client.put_row, "log", ots.Row(KEY, [("a", 1)]), ANY)
    await call(client.delete_table, "log")
    await create(client, meta("log", [("ticket_id", "STRING"), ("seq", "INTEGER")]))
    _, row, _ = await call(client.get_row, "log", KEY)
    assert row is None


@pytest.mark.parametrize(
    ("table", "options", "answer"),
    [
        (meta("log"), None, (409, "OTSObjectAlreadyExist")),
        (meta("1log"), None, (400, "OTSParameterInvalid")),
        (meta("a b"), None, (400, "OTSParameterInvalid")),
        (meta("x" * 256), None, (400, "OTSParameterInvalid")),
        (meta(key=[(f"k{n}", "STRING") for n in range(5)]), None, (400, "OTSParameterInvalid")),
        (meta(key=[("a", "STRING"), ("a", "STRING")]), None, (400, "OTSParameterInvalid")),
        (
            meta(key=[("a", "INTEGER", ots.PK_AUTO_INCR)]),
            None,
            (400, "OTSParameterInvalid"),
        ),
        (meta(), ots.TableOptions(time_to_live=60), (400, "OTSParameterInvalid")),
        (meta(), ots.TableOptions(max_version=0), (400, "OTSParameterInvalid")),
    ],
)
async def test_a_bad_table(bench: Bench, table: Any, options: Any, answer: Any) -> None:
    client = bench.client()
    refusal = await refused(client.create_table, table, options or ots.TableOptions(), THROUGHPUT)
    assert refusal == answer
    assert await call(client.list_table) == ("log",)


async def test_what_is_not_here_says_so(bench: Bench) -> None:
    client = bench.client()
    with pytest.raises(ots.OTSServiceError, match="StartLocalTransaction") as caught:
        await call(client.start_local_transaction, "log", [("ticket_id", "t")])
    assert caught.value.get_http_status() == 501
    assert caught.value.get_error_code() == "OTSUnsupportOperation"
    index = ots.SecondaryIndexMeta("i", ["id"], [])
    answer = await refused(
        client.create_table, meta(), ots.TableOptions(), THROUGHPUT, secondary_indexes=[index]
    )
    assert answer == (501, "OTSUnsupportOperation")
    rule = ots.SingleColumnRegexCondition(
        "n", ots.ComparatorType.EQUAL, "1", ots.RegexRule("x", ots.CastType.VT_STRING)
    )
    answer = await refused(client.get_row, "log", KEY, column_filter=rule)
    assert answer == (501, "OTSUnsupportOperation")


@pytest.mark.parametrize("region", [None, "cn-hangzhou"], ids=["v2", "v4"])
async def test_who_signs_wrongly_is_refused(bench: Bench, region: str | None) -> None:
    key = bench.ram.administrator.access_key_id
    for credentials in (Credentials(key, "wrong"), Credentials("nobody", "wrong")):
        client = bench.client(credentials, region=region)
        assert await refused(client.list_table) == (403, "OTSAuthFailed")


async def test_an_instance_that_is_not_there(bench: Bench) -> None:
    client = bench.client(instance="agent-none")
    assert await refused(client.list_table) == (403, "OTSAuthFailed")


@pytest.mark.parametrize("region", [None, "cn-hangzhou"], ids=["v2", "v4"])
async def test_a_role_may_do_what_its_policy_allows(bench: Bench, region: str | None) -> None:
    bench.store.create_table("agent-test", "other", [("id", "STRING")])
    credentials = bench.role("reader", ["ots:GetRow", "ots:BatchGetRow"], "log")
    client = bench.client(credentials, region=region)
    await call(client.get_row, "log", KEY)
    denied = (403, "OTSNoPermissionAccess")
    assert await refused(client.put_row, "log", ots.Row(KEY, []), ANY) == denied
    assert await refused(client.get_row, "other", [("id", "x")]) == denied
    both = ots.BatchGetRowRequest()
    both.add(ots.TableInBatchGetRowItem("log", [KEY], max_version=1))
    both.add(ots.TableInBatchGetRowItem("other", [[("id", "x")]], max_version=1))
    assert await refused(client.batch_get_row, both) == denied
    stolen = Credentials(credentials.access_key_id, credentials.access_key_secret, "forged")
    refusal = await refused(bench.client(stolen, region=region).get_row, "log", KEY)
    assert refusal == (403, "OTSAuthFailed")


async def test_a_planned_fault_is_passed_by_a_retry(bench: Bench) -> None:
    busy = CloudError(503, "OTSServerBusy", "Server is busy.")
    bench.faults.fail_next("tablestore", "GetRow", busy, count=2)
    assert await refused(bench.client().get_row, "log", KEY) == (503, "OTSServerBusy")
    patient = bench.client(retry_policy=DefaultRetryPolicy())
    _, row, _ = await call(patient.get_row, "log", KEY)
    assert row is None


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/GetRow", {}, 400),
        ("/GetRow", {"x-ots-date": "yesterday"}, 403),
        ("/GetRow?x=%ff", {"x-ots-accesskeyid": "ü".encode()}, 403),
        ("/", {}, 400),
    ],
)
async def test_a_request_without_its_headers(
    bench: Bench, path: str, headers: dict[str, Any], status: int
) -> None:
    complete = {
        "x-ots-apiversion": "2015-12-31",
        "x-ots-instancename": "agent-test",
        "x-ots-contentmd5": "x",
        **({"x-ots-date": "2026-01-01T00:00:00.000Z", "x-ots-accesskeyid": "x"} if headers else {}),
        **headers,
    }
    async with httpx.AsyncClient() as http:
        answer = await http.post(bench.url + path, headers=complete, content=b"\xff\xff")
    assert answer.status_code == status
    assert b"OTS" in answer.content

"""The client: one signed POST per operation, retried where that is safe, errors by type.

Reads are repeated on every passing fault. Writes are repeated only when the service says that it
did not do them; an answer that got lost is an `UnknownOutcome`, which the caller resolves by
reading. Signature: HMAC-SHA1 over path and `x-ots-` headers (version 2, `x-ots-signature`), as in
the official SDK.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import random
import time
from typing import TYPE_CHECKING

from functions.common.http import AnswerLost, HttpError, HttpPool, Unreachable
from functions.common.tablestore import codec, messages
from functions.common.tablestore.api import (
    AccessDenied,
    ConditionFailed,
    Expect,
    NotFound,
    Page,
    TablestoreError,
    Throttled,
    Unavailable,
    UnknownOutcome,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from functions.common.credentials import CredentialSource
    from functions.common.http import Answer
    from functions.common.tablestore.api import Key, RangeKey, Row, Rule, Value

API_VERSION = "2015-12-31"
ATTEMPTS = 6
FIRST_DELAY_S = 0.05
LONGEST_DELAY_S = 2.0
READS = frozenset({"GetRow", "GetRange"})
# The service refused these before doing anything, whatever the operation (SDK: retry.py).
NOT_DONE = frozenset(
    {
        "OTSRowOperationConflict",
        "OTSNotEnoughCapacityUnit",
        "OTSTableNotReady",
        "OTSPartitionUnavailable",
        "OTSServerBusy",
        "OTSOperationThrottled",
    }
)
DENIED = frozenset({"OTSAuthFailed", "OTSNoPermissionAccess"})
MISSING = frozenset({"OTSObjectNotExist", "OTSInstanceNotFound"})


class TablestoreClient:
    """Rows of one instance; safe to use from several threads.

    Args:
        endpoint: `http(s)://host[:port]`.
        instance: name of the instance.
        credentials: asked at every request.
        pool: another connection pool, for tests.
        now: Unix seconds, for the date that is signed.
        sleep: waits between attempts.
    """

    def __init__(
        self,
        endpoint: str,
        instance: str,
        credentials: CredentialSource,
        *,
        pool: HttpPool | None = None,
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._pool = pool or HttpPool(endpoint)
        self._instance = instance
        self._credentials = credentials
        self._now = now
        self._sleep = sleep

    def get_row(self, table: str, key: Key, *, columns: Sequence[str] = ()) -> Row | None:
        """Read a row (`RowStore.get_row`); without any of the `columns` it counts as absent."""
        body = messages.get_row(table, codec.encode_key(key), columns)
        rows = codec.decode_rows(messages.bytes_field(self._call("GetRow", body), 2))
        return rows[0] if rows else None

    def put_row(
        self,
        table: str,
        key: Key,
        columns: Mapping[str, Value],
        *,
        expect: Expect = Expect.ANY,
        rule: Rule | None = None,
    ) -> None:
        """Write a whole row (`RowStore.put_row`)."""
        row = codec.encode_put(key, columns)
        self._call("PutRow", messages.write_row(table, row, expect, rule))

    def update_row(
        self,
        table: str,
        key: Key,
        *,
        put: Mapping[str, Value] | None = None,
        increment: Mapping[str, int] | None = None,
        delete: Sequence[str] = (),
        expect: Expect = Expect.ANY,
        rule: Rule | None = None,
    ) -> None:
        """Change columns (`RowStore.update_row`)."""
        row = codec.encode_update(key, put or {}, increment or {}, delete)
        self._call("UpdateRow", messages.write_row(table, row, expect, rule))

    def delete_row(
        self, table: str, key: Key, *, expect: Expect = Expect.ANY, rule: Rule | None = None
    ) -> None:
        """Delete a row (`RowStore.delete_row`)."""
        row = codec.encode_delete(key)
        self._call("DeleteRow", messages.write_row(table, row, expect, rule))

    def get_range(
        self,
        table: str,
        start: RangeKey,
        end: RangeKey,
        *,
        limit: int | None = None,
        columns: Sequence[str] = (),
        backward: bool = False,
    ) -> Page:
        """Read a page of a range (`RowStore.get_range`); the service cuts at 4 MB or 5,000 rows."""
        body = messages.get_range(
            table,
            codec.encode_key(start),
            codec.encode_key(end),
            limit=limit,
            columns=columns,
            backward=backward,
        )
        found = messages.fields(self._call("GetRange", body))
        following = found.get(3, b"")
        return Page(
            rows=tuple(codec.decode_rows(found.get(2, b""))),
            next_start=codec.decode_key(following) if following else None,
        )

    def _call(self, operation: str, body: bytes) -> bytes:
        delay = FIRST_DELAY_S
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return self._once(operation, body)
            except (Throttled, Unavailable):
                if attempt == ATTEMPTS:
                    raise
            # Half of it at random, so that throttled callers do not come back together.
            self._sleep(delay * (0.5 + random.random() / 2))  # noqa: S311 - no secret
            delay = min(2 * delay, LONGEST_DELAY_S)
        raise AssertionError("the last attempt returns or raises")

    def _once(self, operation: str, body: bytes) -> bytes:
        path, read = f"/{operation}", operation in READS
        try:
            answer = self._pool.request(
                "POST", path, headers=self._headers(path, body), body=body, repeatable=read
            )
        except Unreachable as error:
            raise Unavailable(f"{operation}: {error}") from error
        except AnswerLost as error:
            raise (Unavailable if read else UnknownOutcome)(f"{operation}: {error}") from error
        except HttpError as error:
            raise TablestoreError(f"{operation}: {error}") from error
        if 200 <= answer.status < 300:
            return answer.body
        raise _error(operation, answer, read=read)

    def _headers(self, path: str, body: bytes) -> dict[str, str]:
        credentials = self._credentials()
        moment = time.gmtime(self._now())
        headers = {
            "x-ots-date": time.strftime("%Y-%m-%dT%H:%M:%S.000Z", moment),
            "x-ots-apiversion": API_VERSION,
            "x-ots-accesskeyid": credentials.access_key_id,
            "x-ots-instancename": self._instance,
            "x-ots-contentmd5": base64.b64encode(
                hashlib.md5(body, usedforsecurity=False).digest()
            ).decode(),
        }
        if credentials.security_token:
            headers["x-ots-ststoken"] = credentials.security_token
        headers["x-ots-signature"] = sign(credentials.access_key_secret, path, headers)
        return headers


def sign(secret: str, path: str, headers: Mapping[str, str]) -> str:
    """The signature of a request without query, over its `x-ots-` headers."""
    lines = sorted(f"{name}:{value.strip()}" for name, value in headers.items())
    text = f"{path}\nPOST\n\n" + "\n".join(lines) + "\n"
    return base64.b64encode(hmac.digest(secret.encode(), text.encode(), "sha1")).decode()


def _error(operation: str, answer: Answer, *, read: bool) -> TablestoreError:
    try:
        found = messages.fields(answer.body)
    except messages.BadMessage:
        found = {}
    code = found.get(1, b"").decode("utf-8", "replace")
    told = found.get(2, b"").decode("utf-8", "replace") or f"status {answer.status}"
    kind: type[TablestoreError] = TablestoreError
    if code == "OTSConditionCheckFail":
        kind = ConditionFailed
    elif code in NOT_DONE:
        kind = Throttled
    elif code in MISSING:
        kind = NotFound
    elif code in DENIED:
        kind = AccessDenied
    elif answer.status >= 500 or code == "OTSTimeout":
        kind = Unavailable if read else UnknownOutcome
    return kind(
        f"{operation}: {told}",
        status=answer.status,
        code=code,
        request_id=answer.headers.get("x-ots-requestid", ""),
    )

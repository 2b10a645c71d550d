"""Function Compute's InvokeFunction (API 2023-03-30)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import quote

from functions.common import acs3
from functions.common.http import HttpError, HttpPool, Unreachable

if TYPE_CHECKING:
    from functions.common.credentials import CredentialSource

API_VERSION = "2023-03-30"
ASYNC_PAYLOAD_BYTES = 128 * 1024


class InvocationFailed(Exception):
    """An invocation that gave no answer.

    Attributes:
        status: HTTP status of the service; 0 if it was not reached.
        code: error code of the service, or the type of the function's error.
        started: whether the function may have run.
    """

    def __init__(self, message: str, *, status: int = 0, code: str = "", started: bool) -> None:
        super().__init__(f"{code}: {message}" if code else message)
        self.status = status
        self.code = code
        self.started = started


@dataclass(frozen=True)
class Invocation:
    """An answer: of the function itself, or 202 for one that is queued."""

    status: int
    request_id: str
    body: bytes = field(repr=False)


class FunctionClient:
    """Invokes functions of one account and region.

    Args:
        endpoint: `https://<account>.<region>-internal.fc.aliyuncs.com`.
        credentials: asked at every request.
        pool: another connection pool, for tests.
    """

    def __init__(
        self, endpoint: str, credentials: CredentialSource, *, pool: HttpPool | None = None
    ) -> None:
        self._pool = pool or HttpPool(endpoint)
        self._credentials = credentials

    def invoke_async(
        self, function: str, payload: bytes, *, task_id: str | None = None
    ) -> Invocation:
        """Queue an invocation; sent once more when the answer gets lost, so possibly queued twice.

        Args:
            function: its name.
            payload: at most 128 KB.
            task_id: for functions with asynchronous tasks switched on; new for each invocation,
                since a repeated one is refused.

        Raises:
            ValueError: the payload is too large.
            InvocationFailed: not queued, or perhaps (`started`).
        """
        if len(payload) > ASYNC_PAYLOAD_BYTES:
            raise ValueError(
                f"a payload of {len(payload)} bytes; the limit is {ASYNC_PAYLOAD_BYTES}"
            )
        headers = {"x-fc-invocation-type": "Async"}
        if task_id is not None:
            headers["x-fc-async-task-id"] = task_id
        return self._invoke(function, payload, headers, repeatable=task_id is None)

    def invoke(self, function: str, payload: bytes, *, read_seconds: float) -> Invocation:
        """Invoke and wait for the answer.

        Raises:
            InvocationFailed: the function failed, did not answer in time, or was not started.
        """
        headers = {"x-fc-invocation-type": "Sync"}
        return self._invoke(function, payload, headers, repeatable=False, read_seconds=read_seconds)

    def _invoke(
        self,
        function: str,
        payload: bytes,
        headers: dict[str, str],
        *,
        repeatable: bool,
        read_seconds: float | None = None,
    ) -> Invocation:
        call = acs3.Call(
            host=self._pool.authority,
            action="InvokeFunction",
            version=API_VERSION,
            path=f"/{API_VERSION}/functions/{quote(function, safe='')}/invocations",
            body=payload,
            headers={"content-type": "application/octet-stream", **headers},
        )
        try:
            answer = self._pool.request(
                "POST",
                call.target,
                headers=acs3.sign(call, self._credentials()),
                body=payload,
                repeatable=repeatable,
                read_seconds=read_seconds,
            )
        except HttpError as error:
            raise InvocationFailed(
                f"{function}: {error}", started=not isinstance(error, Unreachable)
            ) from error
        failed = answer.headers.get("x-fc-error-type", "")
        if failed:
            raise InvocationFailed(
                f"{function} failed", status=answer.status, code=failed, started=True
            )
        if not 200 <= answer.status < 300:
            raise InvocationFailed(
                f"{function}: {_message(answer.body)}",
                status=answer.status,
                code=_code(answer.body),
                # Throttled (429, 503) and refused (4xx) calls start nothing; of others who knows.
                started=answer.status >= 500 and answer.status != 503,
            )
        return Invocation(answer.status, answer.headers.get("x-fc-request-id", ""), answer.body)


def _code(body: bytes) -> str:
    return _member(body, "Code")


def _message(body: bytes) -> str:
    return _member(body, "Message") or "no reason given"


def _member(body: bytes, name: str) -> str:
    import json

    try:
        document = json.loads(body)
    except ValueError:
        return ""
    return str(document.get(name, ""))[:300] if isinstance(document, dict) else ""

"""Invocations: what was started, what was not, and what nobody knows."""

from __future__ import annotations

import json
import socket

import pytest

from functions.common.credentials import Credentials
from functions.common.fc import ASYNC_PAYLOAD_BYTES, FunctionClient, InvocationFailed
from tests.functions.peer import Peer, answer, peer

FUNCTION = "agent-test-commander"


def said(status: str, body: bytes = b"", **headers: str) -> bytes:
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {status}\r\ncontent-length: {len(body)}\r\n{lines}\r\n".encode() + body


def client(server: Peer) -> FunctionClient:
    return FunctionClient(server.endpoint, lambda: Credentials("id", "secret", "token"))


def test_an_answer() -> None:
    with peer(answer(said("200 OK", b'{"x":1}', x_fc_request_id="r1"))) as server:
        found = client(server).invoke(FUNCTION, b"{}", read_seconds=5)
    assert (found.status, found.request_id, found.body) == (200, "r1", b'{"x":1}')


def test_queued() -> None:
    with peer(answer(said("202 Accepted", x_fc_request_id="r1"))) as server:
        assert client(server).invoke_async(FUNCTION, b"{}").status == 202


@pytest.mark.parametrize(
    ("data", "status", "code", "started"),
    [
        (said("200 OK", b"{}", x_fc_error_type="UnhandledInvocationError"), 200, "Unhandled", True),
        (said("429 X", b'{"Code":"ResourceThrottled","Message":"busy"}'), 429, "Resource", False),
        (said("403 X", b'{"Code":"AccessDenied"}'), 403, "AccessDenied", False),
        (said("503 X", b'{"Code":"ServiceUnavailable"}'), 503, "ServiceUnavailable", False),
        (said("502 X", b"<html>"), 502, "", True),
    ],
)
def test_failures(data: bytes, status: int, code: str, started: bool) -> None:
    with peer(answer(data)) as server, pytest.raises(InvocationFailed) as caught:
        client(server).invoke(FUNCTION, b"{}", read_seconds=5)
    failed = caught.value
    assert (failed.status, failed.started) == (status, started)
    assert failed.code.startswith(code)


def test_a_lost_answer_may_have_been_started() -> None:
    def script(connection: socket.socket, server: Peer) -> None:
        server.read(connection)

    with peer(script) as server, pytest.raises(InvocationFailed) as caught:
        client(server).invoke(FUNCTION, b"{}", read_seconds=5)
    assert caught.value.started


def test_nobody_there_was_not_started() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        endpoint = f"http://127.0.0.1:{listener.getsockname()[1]}"
    away = FunctionClient(endpoint, lambda: Credentials("id", "secret"))
    with pytest.raises(InvocationFailed) as caught:
        away.invoke_async(FUNCTION, b"{}")
    assert not caught.value.started


@pytest.mark.parametrize("over", [0, 1])
def test_payloads_up_to_128_kb(over: int) -> None:
    payload = json.dumps("x" * (ASYNC_PAYLOAD_BYTES - 2 + over)).encode()
    with peer(*[answer(said("202 Accepted"))] * (1 - over)) as server:
        if over:
            with pytest.raises(ValueError, match="limit"):
                client(server).invoke_async(FUNCTION, payload)
        else:
            client(server).invoke_async(FUNCTION, payload)

"""The container's HTTP contract, for good and for bad requests."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from functions.commander.server import Request, TryAgain, serve


class Echo:
    def initialize(self, request: Request) -> dict[str, Any]:
        return {"initialized": request.headers["x-fc-request-id"]}

    def invoke(self, request: Request) -> dict[str, Any]:
        if request.body == b"again":
            raise TryAgain("the table is busy")
        if request.body == b"bug":
            raise KeyError("secret detail")
        return {"got": request.body.decode(), "key": request.headers.get("x-fc-access-key-id")}


@pytest.fixture
def port() -> Iterator[int]:
    server = serve(Echo(), "127.0.0.1", 0)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    thread.join()
    server.server_close()


def call(port: int, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[Any, ...]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body, given)
        response = connection.getresponse()
        return response.status, response.headers["x-fc-status"], json.loads(response.read())
    finally:
        connection.close()


def test_invoke_gives_the_event_and_the_credentials_of_the_request(port: int) -> None:
    answer = call(port, "POST", "/invoke", "Grüße".encode(), X_Fc_Access_Key_Id="LTAI")
    assert answer == (200, "200", {"got": "Grüße", "key": "LTAI"})


def test_initialize_and_pre_stop(port: int) -> None:
    answer = call(port, "POST", "/initialize", x_fc_request_id="r1")
    assert answer == (200, "200", {"initialized": "r1"})
    assert call(port, "GET", "/pre-stop") == (200, "200", {})


def test_what_a_retry_can_mend_asks_for_one(port: int) -> None:
    assert call(port, "POST", "/invoke", b"again") == (200, "404", {"error": "the table is busy"})


def test_a_bug_asks_for_a_retry_and_shows_no_detail(
    port: int, capfd: pytest.CaptureFixture[str]
) -> None:
    assert call(port, "POST", "/invoke", b"bug") == (200, "404", {"error": "KeyError"})
    logged = json.loads(capfd.readouterr().out)
    assert (logged["event"], logged["error"]) == ("invocation_failed", "KeyError")
    assert "secret detail" not in json.dumps(logged)
    assert logged["where"].startswith("test_server.py:")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/", 404), ("POST", "/", 404), ("GET", "/invoke", 404)],
)
def test_other_paths_are_not_there(port: int, method: str, path: str, status: int) -> None:
    answered = call(port, method, path)
    assert answered[:2] == (status, "404")


def test_a_body_too_large_is_refused_unread(port: int) -> None:
    answered = call(port, "POST", "/invoke", b"x", Content_Length=str(10**9))
    assert answered[0] == 413
    assert "must be at most 262144" in answered[2]["error"]

"""The door: whose request it is, and what never gets through."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import websockets
from starlette.responses import PlainTextResponse, Response

from localcloud.core import door
from localcloud.core.errors import CloudError, NotSupported

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.websockets import WebSocket


class Echo:
    """Answers with its name and the size of the body, or as the path says."""

    def __init__(self, name: str, prefix: str = "/") -> None:
        self.name = name
        self._prefix = prefix
        self.running = False

    def recognises(self, request: Request) -> bool:
        return request.url.path.startswith(self._prefix)

    async def handle(self, request: Request) -> Response:
        size = 0
        async for chunk in request.stream():
            size += len(chunk)
        if request.url.path.endswith("/refused"):
            raise CloudError(409, "Taken", "the name is taken")
        if request.url.path.endswith("/unsupported"):
            raise NotSupported(self.name, "DoThis")
        if request.url.path.endswith("/broken"):
            raise RuntimeError("secret detail")
        return PlainTextResponse(f"{self.name} {size}")

    async def start(self) -> None:
        self.running = True

    async def stop(self) -> None:
        self.running = False


class Talker(Echo):
    """Has a WebSocket."""

    async def websocket(self, websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_text(self.name)
        await websocket.close()


async def test_the_first_that_recognises_it_answers_and_the_last_takes_the_rest(
    serve: Any,
) -> None:
    one, last = Echo("one", "/one"), Echo("last", "/never")
    async with serve(one, last) as url, httpx.AsyncClient() as http:
        assert one.running
        assert (await http.get(f"{url}/one")).text == "one 0"
        assert (await http.post(f"{url}/two", content=b"abc")).text == "last 3"
        health = (await http.get(f"{url}/_local/health")).json()
        assert health == {"status": "ok", "services": ["one", "last"]}
    assert not one.running


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:80", 200),
        ("LOCALHOST", 200),
        ("localhost:1", 200),
        ("[::1]:80", 200),
        ("[::1]", 200),
        ("evil.example", 421),
        ("evil.example:80", 421),
        ("127.0.0.1.evil.example", 421),
        ("127.0.0.1@evil.example", 421),
        ("::1", 421),
        ("", 421),
    ],
)
async def test_a_page_that_rebinds_its_name_does_not_get_in(
    serve: Any, host: str, status: int
) -> None:
    async with serve(Echo("echo")) as url, httpx.AsyncClient() as http:
        for path in ("/", "/_local/health"):
            assert (await http.get(url + path, headers={"host": host})).status_code == status


async def test_a_socket_goes_to_who_has_one(serve: Any) -> None:
    async with serve(Echo("echo"), Talker("talker")) as url:
        address = url.replace("http", "ws")
        async with websockets.connect(address) as socket:
            assert await socket.recv() == "talker"
        with pytest.raises(websockets.InvalidStatus) as caught:
            async with websockets.connect(address, additional_headers={"Host": "evil.example"}):
                pass
        assert caught.value.response.status_code in (400, 403)
    async with serve(Echo("echo")) as url:
        with pytest.raises(websockets.InvalidStatus):
            async with websockets.connect(url.replace("http", "ws")):
                pass


@pytest.mark.parametrize("declared", [True, False])
async def test_a_body_has_a_limit_and_large_objects_a_larger_one(
    serve: Any, monkeypatch: pytest.MonkeyPatch, declared: bool
) -> None:
    monkeypatch.setattr(door, "BODY_LIMIT", 1000)
    monkeypatch.setattr(door, "OBJECT_LIMIT", 2000)

    async def chunks(count: int) -> Any:
        for _ in range(count):
            yield b"x" * 500
            await asyncio.sleep(0)

    async with serve(Echo("oss", "/oss"), Echo("other")) as url, httpx.AsyncClient() as http:
        for path, count, status in (
            ("/x", 2, 200),
            ("/x", 3, 413),
            ("/oss", 4, 200),
            ("/oss", 5, 413),
        ):
            content = b"x" * 500 * count if declared else chunks(count)
            answer = await http.post(url + path, content=content)
            assert answer.status_code == status, (path, count)
        assert (await http.get(url)).status_code == 200


@pytest.mark.parametrize(
    ("path", "status", "title"),
    [
        ("/refused", 409, "Taken"),
        ("/unsupported", 501, "NotSupported"),
        ("/broken", 500, "Internal Server Error"),
    ],
)
async def test_errors_are_problem_documents_and_the_door_stays_open(
    serve: Any, path: str, status: int, title: str
) -> None:
    async with serve(Echo("echo")) as url, httpx.AsyncClient() as http:
        answer = await http.get(url + path)
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["title"] == title
        assert "secret" not in answer.text
        assert (await http.get(url)).status_code == 200

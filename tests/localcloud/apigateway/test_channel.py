from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
import websockets
from websockets.asyncio.client import ClientConnection, connect

from localcloud.apigateway.channel import Limits, read_frame
from tests.localcloud.apigateway.conftest import Running
from tests.localcloud.apigateway.test_http import sign

REGISTER, UNREGISTER, NOTIFY = "/v1/push/register", "/v1/push/unregister", "/v1/push/notify"
DEVICE = "2f0a8c52@agent"


@pytest.fixture
def limits() -> Limits:
    return Limits(frames=20, frame_bytes=4096, keep_alive_ms=25_000, lifetime_seconds=3600)


@pytest.fixture
def apis(gateway: Running) -> dict[str, str]:
    """The three APIs of the protocol, an ordinary one, and the token's plugin on what needs it."""
    plugin = gateway.jwt_plugin()
    found = {
        "register": gateway.api("POST", REGISTER, type="REGISTER"),
        "unregister": gateway.api("POST", UNREGISTER, type="UNREGISTER"),
        "notify": gateway.api(
            "POST",
            NOTIFY,
            type="NOTIFY",
            authType="APP",
            serviceType="MOCK",
            mockServiceConfig={"result": ""},
        ),
        "get": gateway.api("GET", "/v1/tickets/[id]"),
    }
    for api in ("register", "unregister"):
        gateway.service.definitions.attach("RELEASE", plugin=plugin, api=found[api])
    return found


@pytest.fixture
async def socket(gateway: Running, apis: dict[str, str]) -> AsyncIterator[ClientConnection]:
    assert apis
    async with connect(gateway.websocket_url) as client:
        yield client


def frame(path: str, kind: str | None = None, seq: int = 0, **changes: Any) -> str:
    headers = {"x-ca-seq": [str(seq)]} | {
        name: [value] for name, value in changes.pop("headers", {}).items()
    }
    if kind:
        headers["x-ca-websocket_api_type"] = [kind]
    call = {"method": "POST", "host": "x", "path": path, "querys": {}, "headers": headers}
    return json.dumps(call | {"isBase64": 0, "body": ""} | changes)


async def opened(socket: ClientConnection, device: str = DEVICE) -> str:
    await socket.send(f"RG#{device}")
    kind, credential, interval = str(await socket.recv()).split("#")
    assert (kind, interval) == ("RO", "25000")
    return credential


async def registered(gateway: Running, socket: ClientConnection, device: str = DEVICE) -> None:
    await opened(socket, device)
    await socket.send(frame(REGISTER, "REGISTER", headers=gateway.bearer(seconds=3600)))
    reply = json.loads(await socket.recv())
    assert (reply["status"], reply["header"]["x-ca-seq"]) == (200, "0")


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.01)


async def push(gateway: Running, app: Any, device: str, body: bytes = b'{"n":1}') -> httpx.Response:
    async with httpx.AsyncClient(base_url=gateway.url) as http:
        headers = sign(gateway, app, NOTIFY, body) | {"x-ca-deviceid": device}
        return await http.post(NOTIFY, content=body, headers=headers)


@pytest.fixture
def app(gateway: Running, apis: dict[str, str]) -> Any:
    app = gateway.service.definitions.put_app({"name": "pusher"})
    gateway.service.definitions.attach("RELEASE", app=app.id, api=apis["notify"])
    return app


async def test_register_tells_the_backend_who_and_which_device(
    gateway: Running, socket: ClientConnection
) -> None:
    await registered(gateway, socket)
    event = gateway.backend.events[0]
    assert event["path"] == REGISTER
    assert event["headers"]["x-ca-deviceid"] == DEVICE
    assert event["headers"]["x-claim-sub"] == "ann"
    assert gateway.service.channels.devices() == [DEVICE]


async def test_a_notification_arrives(gateway: Running, socket: ClientConnection, app: Any) -> None:
    await registered(gateway, socket)
    answer = await push(gateway, app, DEVICE, '{"grüße": 1}'.encode())
    assert answer.status_code == 200
    assert await socket.recv() == 'NF#{"grüße": 1}'
    await socket.send("NO")


async def test_who_is_not_registered_is_offline(
    gateway: Running, socket: ClientConnection, app: Any
) -> None:
    await opened(socket)
    assert (await push(gateway, app, DEVICE)).status_code == 404
    assert (await push(gateway, app, "nobody")).json()["detail"] == "Device is offline"
    async with httpx.AsyncClient(base_url=gateway.url) as http:
        unsigned = await http.post(NOTIFY, content=b"{}", headers={"x-ca-deviceid": DEVICE})
    assert unsigned.status_code == 400


async def test_a_heartbeat_is_answered(socket: ClientConnection) -> None:
    credential = await opened(socket)
    await socket.send("H1")
    assert await socket.recv() == f"HO#{credential}"


async def test_any_api_can_be_called_and_replies_are_matched(
    gateway: Running, socket: ClientConnection
) -> None:
    await opened(socket)
    gateway.backend.delay = 0.02
    for seq in range(3):
        call = frame(f"/v1/tickets/{seq}?x=1", seq=seq, method="GET", querys={"y": "2"})
        await socket.send(call)
    replies = [json.loads(await socket.recv()) for _ in range(3)]
    assert {reply["header"]["x-ca-seq"] for reply in replies} == {"0", "1", "2"}
    assert all((reply["status"], reply["body"]) == (200, "done") for reply in replies)
    assert {event["pathParameters"]["id"] for event in gateway.backend.events} == {"0", "1", "2"}
    assert gateway.backend.events[0]["queryParameters"] == {"x": "1", "y": "2"}


@pytest.mark.parametrize("authorization", [None, "Bearer a.b.c"])
async def test_register_without_a_valid_token_is_refused(
    gateway: Running, socket: ClientConnection, authorization: str | None
) -> None:
    await opened(socket)
    headers = {"authorization": authorization} if authorization else {}
    await socket.send(frame(REGISTER, "REGISTER", headers=headers))
    reply = json.loads(await socket.recv())
    assert reply["status"] in (400, 403)
    assert json.loads(reply["body"])["code"]
    assert gateway.service.channels.devices() == []


async def test_the_kind_of_a_call_must_be_that_of_its_api(
    gateway: Running, socket: ClientConnection
) -> None:
    await opened(socket)
    for path, kind in ((REGISTER, None), (REGISTER, "UNREGISTER"), ("/v1/tickets/1", "REGISTER")):
        method = "GET" if "tickets" in path else "POST"
        await socket.send(frame(path, kind, method=method, headers=gateway.bearer()))
        assert json.loads(await socket.recv())["status"] == 400
    async with httpx.AsyncClient(base_url=gateway.url) as http:
        answer = await http.post(REGISTER, headers=gateway.bearer())
    assert (answer.status_code, answer.json()["code"]) == (403, "I403PT")
    assert not gateway.backend.events


async def test_a_device_belongs_to_one_connection(
    gateway: Running, socket: ClientConnection
) -> None:
    await registered(gateway, socket)
    async with connect(gateway.websocket_url) as thief:
        await thief.send(f"RG#{DEVICE}")
        assert str(await thief.recv()).startswith("RF#")
        await opened(thief, "another@agent")
        await thief.send("RG#again@agent")
        assert str(await thief.recv()).startswith("RF#")


@pytest.mark.parametrize("device", ["", "a b", "x" * 129, "ü"])
async def test_a_device_id_that_is_none_is_refused(socket: ClientConnection, device: str) -> None:
    await socket.send(f"RG#{device}")
    assert str(await socket.recv()).startswith("RF#")


async def test_a_connection_that_ends_is_unregistered(
    gateway: Running, socket: ClientConnection
) -> None:
    await registered(gateway, socket)
    await socket.close()
    await until(lambda: len(gateway.backend.events) == 2)
    event = gateway.backend.events[1]
    assert (event["path"], event["headers"]["x-ca-deviceid"]) == (UNREGISTER, DEVICE)
    assert event["headers"]["x-claim-sub"] == "ann"
    assert gateway.service.channels.devices() == []


async def test_one_that_unregistered_itself_is_not_unregistered_again(
    gateway: Running, socket: ClientConnection, app: Any
) -> None:
    await registered(gateway, socket)
    await socket.send(frame(UNREGISTER, "UNREGISTER", seq=1, headers=gateway.bearer()))
    assert json.loads(await socket.recv())["status"] == 200
    assert (await push(gateway, app, DEVICE)).status_code == 404
    await socket.close()
    await until(lambda: not gateway.service.channels.connections)
    assert len(gateway.backend.events) == 2


async def test_when_the_gateway_stops_devices_are_unregistered(
    gateway: Running, socket: ClientConnection
) -> None:
    await registered(gateway, socket)
    leaving = asyncio.create_task(closed(socket))
    await gateway.service.channels.stop()
    assert [event["path"] for event in gateway.backend.events] == [REGISTER, UNREGISTER]
    assert await leaving == (1001, [])
    assert gateway.service.channels.connections == 0


async def closed(socket: ClientConnection) -> tuple[int | None, list[str]]:
    """Close code, and what came before it."""
    received = []
    try:
        async with asyncio.timeout(5):
            while True:
                received.append(str(await socket.recv()))
    except websockets.ConnectionClosed:
        return socket.close_code, received


async def test_silence_ends_the_connection(gateway: Running, socket: ClientConnection) -> None:
    await registered(gateway, socket)
    gateway.clock.shift = 70
    await socket.send("H1")
    assert str(await socket.recv()).startswith("HO#")
    gateway.clock.shift = 140
    await asyncio.sleep(0.05)
    assert socket.close_code is None
    gateway.clock.shift = 146
    assert await closed(socket) == (1001, [])
    await until(lambda: gateway.backend.events[-1]["path"] == UNREGISTER)


async def test_an_old_connection_has_to_come_again(
    gateway: Running, socket: ClientConnection
) -> None:
    await opened(socket)
    for shift in range(60, 3601, 60):
        gateway.clock.shift = shift - 1
        await socket.send("NO")
        await socket.ping()
        await asyncio.sleep(0)
    await socket.send("H1")
    assert str(await socket.recv()).startswith("HO#")
    gateway.clock.shift = 3601
    assert await closed(socket) == (1001, ["CR"])


async def test_too_many_frames_are_told_to_leave(socket: ClientConnection) -> None:
    await opened(socket)
    for _ in range(25):
        await socket.send("NO")
    assert await closed(socket) == (1008, ["OS"])


@pytest.mark.parametrize(
    ("text", "code"),
    [("x" * 5000, 1009), ("what", 1008), (b"RG#x", 1008), ('{"method":"GET"}', 1008)],
)
async def test_what_is_no_protocol_ends_the_connection(
    socket: ClientConnection, text: str | bytes, code: int
) -> None:
    await socket.send(text)
    assert (await closed(socket))[0] == code


async def test_a_call_that_the_gateway_fails_on_is_answered_too(
    gateway: Running, socket: ClientConnection
) -> None:
    await opened(socket)
    gateway.backend.error = RuntimeError("a mistake")
    await socket.send(frame("/v1/tickets/1", method="GET", seq=7))
    reply = json.loads(await socket.recv())
    assert (reply["status"], reply["header"]["x-ca-seq"]) == (500, "7")
    await socket.send("H1")
    assert str(await socket.recv()).startswith("HO#")


async def test_a_frame_that_is_wrong_is_answered(socket: ClientConnection) -> None:
    await opened(socket)
    for text in ("{", '{"method": 1, "path": "/x"}', '{"method": "GET", "path": "x"}'):
        await socket.send(text)
        assert json.loads(await socket.recv())["status"] == 400


@pytest.mark.parametrize(
    "text",
    [
        "[]", "{}", "[" * 100_000, '{"method": "GET", "path": "/", "querys": [1]}',
        '{"method": "GET", "path": "/", "headers": {"a": [1]}}',
        '{"method": "GET", "path": "/", "headers": []}',
        '{"method": "GET", "path": "/\\ud800"}',
        '{"method": "GET", "path": "/", "isBase64": 1, "body": "%"}',
    ],
)  # fmt: skip
def test_reading_a_frame_names_what_is_wrong(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        read_frame(text, DEVICE)


async def test_the_server_stays_up_after_all_that(gateway: Running) -> None:
    gateway.api("GET", "/v1/me")
    for text in ("x", "RG#" + "y" * 4000, "{"):
        async with connect(gateway.websocket_url) as socket:
            await socket.send(text)
    async with httpx.AsyncClient(base_url=gateway.url) as http:
        assert (await http.get("/v1/me")).status_code == 200

"""The push channel, against a scripted gateway."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import TYPE_CHECKING, Any

import pytest
from websockets.asyncio.server import ServerConnection, serve

from clients import ChannelClosed, PushChannel

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    Script = Callable[["Gateway", ServerConnection], Awaitable[None]]


def message(ticket: str, seq: int, kind: str = "planned") -> str:
    content = {"id": f"{ticket}:{seq}", "type": f"agent.ticket.{kind}", "data": {"seq": seq}}
    return "NF#" + json.dumps({"specversion": "1.0", **content})


class Gateway:
    """Speaks the gateway's side, as far as a test's script says."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.seen: list[str] = []
        self.url = ""

    async def talk(self, socket: ServerConnection) -> None:
        with contextlib.suppress(Exception):
            await self.script(self, socket)

    async def hear(self, socket: ServerConnection) -> str:
        text = await socket.recv()
        assert isinstance(text, str)
        self.seen.append(text)
        return text

    async def answer(self, socket: ServerConnection, status: int = 200) -> dict[str, Any]:
        """Hear the next call, and answer it."""
        while not (text := await self.hear(socket)).startswith("{"):
            pass
        call: dict[str, Any] = json.loads(text)
        header = {"x-ca-seq": call["headers"]["x-ca-seq"]}
        await socket.send(json.dumps({"status": status, "header": header, "body": "no"}))
        return call


@contextlib.asynccontextmanager
async def gateway(script: Script) -> AsyncIterator[Gateway]:
    made = Gateway(script)
    async with serve(made.talk, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        made.url = f"ws://127.0.0.1:{port}/"
        yield made


async def opened(one: Gateway, socket: ServerConnection, keep_alive: int = 25_000) -> None:
    assert (await one.hear(socket)).startswith("RG#")
    await socket.send(f"RO#credential#{keep_alive}")
    call = await one.answer(socket)
    assert call["headers"]["x-ca-websocket_api_type"] == ["REGISTER"]
    assert call["headers"]["authorization"] == ["Bearer secret"]


async def test_events_come_once_in_order_of_arrival() -> None:
    async def script(one: Gateway, socket: ServerConnection) -> None:
        await opened(one, socket)
        for text in (message("t", 1), message("t", 3), message("t", 1), message("u", 1)):
            await socket.send(text)
        await one.answer(socket)

    async with gateway(script) as one, PushChannel(one.url, "secret") as channel:
        got = []
        async for event in channel:
            got.append((event.ticket_id, event.seq, event.kind))
            if len(got) == 3:
                break
    assert got == [("t", 1, "planned"), ("t", 3, "planned"), ("u", 1, "planned")]
    # Every push is acknowledged, the doubled one too, and leaving is said.
    assert one.seen.count("NO") >= 4
    assert json.loads(one.seen[-1])["headers"]["x-ca-websocket_api_type"] == ["UNREGISTER"]


async def test_what_is_pushed_before_the_answer_is_not_lost() -> None:
    async def script(one: Gateway, socket: ServerConnection) -> None:
        await one.hear(socket)
        await socket.send("RO#credential#25000")
        await socket.send(message("t", 1))
        await one.answer(socket)
        await one.answer(socket)

    async with gateway(script) as one, PushChannel(one.url, "secret") as channel:
        async for event in channel:
            assert event.seq == 1
            break


async def test_heartbeats_keep_the_interval_of_the_gateway() -> None:
    beats = asyncio.Event()

    async def script(one: Gateway, socket: ServerConnection) -> None:
        await opened(one, socket, keep_alive=10)
        while one.seen.count("H1") < 3:
            await one.hear(socket)
            await socket.send("HO#credential")
        beats.set()
        await one.answer(socket)

    async with gateway(script) as one, PushChannel(one.url, "secret"):
        await asyncio.wait_for(beats.wait(), 10)


@pytest.mark.parametrize(
    ("reply", "says"), [("RF#no", "refused"), ("RO#credential#soon", "heartbeat")]
)
async def test_a_connection_that_is_refused(reply: str, says: str) -> None:
    async def script(one: Gateway, socket: ServerConnection) -> None:
        await one.hear(socket)
        await socket.send(reply)
        await socket.wait_closed()

    async with gateway(script) as one:
        with pytest.raises(ChannelClosed, match=says):
            async with PushChannel(one.url, "secret"):
                pass


async def test_a_registration_that_is_refused() -> None:
    async def script(one: Gateway, socket: ServerConnection) -> None:
        await one.hear(socket)
        await socket.send("RO#credential#25000")
        await one.answer(socket, status=403)
        await socket.wait_closed()

    async with gateway(script) as one:
        with pytest.raises(ChannelClosed, match="REGISTER was refused: 403"):
            async with PushChannel(one.url, "secret"):
                pass


@pytest.mark.parametrize("ending", ["CR", "OS", None])
async def test_a_channel_that_the_gateway_ends(ending: str | None) -> None:
    async def script(one: Gateway, socket: ServerConnection) -> None:
        await opened(one, socket)
        if ending is None:
            await socket.close()
        else:
            await socket.send(ending)
            await one.answer(socket)

    async with gateway(script) as one, PushChannel(one.url, "secret") as channel:
        with pytest.raises(ChannelClosed):
            async for _ in channel:
                pass


async def test_a_channel_that_was_never_opened() -> None:
    with pytest.raises(ChannelClosed, match="async with"):
        async for _ in PushChannel("ws://127.0.0.1:1/", "secret"):
            pass

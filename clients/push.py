"""The push channel: the API Gateway's bidirectional protocol over one WebSocket.

The client opens the socket and names its device (`RG#`), the gateway answers with the heartbeat
interval (`RO#`), and the client calls the REGISTER API in a JSON frame that carries its token. From
then on the gateway pushes (`NF#`) until one side closes. Source: Alibaba Cloud documents 66031 and
88178, checked against open-source clients.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import uuid
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

import websockets
from websockets.asyncio.client import ClientConnection, connect

from clients.errors import ChannelClosed
from clients.models import Event

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from types import TracebackType

REGISTER_PATH = "/v1/push/register"
UNREGISTER_PATH = "/v1/push/unregister"
ANSWER_SECONDS = 15.0


class PushChannel:
    """Registered from `async with` on; iterating gives each event once, in the order of arrival.

    Delivery is at least once, so an event may be pushed twice: the second one is dropped here.
    What was missed while no channel was open is in the ticket's log (`AgentClient.events`).

    Args:
        url: `ws://` or `wss://` address of the gateway.
        token: the JWT; pushing stops when it expires.
    """

    def __init__(self, url: str, token: str) -> None:
        self._url = url
        self._token = token
        self._device = f"{uuid.uuid4()}@agent"
        self._socket: ClientConnection | None = None
        self._heartbeat: asyncio.Task[None] | None = None
        self._seen: set[tuple[str, int]] = set()
        self._early: list[str] = []
        self._calls = 0

    async def __aenter__(self) -> Self:
        self._socket = await connect(self._url, max_size=1 << 20)
        try:
            keep_alive = await self._open()
            await self._call("POST", REGISTER_PATH, "REGISTER")
        except BaseException:
            await self._socket.close()
            raise
        self._heartbeat = asyncio.create_task(self._beat(keep_alive))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._heartbeat is not None:
            self._heartbeat.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._heartbeat
        if self._socket is not None:
            # Leaving politely is a courtesy: the gateway also notices a closed socket by itself.
            with contextlib.suppress(ChannelClosed, TimeoutError, websockets.ConnectionClosed):
                await self._call("POST", UNREGISTER_PATH, "UNREGISTER")
            await self._socket.close()

    async def __aiter__(self) -> AsyncIterator[Event]:
        while True:
            event = _event(self._early.pop(0) if self._early else await self._pushed())
            if (event.ticket_id, event.seq) not in self._seen:
                self._seen.add((event.ticket_id, event.seq))
                yield event

    async def _open(self) -> int:
        await self._connection.send(f"RG#{self._device}")
        answer = await self._receive(ANSWER_SECONDS)
        kind, _, rest = answer.partition("#")
        if kind != "RO":
            raise ChannelClosed(f"the gateway refused the connection: {answer}")
        try:
            return int(rest.rpartition("#")[2])
        except ValueError:
            raise ChannelClosed(
                f"the gateway answered without a heartbeat interval: {answer}"
            ) from None

    async def _call(self, method: str, path: str, kind: str) -> None:
        seq = str(self._calls)
        self._calls += 1
        frame = {
            "method": method,
            "host": urlsplit(self._url).netloc,
            "path": path,
            "querys": {},
            "headers": {
                "x-ca-websocket_api_type": [kind],
                "x-ca-seq": [seq],
                "authorization": [f"Bearer {self._token}"],
            },
            "isBase64": 0,
            "body": "",
        }
        await self._connection.send(json.dumps(frame))
        async with asyncio.timeout(ANSWER_SECONDS):
            while True:
                text = await self._receive(None)
                if text.startswith("NF#"):
                    await self._connection.send("NO")
                    self._early.append(text[3:])
                elif text.startswith("{"):
                    answer = json.loads(text)
                    if _header(answer, "x-ca-seq") == seq:
                        break
        if answer.get("status") != 200:
            raise ChannelClosed(
                f"{kind} was refused: {answer.get('status')} {answer.get('body', '')}"
            )

    async def _pushed(self) -> str:
        while True:
            text = await self._receive(None)
            if text.startswith("NF#"):
                await self._connection.send("NO")
                return text[3:]
            if text.startswith(("OS", "CR")):
                raise ChannelClosed("the gateway asks to connect again: " + text)

    async def _receive(self, seconds: float | None) -> str:
        try:
            async with asyncio.timeout(seconds):
                text = await self._connection.recv()
        except websockets.ConnectionClosed as closed:
            raise ChannelClosed(f"the gateway closed the channel: {closed}") from closed
        return text if isinstance(text, str) else text.decode()

    async def _beat(self, keep_alive_ms: int) -> None:
        while True:
            await asyncio.sleep(keep_alive_ms / 1000)
            await self._connection.send("H1")

    @property
    def _connection(self) -> ClientConnection:
        if self._socket is None:
            raise ChannelClosed("the channel is not open: use it in `async with`")
        return self._socket


def _header(answer: dict[str, Any], name: str) -> str | None:
    headers = answer.get("header") or answer.get("headers") or {}
    value = next((value for key, value in headers.items() if key.lower() == name), None)
    return (
        str(value[0])
        if isinstance(value, list) and value
        else None
        if value is None
        else str(value)
    )


def _event(text: str) -> Event:
    """A pushed message is a CloudEvent 1.0: id `<ticket_id>:<seq>`, type `agent.ticket.<kind>`."""
    message = json.loads(text)
    ticket_id, _, seq = str(message["id"]).rpartition(":")
    kind = str(message["type"]).removeprefix("agent.ticket.")
    return Event(ticket_id=ticket_id, seq=int(seq), kind=kind, data=message.get("data") or {})

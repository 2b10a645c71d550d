"""One WebSocket channel: the client's side of the bidirectional protocol.

    client                          gateway
    RG#<device id>                  RO#<credential>#<heartbeat ms>, or RF#<error>
    H1                              HO#<credential>
    {method, path, headers, …}      {status, header, body}, matched by ``x-ca-seq``
    NO                              NF#<message>
                                    OS (too many calls), CR (lived long enough): connect again

Source: doc-detail/66031 and 88178, and open-source clients [D]. Not documented and chosen here: a
device id that is connected is refused to a second connection (otherwise whoever learns an id would
get the pushes); a push reaches only a device whose REGISTER call was answered with 200; silence of
three heartbeat intervals ends the channel; the limits of `Limits`.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import json
import logging
import re
import secrets
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from starlette.websockets import WebSocketDisconnect

from localcloud.apigateway.event import Answer
from localcloud.apigateway.gateway import Call

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.websockets import WebSocket

    from localcloud.core.clock import Clock

logger = logging.getLogger(__name__)

_DEVICE = re.compile(r"^[\x21-\x7e]{1,128}$")
_SEND_SECONDS = 10.0
_MISSED_HEARTBEATS = 3
POLICY_VIOLATION, TOO_BIG, GOING_AWAY = 1008, 1009, 1001


@dataclass(frozen=True)
class Limits:
    """What one channel, and all together, may use.

    Attributes:
        keep_alive_ms: heartbeat interval told to the client; 25000 is the documented example.
        frame_bytes: size of a frame.
        frames: calls and signals within ``window_seconds``; more, and the client has to leave.
        running: calls of one channel at a time.
        lifetime_seconds: age at which a channel has to be opened anew.
        channels: open channels; the cloud's limit is 100,000 a domain.
    """

    keep_alive_ms: int = 25_000
    frame_bytes: int = 128 * 1024
    frames: int = 200
    window_seconds: float = 10.0
    running: int = 16
    lifetime_seconds: float = 12 * 3600.0
    channels: int = 1000


class Leave(Exception):
    """The channel ends: close code and reason."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


@dataclass(eq=False)
class Channel:
    """A connection; `run` returns when it has ended.

    Attributes:
        device: set by ``RG#``.
        registered: the REGISTER call that was answered with 200.
    """

    socket: WebSocket
    clock: Clock
    limits: Limits
    answer: Callable[[Call], Awaitable[Answer]]
    enter: Callable[[Channel, str], str | None]
    device: str | None = None
    registered: Call | None = None
    credential: str = field(default_factory=lambda: secrets.token_hex(8))
    _sending: asyncio.Lock = field(default_factory=asyncio.Lock)
    _heard: float = 0.0
    _frames: deque[float] = field(default_factory=deque)
    _calls: set[asyncio.Task[None]] = field(default_factory=set)

    async def run(self) -> None:
        """Serve the connection until either side ends it."""
        await self.socket.accept()
        self._heard = self.clock.monotonic()
        watch = asyncio.create_task(self._watch())
        read = asyncio.create_task(self._read())
        try:
            await asyncio.wait({watch, read}, return_when=asyncio.FIRST_COMPLETED)
            for task in (watch, read):
                if task.done():
                    task.result()
        except Leave as leave:
            with contextlib.suppress(RuntimeError, OSError, WebSocketDisconnect):
                await self.socket.close(leave.code, leave.reason)
        except WebSocketDisconnect:
            logger.debug("channel of %s: the client left", self.device)
        finally:
            tasks = [watch, read, *self._calls]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def push(self, text: str) -> bool:
        """Send a notification; False when the client does not take it in time."""
        try:
            await self.send(f"NF#{text}")
        except (TimeoutError, RuntimeError, OSError, WebSocketDisconnect):
            return False
        return True

    async def send(self, text: str) -> None:
        """Send one frame.

        Raises:
            TimeoutError: the client does not read.
        """
        async with asyncio.timeout(_SEND_SECONDS), self._sending:
            await self.socket.send_text(text)

    async def close(self, reason: str) -> None:
        """End the channel from outside."""
        with contextlib.suppress(RuntimeError, OSError, WebSocketDisconnect):
            await self.socket.close(GOING_AWAY, reason)

    async def _watch(self) -> None:
        """End a channel that went silent, or that is too old."""
        begun = self.clock.monotonic()
        silence = _MISSED_HEARTBEATS * self.limits.keep_alive_ms / 1000
        while True:
            now = self.clock.monotonic()
            heard, old = self._heard + silence, begun + self.limits.lifetime_seconds
            if now >= heard:
                raise Leave(GOING_AWAY, "no heartbeat")
            if now >= old:
                await self.send("CR")
                raise Leave(GOING_AWAY, "connection lifetime reached")
            await self.clock.sleep(min(heard, old) - now)

    async def _read(self) -> None:
        while True:
            message = await self.socket.receive()
            if message["type"] == "websocket.disconnect":
                raise WebSocketDisconnect(message.get("code", 1005))
            text = message.get("text")
            if text is None:
                raise Leave(POLICY_VIOLATION, "frames are text")
            if len(text.encode()) > self.limits.frame_bytes:
                raise Leave(TOO_BIG, f"a frame is at most {self.limits.frame_bytes} bytes")
            self._heard = self.clock.monotonic()
            await self._limit()
            await self._take(text)

    async def _limit(self) -> None:
        self._frames.append(self._heard)
        while self._frames[0] < self._heard - self.limits.window_seconds:
            self._frames.popleft()
        if len(self._frames) > self.limits.frames or len(self._calls) > self.limits.running:
            await self.send("OS")
            raise Leave(POLICY_VIOLATION, "too many calls")

    async def _take(self, text: str) -> None:
        if text.startswith("RG#"):
            refusal = self._greet(text[3:])
            interval = self.limits.keep_alive_ms
            await self.send(f"RF#{refusal}" if refusal else f"RO#{self.credential}#{interval}")
        elif text == "H1":
            await self.send(f"HO#{self.credential}")
        elif text.startswith("{"):
            if self.device is None:
                raise Leave(POLICY_VIOLATION, "name the device first: RG#")
            task = asyncio.create_task(self._call(text))
            self._calls.add(task)
            task.add_done_callback(self._calls.discard)
        elif text != "NO":
            raise Leave(POLICY_VIOLATION, f"unknown command {text[:16]!r}")

    def _greet(self, device: str) -> str | None:
        if self.device is not None:
            return "this connection has a device already"
        if not _DEVICE.match(device):
            return "a device id has 1 to 128 visible ASCII characters"
        refusal = self.enter(self, device)
        if refusal is None:
            self.device = device
        return refusal

    async def _call(self, text: str) -> None:
        try:
            call = read_frame(text, self.device)
        except ValueError as bad:
            reply = {"status": 400, "header": {"x-ca-error-message": str(bad)}, "body": str(bad)}
            await self.send(json.dumps(reply))
            return
        try:
            answer = await self.answer(call)
        except Exception:
            # One call must not end the channel; what happened goes to the log of this machine.
            logger.exception("the gateway failed on %s %s", call.method, call.raw_path)
            answer = Answer(500, {}, b"")
        if answer.status == 200 and call.kind == "REGISTER":
            self.registered = call
        if answer.status == 200 and call.kind == "UNREGISTER":
            self.registered = None
        with contextlib.suppress(RuntimeError, OSError, WebSocketDisconnect, TimeoutError):
            await self.send(write_reply(call, answer))


def read_frame(text: str, device: str | None) -> Call:
    """Read a call from a JSON frame.

    Raises:
        ValueError: the message names the field that is wrong.
    """
    try:
        frame = json.loads(text)
        json.dumps(frame, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise ValueError("the frame is no JSON in UTF-8") from None
    path = _text(frame, "path")
    if not path.startswith("/"):
        raise ValueError("path must begin with a slash")
    raw_path, _, in_path = path.partition("?")
    headers = _headers(frame.get("headers"))
    querys = frame.get("querys") or {}
    if not isinstance(querys, dict):
        raise ValueError("querys must be texts by name")  # noqa: TRY004  (one error for bad input)
    query = [*parse_qsl(in_path, keep_blank_values=True), *((k, str(v)) for k, v in querys.items())]
    body = _text(frame, "body", "").encode()
    if frame.get("isBase64") in (1, True):
        try:
            body = base64.b64decode(body, validate=True)
        except binascii.Error:
            raise ValueError("body is no base64") from None
    return Call(
        method=_text(frame, "method").upper(),
        raw_path=raw_path,
        query=tuple(query),
        headers=headers,
        body=body,
        device=device,
        kind=headers.get("x-ca-websocket_api_type", "COMMON").upper(),
    )


def write_reply(call: Call, answer: Answer) -> str:
    """The frame that answers a call; a body that is not UTF-8 text goes in base64."""
    header = {**answer.headers, "x-ca-seq": call.headers.get("x-ca-seq", "")}
    reply: dict[str, Any] = {"status": answer.status, "header": header, "isBase64": 0}
    try:
        reply["body"] = answer.body.decode()
    except UnicodeDecodeError:
        reply |= {"isBase64": 1, "body": base64.b64encode(answer.body).decode()}
    return json.dumps(reply, ensure_ascii=False)


def _text(frame: Any, name: str, default: str | None = None) -> str:
    if not isinstance(frame, dict):
        raise ValueError("the frame must be an object")  # noqa: TRY004  (one error for bad input)
    value = frame.get(name, default)
    if value is None and default is not None:
        return default
    if not isinstance(value, str):
        raise ValueError(f"{name} must be a text")  # noqa: TRY004  (one error for bad input)
    return value


def _headers(given: Any) -> dict[str, str]:
    """Headers are lists of texts; clients are known to send bare texts too."""
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise ValueError("headers must be lists of texts by name")  # noqa: TRY004
    found: dict[str, str] = {}
    for name, value in given.items():
        values = value if isinstance(value, list) else [value]
        if not all(isinstance(item, str) for item in values):
            raise ValueError(f"header {name} must be a list of texts")
        found[name.lower()] = ",".join(values)
    return found

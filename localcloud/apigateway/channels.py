"""All open WebSocket channels: who is online, and what becomes of a channel that ends."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from localcloud.apigateway.channel import Channel, Limits
from localcloud.apigateway.gateway import Call

if TYPE_CHECKING:
    from starlette.websockets import WebSocket

    from localcloud.apigateway.definitions import Definitions
    from localcloud.apigateway.gateway import Gateway
    from localcloud.core.clock import Clock

logger = logging.getLogger(__name__)

STOP_SECONDS = 5.0


class Channels:
    """The connections of the gateway.

    Args:
        definitions: to find the UNREGISTER API.
        clock: the cloud's.
        limits: of each channel.
    """

    def __init__(
        self, definitions: Definitions, clock: Clock, limits: Limits | None = None
    ) -> None:
        self._definitions = definitions
        self._clock = clock
        self.limits = limits or Limits()
        self._open: dict[Channel, asyncio.Task[None] | None] = {}
        self._devices: dict[str, Channel] = {}

    async def serve(self, socket: WebSocket, gateway: Gateway) -> None:
        """Serve one connection to its end, then tell the backend that the device is gone."""
        channel = Channel(socket, self._clock, self.limits, gateway.answer, self._enter)
        task = asyncio.current_task()
        self._open[channel] = task
        try:
            await channel.run()
            if channel.device is not None:
                self._devices.pop(channel.device, None)
            await self._unregister(channel, gateway)
        finally:
            self._open.pop(channel, None)
            if channel.device is not None:
                self._devices.pop(channel.device, None)

    async def push(self, device: str, text: str) -> bool:
        """Push to a registered device.

        Returns:
            False when it is not online; one that does not read in time is disconnected.
        """
        channel = self._devices.get(device)
        if channel is None or channel.registered is None:
            return False
        if await channel.push(text):
            return True
        await channel.close("the client does not read")
        return False

    @property
    def connections(self) -> int:
        """How many channels are open."""
        return len(self._open)

    def devices(self) -> list[str]:
        """Ids of the registered devices."""
        return sorted(name for name, channel in self._devices.items() if channel.registered)

    async def stop(self) -> None:
        """Close every channel and tell the backends, which have to be there still."""
        tasks = {task for task in self._open.values() if task is not None}
        await asyncio.gather(*(channel.close("the gateway stops") for channel in list(self._open)))
        if tasks:
            await asyncio.wait(tasks, timeout=STOP_SECONDS)

    def _enter(self, channel: Channel, device: str) -> str | None:
        if len(self._open) > self.limits.channels:
            return "too many connections"
        if device in self._devices:
            return "the device is connected already"
        self._devices[device] = channel
        return None

    async def _unregister(self, channel: Channel, gateway: Gateway) -> None:
        """Call the UNREGISTER API of the group that the device registered with.

        Documented is that a client leaves by calling it. That the gateway does so for a client that
        is gone is chosen here: it repeats the headers of the REGISTER call, the token among them,
        so that the backend learns no more than it would have from the client.
        """
        registered = channel.registered
        if registered is None:
            return
        published = self._definitions.published(registered.stage)
        groups = {
            api.group_id
            for api in published
            if api.websocket_type == "REGISTER" and api.path.match(registered.raw_path) is not None
        }
        for api in published:
            if api.websocket_type == "UNREGISTER" and api.group_id in groups and not api.path.names:
                call = Call(
                    method=api.method,
                    raw_path=api.path.text,
                    query=(),
                    headers=registered.headers,
                    device=channel.device,
                    kind="UNREGISTER",
                )
                answer = await gateway.answer(call)
                if answer.status != 200:
                    logger.warning("UNREGISTER of %s: status %s", channel.device, answer.status)
                return

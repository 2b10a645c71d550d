"""Built-in Python runtimes: the runtime host as a process, spoken to over a socket pair."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any

from localcloud.fc import limits
from localcloud.fc.model import Call, Outcome
from localcloud.fc.process import Process

if TYPE_CHECKING:
    from localcloud.fc.home import Home
    from localcloud.fc.interpreters import Interpreter
    from localcloud.fc.logs import InstanceLog

_HOST = Path(__file__).with_name("runtime") / "host.py"
_LENGTHS = struct.Struct("!II")
_LARGEST_HEADER = 64 * 1024
# The runtime of python3.12 has no context.credentials (help page "Credentials").
_CREDENTIALS_IN_ENVIRONMENT = frozenset({"python3.12"})


class BuiltIn:
    """One runtime host.

    Args:
        home: the instance's place.
        log: gets its output.
        interpreter: what to run it with, once that is known.
    """

    marks = True
    sole_connection = True

    def __init__(
        self, home: Home, log: InstanceLog, interpreter: asyncio.Task[Interpreter]
    ) -> None:
        self._home = home
        self._log = log
        self._interpreter = interpreter
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self.process: Process | None = None

    async def start(self) -> Outcome:
        """Spawn, connect, import the handler's module.

        Raises:
            ConnectionError: the process died.
        """
        spec = self._home.spec
        interpreter = await asyncio.shield(self._interpreter)
        ours, theirs = socket.socketpair()
        try:
            self.process = await Process.spawn(
                [str(interpreter.path), "-S", str(_HOST), str(theirs.fileno())],
                environment=self._home.variables(),
                folder=self._home.code,
                record=self._home.folder / "process.json",
                on_line=self._log.line,
                descriptors=[theirs.fileno()],
            )
            self._reader, self._writer = await asyncio.open_connection(sock=ours)
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        initializer = spec.initializer.handler if spec.initializer else ""
        return await self._ask(
            {
                "type": "load",
                "code": str(self._home.code),
                "function": {
                    "name": spec.name,
                    "handler": spec.handler,
                    "memory": spec.memory,
                    "timeout": int(spec.timeout),
                    "initializer": initializer,
                },
                "region": self._home.config.region,
                "account_id": self._home.config.account_id,
                "qualifier": "LATEST",
                "instance_id": self._home.instance_id,
                "credentials_in_environment": spec.runtime in _CREDENTIALS_IN_ENVIRONMENT,
            }
        )

    async def initialize(self, call: Call) -> Outcome:
        """Run the initializer."""
        hook = self._home.spec.initializer
        return await self._ask(self._header("initialize", call, hook.handler if hook else ""))

    async def invoke(self, call: Call) -> Outcome:
        """Run the handler.

        Raises:
            ConnectionError: the process died.
        """
        return await self._ask(self._header("invoke", call, ""), call.payload)

    async def pre_stop(self, call: Call) -> None:
        """Run the pre-stop hook."""
        hook = self._home.spec.pre_stop
        await self._ask(self._header("pre_stop", call, hook.handler if hook else ""))

    async def close(self) -> None:
        """Close the socket; a host that is still there ends itself and its group."""
        if self._writer is not None:
            self._writer.close()

    def _header(self, kind: str, call: Call, handler: str) -> dict[str, Any]:
        keys = self._home.keys()
        return {
            "type": kind,
            "handler": handler,
            "request_id": call.request_id,
            "attempt": call.attempt,
            "credentials": {
                "access_key_id": keys.access_key_id,
                "access_key_secret": keys.access_key_secret,
                "security_token": keys.security_token,
            },
        }

    async def _ask(self, header: dict[str, Any], body: bytes = b"") -> Outcome:
        if self._reader is None or self._writer is None:
            raise ConnectionError("not connected")
        text = json.dumps(header).encode()
        try:
            self._writer.write(_LENGTHS.pack(len(text), len(body)) + text + body)
            await self._writer.drain()
            first, second = _LENGTHS.unpack(await self._reader.readexactly(_LENGTHS.size))
            if first > _LARGEST_HEADER:
                raise ConnectionError("the runtime host does not speak the protocol")
            answer = json.loads(await self._reader.readexactly(first))
            if second > limits.RESULT:
                return await self._too_large(second)
            return Outcome(await self._reader.readexactly(second), answer.get("error"))
        except asyncio.IncompleteReadError as gone:
            raise ConnectionResetError("the runtime host closed the connection") from gone

    async def _too_large(self, size: int) -> Outcome:
        """Read past the result, so that the next answer is where it is looked for."""
        left = size
        while left and self._reader is not None:
            left -= len(await self._reader.readexactly(min(left, 1 << 20)))
        return oversized(size)


def oversized(size: int) -> Outcome:
    """The outcome of a run whose result is too large."""
    message = f"the response has {size} bytes, at most {limits.RESULT} are allowed"
    document = {"errorMessage": message, "errorType": "ResponseTooLarge"}
    return Outcome(json.dumps(document).encode(), "UnhandledInvocationError")

"""Custom containers: the image's command as a process that serves HTTP on a free port."""

from __future__ import annotations

import asyncio
import os
import socket
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import httpx

from localcloud.core.errors import CloudError
from localcloud.fc import limits
from localcloud.fc.builtin import oversized
from localcloud.fc.interpreters import base_interpreter
from localcloud.fc.model import Call, Outcome
from localcloud.fc.process import Process, dies_with_parent

if TYPE_CHECKING:
    from localcloud.fc.home import Home
    from localcloud.fc.logs import InstanceLog

_LAUNCHER = Path(__file__).with_name("runtime") / "launch.py"
_CONNECT_EVERY_S = 0.01
_PYTHONS = ("python", "python3")


class ContainerRuntime:
    """One container.

    Args:
        home: the instance's place; its code is the image's root file system.
        log: gets its output.
        config: the image's configuration (the inner "config" of the OCI document).
    """

    marks = False
    sole_connection = False

    def __init__(self, home: Home, log: InstanceLog, config: dict[str, Any]) -> None:
        self._home = home
        self._log = log
        self._config = config
        self._client: httpx.AsyncClient | None = None
        self.process: Process | None = None

    async def start(self) -> Outcome:
        """Spawn, and wait until it accepts connections.

        Raises:
            ConnectionError: the process died before.
            CloudError: the command cannot be run on this machine.
        """
        port = _free_port()
        folder = self._inside(self._config.get("WorkingDir") or "/") or self._home.code
        self.process = await Process.spawn(
            dies_with_parent(self._command(), _LAUNCHER, base_interpreter().path),
            environment=self._variables(folder, port),
            folder=folder,
            record=self._home.folder / "process.json",
            on_line=self._log.line,
        )
        while not self.process.exited.done():
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.wait({self.process.exited}, timeout=_CONNECT_EVERY_S)
                continue
            writer.close()
            self._client = httpx.AsyncClient(
                base_url=f"http://127.0.0.1:{port}",
                timeout=None,  # noqa: S113  (the instance knows when a request is over)
                trust_env=False,
                # A connection that is kept may close while the instance is frozen.
                limits=httpx.Limits(max_connections=None, max_keepalive_connections=0),
            )
            return Outcome(b"")
        raise ConnectionError("the container ended before it listened")

    async def initialize(self, call: Call) -> Outcome:
        """POST /initialize."""
        return await self._request("POST", "/initialize", call)

    async def invoke(self, call: Call) -> Outcome:
        """POST /invoke; ``x-fc-status: 404`` means that the function failed.

        Raises:
            ConnectionError: the process died, or closed the connection.
        """
        return await self._request("POST", "/invoke", call)

    async def pre_stop(self, call: Call) -> None:
        """GET /pre-stop."""
        await self._request("GET", "/pre-stop", call)

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.aclose()

    async def _request(self, method: str, path: str, call: Call) -> Outcome:
        if self._client is None:
            raise ConnectionError("not connected")
        headers = self._headers(path, call)
        try:
            async with self._client.stream(
                method, path, content=call.payload, headers=headers
            ) as answer:
                body = bytearray()
                async for chunk in answer.aiter_bytes():
                    body += chunk
                    if len(body) > limits.RESULT:
                        return oversized(len(body))
        except httpx.HTTPError as error:
            raise ConnectionError(f"{method} {path}: {error or type(error).__name__}") from error
        if answer.headers.get("x-fc-status") == "404":
            return Outcome(bytes(body), "HandledInvocationError")
        if answer.status_code >= 400:
            return Outcome(bytes(body), "UnhandledInvocationError")
        return Outcome(bytes(body))

    def _headers(self, path: str, call: Call) -> dict[str, str]:
        spec, keys = self._home.spec, self._home.keys()
        project, store = spec.log or ("", "")
        return {
            "content-type": "application/octet-stream",
            "x-fc-request-id": call.request_id,
            "x-fc-access-key-id": keys.access_key_id,
            "x-fc-access-key-secret": keys.access_key_secret,
            "x-fc-security-token": keys.security_token,
            "x-fc-function-name": spec.name,
            "x-fc-function-handler": spec.handler,
            "x-fc-function-memory": str(spec.memory),
            "x-fc-function-timeout": str(int(spec.timeout)),
            "x-fc-region": self._home.config.region,
            "x-fc-account-id": self._home.config.account_id,
            "x-fc-qualifier": "LATEST",
            "x-fc-version-id": "LATEST",
            "x-fc-control-path": path,
            "x-fc-log-project": project,
            "x-fc-log-logstore": store,
            "x-fc-retry-count": str(call.attempt - 1),
        }

    def _command(self) -> list[str]:
        """Entry point and command by the rules of containers, made to run on this machine."""
        container = self._home.spec.container
        entrypoint = container.entrypoint if container else None
        command = container.command if container else None
        if entrypoint is None:
            entrypoint = tuple(self._config.get("Entrypoint") or ())
            command = command or tuple(self._config.get("Cmd") or ())
        words = [*entrypoint, *(command or ())]
        if not words:
            raise CloudError(
                400, "ImageInvalid", "the image has neither an entrypoint nor a command"
            )
        arguments = [
            str(self._inside(word)) if word.startswith("/") and self._inside(word) else word
            for word in words[1:]
        ]
        return [*self._program(words[0]), *arguments]

    def _program(self, word: str) -> list[str]:
        name = PurePosixPath(word).name
        if name in _PYTHONS or name.startswith("python3."):
            # No site-packages: what the image does not bring has to come from its mounts.
            return [str(base_interpreter().path), "-S"]
        found = self._inside(word) if "/" in word else None
        if found is None or not os.access(found, os.X_OK):
            raise CloudError(
                400,
                "ImageInvalid",
                f"entrypoint {word!r}: the local cloud runs python3 and executables of the image",
            )
        return [str(found)]

    def _variables(self, folder: Path, port: int) -> dict[str, str]:
        image = dict(part.partition("=")[::2] for part in self._config.get("Env") or ())
        image.pop("PATH", None)
        own = {
            "PYTHONPATH": str(folder),
            # The image is shared by all instances, as if it were read-only.
            "PYTHONDONTWRITEBYTECODE": "1",
            "FC_CUSTOM_LISTEN_PORT": str(port),
            "LISTEN_HOST": "127.0.0.1",
        }
        return image | own | self._home.variables()

    def _inside(self, path: str) -> Path | None:
        """An existing path of the image, or None."""
        found = self._home.code.joinpath(*PurePosixPath("/", path).parts[1:])
        return found if ".." not in PurePosixPath(path).parts and found.exists() else None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

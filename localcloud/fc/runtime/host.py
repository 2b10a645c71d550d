"""The built-in Python runtime: one process, one request at a time.

Started by the platform as ``python -S host.py <descriptor>``; runs on Python 3.9 and later with the
standard library alone. It talks with the platform in frames over an inherited socket. Standard
output and error are the function's log.

A frame is two lengths (unsigned 32 bit, network order), a JSON header and a body. The platform
sends ``load``, ``initialize``, ``invoke`` and ``pre_stop``; each is answered by one ``done`` frame,
whose body is the result, or the error document when ``error`` is set. When the socket closes, the
platform is gone: the whole process group ends.
"""

from __future__ import annotations

import importlib
import json
import logging
import os
import queue
import signal
import socket
import struct
import sys
import threading
import time
import traceback
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

_LENGTHS = struct.Struct("!II")
_PR_SET_PDEATHSIG = 1
_UNHANDLED = "UnhandledInvocationError"


class Credentials:
    """Temporary credentials of the function's role."""

    def __init__(self, given: dict[str, str]) -> None:
        self.access_key_id = given.get("access_key_id", "")
        self.access_key_secret = given.get("access_key_secret", "")
        self.security_token = given.get("security_token", "")

    def to_dict(self) -> dict[str, str]:
        """As the platform writes them in JSON."""
        return {
            "accessKeyId": self.access_key_id,
            "accessKeySecret": self.access_key_secret,
            "securityToken": self.security_token,
        }


class FunctionMeta:
    """The function's configuration."""

    def __init__(self, given: dict[str, Any]) -> None:
        self.name = given["name"]
        self.handler = given["handler"]
        self.memory = given["memory"]
        self.timeout = given["timeout"]
        self.initializer = given.get("initializer", "")


class Context:
    """What a handler gets beside the event."""

    def __init__(self, header: dict[str, Any], settings: dict[str, Any]) -> None:
        self.request_id = header.get("request_id", "")
        self.credentials = Credentials(header.get("credentials") or {})
        self.function = FunctionMeta(settings["function"])
        self.region = settings["region"]
        self.account_id = settings["account_id"]
        self.qualifier = settings["qualifier"]
        self.instance_id = settings["instance_id"]
        self.retry_count = header.get("attempt", 1) - 1


class LogFormatter(logging.Formatter):
    """Time, request and level before the message, as on the platform."""

    converter = staticmethod(time.gmtime)
    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03dZ"
    request_id = ""

    def format(self, record: logging.LogRecord) -> str:
        """Add the request's id."""
        record.request_id = self.request_id
        return super().format(record)


class Host:
    """One instance."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._frames: queue.SimpleQueue[tuple[dict[str, Any], bytes]] = queue.SimpleQueue()
        self._settings: dict[str, Any] = {}
        self._formatter = LogFormatter("%(asctime)s %(request_id)s [%(levelname)s] %(message)s")

    def run(self) -> None:
        """Answer frames until the socket closes."""
        threading.Thread(target=self._read, daemon=True).start()
        while True:
            header, body = self._frames.get()
            fields, result = self._answer(header, body)
            sys.stdout.flush()
            sys.stderr.flush()
            if header["type"] == "invoke":
                # The marks tell the platform where a request's log begins and ends.
                mark("End", header["request_id"])
            self._send(fields, result)

    def _read(self) -> None:
        try:
            while True:
                first, second = _LENGTHS.unpack(self._exactly(_LENGTHS.size))
                header = json.loads(self._exactly(first))
                self._frames.put((header, self._exactly(second)))
        except OSError:
            end_group()

    def _exactly(self, size: int) -> bytes:
        content = bytearray()
        while len(content) < size:
            chunk = self._channel.recv(min(size - len(content), 1 << 20))
            if not chunk:
                raise ConnectionResetError
            content += chunk
        return bytes(content)

    def _send(self, header: dict[str, Any], body: bytes) -> None:
        text = json.dumps(header).encode()
        self._channel.sendall(_LENGTHS.pack(len(text), len(body)) + text + body)

    def _answer(self, header: dict[str, Any], body: bytes) -> tuple[dict[str, Any], bytes]:
        try:
            return {"type": "done"}, self._do(header, body)
        except Exception as error:  # noqa: BLE001  (whatever the function raises is its result)
            return {"type": "done", "error": _UNHANDLED}, describe(error)

    def _do(self, header: dict[str, Any], body: bytes) -> bytes:
        if header["type"] == "load":
            self._load(header)
        elif header["type"] == "invoke":
            mark("Start", header["request_id"])
            handler = find(self._settings["function"]["handler"])
            return encode(handler(body, self._context(header)))
        else:
            find(header["handler"])(self._context(header))
        return b""

    def _load(self, settings: dict[str, Any]) -> None:
        self._settings = settings
        handler = logging.StreamHandler(sys.stdout)
        handler.setFormatter(self._formatter)
        logging.getLogger().addHandler(handler)
        logging.getLogger().setLevel(logging.INFO)
        os.chdir(settings["code"])
        sys.path.insert(0, settings["code"])
        find(settings["function"]["handler"])

    def _context(self, header: dict[str, Any]) -> Context:
        self._formatter.request_id = header.get("request_id", "")
        context = Context(header, self._settings)
        if self._settings["credentials_in_environment"]:
            keys = context.credentials
            os.environ["ALIBABA_CLOUD_ACCESS_KEY_ID"] = keys.access_key_id
            os.environ["ALIBABA_CLOUD_ACCESS_KEY_SECRET"] = keys.access_key_secret
            os.environ["ALIBABA_CLOUD_SECURITY_TOKEN"] = keys.security_token
            del context.credentials
        return context


class ImportModuleError(Exception):
    """The handler's module cannot be imported."""


class HandlerNotFound(Exception):
    """The module has no such function."""


def find(handler: str) -> Callable[..., Any]:
    """Import ``package/module.function``.

    Raises:
        ImportModuleError: the module cannot be imported.
        HandlerNotFound: it has no such function.
    """
    module_name, _, name = handler.rpartition(".")
    try:
        module = importlib.import_module(module_name.replace("/", "."))
    except Exception as error:
        traceback.print_exc()
        raise ImportModuleError(
            f"Unable to import module '{module_name}': {type(error).__name__}: {error}"
        ) from error
    found: Callable[..., Any] | None = getattr(module, name, None)
    if found is None or not callable(found):
        raise HandlerNotFound(f"Handler '{name}' is missing on module '{module_name}'")
    return found


def encode(result: object) -> bytes:
    """A handler's result as the caller gets it: bytes and text as they are, the rest as JSON."""
    if isinstance(result, bytes):
        return result
    if isinstance(result, str):
        return result.encode()
    return json.dumps(result).encode()


def describe(error: BaseException) -> bytes:
    """The platform's error document of an exception."""
    frames = [
        [f'File "{frame.filename}"', f"line {frame.lineno}", f"in {frame.name}", frame.line or ""]
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename != __file__
    ]
    document = {"errorMessage": str(error), "errorType": type(error).__name__, "stackTrace": frames}
    return json.dumps(document).encode()


def mark(what: str, request_id: str) -> None:
    """Write a line of the platform into the log."""
    os.write(1, f"FC Invoke {what} RequestId: {request_id}\n".encode())


def end_group() -> None:
    """End this process and what it started, at once."""
    if os.getpgrp() == os.getpid():
        os.killpg(os.getpid(), signal.SIGKILL)
    os._exit(1)


def wake_when_orphaned() -> None:
    """Have the kernel wake this process when the platform dies.

    Frozen, it could not see the socket close. Where there is no such call, the platform's next
    start finds what is left.
    """
    if not sys.platform.startswith("linux"):
        return
    try:
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGCONT)
    except (ImportError, OSError, AttributeError) as error:
        sys.stderr.write(f"prctl is not to be had: {error}\n")


def main() -> None:
    """Serve on the inherited socket."""
    sys.dont_write_bytecode = True
    del sys.path[0]
    wake_when_orphaned()
    Host(socket.socket(fileno=int(sys.argv[1]))).run()


if __name__ == "__main__":
    main()

"""The built-in Python runtime: one process, one request at a time.

Started by the platform as ``python -S host.py <descriptor>``; runs on Python 3.9 and later with the
standard library alone. It talks with the platform in frames over an inherited socket. Standard
output and error are the function's log.

A frame is two lengths (unsigned 32 bit, network order), a JSON header and a body. The platform sends
``load``, ``initialize``, ``invoke`` and ``pre_stop``; each is answered by one ``done`` frame, whose
body is the result, or the error document when ``error`` is set. When the socket closes, the platform
is gone: the whole process group ends.
"""

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

_LENGTHS = struct.Struct("!II")
_PR_SET_PDEATHSIG = 1
_UNHANDLED = "UnhandledInvocationError"


class Credentials:
    """Temporary credentials of the function's role."""

    def __init__(self, given):
        self.access_key_id = given.get("access_key_id", "")
        self.access_key_secret = given.get("access_key_secret", "")
        self.security_token = given.get("security_token", "")

    def to_dict(self):
        """As the platform writes them in JSON."""
        return {
            "accessKeyId": self.access_key_id,
            "accessKeySecret": self.access_key_secret,
            "securityToken": self.security_token,
        }


class FunctionMeta:
    """The function's configuration."""

    def __init__(self, given):
        self.name = given["name"]
        self.handler = given["handler"]
        self.memory = given["memory"]
        self.timeout = given["timeout"]
        self.initializer = given.get("initializer", "")


class Context:
    """What a handler gets beside the event."""

    def __init__(self, header, settings):
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

    converter = time.gmtime
    request_id = ""

    def formatTime(self, record, datefmt=None):
        """ISO 8601 with milliseconds, UTC."""
        moment = time.strftime(datefmt or "%Y-%m-%dT%H:%M:%S", self.converter(record.created))
        return "%s.%03dZ" % (moment, record.msecs)

    def format(self, record):
        """Add the request's id."""
        record.request_id = self.request_id
        return super().format(record)


class Host:
    """One instance."""

    def __init__(self, channel):
        self._channel = channel
        self._frames = queue.SimpleQueue()
        self._settings = {}
        self._handler = None
        self._formatter = LogFormatter("%(asctime)s %(request_id)s [%(levelname)s] %(message)s")

    def run(self):
        """Answer frames until the socket closes."""
        threading.Thread(target=self._read, daemon=True).start()
        while True:
            header, body = self._frames.get()
            fields, result = self._answer(header, body)
            sys.stdout.flush()
            sys.stderr.flush()
            if header["type"] == "invoke":
                # The marks tell the platform where a request's log begins and ends.
                os.write(1, b"FC Invoke End RequestId: %s\n" % header["request_id"].encode())
            self._send(fields, result)

    def _read(self):
        try:
            while True:
                lengths = _LENGTHS.unpack(self._exactly(_LENGTHS.size))
                header = json.loads(self._exactly(lengths[0]))
                self._frames.put((header, self._exactly(lengths[1])))
        except OSError:
            end_group()

    def _exactly(self, size):
        content = bytearray()
        while len(content) < size:
            chunk = self._channel.recv(min(size - len(content), 1 << 20))
            if not chunk:
                raise ConnectionResetError
            content += chunk
        return bytes(content)

    def _send(self, header, body):
        text = json.dumps(header).encode()
        self._channel.sendall(_LENGTHS.pack(len(text), len(body)) + text + body)

    def _answer(self, header, body):
        try:
            return {"type": "done"}, getattr(self, "_do_" + header["type"])(header, body)
        except Exception as error:  # noqa: BLE001  (whatever the function raises is its result)
            return {"type": "done", "error": _UNHANDLED}, describe(error)

    def _do_load(self, header, _body):
        self._settings = header
        handler = logging.StreamHandler(sys.stdout)
        handler.setFormatter(self._formatter)
        logging.getLogger().addHandler(handler)
        logging.getLogger().setLevel(logging.INFO)
        os.chdir(header["code"])
        sys.path.insert(0, header["code"])
        self._handler = find(header["function"]["handler"])
        return b""

    def _do_initialize(self, header, _body):
        find(header["handler"])(self._context(header))
        return b""

    def _do_pre_stop(self, header, _body):
        find(header["handler"])(self._context(header))
        return b""

    def _do_invoke(self, header, body):
        os.write(1, b"FC Invoke Start RequestId: %s\n" % header["request_id"].encode())
        result = self._handler(body, self._context(header))
        if isinstance(result, bytes):
            return result
        if isinstance(result, str):
            return result.encode()
        return json.dumps(result).encode()

    def _context(self, header):
        self._formatter.request_id = header.get("request_id", "")
        context = Context(header, self._settings)
        if self._settings["credentials_in_environment"]:
            for name, value in (
                ("ALIBABA_CLOUD_ACCESS_KEY_ID", context.credentials.access_key_id),
                ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", context.credentials.access_key_secret),
                ("ALIBABA_CLOUD_SECURITY_TOKEN", context.credentials.security_token),
            ):
                os.environ[name] = value
            del context.credentials
        return context


class ImportModuleError(Exception):
    """The handler's module cannot be imported."""


class HandlerNotFound(Exception):
    """The module has no such function."""


def find(handler):
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
            "Unable to import module '%s': %s: %s" % (module_name, type(error).__name__, error)
        ) from error
    if not callable(getattr(module, name, None)):
        raise HandlerNotFound("Handler '%s' is missing on module '%s'" % (name, module_name))
    return getattr(module, name)


def describe(error):
    """The platform's error document of an exception."""
    frames = [
        [
            'File "%s"' % frame.filename,
            "line %s" % frame.lineno,
            "in %s" % frame.name,
            frame.line or "",
        ]
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename != __file__
    ]
    document = {"errorMessage": str(error), "errorType": type(error).__name__, "stackTrace": frames}
    return json.dumps(document).encode()


def end_group():
    """End this process and what it started, at once."""
    if os.getpgrp() == os.getpid():
        os.killpg(os.getpid(), signal.SIGKILL)
    os._exit(1)


def wake_when_orphaned():
    """Have the kernel wake this process when the platform dies: frozen, it could not see the socket close."""
    if not sys.platform.startswith("linux"):
        return
    try:
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGCONT)
    except (ImportError, OSError, AttributeError):
        # Without it the platform's next start still finds what is left.
        return


def main():
    """Serve on the inherited socket."""
    sys.dont_write_bytecode = True
    del sys.path[0]
    wake_when_orphaned()
    Host(socket.socket(fileno=int(sys.argv[1]))).run()


if __name__ == "__main__":
    main()

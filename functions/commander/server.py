"""The custom container's HTTP contract: initialise, invoke, pre-stop.

`POST /invoke` carries the event; the instance's credentials come in headers of every request, since
they change in its life. The answer is JSON with `x-fc-status`: 200, or 404 for what another try of
the platform may mend. [D] Function Compute, custom containers.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Protocol

from functions.commander.log import LOG, unexpected

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MAX_BODY = 256 * 1024
# An idle connection is the platform's to close: closing it here could cross with a request.
IDLE_SECONDS = 900.0


class TryAgain(Exception):
    """An invocation that failed for a reason that passes: the platform is asked to try again."""


@dataclass(frozen=True)
class Request:
    """One invocation.

    Attributes:
        body: the event.
        headers: the request's headers, names in lower case.
    """

    body: bytes
    headers: Mapping[str, str]


class Application(Protocol):
    """What the server serves."""

    def initialize(self, request: Request) -> dict[str, Any]:
        """Prepare the instance."""

    def invoke(self, request: Request) -> dict[str, Any]:
        """Answer one invocation.

        Raises:
            TryAgain: another try may succeed.
        """


def serve(application: Application, host: str, port: int) -> ThreadingHTTPServer:
    """A server that listens, and serves once `serve_forever` is called."""

    class Handler(_Handler):
        served = application

    server = ThreadingHTTPServer((host, port), Handler)
    server.daemon_threads = True
    return server


class _Handler(BaseHTTPRequestHandler):
    served: Application
    protocol_version = "HTTP/1.1"
    timeout = IDLE_SECONDS
    server_version = "commander"
    sys_version = ""

    def do_GET(self) -> None:
        """Pre-stop: there is nothing to save, the log has it."""
        if self.path == "/pre-stop":
            self._answer(HTTPStatus.OK, {}, "200")
        else:
            self._answer(HTTPStatus.NOT_FOUND, {"error": f"there is no GET {self.path[:200]}"})

    def do_POST(self) -> None:
        """Initialise or invoke."""
        body = self._body()
        if body is None:
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(body, headers)
        if self.path == "/initialize":
            self._run(lambda: self.served.initialize(request))
        elif self.path == "/invoke":
            self._run(lambda: self.served.invoke(request))
        else:
            self._answer(HTTPStatus.NOT_FOUND, {"error": f"there is no POST {self.path[:200]}"})

    def log_message(self, *_: Any) -> None:
        """The platform logs requests."""

    def _body(self) -> bytes | None:
        length = self.headers.get("Content-Length", "0")
        if not length.isdigit() or int(length) > MAX_BODY:
            self.close_connection = True
            error = f"Content-Length, value '{length[:40]}': must be at most {MAX_BODY}"
            self._answer(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, {"error": error})
            return None
        return self.rfile.read(int(length))

    def _run(self, work: Callable[[], dict[str, Any]]) -> None:
        try:
            answer, status = work(), "200"
        except TryAgain as error:
            LOG.warning("try_again", error=str(error))
            answer, status = {"error": str(error)}, "404"
        except Exception as error:  # noqa: BLE001 - the platform tries again, the log says why
            unexpected("invocation_failed", error)
            answer, status = {"error": type(error).__name__}, "404"
        self._answer(HTTPStatus.OK, answer, status)

    def _answer(self, status: HTTPStatus, answer: dict[str, Any], fc_status: str = "404") -> None:
        data = json.dumps(answer, ensure_ascii=False).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.send_header("x-fc-status", fc_status)
        self.end_headers()
        self.wfile.write(data)

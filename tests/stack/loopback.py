"""Small servers on this machine, for what the dynamic resources call."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator

UPLOAD = re.compile(r"^/v2/(?P<name>.+)/blobs/uploads/(?P<id>\d*)$")
BLOB = re.compile(r"^/v2/(?P<name>.+)/blobs/(?P<digest>sha256:[0-9a-f]{64})$")
MANIFEST = re.compile(r"^/v2/(?P<name>.+)/manifests/(?P<version>[^/]+)$")


@dataclass
class RegistryState:
    """A registry in memory.

    Attributes:
        login: user and password, or None: anybody.
        challenge: `Basic`, `Bearer`, or a `Bearer` from `Elsewhere`.
        blobs: by repository and digest.
        manifests: by repository and version.
        pushed: digests in the order of their arrival.
        calls: methods and paths.
    """

    login: tuple[str, str] | None = None
    challenge: str = "Basic"
    blobs: dict[tuple[str, str], bytes] = field(default_factory=dict)
    manifests: dict[tuple[str, str], bytes] = field(default_factory=dict)
    pushed: list[str] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    refuse_uploads: bool = False

    @property
    def basic(self) -> str:
        """The header that the login makes."""
        return "Basic " + base64.b64encode(":".join(self.login or ("", "")).encode()).decode()


class _Registry(BaseHTTPRequestHandler):
    state: RegistryState
    protocol_version = "HTTP/1.1"

    def handle_any(self) -> None:
        parts = urlsplit(self.path)
        self.state.calls.append(f"{self.command} {parts.path}")
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        if parts.path == "/token":
            self._token()
        elif not self._allowed():
            self._challenge()
        elif found := UPLOAD.match(parts.path):
            self._upload(found, parse_qs(parts.query), body)
        elif found := BLOB.match(parts.path):
            self._send(self.state.blobs.get((found["name"], found["digest"])))
        elif found := MANIFEST.match(parts.path):
            self._manifest(found, body)
        else:
            self._answer(404)

    do_GET = do_HEAD = do_POST = do_PUT = handle_any  # noqa: N815

    def _allowed(self) -> bool:
        if self.state.login is None:
            return True
        expected = self.state.basic if self.state.challenge == "Basic" else "Bearer a-token"
        return self.headers.get("authorization") == expected

    def _challenge(self) -> None:
        host = self.headers["host"]
        challenges = {
            "Basic": 'Basic realm="registry"',
            "Elsewhere": 'Bearer realm="http://elsewhere.example.com/token"',
            "Bearer": f'Bearer realm="http://{host}/token",service="registry"',
        }
        self._answer(401, {"www-authenticate": challenges[self.state.challenge]})

    def _token(self) -> None:
        known = self.headers.get("authorization") == self.state.basic
        self._answer(200 if known else 401, body=json.dumps({"token": "a-token"}).encode())

    def _upload(self, found: re.Match[str], query: dict[str, list[str]], body: bytes) -> None:
        name = found["name"]
        if self.state.refuse_uploads:
            self._answer(403, body=b"quota")
        elif self.command == "POST":
            source = (query.get("from", [""])[0], query.get("mount", [""])[0])
            if source in self.state.blobs:
                self.state.blobs[name, source[1]] = self.state.blobs[source]
                self._answer(201)
            else:
                self._answer(202, {"location": f"/v2/{name}/blobs/uploads/1"})
        else:
            digest = query["digest"][0]
            right = digest == f"sha256:{hashlib.sha256(body).hexdigest()}"
            if right:
                self.state.blobs[name, digest] = body
                self.state.pushed.append(digest)
            self._answer(201 if right else 400)

    def _manifest(self, found: re.Match[str], body: bytes) -> None:
        name = found["name"]
        if self.command == "PUT":
            named = json.loads(body)
            missing = [
                part["digest"]
                for part in [named["config"], *named["layers"]]
                if (name, part["digest"]) not in self.state.blobs
            ]
            if not missing:
                digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
                self.state.manifests[name, found["version"]] = body
                self.state.manifests[name, digest] = body
                self.state.pushed.append(digest)
            self._answer(400 if missing else 201)
        else:
            self._send(self.state.manifests.get((name, found["version"])))

    def _send(self, content: bytes | None) -> None:
        self._answer(200 if content is not None else 404, body=content or b"")

    def _answer(
        self, status: int, headers: dict[str, str] | None = None, body: bytes = b""
    ) -> None:
        self.send_response(status)
        for name, value in {**(headers or {}), "content-length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Nothing: the tests read `calls`."""


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """Serve on a free port of this machine; yield the address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def registry(state: RegistryState) -> Iterator[str]:
    """Serve a registry."""
    with serving(type("Handler", (_Registry,), {"state": state})) as url:
        yield url

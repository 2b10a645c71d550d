"""The connection pool: what is repeated, what never is, and what a caller learns."""

from __future__ import annotations

import contextlib
import datetime as dt
import ipaddress
import socket
import ssl
import threading
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from functions.common import http
from functions.common.http import AnswerLost, AnswerTooLarge, HttpPool, Unreachable
from tests.functions.peer import OK, Peer, answer, peer


def hang_up(connection: socket.socket, server: Peer) -> None:
    server.read(connection)


def test_a_connection_is_used_again() -> None:
    with peer(answer(OK, OK)) as server:
        pool = HttpPool(server.endpoint)
        first = pool.request("POST", "/", headers={}, body=b"body")
        second = pool.request("GET", "/", headers={})
        pool.close()
    assert (first.status, first.body, first.headers["x-name"]) == (200, b"ok", "Value")
    assert second.body == b"ok"
    assert (server.connections, server.requests) == (1, 2)


def test_a_connection_that_was_closed_meanwhile_is_not_used() -> None:
    with peer(answer(OK), answer(OK)) as server:
        pool = HttpPool(server.endpoint)
        pool.request("POST", "/", headers={})
        wait_for_end(pool)
        # Not repeatable, and no need to repeat: the end was seen before anything was sent.
        assert pool.request("POST", "/", headers={}, body=b"x").body == b"ok"
        pool.close()
    assert server.requests == 2


def wait_for_end(pool: HttpPool) -> None:
    (_, connection) = pool._idle[0]
    assert connection.sock is not None
    connection.sock.settimeout(5)
    assert connection.sock.recv(1, socket.MSG_PEEK) == b""


def test_a_write_is_never_sent_twice() -> None:
    with peer(hang_up, answer(OK)) as server:
        pool = HttpPool(server.endpoint)
        with pytest.raises(AnswerLost):
            pool.request("POST", "/", headers={}, body=b"x")
        assert server.requests == 1


def test_a_write_on_a_used_connection_is_not_sent_twice_either() -> None:
    def script(connection: socket.socket, server: Peer) -> None:
        answer(OK)(connection, server)
        server.read(connection)

    with peer(script, answer(OK)) as server:
        pool = HttpPool(server.endpoint)
        pool.request("POST", "/", headers={}, body=b"x")
        with pytest.raises(AnswerLost):
            pool.request("POST", "/", headers={}, body=b"x")
        assert server.requests == 2


def test_a_read_is_sent_again_when_a_used_connection_ends() -> None:
    def script(connection: socket.socket, server: Peer) -> None:
        answer(OK)(connection, server)
        server.read(connection)

    with peer(script, answer(OK)) as server:
        pool = HttpPool(server.endpoint)
        pool.request("GET", "/", headers={})
        assert pool.request("GET", "/", headers={}, repeatable=True).body == b"ok"
        pool.close()
    assert server.requests == 3


def test_nobody_there_is_certainly_not_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(Unreachable):
        HttpPool(f"http://127.0.0.1:{port}").request("POST", "/", headers={})


def test_silence_is_a_lost_answer() -> None:
    silent = threading.Event()

    def script(connection: socket.socket, server: Peer) -> None:
        server.read(connection)
        silent.wait(5)

    with peer(script) as server:
        try:
            with pytest.raises(AnswerLost):
                HttpPool(server.endpoint).request("POST", "/", headers={}, read_seconds=0.05)
        finally:
            silent.set()


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nok",
        b"nonsense\r\n\r\n",
    ],
)
def test_half_an_answer_is_a_lost_one(data: bytes) -> None:
    with peer(answer(data)) as server, pytest.raises(AnswerLost):
        HttpPool(server.endpoint).request("POST", "/", headers={})


def test_an_answer_has_a_limit() -> None:
    with peer(answer(OK)) as server, pytest.raises(AnswerTooLarge):
        HttpPool(server.endpoint).request("POST", "/", headers={}, max_bytes=1)


def test_a_stream_comes_in_chunks_and_notices_its_end() -> None:
    short = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nok"
    with peer(answer(OK), answer(short)) as server:
        pool = HttpPool(server.endpoint)
        status, _, chunks = pool.stream("GET", "/", headers={})
        assert (status, b"".join(chunks)) == (200, b"ok")
        _, _, chunks = pool.stream("GET", "/", headers={})
        with pytest.raises(AnswerLost):
            list(chunks)


@pytest.mark.parametrize("endpoint", ["", "ftp://x", "127.0.0.1:80", "http://", "http://a/b"])
def test_endpoints_are_urls(endpoint: str) -> None:
    with pytest.raises(ValueError, match="endpoint"):
        HttpPool(endpoint)


@pytest.fixture
def trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """A server's TLS context, and our pool trusts its certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file = tmp_path / "server.pem"
    file.write_bytes(private + certificate.public_bytes(pem))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(file)
    client = ssl.create_default_context(cafile=str(file))
    monkeypatch.setattr(http, "_TLS", client)
    return server


def test_tls_connections_are_used_again(trusted: ssl.SSLContext) -> None:
    def script(connection: socket.socket, server: Peer) -> None:
        with trusted.wrap_socket(connection, server_side=True) as secure:
            answer(OK, OK, OK)(secure, server)

    with peer(script) as server:
        pool = HttpPool(server.endpoint.replace("http:", "https:"))
        for _ in range(3):
            assert pool.request("POST", "/", headers={}, body=b"x").body == b"ok"
        pool.close()
    assert (server.connections, server.requests) == (1, 3)


def test_a_certificate_of_somebody_else_is_refused(trusted: ssl.SSLContext) -> None:
    def script(connection: socket.socket, server: Peer) -> None:
        with (
            contextlib.suppress(OSError),
            trusted.wrap_socket(connection, server_side=True) as secure,
        ):
            server.read(secure)

    http._TLS = ssl.create_default_context()
    with peer(script) as server:
        pool = HttpPool(server.endpoint.replace("http:", "https:"))
        with pytest.raises(Unreachable, match="CERTIFICATE_VERIFY_FAILED"):
            pool.request("POST", "/", headers={}, body=b"x")
    assert server.requests == 0

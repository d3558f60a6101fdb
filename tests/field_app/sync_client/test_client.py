"""The client: bounded, never redirected, TLS checked, and sure of an answer before it gives one."""

from __future__ import annotations

import contextlib
import json
import ssl
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from socketserver import StreamRequestHandler, ThreadingTCPServer

import pytest
import responses
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from field_app.sync_client import Client, SyncFault, client
from schemas.exchange import API

CENTRE = "http://127.0.0.1:8765"
NOW = datetime(2026, 9, 30, 0, 41, tzinfo=UTC)
REPLY = {
    "protocol": 1, "server_epoch": "e1", "server_time": "2026-09-30T08:41:30+08:00", "known": [],
    "receipts": [], "updates": [], "cursor": "c", "more": False,
    "scope": {"grids": ["990101100009003"], "keep_days": 90},
    "limits": {"changes": 500, "bytes": 1048576}, "next_after_s": 40,
}  # fmt: skip


def make(**more):
    return Client(CENTRE, clock=lambda: NOW, token="the-token", **more)


def answered(body=None, status=200, **more):
    more.setdefault("content_type", "application/json")
    text = body if isinstance(body, str | bytes) else json.dumps(REPLY if body is None else body)
    responses.post(CENTRE + API + "/sync", body=text, status=status, **more)


def fault_of(call):
    with pytest.raises(SyncFault) as caught:
        call()
    return caught.value


@responses.activate
def test_a_reply_is_read_in_every_part():
    answered()
    reply = make().exchange(b"{}")
    assert (reply.server_epoch, reply.cursor, reply.more) == ("e1", "c", False)
    assert (reply.grids, reply.keep_days) == (("990101100009003",), 90)
    assert (reply.max_changes, reply.max_bytes, reply.next_after_s) == (500, 1048576, 40.0)
    assert reply.offset_s == 30


@responses.activate
def test_the_token_travels_in_the_header_alone():
    answered()
    make().exchange(b"{}")
    request = responses.calls[0].request
    assert request.headers["Authorization"] == "Bearer the-token"
    assert "the-token" not in request.url


CHANGE = {"seq": 1, "change_id": "x", "outcome": "applied", "version": 1}
UPDATE = {"kind": "issue", "schema": 1, "record_id": "r", "version": 1, "grid": "99", "fields": {}}


@responses.activate
@pytest.mark.parametrize(
    "spoilt",
    [
        {"server_epoch": None}, {"server_epoch": 7}, {"server_time": "yesterday"},
        {"server_time": "2026-09-30T08:41:30"}, {"known": None}, {"known": [{"stream": "s"}]},
        {"known": [{"stream": "s", "seq": -1, "hash": "h"}]}, {"receipts": {}},
        {"receipts": [CHANGE | {"outcome": "lost"}]}, {"receipts": [CHANGE | {"seq": "1"}]},
        {"receipts": [CHANGE | {"outcome": "duplicate"}]},
        {"receipts": [CHANGE | {"outcome": "duplicate", "first": {"outcome": "duplicate"}}]},
        {"receipts": [CHANGE | {"version": "1"}]}, {"receipts": ["x"]}, {"updates": [7]},
        {"updates": [UPDATE | {"version": None}]}, {"updates": [UPDATE | {"fields": []}]},
        {"updates": [UPDATE | {"kind": ""}]}, {"cursor": 7}, {"more": "no"}, {"more": 0},
        {"scope": {"grids": "all"}}, {"limits": {"changes": -1}}, {"next_after_s": "soon"},
        {"next_after_s": -1}, {"people": [1]},
    ],
)  # fmt: skip
def test_a_reply_misshapen_anywhere_counts_for_nothing(spoilt):
    answered(REPLY | spoilt)
    assert fault_of(lambda: make().exchange(b"{}")).code == "bad_reply"


@responses.activate
@pytest.mark.parametrize("missing", ["server_epoch", "server_time", "known", "receipts", "updates",
                                     "cursor", "more"])  # fmt: skip
def test_a_reply_without_one_of_its_parts_counts_for_nothing(missing):
    answered({name: value for name, value in REPLY.items() if name != missing})
    assert fault_of(lambda: make().exchange(b"{}")).code == "bad_reply"


@responses.activate
@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ({"body": "<html>", "content_type": "text/html"}, "not_our_server"),
        ({"body": "{}"}, "not_our_server"),
        ({"body": '{"protocol": 2}'}, "not_our_server"),
        ({"body": '{"protocol": '}, "bad_reply"),
        ({"body": "[" * 100_000}, "bad_reply"),
        ({"body": "no gzip", "headers": {"Content-Encoding": "gzip"}}, "garbled_reply"),
        (
            {
                "body": "<html>",
                "content_type": "text/html",
                "headers": {"Content-Encoding": "gzip"},
            },
            "not_our_server",
        ),
        ({"status": 201}, "not_our_server"),
        ({"status": 301, "headers": {"Location": CENTRE}}, "not_our_server"),
        ({"status": 308, "headers": {"Location": CENTRE + API + "/sync"}}, "not_our_server"),
        ({"status": 403, "body": "no", "content_type": "text/html"}, "not_our_server"),
        ({"status": 413, "body": "", "content_type": "text/html"}, "too_large"),
        ({"status": 500, "body": ""}, "server_error"),
        ({"status": 502, "body": "", "content_type": "text/html"}, "server_error"),
        ({"status": 503, "body": ""}, "server_busy"),
        ({"status": 401, "body": '{"code": "bad_token"}'}, "bad_token"),
        ({"status": 409, "body": '{"code": "busy"}'}, "busy"),
        ({"status": 422, "body": '{"code": "bad_envelope"}'}, "bad_envelope"),
        ({"status": 422, "body": '{"code": "bad_request"}'}, "refused"),
    ],
)
def test_every_other_answer_has_its_name(answer, code):
    answered(answer.pop("body", None), **answer)
    assert fault_of(lambda: make().exchange(b"{}")).code == code
    assert len(responses.calls) == 1


@responses.activate
@pytest.mark.parametrize(
    ("told", "seconds"), [("30", 30.0), ("0", 0.0), ("-5", 0.0), ("999999", 3600.0), ("nan", None),
                          ("Wed, 21 Oct 2026 07:28:00 GMT", None), ("", None)],
)  # fmt: skip
def test_retry_after_is_read_within_bounds(told, seconds):
    answered("", 503, headers={"Retry-After": told})
    assert fault_of(lambda: make().exchange(b"{}")).retry_after_s == seconds


@responses.activate
def test_a_gap_tells_where_the_centre_stands():
    known = [{"stream": "s", "seq": 3, "hash": "h"}]
    answered({"code": "sequence_gap", "known": known}, 409,
             content_type="application/problem+json")  # fmt: skip
    assert fault_of(lambda: make().exchange(b"{}")).known == {"s": (3, "h")}


@responses.activate
def test_an_endless_answer_is_cut_off(monkeypatch):
    monkeypatch.setattr(client, "MAX_ANSWER_BYTES", 1000)
    answered(json.dumps(REPLY | {"cursor": "c" * 200_000}))
    assert fault_of(lambda: make().exchange(b"{}")).code == "bad_reply"


@responses.activate
def test_a_dripping_answer_is_given_up(monkeypatch):
    seconds = iter(range(0, 100_000, 400))
    answered(json.dumps(REPLY | {"cursor": "c" * 200_000}))
    slow = make(steady=lambda: next(seconds))
    assert fault_of(lambda: slow.exchange(b"{}")).code == "timeout"


@responses.activate
def test_the_environments_proxies_and_passwords_are_not_used(monkeypatch, tmp_path):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login a password b")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    answered()
    make().exchange(b"{}")
    assert responses.calls[0].request.headers["Authorization"] == "Bearer the-token"


def test_nobody_listening_is_unreachable():
    lonely = Client("http://127.0.0.1:9", clock=lambda: NOW)
    assert fault_of(lambda: lonely.exchange(b"{}")).code == "unreachable"


@pytest.mark.parametrize("wrong", ["http://10.1.2.3", "http://grid.example.cn"])
def test_a_client_never_speaks_plain_http_to_strangers(wrong):
    assert fault_of(lambda: Client(wrong, clock=lambda: NOW)).code == "plain_http"


@responses.activate
def test_a_clock_set_during_the_exchange_does_not_spoil_the_measure():
    answered()
    times = iter([NOW - timedelta(days=365), NOW])
    steady = iter([0.0, 0.0, 0.5, 0.5, 0.5, 0.5])
    measured = Client(CENTRE, clock=lambda: next(times), steady=lambda: next(steady))
    assert measured.exchange(b"{}").offset_s == 30


@pytest.fixture
def tls_server(tmp_path):
    """A server on loopback with a certificate nobody vouches for."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2099, 1, 1, tzinfo=UTC))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    pem = tmp_path / "server.pem"
    pem.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        + certificate.public_bytes(Encoding.PEM)
    )
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            asked.append(self.path)

        def log_message(self, *args):
            pass

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    server = HTTPServer(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server.server_port, asked
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_certificate_nobody_vouches_for_is_not_spoken_to(tls_server):
    port, asked = tls_server
    stranger = Client(f"https://localhost:{port}", clock=lambda: NOW, token="the-token")
    assert fault_of(lambda: stranger.exchange(b"{}")).code == "tls_failed"
    assert asked == []


@contextlib.contextmanager
def listening(serve):
    """Answer connections at a port of this computer by ``serve``; yields the address by https."""

    class Handler(StreamRequestHandler):
        def handle(self):
            serve(self)

    server = ThreadingTCPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"https://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def at_once(said):
    """A server that answers whatever comes in."""

    def serve(asked):
        asked.request.recv(1000)
        asked.wfile.write(said)

    return serve


def patiently(said):
    """A server that answers once it has a whole request, as the centre's own does."""

    def serve(asked):
        heard = b""
        while not heard.endswith(b"\r\n\r\n"):
            more = asked.request.recv(1000)
            if not more:
                return
            heard += more
        asked.wfile.write(said)

    return serve


@pytest.mark.parametrize(
    ("serve", "code"),
    [
        (at_once(b"HTTP/1.0 400 Bad Request\r\n\r\n"), "not_tls"),
        (at_once(b"SSH-2.0-OpenSSH_9.6\r\n"), "not_tls"),
        (patiently(b"HTTP/1.0 302 Found\r\n\r\n"), "not_tls"),
        (patiently(b"HTTP/1.0 400 Bad Request\r\n\r\n"), "timeout"),
        (patiently(b""), "timeout"),
    ],
)
def test_a_port_that_speaks_plain_http_is_said_to_know_no_https(serve, code, monkeypatch):
    monkeypatch.setattr(client, "CONNECT_S", 0.3)
    with listening(serve) as address:
        stranger = Client(address, clock=lambda: NOW, token="the-token")
        assert fault_of(lambda: stranger.exchange(b"{}")).code == code

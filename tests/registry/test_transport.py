"""Requests to servers that lie, dawdle, never end, and send us elsewhere."""

from __future__ import annotations

import contextlib
import datetime as dt
import ssl
import threading
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from servers import Asked, Reply, serving, serving_raw

from hatchway.core.errors import RegistryError
from hatchway.core.secret import Secret
from hatchway.registry.hosts import Url, join_url, parse_url
from hatchway.registry.settings import SourceSettings
from hatchway.registry.transport import Answer, Transport, require_success

if TYPE_CHECKING:
    from http.server import BaseHTTPRequestHandler
    from pathlib import Path

LIMIT = 1000
QUICK = SourceSettings(deadline_seconds=1.0, idle_seconds=30.0)
PATIENT = SourceSettings(deadline_seconds=60.0, idle_seconds=20.0)
LOGIN = Secret("Bearer the-token")


def get(url: str, settings: SourceSettings = PATIENT, *, limit_bytes: int = LIMIT) -> Answer:
    with Transport(settings) as transport:
        return transport.request(
            "GET", parse_url(url), limit_bytes=limit_bytes, authorization=LOGIN
        )


def refusal(
    url: str, settings: SourceSettings = PATIENT, *, limit_bytes: int = LIMIT
) -> RegistryError:
    with pytest.raises(RegistryError) as raised:
        get(url, settings, limit_bytes=limit_bytes)
    return raised.value


def leading_to(target: str, status: int = 302) -> Reply:
    return Reply(status=status, headers={"Location": target})


def test_a_body_of_the_largest_size_is_taken_and_a_larger_one_is_not() -> None:
    with serving(lambda asked: Reply(b"x" * int(asked.path[1:]))) as server:
        assert get(f"{server.origin}/{LIMIT}").body == b"x" * LIMIT
        error = refusal(f"{server.origin}/{LIMIT + 1}")

    assert error.code == "registry.too_large"
    assert error.message == f"what {server.origin} sends is larger than {LIMIT} bytes"


@pytest.mark.claim("sources.bounded")
def test_an_endless_body_is_not_read_to_its_end() -> None:
    def endless(handler: BaseHTTPRequestHandler, _: Asked) -> None:
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        while True:
            handler.wfile.write(b"4\r\nxxxx\r\n")

    with serving_raw(endless) as server:
        assert refusal(f"{server.origin}/").code == "registry.too_large"


@pytest.mark.parametrize("announced", [LIMIT + 1, 10**19])
def test_what_is_announced_as_too_large_is_not_even_begun(announced: int) -> None:
    def boasting(handler: BaseHTTPRequestHandler, _: Asked) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(announced))
        handler.end_headers()

    with serving_raw(boasting) as server:
        assert refusal(f"{server.origin}/").code == "registry.too_large"


@pytest.mark.parametrize(("announced", "sent"), [("10", b"short"), ("-1", b""), ("x", b"")])
def test_a_length_that_is_a_lie_is_an_error_and_not_a_short_body(
    announced: str, sent: bytes
) -> None:
    def lying(handler: BaseHTTPRequestHandler, _: Asked) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", announced)
        handler.end_headers()
        handler.wfile.write(sent)
        handler.close_connection = True

    with serving_raw(lying) as server:
        assert refusal(f"{server.origin}/").code == "registry.unreachable"


def test_what_comes_after_the_announced_length_does_not_count() -> None:
    def overlong(handler: BaseHTTPRequestHandler, _: Asked) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "5")
        handler.end_headers()
        handler.wfile.write(b"right and wrong")

    with serving_raw(overlong) as server:
        assert get(f"{server.origin}/").body == b"right"


def test_a_compressed_body_is_refused_and_never_unpacked() -> None:
    with serving(lambda _: Reply(b"x", headers={"Content-Encoding": "gzip"})) as server:
        error = refusal(f"{server.origin}/")

    assert error.code == "registry.unsupported"
    assert server.header("accept-encoding") == ["identity"]


def dawdling_body(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "900")
    handler.end_headers()


def dawdling_headers(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")


@pytest.mark.parametrize("begin", [dawdling_body, dawdling_headers])
@pytest.mark.claim("sources.bounded")
def test_a_byte_now_and_then_does_not_outlast_the_deadline(
    begin: object,
) -> None:
    stop = threading.Event()

    def dawdling(handler: BaseHTTPRequestHandler, _: Asked) -> None:
        assert callable(begin)
        begin(handler)
        for _each in range(800):
            handler.wfile.write(b"x")
            if stop.wait(0.05):
                return

    with serving_raw(dawdling) as server, contextlib.ExitStack() as stack:
        stack.callback(stop.set)
        error = refusal(f"{server.origin}/", QUICK)

    assert error.code == "registry.too_slow"
    assert error.hint == "a source has 1 seconds in all"


def test_a_server_that_never_answers_is_given_up() -> None:
    stop = threading.Event()

    def silent(_handler: BaseHTTPRequestHandler, _asked: Asked) -> None:
        stop.wait(60)

    with serving_raw(silent) as server:
        impatient = SourceSettings(deadline_seconds=60.0, idle_seconds=0.2)
        error = refusal(f"{server.origin}/", impatient)
        stop.set()

    assert error.code == "registry.too_slow"


def test_a_connection_made_after_the_deadline_is_cut_at_once() -> None:
    with serving(lambda _: Reply(b"x")) as server, Transport(PATIENT) as transport:
        transport._cut()

        with pytest.raises(RegistryError) as raised:
            transport.request("GET", parse_url(f"{server.origin}/"), limit_bytes=LIMIT)

    assert raised.value.code == "registry.too_slow"


def test_nobody_listening_is_said_plainly() -> None:
    with serving(lambda _: Reply()) as server:
        pass

    error = refusal(f"{server.origin}/")

    assert error.code == "registry.unreachable"
    assert error.message.startswith(f"{server.origin} cannot be asked: ")


def test_what_is_not_http_is_said_plainly() -> None:
    def other(handler: BaseHTTPRequestHandler, _: Asked) -> None:
        handler.wfile.write(b"\x00\x01 220 ready\r\n")

    with serving_raw(other) as server:
        assert refusal(f"{server.origin}/").code == "registry.unreachable"


def test_headers_without_an_end_are_not_collected() -> None:
    def endless(handler: BaseHTTPRequestHandler, _: Asked) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
        while True:
            handler.wfile.write(b"X: " + b"x" * 1000 + b"\r\n")

    with serving_raw(endless) as server:
        assert refusal(f"{server.origin}/").code == "registry.unreachable"


# Redirects


def test_a_redirect_within_a_server_keeps_the_credentials() -> None:
    with serving(
        lambda asked: Reply(b"here") if asked.path == "/b" else leading_to("/b")
    ) as server:
        answer = get(f"{server.origin}/a")

    assert answer.body == b"here"
    assert str(answer.url) == f"{server.origin}/b"
    assert server.header("authorization") == ["Bearer the-token"] * 2


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.claim("sources.credentials")
def test_no_credentials_ever_arrive_at_another_server(status: int) -> None:
    with (
        serving(lambda _: Reply(b"there")) as other,
        serving(lambda _: leading_to(f"{other.origin}/", status)) as server,
    ):
        answer = get(f"{server.origin}/")

    assert answer.body == b"there"
    assert other.header("authorization") == []
    assert server.header("authorization") == ["Bearer the-token"]


@pytest.mark.claim("sources.credentials")
def test_credentials_that_stayed_behind_are_not_sent_after_coming_back() -> None:
    def first(asked: Asked) -> Reply:
        return Reply(b"back") if asked.path == "/back" else leading_to(f"{other.origin}/")

    with (
        serving(lambda _: leading_to(f"{server.origin}/back")) as other,
        serving(first) as server,
    ):
        assert get(f"{server.origin}/").body == b"back"

    assert server.header("authorization") == ["Bearer the-token"]


def test_another_port_is_another_server() -> None:
    one, two = parse_url("https://e.org/"), parse_url("https://e.org:8443/")

    assert one.origin != two.origin


def test_a_loop_of_redirects_ends_after_five() -> None:
    with serving(lambda _: leading_to("/")) as server:
        error = refusal(f"{server.origin}/")

    assert error.code == "registry.redirect"
    assert len(server.asked) == 6


@pytest.mark.parametrize(
    "target",
    [
        "http://192.0.2.1/a.wasm", "ftp://e.org/a", "file:///etc/passwd", "javascript:1",
        "https://user:pass@e.org/", "https://e.org\\@evil.org/", "https://e\u0430.org/",
        "https://127.1/", "https://[::1", "https://e.org:99999/", "//192.0.2.1/a",
        "https://e.org/" + "a" * 9000,
    ],
)  # fmt: skip
@pytest.mark.claim("sources.bounded")
def test_a_redirect_to_where_nobody_should_go_is_not_followed(target: str) -> None:
    escaped = target.encode("utf-8").decode("latin-1")
    with serving(lambda _: leading_to(escaped)) as server:
        error = refusal(f"{server.origin}/")

    assert error.code == "registry.redirect"
    assert error.message.isprintable()
    assert len(server.asked) == 1


def test_a_redirect_without_a_target_ends_as_a_loop_does() -> None:
    with serving(lambda _: Reply(status=302)) as server:
        assert refusal(f"{server.origin}/").code == "registry.redirect"


@pytest.mark.claim("sources.bounded")
def test_nobody_else_sends_us_to_this_machine() -> None:
    from hatchway.registry.transport import _followed

    there = Url(scheme="https", authority="e.org", target="/")
    answer = Answer(url=there, status=302, headers={"location": "http://127.0.0.1:1/"}, body=b"")

    with pytest.raises(RegistryError, match="redirects to this machine"):
        _followed("GET", answer, {})


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_what_writes_is_never_redirected(method: str) -> None:
    with (
        serving(lambda _: leading_to("/b", 307)) as server,
        Transport(PATIENT) as transport,
        pytest.raises(RegistryError) as raised,
    ):
        transport.request(
            method, parse_url(f"{server.origin}/a"), limit_bytes=LIMIT, body=b"secret"
        )

    assert raised.value.code == "registry.redirect"
    assert len(server.asked) == 1


def test_cookies_are_not_kept() -> None:
    def baking(asked: Asked) -> Reply:
        target = leading_to("/b") if asked.path == "/a" else Reply(b"x")
        return Reply(target.body, target.status, {**target.headers, "Set-Cookie": "id=1; Path=/"})

    with serving(baking) as server, Transport(PATIENT) as transport:
        for _ in range(2):
            transport.request("GET", parse_url(f"{server.origin}/a"), limit_bytes=LIMIT)

    assert len(server.asked) == 4
    assert server.header("cookie") == []


def test_no_login_of_a_netrc_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login ada password lovelace\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    with serving(lambda _: Reply(b"x")) as server, Transport(PATIENT) as transport:
        transport.request("GET", parse_url(f"{server.origin}/"), limit_bytes=LIMIT)

    assert server.header("authorization") == []


def test_what_is_meant_for_this_machine_does_not_go_through_a_proxy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with serving(lambda _: Reply(b"proxy")) as proxy, serving(lambda _: Reply(b"it")) as server:
        for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.origin)

        assert get(f"{server.origin}/").body == b"it"

    assert proxy.asked == []


def test_another_machine_is_asked_through_the_proxy_of_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with serving(lambda _: Reply(status=502)) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.origin)
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)

        error = refusal("https://registry.example/")

    assert error.code == "registry.unreachable"
    assert [(each.method, each.target) for each in proxy.asked] == [
        ("CONNECT", "registry.example:443")
    ]
    assert proxy.header("authorization") == []


# Encryption


def own_certificate(directory: Path) -> ssl.SSLContext:
    """A certificate that nobody vouches for."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = directory / "both.pem"
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    with serving(lambda _: Reply(b"x"), tls=own_certificate(tmp_path)) as server:
        port = server.authority.partition(":")[2]
        error = refusal(f"https://localhost:{port}/")

    assert error.code == "registry.unreachable"
    assert "certificate" in error.message.lower()
    assert server.asked == []


# Answers


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (401, "registry.denied"), (403, "registry.denied"), (404, "registry.not_found"),
        (410, "registry.not_found"), (429, "registry.failed"), (500, "registry.failed"),
        (304, "registry.failed"),
    ],
)  # fmt: skip
def test_a_status_tells_what_went_wrong_and_its_body_is_not_shown(status: int, code: str) -> None:
    with serving(lambda _: Reply(b"\x1b]0;owned\x07", status)) as server:
        answer = get(f"{server.origin}/")
    with pytest.raises(RegistryError) as raised:
        require_success(answer, "it")

    assert raised.value.code == code
    assert answer.body == b""


def test_a_long_error_page_is_not_read_to_its_end() -> None:
    def ranting(handler: BaseHTTPRequestHandler, _: Asked) -> None:
        handler.send_response(500)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        while True:
            handler.wfile.write(b"400\r\n" + b"x" * 1024 + b"\r\n")

    with serving_raw(ranting) as server:
        assert get(f"{server.origin}/").status == 500


@pytest.mark.parametrize(
    ("base", "relative", "expected"),
    [
        ("https://E.org/a/b", "c?d=1", "https://e.org/a/c?d=1"),
        ("https://e.org/a", "https://Other.org:443/x#y", "https://other.org/x"),
        ("https://e.org", "?q=1", "https://e.org/?q=1"),
        ("https://e.org/a", "//other.org", "https://other.org/"),
    ],
)
def test_urls_are_joined_and_spelled_one_way(base: str, relative: str, expected: str) -> None:
    assert str(join_url(parse_url(base), relative)) == expected

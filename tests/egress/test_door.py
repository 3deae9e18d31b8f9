"""The broker's port: who gets an answer, and what everybody else can do with it."""

from __future__ import annotations

import contextlib
import socket
from typing import TYPE_CHECKING

import pytest
from audit_texts import tool_named
from egress_calls import BOUND_SECONDS, Line, admitted, call_of, grant, request_to
from egress_servers import echo, serving

from hatchway.core.exchange import TOKEN_HEADER, Kind, frame
from hatchway.egress import exchanging, framing, listening

if TYPE_CHECKING:
    from collections.abc import Iterator

    from egress_calls import Admitted
    from egress_servers import Origin

REFUSED = b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


@pytest.fixture
def origin() -> Iterator[Origin]:
    with serving(echo) as it:
        yield it


@pytest.fixture
def call(origin: Origin) -> Iterator[Admitted]:
    with admitted(grant(f"{origin.url};internal")) as it:
        yield it


def said(call: Admitted, text: bytes) -> bytes:
    """Everything that the broker answers to some bytes."""
    with socket.create_connection(("127.0.0.1", call.ticket.port), BOUND_SECONDS) as line:
        line.sendall(text)
        answer = b""
        with contextlib.suppress(ConnectionResetError):
            while part := line.recv(1 << 16):
                answer += part
        return answer


def asked(
    call: Admitted,
    *more: str,
    line: str = "POST /exchange HTTP/1.1",
    host: str | None = None,
    token: str | None = None,
) -> bytes:
    """The head of a request as the inside half makes it, but for what is changed."""
    fields = [
        f"host: {host if host is not None else f'127.0.0.1:{call.ticket.port}'}",
        f"hatchway-token: {token if token is not None else call.ticket.token.reveal()}",
        *more,
    ]
    return "\r\n".join((line, *fields, "content-length: 0", "", "")).encode("latin-1")


def test_a_right_ticket_is_answered(call: Admitted) -> None:
    assert said(call, asked(call)).startswith(b"HTTP/1.1 200 OK\r\n")


@pytest.mark.claim("egress.ticket")
@pytest.mark.parametrize(
    "token", ["", "guess", "a" * 43, "\xff" * 43], ids=["empty", "short", "as long", "no ASCII"]
)
def test_a_wrong_token_gets_nothing_but_403(call: Admitted, token: str) -> None:
    assert said(call, asked(call, token=token)) == REFUSED
    assert not len(call.events)


@pytest.mark.parametrize(
    "line",
    [
        "GET /exchange HTTP/1.1",
        "PUT /exchange HTTP/1.1",
        "OPTIONS * HTTP/1.1",
        "CONNECT 127.0.0.1:22 HTTP/1.1",
        "POST / HTTP/1.1",
        "POST /exchange/ HTTP/1.1",
        "POST //exchange HTTP/1.1",
        "POST /%65xchange HTTP/1.1",
        "POST /exchange?x HTTP/1.1",
        "POST http://127.0.0.1/exchange HTTP/1.1",
        "POST /exchange HTTP/1.0",
    ],
)
def test_only_the_one_request_is_understood(call: Admitted, line: str) -> None:
    # To HTTP/1.0 h11 spells a name in another way.
    assert said(call, asked(call, line=line)).lower() == REFUSED.lower()


@pytest.mark.parametrize("host", ["localhost:{}", "evil.example:{}", "127.0.0.1", "[::1]:{}", ""])
def test_a_name_that_was_made_to_lead_here_is_not_ours(call: Admitted, host: str) -> None:
    assert said(call, asked(call, host=host.format(call.ticket.port))) == REFUSED


@pytest.mark.claim("egress.ticket")
@pytest.mark.parametrize(
    "field",
    [
        "origin: null",
        "Origin: http://127.0.0.1",
        "referer: http://evil.example/",
        "cookie: a=b",
        "sec-fetch-site: same-origin",
        "hatchway-token: another",
    ],
)
def test_a_browser_is_refused_whatever_it_shows(call: Admitted, field: str) -> None:
    assert said(call, asked(call, field)) == REFUSED


@pytest.mark.parametrize(
    "text",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GARBAGE\r\n\r\n",
        b"POST /exchange HTTP/1.1\r\nhost: x\r\nhost: y\r\n\r\n",
        b"POST /exchange HTTP/1.1\r\n" + b"x: " + b"y" * 70_000 + b"\r\n\r\n",
    ],
    ids=["TLS", "no HTTP", "two hosts", "a head without end"],
)
def test_what_is_no_request_gets_no_answer(call: Admitted, text: bytes) -> None:
    assert said(call, text) == b""


def test_an_answer_names_neither_server_nor_time(call: Admitted) -> None:
    head = said(call, asked(call)).partition(b"\r\n\r\n")[0].lower()

    assert b"server:" not in head
    assert b"date:" not in head


def test_a_websocket_is_no_way_in(call: Admitted, capfd: pytest.CaptureFixture[str]) -> None:
    upgrade = ("connection: upgrade", "upgrade: websocket", "sec-websocket-version: 13")

    assert said(call, asked(call, *upgrade)) == REFUSED
    assert capfd.readouterr() == ("", "")


def test_strangers_make_no_noise(
    call: Admitted, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    said(call, b"GARBAGE\r\n\r\n")
    said(call, asked(call, token=""))

    assert capfd.readouterr() == ("", "")
    assert caplog.records == []


def test_many_silent_strangers_are_in_nobodys_way(call: Admitted, origin: Origin) -> None:
    port = call.ticket.port
    with contextlib.ExitStack() as crowd:
        strangers = [
            crowd.enter_context(socket.create_connection(("127.0.0.1", port), BOUND_SECONDS))
            for _ in range(listening.MAX_STRANGERS + 40)
        ]

        assert call.ask("GET", origin.url).status == 200
        with contextlib.suppress(ConnectionResetError):
            assert strangers[0].recv(1) == b"", "the oldest has made room"


def test_a_stranger_who_says_nothing_is_cut_off(
    call: Admitted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listening, "STRANGER_SECONDS", 0.05)

    assert said(call, b"POST /exch") == b""


def test_a_ticket_that_is_shown_for_nothing_runs_out(
    call: Admitted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchanging, "_HEAD_SECONDS", 0.05)
    monkeypatch.setattr(framing, "_FAREWELL_SECONDS", 0.05)

    with Line(call.ticket) as line:
        answer = line.answer()

    assert answer.rule == "egress.nothing_asked"
    assert call.events[0].decision == "denied"


@pytest.mark.parametrize(
    "frames",
    [
        b"\x09\x00\x00\x00\x00",
        frame(Kind.DATA, b"too early"),
        frame(Kind.HEAD, b"no JSON"),
        frame(Kind.HEAD, b"[" * 100_000),
        frame(Kind.HEAD, b'{"method": "GET"}'),
        b"\x01\xff\xff\xff\xff",
        b"",
    ],
    ids=["no kind", "no head", "no JSON", "deep", "half a head", "endless", "nothing"],
)
def test_garbage_with_a_ticket_is_refused_and_recorded(call: Admitted, frames: bytes) -> None:
    with Line(call.ticket) as line:
        if frames:
            line.raw(frames)
        line.finish()
        answer = line.answer()

    assert (answer.error, answer.rule) == ("internal-error", "egress.malformed")
    assert [event.decision for event in call.events] == ["denied"]
    assert call.events[0].rule == "egress.malformed"


@pytest.mark.parametrize(
    "frames",
    [frame(Kind.HEAD, b"{}"), frame(Kind.REFUSED, b"{}"), frame(Kind.END) + frame(Kind.DATA, b"x")],
    ids=["two heads", "a refusal", "more after the end"],
)
def test_garbage_after_a_head_ends_the_exchange(
    call: Admitted, origin: Origin, frames: bytes
) -> None:
    head = request_to(origin.url, "POST", headers=(("content-length", b"10"),))
    with call.begin(head) as line:
        line.raw(frames)
        line.finish()
        answer = line.answer()

    assert answer.rule == "egress.malformed"
    assert len(call.events) == 1


@pytest.mark.claim("egress.ticket")
def test_the_token_shows_nowhere(call: Admitted, origin: Origin) -> None:
    token = call.ticket.token.reveal()

    answer = call.ask("GET", origin.url)

    assert token not in repr(call.ticket)
    assert token not in call.events.text
    assert token.encode() not in answer.body
    assert token not in repr(origin.heard)


@pytest.mark.claim("egress.ticket")
def test_the_broker_cannot_be_asked_to_ask_itself(call: Admitted) -> None:
    port = call.ticket.port
    with call.broker.admit(
        call_of(), tool_named("fetch"), grant(f"http://127.0.0.1:{port};internal")
    ) as ticket:
        token = (TOKEN_HEADER, ticket.token.reveal().encode())
        head = request_to(f"http://127.0.0.1:{port}/exchange", "POST", headers=(token,))
        with Line(ticket) as line:
            line.head(head)
            line.end()
            answer = line.answer()

    assert (answer.error, answer.rule) == ("HTTP-request-denied", "egress.own_port")
    assert answer.refusal is not None
    assert answer.refusal.wanted == ""

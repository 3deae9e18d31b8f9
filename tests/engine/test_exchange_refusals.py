"""Exchanges that are refused, cut off, or answered with rubbish."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest
from exchanges import DENIAL, HEAD, HEAD_FRAME, body_of, closed_port, error_of, new_guest, sent
from stub_broker import BOUND_SECONDS, Peer, broker

from hatchway.core.egress import Ticket
from hatchway.core.exchange import (
    MAX_JSON,
    Kind,
    Refusal,
    data_frames,
    frame,
    refusal_frame,
)
from hatchway.core.secret import Secret
from hatchway.engine.http.exchange import (
    BUFFER_BYTES,
    open_exchange,
)
from hatchway.engine.http.waiting import wait

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hatchway.engine.guest import Guest


@pytest.fixture
def run() -> Iterator[Guest]:
    found = new_guest()
    yield found
    found.close()


def test_a_refusal_of_the_broker_is_told_as_it_is(run: Guest) -> None:
    with broker(lambda peer: peer.refuse(DENIAL)) as outside:
        told: list[Refusal] = []
        exchange = open_exchange(run, outside.ticket, HEAD, on_refused=told.append)
        wait(run, lambda: exchange.is_answered)

    assert exchange.response is None
    assert exchange.refusal == DENIAL
    assert told == [DENIAL]
    assert exchange.is_writable
    assert exchange.writable_bytes == 0


def test_a_refusal_in_the_middle_leaves_what_came_before(run: Guest) -> None:
    cut = Refusal(error="HTTP-response-body-size", rule="egress.response_bytes")

    def behave(peer: Peer) -> None:
        peer.body()
        peer.reply(body=None)
        peer.send(b"begun")
        peer.refuse(cut)

    with broker(behave) as outside:
        exchange = sent(run, outside.ticket)
        body = body_of(run, exchange)

    assert (body, exchange.refusal) == (b"begun", cut)


def test_a_refusal_is_heard_though_the_request_was_not_taken(run: Guest) -> None:
    def behave(peer: Peer) -> None:
        peer.refuse(DENIAL)
        peer.socket.shutdown(socket.SHUT_WR)
        peer.wait_until_gone()

    with broker(behave) as outside:
        exchange = open_exchange(run, outside.ticket, HEAD)
        while exchange.refusal is None:
            wait(run, lambda: exchange.is_writable)
            exchange.write(bytes(min(exchange.writable_bytes, 1 << 16)))

    assert exchange.refusal == DENIAL


def test_a_refusal_is_heard_though_the_broker_is_gone(run: Guest) -> None:
    def behave(peer: Peer) -> None:
        peer.accept()
        peer.raw(refusal_frame(DENIAL))

    with broker(behave) as outside:
        exchange = open_exchange(run, outside.ticket, HEAD)
        while exchange.writable_bytes == BUFFER_BYTES:  # fill what the kernel takes
            exchange.write(bytes(BUFFER_BYTES))
        assert outside.gone.wait(BOUND_SECONDS)
        exchange.write(bytes(exchange.writable_bytes))
        wait(run, lambda: exchange.is_answered)

    assert exchange.refusal == DENIAL


def test_what_comes_after_the_end_is_not_heard(run: Guest) -> None:
    def behave(peer: Peer) -> None:
        peer.body()
        peer.accept()
        peer.raw(HEAD_FRAME + frame(Kind.END) + HEAD_FRAME + refusal_frame(DENIAL))

    with broker(behave) as outside:
        exchange = sent(run, outside.ticket)
        exchange.finish()
        body = body_of(run, exchange)

    assert (body, exchange.refusal) == (b"", None)


def test_a_response_that_is_over_drops_what_is_still_written(run: Guest) -> None:
    def behave(peer: Peer) -> None:
        peer.reply(413, body=b"too much")
        peer.wait_until_gone()

    with broker(behave) as outside:
        exchange = open_exchange(run, outside.ticket, HEAD)
        body = body_of(run, exchange)
        for _ in range(100):
            exchange.write(bytes(exchange.writable_bytes))
        exchange.finish()

    assert (body, exchange.refusal) == (b"too much", None)
    assert exchange.is_flushed


RUBBISH = {
    "no frames": b"GET / HTTP/1.1\r\n\r\n",
    "a body without a head": data_frames(b"x"),
    "an end without a head": frame(Kind.END),
    "two heads": HEAD_FRAME * 2,
    "a head that is no JSON": frame(Kind.HEAD, b"{"),
    "a head of another form": frame(Kind.HEAD, b"{}"),
    "a head without a bottom": frame(Kind.HEAD, b"[" * 100_000),
    "a frame without bounds": b"\x01" + (MAX_JSON + 1).to_bytes(4, "big"),
    "a refusal of another form": refusal_frame(DENIAL).replace(b"denied", b"dented"),
}
CUT_OFF = {
    "before the head": b"",
    "in a frame": HEAD_FRAME[:-1],
    "in the body": HEAD_FRAME + data_frames(b"x"),
}


@pytest.mark.parametrize("name", RUBBISH)
def test_rubbish_from_the_broker_is_an_internal_error(run: Guest, name: str) -> None:
    def behave(peer: Peer) -> None:
        peer.body()
        peer.accept()
        peer.raw(RUBBISH[name])
        peer.wait_until_gone()

    with broker(behave) as outside:
        assert error_of(run, sent(run, outside.ticket)) == "internal-error"


def test_another_status_is_an_internal_error(run: Guest) -> None:
    with broker(lambda peer: peer.accept(403)) as outside:
        assert error_of(run, sent(run, outside.ticket)) == "internal-error"


def test_what_is_no_http_is_an_internal_error(run: Guest) -> None:
    with broker(lambda peer: peer.socket.sendall(b"\0\1\2\r\n\r\n")) as outside:
        assert error_of(run, sent(run, outside.ticket)) == "internal-error"


@pytest.mark.parametrize("name", CUT_OFF)
def test_a_broker_that_hangs_up_terminates_the_connection(run: Guest, name: str) -> None:
    def behave(peer: Peer) -> None:
        peer.body()
        peer.accept()
        peer.raw(CUT_OFF[name])

    with broker(behave) as outside:
        assert error_of(run, sent(run, outside.ticket)) == "connection-terminated"


def test_a_broker_that_says_nothing_terminates_the_connection(run: Guest) -> None:
    with broker(lambda _peer: None) as outside:
        assert error_of(run, sent(run, outside.ticket)) == "connection-terminated"


def test_an_answer_that_ends_without_an_end_was_cut_off(run: Guest) -> None:
    def behave(peer: Peer) -> None:
        peer.body()
        peer.accept()
        peer.raw(HEAD_FRAME)
        peer.close_answer()
        peer.wait_until_gone()

    with broker(behave) as outside:
        assert error_of(run, sent(run, outside.ticket)) == "connection-terminated"


def test_no_broker_is_a_refusal_too(run: Guest) -> None:
    exchange = sent(run, Ticket(port=closed_port(), token=Secret("x")))

    assert error_of(run, exchange) == "connection-terminated"


def test_a_port_that_is_none_is_a_refusal_too(run: Guest) -> None:
    assert error_of(run, sent(run, Ticket(port=0, token=Secret("x")))) == "connection-terminated"

"""One exchange with a broker, and how long a guest waits for it."""

from __future__ import annotations

import os
import resource
import threading
from typing import TYPE_CHECKING

import pytest
from exchanges import HEAD, HEAD_FRAME, body_of, closed_port, error_of, new_guest, sent
from stub_broker import BOUND_SECONDS, Peer, answered, broker

from hatchway.core.call import Cancellation
from hatchway.core.egress import Ticket
from hatchway.core.errors import CallCancelledError, DeadlineExceededError
from hatchway.core.exchange import (
    Kind,
    ResponseHead,
    data_frames,
    frame,
)
from hatchway.core.secret import Secret
from hatchway.engine.guest import VIRTUAL_STEP_NS, Guest, Stopped
from hatchway.engine.http.exchange import (
    BUFFER_BYTES,
    MAX_EXCHANGES,
    Patience,
    open_exchange,
)
from hatchway.engine.http.waiting import wait

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator


@pytest.fixture
def run() -> Iterator[Guest]:
    found = new_guest()
    yield found
    found.close()


# What is said and heard


def test_a_request_goes_out_as_it_is_and_its_response_comes_back(run: Guest) -> None:
    headers = (("content-type", b"text/plain"), ("x", b"\xff"))

    def behave(peer: Peer) -> None:
        peer.reply(201, headers, peer.body()[::-1])

    with broker(behave) as outside:
        exchange = sent(run, outside.ticket, b"abc")
        body = body_of(run, exchange)

    assert exchange.response == ResponseHead(status=201, headers=headers)
    assert (body, exchange.refusal) == (b"cba", None)
    assert outside.heads == [HEAD]


def test_a_body_larger_than_any_buffer_comes_back_whole(run: Guest) -> None:
    content = os.urandom(1 << 20)

    with broker(answered) as outside:
        exchange = open_exchange(run, outside.ticket, HEAD)
        for at in range(0, len(content), 50_000):
            part = content[at : at + 50_000]
            while part:
                wait(run, lambda: exchange.is_writable)
                room = exchange.writable_bytes
                exchange.write(part[:room])
                part = part[room:]
        exchange.finish()
        body = body_of(run, exchange)

    assert body == content


def test_both_bodies_flow_at_once(run: Guest) -> None:
    def behave(peer: Peer) -> None:
        peer.reply(body=None)
        for part in peer.parts():
            peer.send(part.upper())
        peer.end()

    with broker(behave) as outside:
        exchange = open_exchange(run, outside.ticket, HEAD)
        wait(run, lambda: exchange.is_answered)
        replies = []
        for word in (b"one", b"two"):
            exchange.write(word)
            wait(run, lambda: exchange.is_readable)
            replies.append(exchange.read(100))
        exchange.finish()
        rest = body_of(run, exchange)

    assert (replies, rest) == ([b"ONE", b"TWO"], b"")


def test_frames_may_come_in_pieces_of_any_size(run: Guest) -> None:
    def behave(peer: Peer) -> None:
        peer.body()
        peer.accept()
        for byte in HEAD_FRAME + data_frames(b"abc") + data_frames(b"") + frame(Kind.END):
            peer.raw(bytes((byte,)))

    with broker(behave) as outside:
        body = body_of(run, exchange := sent(run, outside.ticket))

    assert (body, exchange.refusal) == (b"abc", None)


def test_an_empty_buffer_gives_no_bytes_and_is_not_the_end(run: Guest) -> None:
    with broker(lambda peer: peer.wait_until_gone()) as outside:
        exchange = sent(run, outside.ticket)

        assert exchange.read(10) == b""
        assert not exchange.is_answered
        assert not exchange.is_readable
        exchange.close()

    assert exchange.read(10) is None


def test_what_nobody_reads_is_bounded(run: Guest) -> None:
    most = BUFFER_BYTES + (1 << 17)

    def behave(peer: Peer) -> None:
        peer.body()
        peer.reply(body=None)
        for _ in range(256):
            peer.send(bytes(1 << 16))
        peer.end()

    with broker(behave) as outside:
        exchange = sent(run, outside.ticket)
        wait(run, lambda: exchange.interest == 0)
        for _ in range(100):
            exchange.pump()
        held = len(exchange.read(1 << 30) or b"")
        rest = len(body_of(run, exchange))

    assert BUFFER_BYTES <= held < most
    assert held + rest == 256 << 16


def test_what_the_broker_does_not_take_is_bounded(run: Guest) -> None:
    go_on = threading.Event()

    def behave(peer: Peer) -> None:
        assert go_on.wait(BOUND_SECONDS)
        answered(peer)

    with broker(behave) as outside:
        exchange = open_exchange(run, outside.ticket, HEAD)
        count = 0
        while room := exchange.writable_bytes:
            assert room <= BUFFER_BYTES
            exchange.write(bytes(room))
            count += room
        is_stuck = not exchange.is_writable
        go_on.set()
        exchange.finish()
        body = body_of(run, exchange)

    assert is_stuck
    assert len(body) == count


# Bounds


def test_an_exchange_too_many_is_refused_until_one_is_closed(run: Guest) -> None:
    with broker(lambda peer: peer.wait_until_gone()) as outside:
        exchanges = [open_exchange(run, outside.ticket, HEAD) for _ in range(MAX_EXCHANGES)]
        extra = open_exchange(run, outside.ticket, HEAD)
        exchanges[0].close()
        fits = open_exchange(run, outside.ticket, HEAD)
        run.close()

    assert all(exchange.refusal is None for exchange in exchanges)
    assert extra.refusal is not None
    assert extra.refusal.error == "connection-limit-reached"
    assert fits.refusal is None


def test_the_last_descriptors_of_the_process_are_not_for_guests(
    run: Guest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _which: (4, 4))

    exchange = sent(run, Ticket(port=closed_port(), token=Secret("x")))

    assert error_of(run, exchange) == "connection-limit-reached"


def test_a_socket_that_cannot_be_made_is_a_refusal(
    run: Guest, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none_left(*_arguments: object) -> socket.socket:
        raise OSError(24, "too many open files")

    monkeypatch.setattr("hatchway.engine.http.exchange.socket.socket", none_left)

    exchange = sent(run, Ticket(port=1, token=Secret("x")))

    assert error_of(run, exchange) == "connection-limit-reached"


@pytest.mark.parametrize("begins", [False, True], ids=["head", "body"])
def test_a_guest_may_wait_for_less_than_it_could(run: Guest, *, begins: bool) -> None:
    def behave(peer: Peer) -> None:
        if begins:
            peer.reply(body=None)
        peer.wait_until_gone()

    patience = Patience(head_ns=None if begins else 10**6, pause_ns=10**6)
    with broker(behave) as outside:
        exchange = open_exchange(run, outside.ticket, HEAD, patience)

        assert error_of(run, exchange) == "connection-read-timeout"


def test_a_deadline_ends_a_wait_that_nothing_else_would() -> None:
    run = new_guest(deadline_seconds=0.2)

    with broker(lambda peer: peer.wait_until_gone()) as outside:
        exchange = sent(run, outside.ticket)
        with pytest.raises(Stopped):
            wait(run, lambda: exchange.is_answered)
        run.close()

    assert isinstance(run.stop, DeadlineExceededError)


def test_a_cancellation_ends_a_wait_that_nothing_else_would() -> None:
    cancellation = Cancellation()
    run = new_guest(cancellation=cancellation)

    def behave(peer: Peer) -> None:
        cancellation.request()
        peer.wait_until_gone()

    with broker(behave) as outside:
        exchange = sent(run, outside.ticket)
        with pytest.raises(Stopped):
            wait(run, lambda: exchange.is_answered)
        run.close()

    assert isinstance(run.stop, CallCancelledError)


def test_closing_cuts_off_what_is_under_way(run: Guest) -> None:
    with broker(lambda peer: peer.wait_until_gone()) as outside:
        exchange = open_exchange(run, outside.ticket, HEAD)
        wait(run, lambda: exchange.is_flushed)
        run.close()

        assert outside.gone.wait(BOUND_SECONDS)

    assert exchange.fileno() == -1
    assert exchange.interest == 0


# Time


def test_a_wait_that_comes_to_its_end_says_so_and_virtual_time_goes_on(run: Guest) -> None:
    with broker(lambda peer: peer.wait_until_gone()) as outside:
        exchange = sent(run, outside.ticket)
        before_ns = run.peek_monotonic_ns()

        assert not wait(run, lambda: exchange.is_answered, most_ns=3 * 10**6 + 1)
        assert run.peek_monotonic_ns() == before_ns + 3 * 10**6 + 1
        exchange.close()


def test_virtual_time_goes_on_in_whole_steps_while_the_network_is_waited_for(run: Guest) -> None:
    run.pass_time(VIRTUAL_STEP_NS // 2)
    half = run.peek_monotonic_ns()
    run.pass_time(VIRTUAL_STEP_NS // 2)

    assert (half, run.peek_monotonic_ns()) == (0, VIRTUAL_STEP_NS)

"""Components that wait for the network, for time, and for both at once."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest
from guests import grant
from stub_broker import BOUND_SECONDS, Peer, answered, broker
from wasi02_calls import Failed
from wasi02_files import SPARE, Span
from wasi02_http import GENEROUS, Got, HttpScript

from hatchway.core.call import Cancellation
from hatchway.engine.http.exchange import BUFFER_BYTES

CHUNK = 1 << 16
BRIEF = replace(GENEROUS, deadline_seconds=0.5)


def echo(peer: Peer) -> None:
    """Answer at once, and give back what comes as it comes."""
    peer.reply(body=None)
    for part in peer.parts():
        peer.send(part)
    peer.end()


def never(peer: Peer) -> None:
    """Begin an answer perhaps, and never go on."""
    if peer.head.target == "/begins":
        peer.body()
        peer.reply(body=None)
    peer.stall()


def test_both_bodies_flow_at_once() -> None:
    script = HttpScript()
    request, body = script.posting()
    future = script.sent(request)
    got = script.answered(future)
    _, reading = script.body_of(got)
    stream = script.stream_into(body)
    replies = []
    for word in (b"one", b"two"):
        script.do("output-stream.blocking-write-and-flush", stream, word)
        replies.append(script.do("input-stream.blocking-read", reading, 100))
    script.finished(body, stream)
    end = script.do("input-stream.blocking-read", reading, 100)

    with broker(echo) as outside:
        told = script.run(outside.ticket)

    assert [told[item] for item in replies] == [b"one", b"two"]
    assert told[end] == Failed("closed")


def test_whatever_is_ready_first_ends_a_poll() -> None:
    script = HttpScript()
    answers = script.sent(script.request(path="/answers"))
    hangs = script.sent(script.request(path="/hangs"))
    pollables = [
        script.own("future-incoming-response.subscribe", hangs),
        script.own("future-incoming-response.subscribe", answers),
        script.own("subscribe-duration", 50_000_000_000),
    ]
    due = script.poll(*pollables)
    short = script.own("subscribe-duration", 1_000_000)
    timed = script.poll(pollables[0], short)

    def behave(peer: Peer) -> None:
        (answered if peer.head.target == "/answers" else never)(peer)

    with broker(behave) as outside:
        told = script.run(outside.ticket)

    assert told[due] == [1]
    assert told[timed] == [1]


@pytest.mark.parametrize("clock", [(), ("clock",)], ids=["virtual", "real"])
def test_time_goes_on_while_the_network_is_waited_for(clock: tuple[str, ...]) -> None:
    script = HttpScript()
    before = script.do("now")
    future = script.sent(script.request())
    timer = script.own("subscribe-duration", 200_000_000)
    answer = script.own("future-incoming-response.subscribe", future)
    due = script.poll(answer, timer)
    is_ready = script.do("pollable.ready", timer)
    after = script.do("now")

    with broker(never) as outside:
        told = script.run(outside.ticket, grant(*clock, limits=GENEROUS))

    assert (told[due], told[is_ready]) == ([1], 1)
    assert told[after] - told[before] >= 200_000_000


def test_bytes_move_while_the_guest_waits_for_something_else() -> None:
    heard = threading.Event()
    script = HttpScript()
    request, body = script.posting()
    script.sent(request)
    stream = script.stream_into(body)
    for _ in range(3):
        script.do("output-stream.write", stream, Span(SPARE, CHUNK))
    script.finished(body, stream)
    timer = script.own("subscribe-duration", 50_000_000)
    begin = script.here()
    script.do("pollable.block", timer)
    script.again(begin, 1)
    other = script.answered(script.sent(script.request(path="/other")))

    def behave(peer: Peer) -> None:
        if peer.head.target == "/other":
            assert heard.wait(BOUND_SECONDS)
        else:
            assert len(peer.body()) == 3 * CHUNK
            heard.set()
        peer.reply()

    with broker(behave) as outside:
        told = script.run(outside.ticket)

    assert isinstance(told[other], Got)


def hanging(how: str) -> HttpScript:
    """A guest that waits for a broker that never goes on."""
    script = HttpScript()
    if how == "write":
        request, body = script.posting()
        script.sent(request)
        stream = script.stream_into(body)
        begin = script.here()
        script.do("output-stream.blocking-write-and-flush", stream, Span(SPARE, CHUNK))
        script.again(begin, 1_000_000)
        return script
    future = script.sent(script.request(path="/begins" if how == "read" else "/"))
    if how == "read":
        _, reading = script.body_of(script.answered(future))
        script.do("input-stream.blocking-read", reading, 1)
        return script
    pollable = script.own("future-incoming-response.subscribe", future)
    if how == "spin":
        begin = script.here()
        script.do("pollable.ready", pollable)
        script.do("future-incoming-response.get", future)
        script.again(begin, 100_000_000)
    elif how == "poll":
        script.poll(pollable)
    else:
        script.do("pollable.block", pollable)
    return script


WAYS = pytest.mark.parametrize("how", ["block", "poll", "read", "write", "spin"])


@pytest.mark.claim("limits.deadline")
@WAYS
def test_no_wait_for_the_network_outlasts_the_deadline(how: str) -> None:
    with broker(never) as outside:
        told = hanging(how).run(outside.ticket, grant(limits=BRIEF))

    assert told.stop == "guest.deadline_exceeded"


@WAYS
def test_a_wait_for_the_network_can_be_cancelled(how: str) -> None:
    cancellation = Cancellation()

    def behave(peer: Peer) -> None:
        cancellation.request()
        never(peer)

    with broker(behave) as outside:
        told = hanging(how).run(outside.ticket, cancellation=cancellation)

    assert told.stop == "call.cancelled"


def test_spinning_on_the_network_is_bounded_by_the_calls_a_guest_may_make() -> None:
    limits = replace(GENEROUS, host_calls=500)

    with broker(never) as outside:
        told = hanging("spin").run(outside.ticket, grant(limits=limits))

    assert told.stop == "guest.host_calls_exceeded"


def test_a_response_that_nobody_reads_is_held_back() -> None:
    sent: list[int] = []
    script = HttpScript()
    got = script.answered(script.sent(script.request()))
    script.body_of(got)
    pollable = script.own("subscribe-duration", 500_000_000)
    script.do("pollable.block", pollable)

    def behave(peer: Peer) -> None:
        peer.body()
        peer.reply(body=None)
        while True:
            peer.send(bytes(CHUNK))
            sent.append(CHUNK)

    with broker(behave) as outside:
        told = script.run(outside.ticket)

    assert told.stop is None
    # Ours, and what the two ends of a socket hold.
    assert sum(sent) < BUFFER_BYTES + (16 << 20)

"""Components that use what they gave back, or look for what other calls asked for."""

from __future__ import annotations

import gc
import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from guests import grant
from strategies import often
from stub_broker import BOUND_SECONDS, Broker, Peer, answered, broker
from wasi02_calls import Failed
from wasi02_http import GENEROUS, NONE, TAKEN, Got, HttpScript

from hatchway.engine.guest import Guest
from hatchway.engine.http.exchange import MAX_EXCHANGES, Exchange

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from wasi02_files import Place

    from hatchway.core.egress import Ticket

WITH_FILES = replace(GENEROUS, scratch_bytes=1 << 20)


@pytest.fixture
def outside() -> Iterator[Broker]:
    with broker(answered) as found:
        yield found


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


# Twice, and too late


def test_what_is_given_once_is_not_given_again(outside: Broker) -> None:
    script = HttpScript()
    request = script.request(method="post")
    bodies = [script.do("outgoing-request.body", request) for _ in range(2)]
    body = bodies[0].inside(4)
    streams = [script.do("outgoing-body.write", body) for _ in range(2)]
    script.drop("output-stream", streams[0].inside(4))
    streams.append(script.do("outgoing-body.write", body))
    script.do("outgoing-body.finish", body, *NONE)
    got = script.answered(script.sent(request))
    response = got.inside(24)
    incoming = [script.do("incoming-response.consume", response) for _ in range(2)]
    reading = [script.do("incoming-body.stream", incoming[0].inside(4)) for _ in range(2)]

    told = script.run(outside.ticket)

    for calls in (bodies, streams, incoming, reading):
        assert isinstance(told[calls[0]], Got)
        assert [told[item] for item in calls[1:]] == [None] * (len(calls) - 1)


def _after_drop(script: HttpScript, resource: str, name: str, *arguments: Place) -> object:
    handle = script.own(resource, *arguments)
    script.drop(resource, handle)
    return script.do(name, handle)


def _fields_of_a_request(script: HttpScript) -> object:
    fields = script.own("fields")
    script.own("outgoing-request", fields)
    return script.do("fields.append", fields, b"a", b"b")


def _handed_over_twice(script: HttpScript) -> object:
    request = script.request()
    script.sent(request)
    return script.do("handle", request, *NONE)


def _finished_twice(script: HttpScript) -> object:
    body = script.do("outgoing-request.body", script.request()).inside(4)
    script.do("outgoing-body.finish", body, *NONE)
    return script.do("outgoing-body.finish", body, *NONE)


GIVEN_BACK: dict[str, Callable[[HttpScript], object]] = {
    "fields dropped": lambda script: _after_drop(script, "fields", "fields.entries"),
    "fields taken by a request": _fields_of_a_request,
    "a request dropped": lambda script: _after_drop(
        script, "outgoing-request", "outgoing-request.method", script.own("fields")
    ),
    "a request handed over": _handed_over_twice,
    "options dropped": lambda script: _after_drop(
        script, "request-options", "request-options.connect-timeout"
    ),
    "a body finished": _finished_twice,
    "a number never given": lambda script: script.do("fields.entries", 12_345),
    "a handle of another type": lambda script: script.do(
        "incoming-body.stream", script.own("fields")
    ),
}


@pytest.mark.parametrize("how", GIVEN_BACK)
def test_what_was_given_back_cannot_be_used(outside: Broker, how: str) -> None:
    script = HttpScript()
    GIVEN_BACK[how](script)

    assert script.run(outside.ticket).stop == "guest.trapped"


@pytest.mark.parametrize("how", ["drop", "finish"])
@pytest.mark.parametrize("which", ["outgoing", "incoming"])
def test_a_body_is_not_given_back_before_its_stream(outside: Broker, which: str, how: str) -> None:
    script = HttpScript()
    if which == "outgoing":
        body = script.do("outgoing-request.body", script.request()).inside(4)
        script.do("outgoing-body.write", body)
    else:
        body, _ = script.body_of(script.answered(script.sent(script.request())))
    if how == "drop":
        script.drop(f"{which}-body", body)
    else:
        script.do(f"{which}-body.finish", body, *(NONE if which == "outgoing" else ()))

    assert script.run(outside.ticket).stop == "guest.trapped"


@pytest.mark.parametrize("how", ["dropped", "taken"])
def test_a_future_goes_without_what_came_of_it(outside: Broker, how: str) -> None:
    script = HttpScript()
    future = script.sent(script.request())
    pollable = script.own("future-incoming-response.subscribe", future)
    script.do("pollable.block", pollable)
    got = script.do("future-incoming-response.get", future) if how == "taken" else None
    script.drop("future-incoming-response", future)
    is_ready = script.do("pollable.ready", pollable)
    due = script.poll(pollable)
    data = None
    if got is not None:
        _, reading = script.body_of(got)
        script.drop("incoming-response", got.inside(24))
        data = script.do("input-stream.blocking-read", reading, 10)

    told = script.run(outside.ticket)

    assert (told[is_ready], told[due]) == (1, [0])
    assert data is None or told[data] == Failed("closed")


def test_a_pollable_outlives_its_stream(outside: Broker) -> None:
    script = HttpScript()
    body, reading = script.body_of(script.answered(script.sent(script.request())))
    input_ready = script.own("input-stream.subscribe", reading)
    script.drop("input-stream", reading)
    script.drop("incoming-body", body)
    out = script.do("outgoing-request.body", script.request()).inside(4)
    stream = script.do("outgoing-body.write", out).inside(4)
    output_ready = script.own("output-stream.subscribe", stream)
    script.drop("output-stream", stream)
    script.drop("outgoing-body", out)
    due = script.poll(input_ready, output_ready)

    told = script.run(outside.ticket)

    assert told[due] == [0, 1]


def test_a_dropped_future_hangs_up() -> None:
    with broker(lambda peer: peer.wait_until_gone()) as outside:
        script = HttpScript()
        future = script.sent(script.request())
        script.drop("future-incoming-response", future)
        other = script.sent(script.request(path="/other"))
        timer = script.own("subscribe-duration", 10_000_000)
        script.poll(timer)
        script.drop("future-incoming-response", other)

        told = script.run(outside.ticket)

        assert outside.gone.wait(BOUND_SECONDS)
        assert told.stop is None


def test_a_response_nobody_reads_hangs_up(outside: Broker) -> None:
    script = HttpScript()
    begin = script.here()
    future = script.sent(script.request())
    got = script.answered(future)
    script.drop("incoming-response", got.inside(24))
    script.drop("future-incoming-response", future)
    script.forget()
    script.again(begin, MAX_EXCHANGES + 10)

    told = script.run(outside.ticket)

    assert isinstance(told[got], Got)
    assert len(outside.heads) == MAX_EXCHANGES + 10


# One call and the next


def one_request() -> HttpScript:
    script = HttpScript()
    request = script.request(method="post")
    body = script.do("outgoing-request.body", request).inside(4)
    future = script.sent(request)
    stream = script.do("outgoing-body.write", body).inside(4)
    script.do("output-stream.blocking-write-and-flush", stream, b"left half done")
    pollable = script.own("future-incoming-response.subscribe", future)
    script.do("pollable.ready", pollable)
    script.sent(script.request(path="/other"))
    return script


def test_calls_that_leave_everything_open_leave_nothing_behind() -> None:
    count = often(1000, gate=30)
    script = one_request()

    with broker(lambda peer: peer.wait_until_gone()) as outside:
        script.run(outside.ticket)
        gc.collect()
        # What other tests of this process still hold is not what these calls leave.
        held = {id(item) for item in gc.get_objects() if isinstance(item, Guest | Exchange)}
        gc.disable()
        try:
            for _ in range(count):
                script.run(outside.ticket)
            found = (item for item in gc.get_objects() if isinstance(item, Guest | Exchange))
            left = [item for item in found if id(item) not in held]
        finally:
            gc.enable()
        outside.wait_for_ends(2 * (count + 1))
        before = open_descriptors()
        for _ in range(count):
            script.run(outside.ticket)
        outside.wait_for_ends(2 * count)

        assert left == []
        assert open_descriptors() <= before


def test_two_calls_at_once_see_only_their_own_exchanges() -> None:
    both = threading.Barrier(2, timeout=BOUND_SECONDS)
    results: dict[str, object] = {}

    def behave(peer: Peer) -> None:
        content = peer.body()
        both.wait()
        peer.reply(body=content)

    def one(name: str, ticket: Ticket) -> None:
        script = HttpScript()
        request = script.request(path=f"/{name}", method="post")
        body = script.do("outgoing-request.body", request).inside(4)
        stream = script.do("outgoing-body.write", body).inside(4)
        script.do("output-stream.write", stream, name.encode() * 1000)
        script.drop("output-stream", stream)
        script.do("outgoing-body.finish", body, *NONE)
        _, reading = script.body_of(script.answered(script.sent(request)))
        data = script.do("input-stream.blocking-read", reading, 60_000)
        results[name] = script.run(ticket)[data]

    with broker(behave) as found:
        threads = [
            threading.Thread(target=one, args=(name, found.ticket)) for name in ("first", "second")
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(BOUND_SECONDS)

    assert results == {"first": b"first" * 1000, "second": b"second" * 1000}


def test_a_future_taken_twice_says_so(outside: Broker) -> None:
    script = HttpScript()
    future = script.sent(script.request())
    script.answered(future)
    again = script.do("future-incoming-response.get", future)
    pollable = script.own("future-incoming-response.subscribe", future)
    is_ready = script.do("pollable.ready", pollable)

    told = script.run(outside.ticket, grant(limits=GENEROUS))

    assert (told[again], told[is_ready]) == (TAKEN, 1)

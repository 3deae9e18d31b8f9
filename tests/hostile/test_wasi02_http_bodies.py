"""Bodies that components stream both ways."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest
from stub_broker import BOUND_SECONDS, Peer, answered, broker
from wasi02_calls import Failed
from wasi02_files import SPARE, Place, Span
from wasi02_http import GENEROUS, NONE, NOT_YET, TAKEN, Got, HttpScript, Problem

from hatchway.core.exchange import Refusal

CHUNK = 1 << 16
BRIEF = replace(GENEROUS, deadline_seconds=0.5)


def declaring(script: HttpScript, length: bytes) -> Place:
    fields = script.own("fields")
    script.do("fields.append", fields, b"content-length", length)
    return fields


# Out


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("write", ["write", "blocking-write-and-flush"])
def test_a_body_may_be_written_before_or_after_it_is_handed_over(when: str, write: str) -> None:
    script = HttpScript()
    request, body = script.posting()
    future = None if when == "before" else script.sent(request)
    stream = script.stream_into(body)
    script.do(f"output-stream.{write}", stream, b"one ")
    script.do("output-stream.write-zeroes", stream, 3)
    script.do("output-stream.blocking-flush", stream)
    done = script.finished(body, stream)
    got = script.answered(future or script.sent(request))
    incoming, reading = script.body_of(got)
    data = script.do("input-stream.blocking-read", reading, 100)
    end = script.do("input-stream.blocking-read", reading, 100)
    script.drop("input-stream", reading)
    rest = script.own("incoming-body.finish", incoming)
    pollable = script.own("future-trailers.subscribe", rest)
    script.do("pollable.block", pollable)
    trailers = script.do("future-trailers.get", rest)
    again = script.do("future-trailers.get", rest)

    with broker(answered) as outside:
        told = script.run(outside.ticket)

    assert told[done] is None
    assert (told[data], told[end]) == (b"one \0\0\0", Failed("closed"))
    assert (told[trailers], told[again]) == (None, TAKEN)


def test_a_body_that_nobody_asked_for_is_empty() -> None:
    script = HttpScript()
    got = script.answered(script.sent(script.request()))
    _, reading = script.body_of(got)
    data = script.do("input-stream.blocking-read", reading, 100)

    with broker(answered) as outside:
        told = script.run(outside.ticket)

    assert told[data] == Failed("closed")


def test_a_body_of_any_size_is_streamed_through() -> None:
    count = 200
    script = HttpScript()
    request, body = script.posting()
    future = script.sent(request)
    stream = script.stream_into(body)
    begin = script.here()
    script.do("output-stream.blocking-write-and-flush", stream, Span(SPARE, CHUNK))
    script.again(begin, count)
    script.finished(body, stream)
    got = script.answered(future)
    _, reading = script.body_of(got)
    data = script.do("input-stream.blocking-read", reading, 100)

    def behave(peer: Peer) -> None:
        peer.reply(body=b"%d" % sum(len(part) for part in peer.parts()))

    with broker(behave) as outside:
        told = script.run(outside.ticket)

    assert told[data] == b"%d" % (count * CHUNK)


def test_what_may_be_written_before_the_request_is_handed_over_is_little() -> None:
    script = HttpScript()
    request, body = script.posting()
    stream = script.stream_into(body)
    before = script.do("output-stream.check-write", stream)
    script.do("output-stream.write", stream, Span(SPARE, CHUNK))
    full = script.do("output-stream.check-write", stream)
    pollable = script.own("output-stream.subscribe", stream)
    is_ready = script.do("pollable.ready", pollable)
    waited = script.do("output-stream.blocking-write-and-flush", stream, b"x")
    code = script.do("http-error-code", waited.inside(8))
    future = script.sent(request)
    script.do("pollable.block", pollable)
    after = script.do("output-stream.check-write", stream)
    script.drop("pollable", pollable)
    script.finished(body, stream)
    got = script.answered(future)

    with broker(answered) as outside:
        told = script.run(outside.ticket)

    assert (told[before], told[full], told[is_ready]) == (CHUNK, 0, 0)
    assert (told[waited], told[code]) == (Failed("failed"), Problem("HTTP-request-body-size"))
    assert told[after] > 0
    assert isinstance(told[got], Got)


def test_a_write_beyond_its_permit_ends_the_guest() -> None:
    script = HttpScript()
    _, body = script.posting()
    script.do("output-stream.write", script.stream_into(body), Span(SPARE, CHUNK + 1))

    assert script.run().stop == "guest.trapped"


def test_a_blocking_write_that_is_too_large_for_the_host_ends_the_guest() -> None:
    script = HttpScript()
    _, body = script.posting()
    stream = script.stream_into(body)
    script.do("output-stream.blocking-write-and-flush", stream, Span(SPARE, (2 << 20) + 1))

    assert script.run().stop == "guest.trapped"


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_body_larger_than_declared_is_cut_off(when: str) -> None:
    script = HttpScript()
    request, body = script.posting(declaring(script, b"3"))
    future = script.sent(request) if when == "after" else None
    stream = script.stream_into(body)
    script.do("output-stream.write", stream, b"12")
    more = script.do("output-stream.write", stream, b"34")
    text = script.do("error.to-debug-string", more.inside(8))
    code = script.do("http-error-code", more.inside(8))
    script.drop("error", more.inside(8))
    again = script.do("output-stream.write", stream, b"5")
    checked = script.do("output-stream.check-write", stream)
    done = script.finished(body, stream)
    outcome = script.answered(future) if future else script.do("handle", request, *NONE)

    with broker(answered) as outside:
        told = script.run(outside.ticket)

    assert told[more] == Failed("failed")
    assert told[text] == b"HTTP-request-body-size"
    assert told[code] == Problem("HTTP-request-body-size", 4)
    assert (told[again], told[checked]) == (Failed("closed"), Failed("closed"))
    assert told[done] == Problem("HTTP-request-body-size", 4)
    assert told[outcome] == Problem("HTTP-protocol-error")


def test_a_body_smaller_than_declared_is_cut_off() -> None:
    script = HttpScript()
    request, body = script.posting(declaring(script, b"3"))
    future = script.sent(request)
    stream = script.stream_into(body)
    script.do("output-stream.write", stream, b"12")
    done = script.finished(body, stream)
    outcome = script.answered(future)

    with broker(answered) as outside:
        told = script.run(outside.ticket)
        assert outside.gone.wait(BOUND_SECONDS)

    assert told[done] == Problem("HTTP-request-body-size", 2)
    assert told[outcome] == Problem("HTTP-protocol-error")


def test_a_body_as_long_as_declared_goes_through() -> None:
    script = HttpScript()
    request, body = script.posting(declaring(script, b"3"))
    future = script.sent(request)
    stream = script.stream_into(body)
    script.do("output-stream.write", stream, b"123")
    done = script.finished(body, stream)
    got = script.answered(future)
    _, reading = script.body_of(got)
    data = script.do("input-stream.blocking-read", reading, 100)

    with broker(answered) as outside:
        told = script.run(outside.ticket)

    assert (told[done], told[data]) == (None, b"123")
    assert outside.heads[0].headers == (("content-length", b"3"),)


def test_two_lengths_are_no_length() -> None:
    script = HttpScript()
    fields = declaring(script, b"3")
    script.do("fields.append", fields, b"Content-Length", b"4")
    request = script.request(method="post", fields=fields)
    body = script.do("outgoing-request.body", request)

    assert script.run()[body] is None


def test_a_body_given_back_unfinished_cuts_its_request_off() -> None:
    script = HttpScript()
    request, body = script.posting()
    future = script.sent(request)
    stream = script.stream_into(body)
    script.do("output-stream.blocking-write-and-flush", stream, b"half")
    script.drop("output-stream", stream)
    script.drop("outgoing-body", body)
    outcome = script.answered(future)
    seen: list[bytes] = []

    def behave(peer: Peer) -> None:
        seen.extend(peer.parts())
        seen.append(b"complete")

    with broker(behave) as outside:
        told = script.run(outside.ticket)
        assert outside.gone.wait(BOUND_SECONDS)

    assert told[outcome] == Problem("HTTP-protocol-error")
    assert b"complete" not in seen


def test_trailers_are_refused_and_empty_ones_are_none() -> None:
    script = HttpScript()
    outcomes = []
    for name in (b"", b"x-sum"):
        request, body = script.posting()
        future = script.sent(request)
        trailers = script.own("fields")
        if name:
            script.do("fields.append", trailers, name, b"1")
        done = script.do("outgoing-body.finish", body, 1, trailers)
        outcomes.append((done, script.answered(future)))

    with broker(answered) as outside:
        told = script.run(outside.ticket)

    (empty, got), (refused, outcome) = outcomes
    assert told[empty] is None
    assert isinstance(told[got], Got)
    assert told[refused] == Problem("HTTP-request-trailer-section-size", 0)
    assert told[outcome] == Problem("HTTP-protocol-error")


# In


def test_an_empty_body_so_far_is_not_a_closed_one() -> None:
    go_on = threading.Event()
    script = HttpScript()
    got = script.answered(script.sent(script.request()))
    _, reading = script.body_of(got)
    pollable = script.own("input-stream.subscribe", reading)
    empty = script.do("input-stream.read", reading, 100)
    nothing = script.do("input-stream.read", reading, 0)
    skipped = script.do("input-stream.skip", reading, 100)
    is_ready = script.do("pollable.ready", pollable)
    script.sent(script.request(path="/go-on"))
    rest = script.do("input-stream.blocking-read", reading, 100)

    def behave(peer: Peer) -> None:
        peer.body()
        peer.reply(body=None)
        if peer.head.target == "/go-on":
            go_on.set()
        assert go_on.wait(BOUND_SECONDS)
        peer.send(b"late")
        peer.end()

    with broker(behave) as outside:
        told = script.run(outside.ticket)

    assert (told[empty], told[nothing], told[skipped], told[is_ready]) == (b"", b"", 0, 0)
    assert told[rest] == b"late"


def test_a_body_that_breaks_off_says_why_and_is_closed_then() -> None:
    script = HttpScript()
    got = script.answered(script.sent(script.request()))
    incoming, reading = script.body_of(got)
    data = script.do("input-stream.blocking-read", reading, 100)
    failed = script.do("input-stream.blocking-read", reading, 100)
    code = script.do("http-error-code", failed.inside(8))
    file_code = script.do("filesystem-error-code", failed.inside(8))
    closed = script.do("input-stream.blocking-read", reading, 100)
    script.drop("error", failed.inside(8))
    script.drop("input-stream", reading)
    rest = script.own("incoming-body.finish", incoming)
    trailers = script.do("future-trailers.get", rest)

    def behave(peer: Peer) -> None:
        peer.body()
        peer.reply(body=None)
        peer.send(b"begun")
        peer.refuse(Refusal(error="HTTP-response-body-size", rule="egress.response_bytes"))

    with broker(behave) as outside:
        told = script.run(outside.ticket)

    assert (told[data], told[failed], told[closed]) == (
        b"begun", Failed("failed"), Failed("closed"),
    )  # fmt: skip
    assert told[code] == Problem("HTTP-response-body-size")
    assert told[file_code] is None
    assert told[trailers] == Problem("HTTP-response-body-size")


def test_what_was_not_read_is_thrown_away_before_the_end_is_told() -> None:
    script = HttpScript()
    got = script.answered(script.sent(script.request()))
    incoming, reading = script.body_of(got)
    script.do("input-stream.blocking-read", reading, 1)
    script.drop("input-stream", reading)
    rest = script.own("incoming-body.finish", incoming)
    early = script.do("future-trailers.get", rest)
    pollable = script.own("future-trailers.subscribe", rest)
    script.do("pollable.block", pollable)
    trailers = script.do("future-trailers.get", rest)

    with broker(lambda peer: peer.reply(body=peer.body() + bytes(8 << 20))) as outside:
        told = script.run(outside.ticket)

    assert told[early] == NOT_YET
    assert told[trailers] is None


def test_a_body_is_spliced_from_one_exchange_into_another() -> None:
    script = HttpScript()
    got = script.answered(script.sent(script.request(path="/from")))
    _, source = script.body_of(got)
    request, body = script.posting()
    future = script.sent(request)
    stream = script.stream_into(body)
    spliced = script.do("output-stream.blocking-splice", stream, source, 4)
    more = script.do("output-stream.splice", stream, source, 100)
    end = script.do("output-stream.blocking-splice", stream, source, 100)
    script.finished(body, stream)
    _, reading = script.body_of(script.answered(future))
    data = script.do("input-stream.blocking-read", reading, 100)

    def behave(peer: Peer) -> None:
        peer.reply(body=peer.body() or b"0123456789")

    with broker(behave) as outside:
        told = script.run(outside.ticket)

    assert (told[spliced], told[more], told[end]) == (4, 6, Failed("closed"))
    assert told[data] == b"0123456789"

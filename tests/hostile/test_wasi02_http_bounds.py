"""Components that hold too many requests, and files beside them."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from stub_broker import Broker, Peer, answered, broker
from wasi02_calls import Failed
from wasi02_files import HEAP, SPARE, Span, files, scratch
from wasi02_http import GENEROUS, NONE, Got, HttpScript, Problem

from hatchway.core.exchange import Refusal
from hatchway.engine.http.exchange import MAX_EXCHANGES
from hatchway.engine.http.fields import MAX_FIELDS_BYTES
from hatchway.engine.preview2.handles import MAX_LIGHT_HANDLES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


WITH_FILES = replace(GENEROUS, scratch_bytes=1 << 20)


@pytest.fixture
def outside() -> Iterator[Broker]:
    with broker(answered) as found:
        yield found


def chunk(count: int) -> Span:
    return Span(SPARE, count)


def test_ten_thousand_requests_that_nobody_sends_end_the_guest() -> None:
    script = HttpScript()
    begin = script.here()
    script.own("outgoing-request", script.own("fields"))
    script.again(begin, 10_000)

    told = script.run()

    assert told.stop == "guest.trapped"
    assert str(MAX_LIGHT_HANDLES) in str(told.execution.stop)


def test_requests_beyond_the_most_at_once_are_refused_and_not_sent() -> None:
    script = HttpScript()
    begin = script.here()
    future = script.sent(script.request())
    script.again(begin, MAX_EXCHANGES + 1)
    outcome = script.do("future-incoming-response.get", future)

    with broker(lambda peer: peer.wait_until_gone()) as outside:
        told = script.run(outside.ticket)

    assert told[outcome] == Problem("connection-limit-reached")
    assert len(outside.heads) <= MAX_EXCHANGES


def test_one_field_at_a_time_fields_grow_to_their_bound() -> None:
    script = HttpScript()
    fields = script.own("fields")
    begin = script.here()
    script.do("fields.append", fields, b"x", b"")
    script.again(begin, MAX_FIELDS_BYTES // 128)

    told = script.run()

    assert told.stop == "guest.trapped"
    assert str(MAX_FIELDS_BYTES) in str(told.execution.stop)


@pytest.mark.parametrize("how", ["append", "set", "from-list"])
def test_a_value_larger_than_all_fields_may_be_ends_the_guest(how: str) -> None:
    script = HttpScript()
    fields = script.own("fields")
    if how == "append":
        script.do("fields.append", fields, b"x", chunk(200_000))
    else:
        # The same bytes again and again, of which the last ones make it too much.
        at, _ = script.text(b"v" * 10_000)
        span = (HEAP + at, 10_000)
        table = script.spans([span] * 14, name=b"x" if how == "from-list" else None)
        given = (table, 14)
        script.do(f"fields.{how}", *((fields, b"x") if how == "set" else ()), *given)

    assert script.run().stop == "guest.trapped"


@pytest.mark.parametrize("how", ["set", "from-list"])
def test_a_list_longer_than_all_fields_may_be_ends_the_guest(how: str) -> None:
    script = HttpScript()
    fields = script.own("fields")
    # Zeroes are empty names and values.
    if how == "set":
        script.do("fields.set", fields, b"x", chunk(5000))
    else:
        script.do("fields.from-list", chunk(5000))

    told = script.run()

    assert told.stop == "guest.trapped"
    assert "5000" in str(told.execution.stop)


def test_many_fields_together_are_bounded_and_those_given_back_do_not_count() -> None:
    value = b"v" * 60_000
    fits, too_many = HttpScript(), HttpScript()
    for script, times in ((fits, 500), (too_many, 500)):
        fields = script.own("fields")
        script.do("fields.append", fields, b"x", value)
        begin = script.here()
        copied = script.own("fields.clone", fields)
        request = script.own("outgoing-request", copied)
        shown = script.own("outgoing-request.headers", request)
        if script is fits:
            script.drop("outgoing-request", request)
            script.drop("fields", shown)
        script.again(begin, times)

    assert fits.run().stop is None
    assert too_many.run().stop == "guest.trapped"


def test_bodies_that_wait_for_their_requests_are_bounded_together() -> None:
    script = HttpScript()
    begin = script.here()
    request = script.own("outgoing-request", script.own("fields"))
    body = script.do("outgoing-request.body", request).inside(4)
    stream = script.do("outgoing-body.write", body).inside(4)
    permit = script.do("output-stream.check-write", stream)
    script.do("output-stream.blocking-write-and-flush", stream, chunk(1 << 16))
    script.again(begin, 100)

    told = script.run()

    assert told.stop is None
    assert told[permit] == 0


def test_long_paths_are_bounded_together() -> None:
    script = HttpScript()
    _, text = script.text(b"/" * 60_000)
    begin = script.here()
    request = script.own("outgoing-request", script.own("fields"))
    script.do("outgoing-request.set-path-with-query", request, 1, text, 60_000)
    script.again(begin, 100)

    assert script.run().stop == "guest.trapped"


def test_polls_of_the_network_leave_no_pollables_behind(outside: Broker) -> None:
    script = HttpScript()
    future = script.sent(script.request())
    begin = script.here()
    pollable = script.own("future-incoming-response.subscribe", future)
    script.do("pollable.ready", pollable)
    script.drop("pollable", pollable)
    script.again(begin, 3 * MAX_LIGHT_HANDLES)
    got = script.answered(future)

    assert isinstance(script.run(outside.ticket)[got], Got)


def test_an_error_of_a_stream_that_finds_no_place_is_told_as_closed() -> None:
    script = HttpScript()
    got = script.answered(script.sent(script.request()))
    _, reading = script.body_of(got)
    begin = script.here()
    script.own("fields")
    script.again(begin, 300)
    data = script.do("input-stream.blocking-read", reading, 10)

    def behave(peer: Peer) -> None:
        peer.body()
        peer.reply(body=None)
        peer.refuse(Refusal(error="HTTP-response-incomplete", rule="egress.broken"))

    with broker(behave) as outside:
        told = script.run(outside.ticket)

    assert told[data] == Failed("closed")


# Files beside requests


@pytest.fixture
def descriptor(tmp_path: Path) -> Iterator[int]:
    (tmp_path / "f").write_bytes(b"content of a file")
    (tmp_path / "l").symlink_to("f")
    found = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    yield found
    os.close(found)


def test_directories_are_found_though_requests_were_there_before_them(
    outside: Broker, descriptor: int
) -> None:
    script = HttpScript()
    fields = script.own("fields")
    opened = script.open(script.root(), b"f")
    request = script.request(method="post", fields=fields)
    body = script.do("outgoing-request.body", request).inside(4)
    future = script.sent(request)
    stream = script.do("outgoing-body.write", body).inside(4)
    source = script.do("descriptor.read-via-stream", opened, 11).inside(4)
    script.do("output-stream.blocking-splice", stream, source, 100)
    script.drop("output-stream", stream)
    script.do("outgoing-body.finish", body, *NONE)
    _, reading = script.body_of(script.answered(future))
    work = script.made(script.root(1), b"copy")
    target = script.do("descriptor.write-via-stream", work, 0).inside(4)
    script.do("output-stream.blocking-splice", target, reading, 100)
    copied = script.do("descriptor.read", work, 100, 0)
    listed = script.do("get-directories")

    told = script.run(outside.ticket, files(descriptor, limits=WITH_FILES))

    assert told[copied] == (b"a file", True)
    assert told[listed][:2] == [b"/data", b"/work"]


def test_an_error_of_a_file_is_none_of_http() -> None:
    script = HttpScript()
    file = script.made(script.root(), b"f")
    stream = script.do("descriptor.write-via-stream", file, 0).inside(4)
    pollable = script.own("output-stream.subscribe", stream)
    is_ready = script.do("pollable.ready", pollable)
    full = script.do("output-stream.write", stream, chunk(2000))
    flushed = script.do("output-stream.blocking-flush", stream)
    codes = [script.do(f"{kind}-error-code", full.inside(8)) for kind in ("http", "filesystem")]

    told = script.run(None, scratch(1000))

    assert (told[is_ready], told[flushed]) == (1, None)
    assert [told[item] for item in codes] == [None, "quota"]


LOOKS: dict[str, tuple[str, tuple[Any, ...]]] = {
    "open": ("descriptor.open-at", (1, b"f", 0, 1)),
    "stat": ("descriptor.stat-at", (1, b"f")),
    "hash": ("descriptor.metadata-hash-at", (1, b"f")),
    "list": ("descriptor.read-directory", ()),
    "link": ("descriptor.readlink-at", (b"l",)),
    # What is refused tells something too: that it is there, or that it is not.
    "missing": ("descriptor.open-at", (1, b"none", 0, 1)),
    "directory": ("descriptor.open-at", (1, b"f", 2, 1)),
    "outside": ("descriptor.stat-at", (1, b"../f")),
    "itself": ("descriptor.stat", ()),
}
LOOKS_AWAY: dict[str, tuple[str, tuple[Any, ...]]] = {
    "nothing": ("descriptor.get-type", ()),
}


@pytest.mark.parametrize("look", [*LOOKS, *LOOKS_AWAY])
def test_the_broker_is_told_whether_anything_of_the_hosts_was_read(
    outside: Broker, descriptor: int, look: str
) -> None:
    name, arguments = (LOOKS | LOOKS_AWAY)[look]
    script = HttpScript()
    script.answered(script.sent(script.request(path="/before")))
    script.made(script.root(1), b"f", b"of its own")
    script.do("descriptor.stat-at", script.root(1), 1, b"f")
    script.do(name, script.root(0), *arguments)
    script.answered(script.sent(script.request(path="/after")))

    told = script.run(outside.ticket, files(descriptor, limits=WITH_FILES))

    assert told.stop is None
    assert [(head.target, head.has_read_private) for head in outside.heads] == [
        ("/before", False),
        ("/after", look in LOOKS),
    ]


def test_what_is_below_a_directory_that_was_opened_is_private_too(
    outside: Broker, tmp_path: Path, descriptor: int
) -> None:
    (tmp_path / "sub").mkdir()
    script = HttpScript()
    script.open(script.root(0), b"sub", how=2)
    script.answered(script.sent(script.request()))

    script.run(outside.ticket, files(descriptor, limits=WITH_FILES))

    assert [head.has_read_private for head in outside.heads] == [True]

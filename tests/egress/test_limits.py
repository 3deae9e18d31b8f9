"""What one request may take: bytes, time, and a share of the broker."""

from __future__ import annotations

import contextlib
import select
import socket
import struct
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from audit_texts import tool_named
from egress_calls import (
    BOUND_SECONDS,
    Line,
    admitted,
    broker_of,
    call_of,
    grant,
    in_background,
    request_to,
)
from egress_servers import (
    bomb,
    drip,
    echo,
    endless,
    read_head,
    saying,
    serving,
    serving_raw,
    silent,
    streaming,
)

from hatchway.core.egress import EgressLimits
from hatchway.egress import framing, quotas
from hatchway.egress.quotas import Quotas
from hatchway.egress.refusals import Refused
from hatchway.egress.tickets import Subject

if TYPE_CHECKING:
    import asyncio

ADA, BOB = Subject("ada", "fetch"), Subject("bob", "fetch")


def test_a_body_may_only_be_so_long() -> None:
    limits = EgressLimits(request_bytes=1000)

    with serving(echo) as origin, admitted(grant(f"{origin.url};internal", limits=limits)) as call:
        assert call.ask("POST", origin.url, body=b"x" * 1000).status == 200
        flowing = call.ask("POST", origin.url, body=b"x" * 1001)
        announced = call.ask("POST", origin.url, headers=(("content-length", b"1001"),))

    for answer in (flowing, announced):
        assert (answer.error, answer.rule) == ("HTTP-request-body-size", "egress.request_bytes")
    assert len(origin.heard) == 1
    assert [call.events[at].decision for at in range(3)] == ["allowed"] * 3


def test_a_response_that_announces_too_much_is_refused_before_its_body() -> None:
    text = b"HTTP/1.1 200 OK\r\ncontent-length: 10737418240\r\n\r\n" + b"x" * 1000
    with serving_raw(saying(text)) as origin, admitted(grant(f"{origin.url};internal")) as call:
        answer = call.ask("GET", origin.url)

    assert answer.head is None
    assert (answer.error, answer.rule) == ("HTTP-response-body-size", "egress.response_bytes")


@pytest.mark.claim("egress.bounded")
def test_an_endless_response_is_cut_at_the_cap() -> None:
    limits = EgressLimits(response_bytes=1_000_000)

    with (
        serving_raw(endless) as origin,
        admitted(grant(f"{origin.url};internal", limits=limits)) as call,
    ):
        answer = call.ask("GET", origin.url)
        assert origin.is_left.wait(BOUND_SECONDS), "the server was hung up on"

    assert answer.status == 200
    assert answer.error == "HTTP-response-body-size"
    assert len(answer.body) <= 1_000_000
    assert call.events[0].decision == "allowed"
    assert call.events[0].error == "HTTP-response-body-size"


def test_what_a_head_request_would_have_got_is_no_body() -> None:
    text = b"HTTP/1.1 200 OK\r\ncontent-length: 10737418240\r\n\r\n"
    with serving_raw(saying(text)) as origin, admitted(grant(f"{origin.url};internal")) as call:
        answer = call.ask("HEAD", origin.url)

    assert answer.field("content-length") == [b"10737418240"]
    assert answer.is_whole


@pytest.mark.claim("egress.bounded")
def test_a_bomb_stays_packed() -> None:
    with serving(bomb) as origin, admitted(grant(f"{origin.url};internal")) as call:
        answer = call.ask("GET", origin.url, headers=(("accept-encoding", b"gzip"),))

    assert answer.field("content-encoding") == [b"gzip"]
    assert len(answer.body) < 200_000
    assert call.events[0].received_bytes == len(answer.body)


def test_a_response_in_tiny_chunks_is_refused() -> None:
    text = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 10_000
    with serving_raw(saying(text)) as origin, admitted(grant(f"{origin.url};internal")) as call:
        answer = call.ask("GET", origin.url)

    assert (answer.error, answer.rule) == ("HTTP-protocol-error", "egress.tiny_chunks")


@pytest.mark.claim("egress.bounded")
def test_a_slow_drip_ends_with_the_time_of_the_request() -> None:
    limits = EgressLimits(total_seconds=0.3)

    with (
        serving_raw(drip) as origin,
        admitted(grant(f"{origin.url};internal", limits=limits)) as call,
    ):
        answer = call.ask("GET", origin.url)
        assert origin.is_left.wait(BOUND_SECONDS)

    assert answer.status == 200
    assert (answer.error, answer.rule) == ("HTTP-response-timeout", "egress.total_seconds")
    assert call.events[0].error == "HTTP-response-timeout"


@pytest.mark.parametrize(
    ("limits", "rule"),
    [
        (EgressLimits(first_byte_seconds=0.1), "egress.first_byte_seconds"),
        (EgressLimits(total_seconds=0.1), "egress.total_seconds"),
    ],
)
def test_a_silent_server_is_not_waited_for(limits: EgressLimits, rule: str) -> None:
    with (
        serving_raw(silent) as origin,
        admitted(grant(f"{origin.url};internal", limits=limits)) as call,
    ):
        answer = call.ask("POST", origin.url, body=b"x")

    assert (answer.error, answer.rule) == ("HTTP-response-timeout", rule)


def test_a_server_has_its_time_from_the_end_of_the_request_on() -> None:
    limits = EgressLimits(first_byte_seconds=0.2, total_seconds=1.0)

    with (
        serving_raw(silent) as origin,
        admitted(grant(f"{origin.url};internal", limits=limits)) as call,
        call.begin(request_to(origin.url, "POST")) as line,
    ):
        line.data(b"a beginning, and never an end")
        answer = line.answer()

    assert answer.rule == "egress.total_seconds"


def test_a_handshake_that_never_ends_is_not_waited_for() -> None:
    limits = EgressLimits(connect_seconds=0.2)
    with serving_raw(silent) as origin:
        url = f"https://127.0.0.1:{origin.port}"
        with admitted(grant(f"{url};internal", limits=limits)) as call:
            answer = call.ask("GET", url)

    assert (answer.error, answer.rule) == ("connection-timeout", "egress.connect_seconds")


def test_a_guest_that_stops_reading_holds_nothing_up_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(framing, "_FAREWELL_SECONDS", 0.05)
    limits = EgressLimits(total_seconds=0.5)

    with (
        serving_raw(endless) as origin,
        admitted(grant(f"{origin.url};internal", limits=limits)) as call,
        call.begin(request_to(origin.url)) as line,
    ):
        line.end()
        assert origin.is_left.wait(BOUND_SECONDS), "the server was hung up on"
        answer = line.answer()

    assert not answer.is_whole
    assert call.events[0].error == "HTTP-response-timeout"
    assert call.events[0].received_bytes < 32 << 20


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (b"", "connection-terminated"),
        (b"HTTP/1.1 200 OK\r\nx: ", "connection-terminated"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf", "HTTP-response-incomplete"),
        (
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n",
            "HTTP-response-incomplete",
        ),
    ],
    ids=["nothing", "half a head", "half a body", "no last chunk"],
)
def test_a_response_that_breaks_off_is_not_whole(text: bytes, error: str) -> None:
    with serving_raw(saying(text)) as origin, admitted(grant(f"{origin.url};internal")) as call:
        answer = call.ask("GET", origin.url)

    assert (answer.error, answer.rule) == (error, "egress.connection_lost")
    assert not answer.is_whole


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (b"", "connection-terminated"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf", "HTTP-response-incomplete"),
    ],
    ids=["before", "in its body"],
)
def test_a_response_whose_connection_is_reset_is_not_whole(text: bytes, error: str) -> None:
    async def resetting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_head(reader)
        writer.write(text)
        await writer.drain()
        at_once = struct.pack("ii", 1, 0)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)

    with serving_raw(resetting) as origin, admitted(grant(f"{origin.url};internal")) as call:
        answer = call.ask("GET", origin.url)

    assert (answer.error, answer.rule) == (error, "egress.connection_lost")


def test_a_body_that_ends_with_its_connection_is_whole() -> None:
    text = b"HTTP/1.0 200 OK\r\n\r\nhello"
    with serving_raw(saying(text)) as origin, admitted(grant(f"{origin.url};internal")) as call:
        answer = call.ask("GET", origin.url)

    assert answer.is_whole
    assert answer.body == b"hello"


def test_bodies_flow_both_ways_at_once() -> None:
    size = 8 << 20
    limits = EgressLimits(request_bytes=size, response_bytes=size)

    with (
        serving_raw(streaming(size)) as origin,
        admitted(grant(f"{origin.url};internal", limits=limits)) as call,
        call.begin(request_to(origin.url, "POST")) as line,
    ):

        def write() -> None:
            for _ in range(size >> 16):
                line.data(bytes(1 << 16))
            line.end()

        writing = in_background(write)
        answer = line.answer()
        writing.join(BOUND_SECONDS)

    assert len(answer.body) == size
    assert answer.is_whole


def test_an_answer_that_comes_before_the_end_of_the_request_is_the_answer() -> None:
    async def hurried(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_head(reader)
        writer.write(b"HTTP/1.1 413 Too Large\r\ncontent-length: 2\r\n\r\nno")
        await reader.read()

    with (
        serving_raw(hurried) as origin,
        admitted(grant(f"{origin.url};internal")) as call,
        call.begin(request_to(origin.url, "POST")) as line,
    ):
        line.data(b"x" * 500_000)
        answer = line.answer()

    assert (answer.status, answer.body, answer.is_whole) == (413, b"no", True)


def test_so_many_requests_may_be_under_way_and_no_more() -> None:
    limits = EgressLimits(concurrent=2)
    with (
        serving_raw(silent) as origin,
        admitted(grant(f"{origin.url};internal", limits=limits)) as call,
        call.begin(request_to(origin.url)),
        call.begin(request_to(origin.url)),
    ):
        assert origin.is_reached(2)
        answer = call.ask("GET", origin.url)

    assert (answer.error, answer.rule) == ("connection-limit-reached", "egress.concurrent")
    assert call.events[0].decision == "denied"
    assert origin.connections == 2


def wait_for_answers(lines: list[Line], count: int) -> None:
    """Until so many of them have something to say."""
    waiting = {line.socket.fileno() for line in lines}
    poll = select.poll()
    for each in waiting:
        poll.register(each, select.POLLIN)
    while len(lines) - len(waiting) < count:
        found = poll.poll(BOUND_SECONDS * 1000)
        assert found
        for each, _ in found:
            poll.unregister(each)
            waiting.discard(each)


@pytest.mark.claim("egress.bounded")
def test_a_thousand_requests_held_open_are_sixteen() -> None:
    with (
        serving_raw(silent) as origin,
        serving(echo) as other,
        broker_of() as (broker, events),
        contextlib.ExitStack() as lines,
    ):
        granted = grant(f"{origin.url};internal", f"{other.url};internal")
        with broker.admit(call_of(), tool_named("fetch"), granted) as ticket:
            held = []
            for _ in range(1000):
                line = lines.enter_context(Line(ticket))
                line.head(request_to(origin.url))
                held.append(line)
            assert origin.is_reached(16)
            wait_for_answers(held, 1000 - 16)

            with (
                broker.admit(call_of("bob"), tool_named("fetch"), granted) as beside,
                Line(beside) as line,
            ):
                line.head(request_to(other.url))
                line.end()
                assert line.answer().status == 200, "another tenant is not in the way"

        assert origin.connections == 16
        traces = [event.http for event in events.events if event.http is not None]

    refused = [trace for trace in traces if trace.error == "connection-limit-reached"]
    assert {trace.rule for trace in refused} <= {"egress.concurrent", "egress.per_minute"}
    assert len(events) < 120, "a flood leaves no flood of events"
    counted = sum(event.details.get("requests", 0) for event in events.events)
    listed = len(events) - sum("requests" in event.details for event in events.events)
    assert counted + listed == 1001


# Quotas by themselves


class Now:
    """A clock that stands still."""

    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def taken(counting: Quotas, subject: Subject, limits: EgressLimits) -> str:
    """The rule that stops one short request, or nothing."""
    try:
        with counting.taken(subject, limits):
            return ""
    except Refused as refused:
        return refused.refusal.rule


def test_a_minutes_requests_come_back_evenly() -> None:
    clock = Now()
    counting = Quotas(clock)
    limits = EgressLimits(per_minute=60)

    at_once = [taken(counting, ADA, limits) for _ in range(61)]
    clock.seconds = 2.0
    later = [taken(counting, ADA, limits) for _ in range(3)]

    assert at_once == [""] * 60 + ["egress.per_minute"]
    assert later == ["", "", "egress.per_minute"]


def test_an_hour_saves_no_more_than_a_minutes_requests() -> None:
    clock = Now()
    counting = Quotas(clock)
    limits = EgressLimits(per_minute=3)
    taken(counting, ADA, limits)
    clock.seconds = 3600.0

    assert [taken(counting, ADA, limits) for _ in range(4)] == ["", "", "", "egress.per_minute"]


@pytest.mark.claim("egress.bounded")
def test_nobody_uses_up_what_is_anothers() -> None:
    counting = Quotas(Now())
    limits = EgressLimits(per_minute=1, concurrent=1)

    assert [taken(counting, who, limits) for who in (ADA, ADA, BOB)] == [
        "",
        "egress.per_minute",
        "",
    ]


def test_the_broker_itself_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quotas, "MAX_EXCHANGES", 1)
    counting = Quotas(Now())

    with counting.taken(ADA, EgressLimits()):
        assert taken(counting, BOB, EgressLimits()) == "egress.busy"
    assert taken(counting, BOB, EgressLimits()) == ""


def test_what_is_remembered_of_subjects_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quotas, "_MAX_BUCKETS", 2)
    counting = Quotas(Now())
    limits = EgressLimits(per_minute=1)

    for number in range(5):
        taken(counting, Subject("ada", str(number)), limits)

    assert len(counting._buckets) == 2


def test_tools_of_one_entry_share_its_quota() -> None:
    limits = EgressLimits(concurrent=1)
    one, two = tool_named("pdf.read"), tool_named("pdf.write")
    assert one.owner == two.owner == replace(one, name="x").owner

    with serving_raw(silent) as origin, broker_of() as (broker, _):
        granted = grant(f"{origin.url};internal", limits=limits)
        with (
            broker.admit(call_of(), one, granted) as first,
            broker.admit(call_of(), two, granted) as second,
            Line(first) as line,
            Line(second) as other,
        ):
            line.head(request_to(origin.url))
            assert origin.is_reached(1)
            other.head(request_to(origin.url))
            other.end()
            assert other.answer().rule == "egress.concurrent"

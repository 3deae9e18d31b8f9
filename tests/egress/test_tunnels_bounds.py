"""Raw sockets through the broker: what bounds, ends and follows a connection."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import TYPE_CHECKING, cast

import pytest
from audit_texts import tool_named
from egress_calls import BOUND_SECONDS, Line, admitted, broker_of, call_of
from egress_servers import FakeResolver, serving_raw, silent
from egress_tunnels import (
    INSIDE,
    NAME,
    PUBLIC,
    asked,
    begun,
    connected,
    granted,
    mirror,
    sockets,
    to,
)

from hatchway.core.egress import EgressLimits, Route
from hatchway.core.exchange import ConnectHead, Kind, LookUpHead, frame, head_frame
from hatchway.core.traces import Traces
from hatchway.egress.quotas import MAX_EXCHANGES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from egress_servers import Origin


@pytest.fixture(scope="module")
def server() -> Iterator[Origin]:
    with serving_raw(mirror) as it:
        yield it


# Bounds


@pytest.mark.parametrize(
    ("limits", "rule"),
    [
        (EgressLimits(request_bytes=9), "egress.request_bytes"),
        (EgressLimits(response_bytes=9), "egress.response_bytes"),
    ],
)
def test_a_connection_carries_only_so_much(server: Origin, limits: EgressLimits, rule: str) -> None:
    with (
        admitted(granted(to(server.port), limits=limits)) as call,
        begun(call, ConnectHead(address=INSIDE, port=server.port)) as line,
    ):
        line.data(b"0123456789")
        answer = line.answer()

    assert answer.rule == rule
    assert sockets(call)[0].decision == "allowed"


def test_a_connection_lasts_only_so_long_and_only_so_many_are_open() -> None:
    limits = EgressLimits(total_seconds=0.2, concurrent=2)
    with (
        serving_raw(silent) as origin,
        admitted(granted(to(origin.port), limits=limits)) as call,
        connected(call, origin.port) as first,
        connected(call, origin.port),
    ):
        assert asked(call, ConnectHead(address=INSIDE, port=origin.port)).rule == (
            "egress.concurrent"
        )
        answer = first.answer()

    assert answer.rule == "egress.total_seconds"
    assert MAX_EXCHANGES >= 2


def test_a_far_end_that_does_not_read_holds_no_more_than_a_little() -> None:
    async def deaf(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        cast("asyncio.ReadTransport", reader._transport).pause_reading()  # type: ignore[attr-defined]  # of asyncio
        await asyncio.sleep(BOUND_SECONDS)

    with (
        serving_raw(deaf) as origin,
        admitted(granted(to(origin.port))) as call,
        connected(call, origin.port) as line,
    ):
        line.socket.settimeout(0.3)
        sent = 0
        with contextlib.suppress(TimeoutError):
            while sent < 64 << 20:
                line.data(bytes(1 << 16))
                sent += 1 << 16

    assert 0 < sent < 32 << 20
    (trace,) = sockets(call)
    assert trace.error == "connection-terminated"


def test_nobody_there_is_said_as_it_is(server: Origin) -> None:
    with serving_raw(silent) as gone:
        port = gone.port
    with admitted(granted(to(port))) as call:
        assert asked(call, ConnectHead(address=INSIDE, port=port)).error == "connection-refused"
    with admitted(granted(to(80, "", NAME)), FakeResolver({})) as call:
        assert asked(call, LookUpHead(name=NAME)).error == "DNS-error"
    assert sockets(call)[0].decision == "allowed"


def test_a_far_end_that_breaks_off_is_told_apart_from_one_that_ends() -> None:
    async def rude(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        import socket
        import struct

        raw = writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    with (
        serving_raw(rude) as origin,
        admitted(granted(to(origin.port))) as call,
        begun(call, ConnectHead(address=INSIDE, port=origin.port)) as line,
    ):
        answer = line.answer()

    assert (answer.error, answer.rule) == ("connection-terminated", "egress.connection_lost")


def test_a_guest_that_hangs_up_ends_its_connection() -> None:
    with serving_raw(silent) as origin, admitted(granted(to(origin.port))) as call:
        connected(call, origin.port).socket.close()

        assert origin.is_left.wait(BOUND_SECONDS)
    assert sockets(call)[0].error == "connection-terminated"


@pytest.mark.claim("egress.ticket")
def test_a_tunnel_ends_with_its_call() -> None:
    with serving_raw(silent) as origin, broker_of() as (broker, events):
        with broker.admit(call_of(), tool_named("x"), granted(to(origin.port))) as ticket:
            line = Line(ticket)
            line.raw(head_frame(ConnectHead(address=INSIDE, port=origin.port)))
            assert next(line.frames())[0] is Kind.HEAD

        assert origin.is_left.wait(BOUND_SECONDS)
        with Line(ticket) as late, pytest.raises(AssertionError, match="403"):
            late.answer()
        line.socket.close()
    assert len(events.events) == 1


@pytest.mark.parametrize(
    "frames",
    [frame(Kind.HEAD, b"{}"), frame(Kind.END) + frame(Kind.DATA, b"x"), frame(Kind.CONNECT, b"{}")],
    ids=["a request", "more after the end", "another connection"],
)
def test_garbage_in_a_tunnel_ends_it(server: Origin, frames: bytes) -> None:
    with admitted(granted(to(server.port))) as call, connected(call, server.port) as line:
        line.raw(frames)
        list(line.frames())

    assert sockets(call)[0].error in {"internal-error", None}


# After a private read


@pytest.mark.claim("egress.sockets")
@pytest.mark.parametrize("where", ["before", "during"])
def test_after_a_private_read_nothing_is_sent_to_where_it_may_not_be(
    server: Origin, where: str
) -> None:
    with admitted(granted(to(server.port), after_private=[])) as call:
        head = ConnectHead(address=INSIDE, port=server.port, has_read_private=where == "before")
        with begun(call, head) as line:
            if where == "during":
                line.data(b"harmless")
                line.raw(frame(Kind.PRIVATE))
                line.data(b"secret")
            answer = line.answer()

    assert answer.rule == "egress.private_flow"
    assert b"secret" not in answer.body
    (trace,) = sockets(call)
    assert (trace.decision, trace.sent_bytes) == ("denied", 0 if where == "before" else 8)


def test_what_remains_after_a_private_read_goes_on(server: Origin) -> None:
    grants = granted(
        to(server.port),
        f"net.socket={NAME}:5432;internal",
        "net.dns=other.test:53",
        after_private=[f"{INSIDE}:{server.port}", f"{NAME}:5432"],
    )
    with admitted(grants, FakeResolver({NAME: [INSIDE], "other.test": [PUBLIC]})) as call:
        with connected(call, server.port, has_read_private=True) as line:
            line.raw(frame(Kind.PRIVATE))
            line.data(b"secret")
            line.end()
            body = b"".join(payload for _, payload in line.frames())
        remaining = asked(call, LookUpHead(name=NAME))
        other = asked(call, LookUpHead(name="other.test"))

    assert body == b"secret"
    assert remaining.head is not None
    assert other.rule == "egress.private_flow"


def test_what_a_private_connection_says_is_private() -> None:
    async def teller(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"secret")
        await writer.drain()
        await mirror(reader, writer)

    traces = Traces()
    with serving_raw(teller) as origin, serving_raw(silent) as far, broker_of() as (broker, events):
        grants = granted(to(origin.port, ";internal;private"), to(far.port), after_private=[])
        with (
            broker.admit(call_of(), tool_named("x"), grants, traces) as ticket,
            Line(ticket) as away,
            Line(ticket) as line,
        ):
            away.raw(head_frame(ConnectHead(address=INSIDE, port=far.port)))
            assert next(away.frames())[0] is Kind.HEAD
            line.raw(head_frame(ConnectHead(address=INSIDE, port=origin.port)))
            frames = line.frames()
            assert next(frames)[0] is Kind.HEAD
            line.data(b"?")
            assert next(frames) == (Kind.DATA, b"secret")
            assert traces.has_read
            assert away.answer().rule == "egress.private_flow"
            line.data(b"more")
            assert next(frames)[0] is Kind.REFUSED

    assert [event.socket.rule for event in events.events if event.socket] == [
        *("egress.private_flow",) * 2
    ]


# The operator's proxy


def test_a_proxy_is_asked_for_the_address_that_was_decided_about(server: Origin) -> None:
    asked_for: list[bytes] = []

    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        asked_for.append(head.partition(b"\r\n")[0])
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        await mirror(reader, writer)

    with serving_raw(proxy) as through:
        route = Route(proxy=f"http://{INSIDE}:{through.port}")
        with (
            admitted(granted(to(server.port), route=route)) as call,
            begun(call, ConnectHead(address=INSIDE, port=server.port)) as line,
        ):
            line.data(b"ping")
            line.end()
            answer = line.answer()

    assert answer.body == b"ping"
    assert asked_for == [f"CONNECT {INSIDE}:{server.port} HTTP/1.1".encode()]


def test_many_tunnels_at_once_get_their_own_bytes(server: Origin) -> None:
    bodies: dict[int, bytes] = {}
    with admitted(granted(to(server.port))) as call:

        def talk(number: int) -> None:
            with begun(call, ConnectHead(address=INSIDE, port=server.port)) as line:
                line.data(b"%d" % number * 1000)
                line.end()
                bodies[number] = line.answer().body

        threads = [threading.Thread(target=talk, args=(number,)) for number in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert bodies == {number: b"%d" % number * 1000 for number in range(12)}

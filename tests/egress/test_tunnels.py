"""Raw sockets through the broker: where they lead, and where they do not."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from audit_texts import tool_named
from egress_calls import BOUND_SECONDS, Line, access, admitted, broker_of, call_of
from egress_servers import FakeResolver, serving_raw
from egress_tunnels import (
    INSIDE,
    NAME,
    PUBLIC,
    addresses_of,
    asked,
    begun,
    granted,
    mirror,
    sockets,
    to,
)

from hatchway.core.egress import EgressGrant, EgressLimits
from hatchway.core.events import SocketTrace
from hatchway.core.exchange import ConnectHead, Kind, LookUpHead, head_frame

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterator

    from egress_servers import Origin


@pytest.fixture(scope="module")
def server() -> Iterator[Origin]:
    with serving_raw(mirror) as it:
        yield it


# What is granted


def test_bytes_pass_both_ways_and_the_connection_is_recorded(server: Origin) -> None:
    with (
        admitted(granted(to(server.port))) as call,
        begun(call, ConnectHead(address=INSIDE, port=server.port)) as line,
    ):
        line.data(b"ping" * 50_000)
        line.end()
        answer = line.answer()

    assert (answer.body, answer.is_whole) == (b"ping" * 50_000, True)
    (trace,) = sockets(call)
    assert trace._replace(wall_us=0) == SocketTrace(
        to=f"{INSIDE}:{server.port}",
        address=INSIDE,
        decision="allowed",
        rule=f"net.socket={INSIDE}:{server.port};internal",
        sent_bytes=200_000,
        received_bytes=200_000,
    )
    assert call.events.events[0].name == "socket.connection"


def test_a_name_is_looked_up_and_then_connected_to(server: Origin) -> None:
    resolver = FakeResolver({NAME: [INSIDE]})
    with admitted(granted(to(server.port, host=NAME)), resolver) as call:
        found = addresses_of(asked(call, LookUpHead(name=NAME.upper())))
        answer = asked(call, ConnectHead(address=found[0], port=server.port))

    assert answer.is_whole
    looked_up, led_to = sockets(call)
    assert (looked_up.to, looked_up.decision) == (NAME, "allowed")
    assert (led_to.to, led_to.address) == (f"{NAME}:{server.port}", INSIDE)
    assert resolver.asked == [NAME]


def test_the_far_end_may_be_done_before_the_guest_is() -> None:
    heard: list[bytes] = []

    async def greets(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"bye")
        writer.write_eof()
        heard.append(await reader.read())

    with serving_raw(greets) as origin, admitted(granted(to(origin.port))) as call:
        with begun(call, ConnectHead(address=INSIDE, port=origin.port)) as line:
            frames = line.frames()
            kinds = [next(frames)[0] for _ in range(3)]
            line.data(b"thanks")
            line.end()
            assert list(frames) == []
        assert origin.is_left.wait(BOUND_SECONDS)

    assert kinds == [Kind.HEAD, Kind.DATA, Kind.END]
    assert heard == [b"thanks"]


# What is not


@pytest.mark.claim("egress.sockets")
@pytest.mark.parametrize(
    ("host", "shift", "wanted"),
    [
        (INSIDE, 1, "net.socket=127.0.0.1:{port};internal"),
        ("127.0.0.2", 0, "net.socket=127.0.0.2:{port};internal"),
        (PUBLIC, 0, f"net.socket={PUBLIC}:{{port}}"),
        ("::1", 0, "net.socket=[::1]:{port};internal"),
        ("169.254.169.254", 0, ""),
    ],
)
def test_what_is_not_granted_is_not_connected_to(
    server: Origin, host: str, shift: int, wanted: str
) -> None:
    port = server.port + shift
    with admitted(granted(to(server.port), f"net.dns={INSIDE}:53")) as call:
        answer = asked(call, ConnectHead(address=host, port=port))

    assert (answer.error, answer.rule) == ("HTTP-request-denied", "egress.not_granted")
    assert answer.refusal is not None
    assert answer.refusal.wanted == wanted.format(port=port)
    assert [trace.decision for trace in sockets(call)] == ["denied"]


@pytest.mark.claim("egress.sockets")
@pytest.mark.parametrize(
    ("address", "port"),
    [
        ("::ffff:127.0.0.1", None),
        ("fe80::1%eth0", None),
        (INSIDE, 0),
        (INSIDE, 65536),
        (INSIDE, -1),
        ("127.1", None),
        ("localhost", None),
        ("", None),
    ],
)
def test_an_address_in_disguise_is_none(server: Origin, address: str, port: int | None) -> None:
    head = ConnectHead(address=address, port=server.port if port is None else port)
    with admitted(granted(to(server.port), to(server.port, host="localhost"))) as call:
        assert asked(call, head).rule == "egress.bad_authority"


@pytest.mark.claim("egress.sockets")
def test_a_name_that_was_not_granted_is_not_asked_about() -> None:
    resolver = FakeResolver({"c2VjcmV0.evil.test": [PUBLIC]})
    with admitted(granted("net.dns=evil.test:53", to(80, "", NAME)), resolver) as call:
        answer = asked(call, LookUpHead(name="c2VjcmV0.evil.test"))
        spelled = asked(call, LookUpHead(name="sécret.evil.test"))

    assert answer.refusal is not None
    assert (answer.rule, answer.refusal.wanted) == (
        *("egress.not_granted", "net.dns=c2vjcmv0.evil.test:53"),
    )
    assert spelled.rule == "egress.bad_authority"
    assert resolver.asked == []
    assert [event.name for event in call.events.events] == ["name.lookup"] * 2


@pytest.mark.claim("egress.sockets")
def test_a_look_up_alone_allows_no_connection(server: Origin) -> None:
    resolver = FakeResolver({NAME: [INSIDE]})
    grants = granted(f"net.dns={NAME}:{server.port};internal")
    with admitted(grants, resolver) as call:
        assert addresses_of(asked(call, LookUpHead(name=NAME))) == [INSIDE]
        answer = asked(call, ConnectHead(address=INSIDE, port=server.port))

    assert answer.refusal is not None
    assert answer.refusal.wanted == f"net.socket={NAME}:{server.port}"


@pytest.mark.claim("egress.sockets")
@pytest.mark.parametrize("kind", ["socket", "dns"])
@pytest.mark.parametrize("addresses", [[INSIDE], [PUBLIC, "10.0.0.1"], ["169.254.169.254"]])
def test_a_name_that_leads_inside_is_not_answered_unless_it_may(
    kind: str, addresses: list[str]
) -> None:
    text = f"net.{kind}={NAME}:5432"
    with admitted(granted(text), FakeResolver({NAME: addresses})) as call:
        answer = asked(call, LookUpHead(name=NAME))

    assert (answer.error, answer.rule) == ("HTTP-request-denied", "egress.forbidden_address")
    assert answer.refusal is not None
    is_metadata = addresses == ["169.254.169.254"]
    assert answer.refusal.wanted == ("" if is_metadata else f"{text};internal")


@pytest.mark.claim("egress.sockets")
def test_a_name_that_is_rebound_still_leads_where_it_was_looked_at(server: Origin) -> None:
    resolver = FakeResolver({NAME: [PUBLIC]}, later={NAME: [INSIDE]})
    limits = EgressLimits(connect_seconds=0.05)
    with admitted(granted(to(server.port, "", NAME), limits=limits), resolver) as call:
        first = addresses_of(asked(call, LookUpHead(name=NAME)))
        pinned = asked(call, ConnectHead(address=PUBLIC, port=server.port))
        again = asked(call, LookUpHead(name=NAME))
        rebound = asked(call, ConnectHead(address=INSIDE, port=server.port))

    assert first == [PUBLIC]
    assert pinned.error in {"connection-timeout", "destination-unavailable", "connection-refused"}
    assert again.rule == "egress.forbidden_address"
    assert rebound.rule == "egress.not_granted"


@pytest.mark.claim("egress.sockets")
def test_what_one_call_looked_up_is_nothing_to_another(server: Origin) -> None:
    resolver = FakeResolver({NAME: [INSIDE]})
    grants = granted(to(server.port, host=NAME))
    with admitted(grants, resolver) as call:
        asked(call, LookUpHead(name=NAME))
        with call.broker.admit(call_of(), tool_named("other"), grants) as ticket:
            other = replace(call, ticket=ticket)
            answer = asked(other, ConnectHead(address=INSIDE, port=server.port))

    assert answer.rule == "egress.not_granted"


@pytest.mark.claim("egress.sockets")
def test_a_tunnel_to_the_broker_itself_is_refused() -> None:
    with broker_of() as (broker, events):
        broker.start()
        port = broker._port
        with (
            broker.admit(call_of(), tool_named("x"), granted(to(port))) as ticket,
            Line(ticket) as line,
        ):
            line.raw(head_frame(ConnectHead(address=INSIDE, port=port)))
            line.end()
            answer = line.answer()

    assert answer.rule == "egress.own_port"
    assert events.events[0].socket is not None


def test_http_grants_open_no_socket_and_socket_grants_no_http(server: Origin) -> None:
    http = EgressGrant(origins=(access(f"{server.url};internal"),))
    with admitted(http) as call:
        assert asked(call, ConnectHead(address=INSIDE, port=server.port)).rule == (
            "egress.not_granted"
        )
    with admitted(granted(to(server.port))) as call:
        assert call.ask("GET", server.url).rule == "egress.not_granted"

"""Listening sockets that workers hand over: the same door, wherever they were opened."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from egress_calls import BOUND_SECONDS, Line, admitted, broker_of, grant, request_to
from egress_servers import echo, serving, serving_raw, silent

from hatchway.core.errors import InternalError
from hatchway.egress import entrances, listening

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from egress_calls import Admitted, Answer
    from egress_servers import Origin

    from hatchway.core.egress import Ticket

IN_ANOTHER_NETWORK = """
import fcntl, socket, struct, sys
with socket.socket() as up:
    fcntl.ioctl(up, 0x8914, struct.pack("16sh14x", b"lo", 0x49))
out = socket.socket(fileno=int(sys.argv[1]))
listening = socket.create_server(("127.0.0.1", 0))
port = listening.getsockname()[1]
socket.send_fds(out, [b"."], [listening.fileno()])
listening.close()
head, outside = out.recv(4096).decode().split("|")
def said(port):
    with socket.create_connection(("127.0.0.1", port), 30) as line:
        line.sendall(head.format(port=port).encode())
        return line.recv(1 << 16)
print(said(port).partition(b"\\r\\n")[0].decode())
try:
    said(int(outside))
except OSError as error:
    print(type(error).__name__)
"""


@pytest.fixture
def origin() -> Iterator[Origin]:
    with serving(echo) as it:
        yield it


@pytest.fixture
def call(origin: Origin) -> Iterator[Admitted]:
    with admitted(grant(f"{origin.url};internal")) as it:
        yield it


def opened() -> socket.socket:
    """What a worker opens."""
    return socket.create_server(("127.0.0.1", 0))


def asked(ticket: Ticket, url: str) -> Answer:
    """One request, and its answer."""
    with Line(ticket) as line:
        line.head(request_to(url))
        line.end()
        return line.answer()


def test_a_ticket_is_good_at_every_port_of_the_broker(call: Admitted, origin: Origin) -> None:
    entrance = call.broker.listen_at(opened())

    assert asked(replace(call.ticket, port=entrance.port), origin.url).status == 200
    assert asked(call.ticket, origin.url).status == 200


@pytest.mark.claim("egress.ticket")
@pytest.mark.parametrize(
    "change", ["token", "host"], ids=["a token of nobody's", "the port of another listener"]
)
def test_the_door_is_the_same_at_every_port(call: Admitted, change: str) -> None:
    entrance = call.broker.listen_at(opened())
    port = call.ticket.port if change == "host" else entrance.port
    token = "A" * 43 if change == "token" else call.ticket.token.reveal()
    head = f"POST /exchange HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nhatchway-token: {token}\r\n\r\n"

    with socket.create_connection(("127.0.0.1", entrance.port), BOUND_SECONDS) as line:
        line.sendall(head.encode())
        answer = line.recv(1 << 16)

    assert answer.startswith(b"HTTP/1.1 403 ")


@pytest.mark.skipif(shutil.which("unshare") is None, reason="needs unshare")
@pytest.mark.claim("egress.ticket")
def test_a_socket_opened_in_another_network_leads_to_the_broker_and_nowhere_else(
    call: Admitted,
) -> None:
    ours, theirs = socket.socketpair()
    command = ["unshare", "-Urn", sys.executable, "-I", "-c", IN_ANOTHER_NETWORK]
    with ours, subprocess.Popen(
        [*command, str(theirs.fileno())],
        pass_fds=[theirs.fileno()], stdout=subprocess.PIPE, text=True,
    ) as child:  # fmt: skip
        theirs.close()
        _, descriptors, _, _ = socket.recv_fds(ours, 1, 1)
        if not descriptors:
            pytest.skip("no network namespace can be made here")
        entrance = call.broker.listen_at(socket.socket(fileno=descriptors[0]))
        token = call.ticket.token.reveal()
        head = f"POST /exchange HTTP/1.1\r\nhost: 127.0.0.1:{{port}}\r\nhatchway-token: {token}"
        ours.sendall(f"{head}\r\ncontent-length: 0\r\n\r\n|{call.ticket.port}".encode())

        said = child.communicate(timeout=BOUND_SECONDS)[0].splitlines()

    assert said == ["HTTP/1.1 200 OK", "ConnectionRefusedError"]
    entrance.close()


def test_an_entrance_that_is_closed_takes_its_connections_along(call: Admitted) -> None:
    with serving_raw(silent) as origin:
        entrance = call.broker.listen_at(opened())
        ticket = replace(call.ticket, port=entrance.port)
        with Line(ticket) as line, call.begin(request_to("http://no.grant.test")) as other:
            line.head(request_to(origin.url))

            entrance.close()
            entrance.close()

            assert line.answer().head is None
            assert other.answer().rule == "egress.not_granted"
        with pytest.raises(ConnectionRefusedError):
            Line(ticket)


def test_strangers_at_one_entrance_are_in_nobodys_way_at_another(
    call: Admitted, origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listening, "MAX_STRANGERS", 2)
    entrance = call.broker.listen_at(opened())
    with contextlib.ExitStack() as crowd:
        early = crowd.enter_context(socket.create_connection(("127.0.0.1", call.ticket.port)))
        crowded = [
            crowd.enter_context(socket.create_connection(("127.0.0.1", entrance.port)))
            for _ in range(6)
        ]

        assert asked(replace(call.ticket, port=entrance.port), origin.url).status == 200
        assert crowded[0].recv(1) == b"", "the oldest has made room"
        early.setblocking(False)
        with pytest.raises(BlockingIOError):
            early.recv(1)


def test_no_entrance_takes_more_connections_than_one_guest_can_hold(
    call: Admitted, origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listening, "MAX_LINES_OF_ENTRANCE", 2)
    entrance = call.broker.listen_at(opened())
    ticket = replace(call.ticket, port=entrance.port)
    with Line(ticket, expects=True) as one, Line(ticket, expects=True) as other:
        assert one.is_let_in()
        assert other.is_let_in()

        with socket.create_connection(("127.0.0.1", entrance.port), BOUND_SECONDS) as third:
            assert third.recv(1) == b""

        assert asked(call.ticket, origin.url).status == 200
    entrance.close()


def test_a_socket_that_stops_listening_is_left_alone(call: Admitted, origin: Origin) -> None:
    given = opened()
    with given.dup() as kept:
        entrance = call.broker.listen_at(given)
        left = threading.Event()
        entrance._left = lambda _: left.set()

        kept.shutdown(socket.SHUT_RDWR)

        assert left.wait(BOUND_SECONDS)
    assert asked(call.ticket, origin.url).status == 200
    entrance.close()


def test_an_entrance_survives_that_nothing_is_left_to_accept_with(
    call: Admitted, origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    shortages = iter([OSError(24, "Too many open files")])

    class Short(socket.socket):
        def accept(self) -> tuple[socket.socket, object]:
            for shortage in shortages:
                raise shortage
            return super().accept()

    def taken(given: socket.socket) -> socket.socket:
        given.setblocking(False)
        return Short(fileno=given.detach())

    monkeypatch.setattr(entrances, "_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(entrances, "listening_socket", taken)

    entrance = call.broker.listen_at(opened())

    assert asked(replace(call.ticket, port=entrance.port), origin.url).status == 200
    assert next(shortages, None) is None


def of_a_pipe() -> socket.socket:
    made = socket.socket()
    os.dup2(os.pipe()[0], made.fileno())
    return made


def bound_to_everything() -> socket.socket:
    return socket.create_server(("0.0.0.0", 0))  # noqa: S104 - it is to be refused


def of_packets() -> socket.socket:
    made = socket.socket(type=socket.SOCK_DGRAM)
    return socket.socket(socket.AF_INET, socket.SOCK_STREAM, fileno=made.detach())


def local() -> socket.socket:
    made = socket.socket(socket.AF_UNIX)
    made.bind("")
    made.listen()
    return made


@pytest.mark.parametrize("make", [socket.socket, of_a_pipe, bound_to_everything, of_packets, local])
def test_what_is_no_listening_socket_on_loopback_is_refused_and_closed(
    make: Callable[[], socket.socket],
) -> None:
    given = make()
    descriptor = given.fileno()

    with broker_of() as (broker, _), pytest.raises(ValueError, match="what was handed over"):
        broker.listen_at(given)

    assert given.fileno() == -1
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)


def test_a_broker_that_is_closed_takes_no_socket_and_its_entrances_are_closed() -> None:
    with broker_of() as (broker, _):
        entrance = broker.listen_at(opened())
        broker.close()

        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", entrance.port))
        with pytest.raises(InternalError, match="closed"):
            broker.listen_at(opened())
        entrance.close()

"""Raw sockets of real guests: CPython's own `socket` module, in the interpreter for Python."""

from __future__ import annotations

import json
import socket
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import interpreters
import pytest
from egress_calls import admitted
from egress_servers import FakeResolver, serving_raw, silent
from generated import RUN, limits
from guests import grant

from hatchway.core.egress import EgressGrant
from hatchway.core.sandbox import FunctionInvocation
from hatchway.policy.grammar import parse_capability

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterator

    from egress_calls import Admitted
    from egress_servers import Origin

    from hatchway.core.call import Execution
    from hatchway.core.capability import SocketAccess

pytest.importorskip("componentize_py")

INSIDE = "127.0.0.1"
NAME = "db.example.test"


async def lines(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers each line with itself, backwards; and says goodbye."""
    while line := await reader.readline():
        writer.write(line.strip()[::-1] + b"\n")
        await writer.drain()
    writer.write(b"bye\n")
    await writer.drain()
    writer.close()
    await writer.wait_closed()


@pytest.fixture(scope="module")
def server() -> Iterator[Origin]:
    with serving_raw(lines) as it:
        yield it


def run(
    code: str, *allow: str, resolve: FakeResolver | None = None, **limit: Any
) -> tuple[Execution, Admitted]:
    """Run Python with these grants, and a broker that has them as well."""
    granted = tuple(cast("SocketAccess", parse_capability(text, side="allowed")) for text in allow)
    invocation = FunctionInvocation(function=RUN, arguments={"code": code, "inputs": "{}"})
    inside = replace(grant(limits=limits(**limit)), capabilities=granted)
    with admitted(EgressGrant(origins=(), sockets=granted), resolve) as call:
        digest = interpreters.prepared()
        done = interpreters.engine().run(digest, invocation, inside, ticket=call.ticket)
    return done, call


def value_of(done: Execution) -> Any:
    assert done.stop is None, done.stop
    assert not done.failed, done.value
    return json.loads(done.value)


def test_python_speaks_a_protocol_of_its_own_to_a_named_host(server: Origin) -> None:
    code = f"""
import socket
with socket.create_connection(("{NAME}", {server.port}), timeout=20) as line:
    peer = line.getpeername()
    with line.makefile("rwb") as file:
        file.write(b"hello\\nworld\\n")
        file.flush()
        said = [file.readline().decode(), file.readline().decode()]
        line.shutdown(socket.SHUT_WR)
        said.append(file.read().decode())
[said, list(peer)]
"""
    allow = f"net.socket={NAME}:{server.port};internal"

    done, call = run(code, allow, resolve=FakeResolver({NAME: [INSIDE]}))

    assert value_of(done) == [["olleh\n", "dlrow\n", "bye\n"], [INSIDE, server.port]]
    assert done.denials == ()
    names = [event.name for event in call.events.events]
    assert names[-1] == "socket.connection"
    assert set(names[:-1]) == {"name.lookup"}
    assert all(event.socket and event.socket.decision == "allowed" for event in call.events.events)


def test_a_large_transfer_passes_both_ways_in_small_pieces() -> None:
    async def mirror(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
        writer.close()

    with serving_raw(mirror) as origin:
        code = f"""
import socket, threading
line = socket.create_connection(("{INSIDE}", {origin.port}), timeout=50)
line.setblocking(False)
import select
left, got = memoryview(bytes(range(256)) * 4096), bytearray()
while len(got) < 1 << 20:
    readable, writable, _ = select.select([line], [line] if left else [], [], 20)
    if readable:
        got += line.recv(1 << 16)
    if writable:
        left = left[line.send(left[:1 << 16]):]
line.close()
bytes(got) == bytes(range(256)) * 4096
"""
        done, call = run(code, f"net.socket={INSIDE}:{origin.port};internal")

    assert value_of(done) is True
    (event,) = call.events.events
    assert event.socket is not None
    assert (event.socket.sent_bytes, event.socket.received_bytes) == (1 << 20, 1 << 20)


@pytest.mark.claim("egress.sockets")
def test_what_was_not_granted_is_denied_and_recorded_with_what_would_allow_it(
    server: Origin,
) -> None:
    code = f"""
import socket
found = []
other, metadata = ("other.example.test", 80), ("169.254.169.254", 80)
for target in [("{INSIDE}", {server.port + 1}), other, metadata]:
    try:
        socket.create_connection(target, timeout=5)
    except OSError as error:
        found.append(type(error).__name__)
for make in (lambda s: s.bind(("{INSIDE}", 0)), lambda s: s.listen()):
    try:
        make(socket.socket())
    except OSError as error:
        found.append(type(error).__name__)
try:
    socket.socket(type=socket.SOCK_DGRAM)
except OSError as error:
    found.append(type(error).__name__)
found
"""
    done, call = run(code, f"net.socket={INSIDE}:{server.port};internal")

    assert len(value_of(done)) == 6
    assert [(each.capability, each.attempted, each.wanted) for each in done.denials][:3] == [
        (
            "net.socket",
            f"tcp {INSIDE}:{server.port + 1}",
            f"net.socket={INSIDE}:{server.port + 1};internal",
        ),
        ("net.dns", "other.example.test", "net.dns=other.example.test:53"),
        ("net.socket", "tcp 169.254.169.254:80", ""),
    ]
    assert {event.socket.decision for event in call.events.events if event.socket} == {"denied"}


def test_a_refused_and_a_broken_connection_are_ordinary_exceptions() -> None:
    async def rude(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0"
        )

    with serving_raw(silent) as origin:
        gone = origin.port
    with serving_raw(rude) as origin:
        code = f"""
import socket
found = []
try:
    socket.create_connection(("{INSIDE}", {gone}), timeout=20)
except OSError as error:
    found.append(type(error).__name__)
line = socket.create_connection(("{INSIDE}", {origin.port}), timeout=20)
line.sendall(b"x")
try:
    line.recv(1)
except OSError as error:
    found.append(type(error).__name__)
found
"""
        allow = (f"net.socket={INSIDE}:{port};internal" for port in (gone, origin.port))
        done, _ = run(code, *allow)

    # A reset is EIO to the C library of WASI, whatever it is told.
    assert value_of(done) == ["ConnectionRefusedError", "OSError"]


def test_the_deadline_holds_while_a_guest_waits_for_a_silent_server() -> None:
    with serving_raw(silent) as origin:
        code = f"""
import socket
socket.create_connection(("{INSIDE}", {origin.port})).recv(1)
"""
        allow = f"net.socket={INSIDE}:{origin.port};internal"
        done, call = run(code, allow, deadline_seconds=1.0)

    assert done.stop is not None
    assert done.stop.code == "guest.deadline_exceeded"
    assert len(call.events.events) == 1


@pytest.mark.claim("egress.sockets")
def test_what_a_socket_is_asked_that_it_cannot_do_is_an_error_and_no_more(server: Origin) -> None:
    code = f"""
import errno, socket
found = {{}}
def tried(name, work):
    try:
        found[name] = work() or "fine"
    except OSError as error:
        found[name] = errno.errorcode.get(error.errno, str(error))
made = []  # the C library traps when a socket that failed is asked for its name, as its end does
def new(family=socket.AF_INET):
    made.append(socket.socket(family))
    return made[-1]
port = {server.port}
tried("port 0", lambda: new().connect(("{INSIDE}", 0)))
tried("nowhere", lambda: new().connect(("0.0.0.0", port)))
tried("multicast", lambda: new().connect(("224.0.0.1", port)))
tried("mapped", lambda: new(socket.AF_INET6).connect(("::ffff:{INSIDE}", port)))
tried("sixth", lambda: new(socket.AF_INET6).connect(("::1", port)))
tried("unconnected", lambda: new().getpeername())
line = socket.create_connection(("{INSIDE}", port))
tried("again", lambda: line.connect(("{INSIDE}", port)))
tried("here", lambda: line.getsockname())
tried("alive", lambda: line.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1))
tried("not alive", lambda: line.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 0))
tried("is alive", lambda: line.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE))
tried("buffer", lambda: line.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF))
tried("larger", lambda: line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20))
tried("listens", lambda: line.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))
tried("hops", lambda: line.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 3))
tried("odd name", lambda: socket.getaddrinfo("a b", 80))
tried("literal", lambda: socket.getaddrinfo("{INSIDE}", port)[0][4][0])
line.shutdown(socket.SHUT_RDWR)
tried("deaf", lambda: line.recv(1).decode())
tried("mute", lambda: line.send(b"x"))
for each in made:
    each.close()
found
"""
    done, _ = run(code, f"net.socket={INSIDE}:{server.port};internal")

    assert value_of(done) == {
        **dict.fromkeys(("port 0", "nowhere", "multicast", "mapped"), "EINVAL"),
        **dict.fromkeys(("sixth", "odd name"), "EACCES"),
        **dict.fromkeys(("here", "alive", "hops"), "ENOTSUP"),
        **dict.fromkeys(("not alive", "is alive", "larger", "listens", "deaf"), "fine"),
        "unconnected": "ENOTCONN",
        "again": "EISCONN",
        "buffer": 1 << 18,
        "literal": INSIDE,
        "mute": "ESHUTDOWN",
    }

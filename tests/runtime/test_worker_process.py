"""What a worker does with what the server tells it; here on a thread, without its walls.

That the walls stand is for the tests of the confinement and for the hostile ones.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest
from guests import command, grant, prepared, sandbox, wasi
from tool_guests import MATHS, caller, spelled

from hatchway.core.isolation import LAYERS
from hatchway.core.limits import Limits
from hatchway.core.sandbox import CommandInvocation, FunctionInvocation
from hatchway.runtime import worker_process
from hatchway.workers import orders
from hatchway.workers.channel import Arena, Channel, ChannelError
from hatchway.workers.confinement.entering import Entered

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hatchway.core.sandbox import Invocation

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has workers")

HELLO = command(
    "(drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))",
    imports=wasi("fd_write"),
    declarations="""(data (i32.const 0) "\\10\\00\\00\\00\\05\\00\\00\\00")
      (data (i32.const 16) "hello")""",
)
SPIN = command("(loop $on (br $on))")


ENDS: list[Channel] = []
"""The workers' own ends."""


def _kept(end: socket.socket, arena: Arena) -> Channel:
    ENDS.append(Channel(end, arena))
    return ENDS[-1]


class Server:
    """The server's end of a worker on a thread."""

    def __init__(self) -> None:
        ours, theirs = Channel.pair()
        arena = Arena.new()
        self.channel = Channel(ours, arena)
        self.channel.settimeout(60)
        self.status: int | None = None
        numbers = [str(theirs.detach()), str(os.dup(arena.descriptor))]
        self._thread = threading.Thread(target=self._live, args=(numbers,))
        self._thread.start()

    def _live(self, numbers: list[str]) -> None:
        self.status = worker_process.main([*numbers, *LAYERS])
        # A process that ends closes what it has; a thread has to be told.
        ENDS.pop().close()

    def hears(self) -> Any:
        message = self.channel.receive()
        assert message is not None
        return message.value

    def assign(self, text: str) -> None:
        """Tell it what it is for."""
        digest = prepared(text)
        with sandbox().sealed((digest, None)) as pieces:
            words = [
                [digest, None, piece.description[0].to_json(), *_compilation(piece)]
                for piece in pieces
            ]
            self.channel.send(
                ["assign", words, [], None, 1 << 30, 0, 1000],
                [piece.descriptor for piece in pieces],
            )
            assert self.hears() == ["walled"]
            self.last = self.hears()

    def asks(self, text: str, invocation: Invocation, limits: Limits | None = None) -> Any:
        """What it says first of a call."""
        granted = grant(limits=limits)
        order = orders.Order(prepared(text), invocation, granted, None, True, False)
        self.channel.send(orders.order_to_wire(order, orders.Told(), 0))
        return self.hears()

    def end(self) -> int | None:
        """Hang up."""
        self.channel.close()
        self._thread.join(60)
        return self.status


def _compilation(piece: Any) -> tuple[str, str | None]:
    compilation = piece.description[1]
    return compilation.compiler, compilation.given_up


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], Server]]:
    """Makes workers that put up no walls: this process needs to go on."""
    listener: list[socket.socket] = []

    def enter(layers: frozenset[Any]) -> Entered:
        listener.append(socket.create_server(("127.0.0.1", 0)))
        return Entered(layers=layers, listener=listener[-1])

    for name, instead in (
        ("Channel", _kept),
        ("enter", enter),
        ("confine", lambda _: None),
        ("tighten", lambda _: None),
    ):
        monkeypatch.setattr(worker_process, name, instead)
    made: list[Server] = []

    def make() -> Server:
        made.append(Server())
        return made[-1]

    yield make
    for each in made:
        each.end()


def test_a_worker_lives_from_hello_to_the_end_of_the_line(server: Callable[[], Server]) -> None:
    found = server()

    hello = found.channel.receive(with_descriptors=True)
    found.assign(HELLO)
    first = found.asks(HELLO, CommandInvocation(arguments=(b"hello",)))
    second = found.asks(HELLO, CommandInvocation(arguments=(b"hello",)))

    assert hello is not None
    assert hello.value == ["hello", sorted(LAYERS)]
    with socket.socket(fileno=hello.descriptors[0]) as listener:
        assert listener.getsockname()[0] == "127.0.0.1"
    assert found.last == ["ready"]
    assert [words[:4] for words in (first, second)] == [["result", None, b"hello", b""]] * 2
    assert found.end() == 0


def test_a_call_that_does_not_begin_is_refused_and_the_next_one_begins(
    server: Callable[[], Server],
) -> None:
    found = server()
    found.hears()
    found.assign(MATHS)

    refused = found.asks(MATHS, FunctionInvocation(function="add", arguments={"a": "x", "b": 1}))
    answered = found.asks(MATHS, FunctionInvocation(function="add", arguments={"a": 1, "b": 2}))

    assert refused[:2] == ["refused", "call.invalid_arguments"]
    assert answered[:2] == ["result", 3]


def test_a_guest_that_asks_for_another_tool_waits_for_the_servers_answer(
    server: Callable[[], Server],
) -> None:
    found = server()
    found.hears()
    found.assign(caller())
    invocation = FunctionInvocation(
        function="call", arguments={"name": "math.add", "arguments": spelled(a=1)}
    )

    asked = found.asks(caller(), invocation)
    found.channel.send(["answer", 42, "", "", "", True])
    answered = found.hears()

    assert asked == ["tool", "call", "math.add", 0, {"a": 1}, False]
    assert answered[:2] == ["result", "42"]
    assert answered[-1] is True


@pytest.mark.parametrize(
    ("function", "arguments", "value"),
    [
        ("search", {"query": "sum", "most": 3}, [{"name": "math"}]),
        ("describe", {"name": "math"}, {"name": "math"}),
    ],
)
def test_a_guest_looks_for_other_tools_at_the_servers(
    server: Callable[[], Server], function: str, arguments: dict[str, Any], value: Any
) -> None:
    found = server()
    found.hears()
    found.assign(caller())

    asked = found.asks(caller(), FunctionInvocation(function=function, arguments=arguments))
    found.channel.send(["answer", value, "", "", "", False])

    assert asked[:2] == ["tool", function]
    assert found.hears()[0] == "result"


def test_a_cancelled_guest_is_stopped_where_it_runs(server: Callable[[], Server]) -> None:
    found = server()
    found.hears()
    found.assign(SPIN)
    found.channel.arena.cancel(wanted=True)

    words = found.asks(
        SPIN, CommandInvocation(arguments=()), Limits(fuel=10**15, deadline_seconds=60)
    )

    assert words[5][0] == "call.cancelled"


def test_code_for_another_engine_is_refused_before_anything_runs(
    server: Callable[[], Server],
) -> None:
    found = server()
    found.hears()
    surface = sandbox().surface(prepared(HELLO)).to_json()
    wrong = os.memfd_create("wrong")
    os.write(wrong, b"\x7fELF" + bytes(4096))

    found.channel.send(
        ["assign", [["sha256:1", None, surface, "cranelift", None]], [], None, 1 << 30, 0, 1000],
        [wrong],
    )
    os.close(wrong)

    assert found.hears() == ["walled"]
    kind, code, _ = found.hears()
    assert kind == "unfit"
    assert code.startswith("admission.")
    assert found.end() == 0


def test_a_worker_that_breaks_says_so_and_ends(server: Callable[[], Server]) -> None:
    found = server()
    found.hears()

    found.channel.send(["assign"])

    with pytest.raises(ChannelError, match="it broke"):
        found.hears()
    assert found.end() == 70


def test_a_worker_that_nobody_assigns_ends_with_the_server(server: Callable[[], Server]) -> None:
    found = server()
    found.hears()
    assert found.end() == 0


def test_a_worker_has_no_artifact_but_its_own(server: Callable[[], Server]) -> None:
    found = server()
    found.hears()
    found.assign(HELLO)

    with pytest.raises(ChannelError, match="it broke"):
        found.asks(MATHS, FunctionInvocation(function="add", arguments={"a": 1, "b": 2}))

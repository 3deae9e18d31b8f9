"""What a worker process does, from its first line to its last.

It imports all it will ever need, closes itself in, says hello, and waits. What it is for comes
with the first message: from then on it can reach that and nothing else. Only then does it make
an engine, load the code and answer calls, one at a time, until the server hangs up.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import pkgutil
import resource
import socket
import traceback
from typing import TYPE_CHECKING, Any, cast

import hatchway.engine
from hatchway.core.errors import AdmissionError, CallError
from hatchway.core.limits import MEBIBYTE
from hatchway.core.surface import Compilation, Surface
from hatchway.core.tools import ToolAnswer
from hatchway.core.traces import Traces
from hatchway.engine.cache import Description
from hatchway.engine.sandbox import EngineSandbox
from hatchway.engine.settings import MAX_TABLE_ELEMENTS, EngineSettings
from hatchway.workers import answers, orders
from hatchway.workers.channel import Arena, Channel, ChannelError
from hatchway.workers.confinement.confining import (
    ConfinedDirectory,
    Confinement,
    confine,
    tighten,
)
from hatchway.workers.confinement.entering import enter
from hatchway.workers.confinement.having import had_here

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hatchway.core.isolation import Layer

_DONE, _BROKEN = 0, 70
STACK_ROOM_BYTES = 8 * MEBIBYTE


def _import_everything() -> None:
    """Load what is elsewhere loaded when it is first needed: here nothing can be, later on."""
    for found in pkgutil.walk_packages(hatchway.engine.__path__, "hatchway.engine."):
        importlib.import_module(found.name)


def main(arguments: list[str]) -> int:
    """Serve one tenant and one entry.

    Args:
        arguments: The numbers of the two descriptors, then the layers that are wanted.
    """
    _import_everything()
    _make_room()
    layers = cast("frozenset[Layer]", frozenset(arguments[2:]))
    entered = enter(had_here(layers))
    channel = Channel(socket.socket(fileno=int(arguments[0])), Arena(int(arguments[1])))
    listener = entered.listener
    try:
        channel.send(
            ["hello", sorted(entered.layers)], () if listener is None else (listener.fileno(),)
        )
        if listener is not None:
            listener.close()
        message = channel.receive(with_descriptors=True)
        if message is None:
            return _BROKEN
        place = Place(channel, message.value, message.descriptors, entered.layers)
        while True:
            place.answer()
    except ChannelError:
        return _DONE  # the server has hung up
    except BaseException:  # noqa: BLE001 - the server is told, there is nobody else
        with contextlib.suppress(Exception):
            channel.send(["broken", traceback.format_exc()[-4000:]])
        return _BROKEN


def _make_room() -> None:
    """Guests run on the stack of this thread, whose size inside the walls nobody can ask for."""
    _, hard = resource.getrlimit(resource.RLIMIT_STACK)
    if hard != resource.RLIM_INFINITY and hard < STACK_ROOM_BYTES:
        message = "the stack of a worker is too small for guests; see `ulimit -Hs`"
        raise ChannelError(message)
    resource.setrlimit(resource.RLIMIT_STACK, (STACK_ROOM_BYTES, hard))


class Place:
    """A worker that knows what it is for.

    Raises:
        ChannelError: The server is gone.
    """

    def __init__(
        self,
        channel: Channel,
        words: Sequence[Any],
        descriptors: Sequence[int],
        layers: frozenset[Layer],
    ) -> None:
        _, pieces, writable, port, memory_bytes, file_bytes, table_elements = words
        self._channel = channel
        codes, directories = descriptors[: len(pieces)], descriptors[len(pieces) :]
        self._grants = orders.Grants(directories)
        confinement = Confinement(
            layers=layers,
            directories=tuple(
                ConfinedDirectory(descriptor=descriptor, is_writable=is_writable)
                for descriptor, is_writable in zip(directories, writable, strict=True)
            ),
            connect_port=port,
            memory_bytes=memory_bytes,
            file_bytes=file_bytes,
        )
        violations = confine(confinement)
        # From here on the kernel holds whatever runs.
        channel.send(["walled"], () if violations is None else (violations,))
        if violations is not None:
            os.close(violations)
        self._engine = EngineSandbox(
            artifacts=_no_artifacts,
            settings=EngineSettings(
                concurrent_calls=1, table_elements=min(table_elements, MAX_TABLE_ELEMENTS)
            ),
        )
        try:
            for (digest, pinned, surface, compiler, given_up), code in zip(
                pieces, codes, strict=True
            ):
                description = Description(
                    Surface.from_json(surface), Compilation(compiler=compiler, given_up=given_up)
                )
                self._engine.adopt((digest, pinned), description, code)
                os.close(code)
        except AdmissionError as error:
            channel.send(["unfit", error.code, error.message])
            raise ChannelError(error.message) from error
        tighten(confinement)
        channel.send(["ready"])

    def answer(self) -> None:
        """Answer the next call.

        Raises:
            ChannelError: The server is gone.
        """
        message = self._channel.receive()
        assert message is not None
        order = orders.order_from_wire(message.value, self._grants)
        traces = Traces()
        traces.has_read = order.has_read
        tools = _Tools(self._channel, traces) if order.has_tools else None
        self._engine.forget_quotas()
        try:
            execution = self._engine.run(
                order.digest,
                order.invocation,
                order.grant,
                _Cancellation(self._channel.arena),
                order.ticket,
                tools,
                traces,
            )
            answer = answers.execution_to_wire(execution, traces.has_read)
        except CallError as error:
            answer = answers.refusal_to_wire(error)
        self._channel.send(answer)


class _Cancellation:
    """The server's word that a call is to end, as the engine looks at it."""

    reason: str | None = None

    def __init__(self, arena: Arena) -> None:
        self._arena = arena

    @property
    def is_requested(self) -> bool:
        return self._arena.is_cancelled


class _Tools:
    """The other tools; the server answers."""

    def __init__(self, channel: Channel, traces: Traces) -> None:
        self._channel = channel
        self._traces = traces

    def search(self, query: str, most: int) -> Sequence[Mapping[str, Any]]:
        """The granted tools that fit `query` best."""
        return cast("Sequence[Mapping[str, Any]]", self._ask("search", query, most, {}).value)

    def describe(self, name: str) -> ToolAnswer:
        """One granted tool."""
        return self._ask("describe", name, 0, {})

    def call(self, name: str, arguments: Mapping[str, Any]) -> ToolAnswer:
        """Call a granted tool."""
        return self._ask("call", name, 0, arguments)

    def _ask(
        self, operation: str, subject: str, most: int, arguments: Mapping[str, Any]
    ) -> ToolAnswer:
        has_read = self._traces.has_read
        self._channel.send(["tool", operation, subject, most, dict(arguments), has_read])
        message = self._channel.receive()
        assert message is not None
        _, value, code, text, wanted, has_read = message.value
        self._traces.has_read = has_read
        return ToolAnswer(value=value, code=code, message=text, wanted=wanted)


def _no_artifacts(digest: str) -> bytes:
    message = f"a worker has no artifact but its own, and not {digest}"
    raise AdmissionError(message)

"""The broker's own server: one socket on loopback, opened once, and one thread.

Connections that have shown no ticket yet are few and short. Whoever opens many of them can make
requests slow, as anybody who keeps this machine busy can, and no more than that.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from typing import TYPE_CHECKING, Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from hatchway.egress.entrances import Entrance

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from starlette.types import ASGIApp

    from hatchway.egress.tickets import Admission

HEAD_BYTES = 8 * 1024
"""Of the head of a request to the broker."""
MAX_STRANGERS = 256
"""Connections that have shown no ticket; the oldest one makes room for the next."""
STRANGER_SECONDS = 5.0
MAX_LINES_OF_ENTRANCE = 256
"""Connections by one entrance, with tickets or without. Behind it is one call at a time, whose
guest cannot hold more; a process that was taken over could take all descriptors there are."""
_QUEUE = 512
"""Connections that wait in the kernel."""
_ACCEPTED_AT_ONCE = 32
"""Before anything is read, so that nobody has to make room who has just come with a ticket: a
connection that is accepted is read from three turns of the loop later."""
_PATIENCE_SECONDS = 10.0


def open_socket() -> socket.socket:
    """A socket that listens on 127.0.0.1, at a port that the system chooses.

    Raises:
        OSError: It cannot.
    """
    return socket.create_server(("127.0.0.1", 0), backlog=_QUEUE)


class Strangers:
    """Connections that have shown no ticket, oldest first."""

    def __init__(self) -> None:
        self._timers: dict[_Line, asyncio.TimerHandle] = {}

    def arrive(self, line: _Line) -> None:
        """One more."""
        if len(self._timers) >= MAX_STRANGERS:
            oldest = next(iter(self._timers))
            self.leave(oldest)
            oldest.hang_up()
        loop = asyncio.get_running_loop()
        self._timers[line] = loop.call_later(STRANGER_SECONDS, line.hang_up)

    def leave(self, line: _Line) -> None:
        """It is known now, or gone."""
        if (timer := self._timers.pop(line, None)) is not None:
            timer.cancel()


class _Line(H11Protocol):
    """A connection from the inside half, or from whoever claims to be it.

    Attributes:
        host: What a request that comes over it has to name.
        most: How many there may be; None for as many as come.
    """

    host: bytes
    most: int | None
    strangers: Strangers
    present: set[_Line]

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.logger = logging.getLogger("hatchway.egress.strangers")
        self.access_log = False
        self.app_state = {"line": self}

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        super().connection_made(transport)
        self.present.add(self)
        self.strangers.arrive(self)
        if self.most is not None and len(self.present) > self.most:
            self.hang_up()

    def connection_lost(self, exc: Exception | None) -> None:
        self.present.discard(self)
        self.strangers.leave(self)
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - what is no HTTP gets no answer
        self.hang_up()

    def admit(self) -> None:
        """It has shown a ticket."""
        self.strangers.leave(self)

    def hang_up(self) -> None:
        """Cut it."""
        self.transport.abort()


def _lines_at(port: int, most: int | None = None) -> type[_Line]:
    """The connections to one port of 127.0.0.1: their strangers are in nobody else's way."""
    own: dict[str, Any] = {
        "most": most,
        "host": f"127.0.0.1:{port}".encode("ascii"),
        "strangers": Strangers(),
        "present": set(),
    }
    return type("_OwnLine", (_Line,), own)


class _EntranceLines:
    """The connections of an entrance."""

    def __init__(self, port: int, server: uvicorn.Server) -> None:
        self._kind = _lines_at(port, MAX_LINES_OF_ENTRANCE)
        self._server = server

    def new(self) -> asyncio.Protocol:
        return self._kind(self._server.config, self._server.server_state, {})

    def hang_up(self) -> None:
        for line in list(self._kind.present):
            line.hang_up()


class _Server(uvicorn.Server):
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for each in sockets or ():
            each.listen(_QUEUE)  # asyncio has taken what it accepts at once for the queue's length


class Listener:
    """A server in a thread of its own.

    Attributes:
        loop: On which everything of the broker happens.

    Args:
        listening: The socket; it is closed with the server, and not before.
        app: What answers.
    """

    def __init__(self, listening: socket.socket, app: ASGIApp) -> None:
        self._socket = listening
        # What uvicorn says about strangers is for nobody, and could be made endless by them.
        logging.getLogger("hatchway.egress.strangers").addFilter(_nothing)
        own = _lines_at(listening.getsockname()[1])
        self._server = _Server(
            uvicorn.Config(
                app,
                http=own,
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                date_header=False,
                workers=1,
                backlog=_ACCEPTED_AT_ONCE,
                h11_max_incomplete_event_size=HEAD_BYTES,
                timeout_graceful_shutdown=1,
            )
        )
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run, name="hatchway-broker", daemon=True)
        self._entrances: set[Entrance] = set()
        self.loop = asyncio.new_event_loop()

    def start(self) -> None:
        """Begin to answer.

        Raises:
            OSError: The thread does not start.
        """
        self._thread.start()
        if not self._started.wait(_PATIENCE_SECONDS):
            self._socket.close()
            message = "the broker's thread does not start"
            raise OSError(message)

    def open_at(self, listening: socket.socket) -> Entrance:
        """Answer at this socket as well.

        Args:
            listening: It does; and it is closed with the entrance, or with the server.

        Raises:
            RuntimeError: The server has stopped. The socket is closed.
        """
        lines = _EntranceLines(listening.getsockname()[1], self._server)
        entrance = Entrance(listening, lines, self.loop, self._entrances.discard)
        opened = threading.Event()

        def open_it() -> None:
            self._entrances.add(entrance)
            entrance.open()
            opened.set()

        try:
            self.loop.call_soon_threadsafe(open_it)
        except RuntimeError:
            listening.close()
            raise
        opened.wait(_PATIENCE_SECONDS)
        return entrance

    def finish(self, admissions: Sequence[Admission], seconds: float) -> None:
        """End what is under way for these calls; returns when all of it is recorded.

        Raises:
            TimeoutError: It takes longer than `seconds`.
        """
        asyncio.run_coroutine_threadsafe(_over(admissions), self.loop).result(seconds)

    def stop(self, last: Callable[[], None]) -> None:
        """Do one last thing, answer nobody any more, and close the socket."""
        self.loop.call_soon_threadsafe(last)
        self.loop.call_soon_threadsafe(self._shut_entrances)
        self._server.should_exit = self._server.force_exit = True
        self._thread.join(_PATIENCE_SECONDS)

    def _shut_entrances(self) -> None:
        for entrance in list(self._entrances):
            entrance.shut()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self.loop) as runner:
            self.loop.call_soon(self._started.set)
            runner.run(self._server.serve(sockets=[self._socket]))


async def _over(admissions: Sequence[Admission]) -> None:
    exchanges = [each for admission in admissions for each in admission.under_way]
    for exchange in exchanges:
        exchange.call_over()
    await asyncio.gather(*(exchange.is_over.wait() for exchange in exchanges))


def _nothing(_: logging.LogRecord) -> bool:
    return False

"""More sockets at which the broker answers: those that were opened where its own cannot be seen.

A worker in a network namespace of its own opens one there, before it runs anything of a guest's,
and hands it over. What comes in by it meets the same door, and shows the same tickets.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
import threading
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

_ACCEPTED_AT_ONCE = 32
_PAUSE_SECONDS = 0.2
"""After the system had nothing left to accept a connection with."""
_PATIENCE_SECONDS = 5.0
_NOT_NOW = (BlockingIOError, InterruptedError, ConnectionAbortedError)
_SHORTAGES = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM))


class Lines(Protocol):
    """The connections of one listening socket."""

    def new(self) -> asyncio.Protocol:
        """One more."""
        ...

    def hang_up(self) -> None:
        """Cut all of them."""
        ...


def listening_socket(given: socket.socket) -> socket.socket:
    """`given` as its descriptor says it is; whoever gave it has it no more.

    Raises:
        ValueError: It is no TCP socket that listens on 127.0.0.1. It is closed.
    """
    descriptor = given.detach()
    try:
        found = socket.socket(fileno=descriptor)
    except OSError:
        os.close(descriptor)
        message = "what was handed over is no socket"
        raise ValueError(message) from None
    with contextlib.ExitStack() as undo:
        undo.enter_context(found)
        kind = (found.family, found.type, found.proto)
        if kind != (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP):
            message = "what was handed over is no TCP socket for IPv4"
            raise ValueError(message)
        is_listening = found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
        if not is_listening or found.getsockname()[0] != "127.0.0.1":
            message = "what was handed over does not listen on 127.0.0.1"
            raise ValueError(message)
        found.setblocking(False)
        undo.pop_all()
        return found


class Entrance:
    """A listening socket at which the broker answers, until it is closed.

    A socket that stops listening is left alone: what it served finds nobody any more. Whoever
    hands one over must keep no copy of it. A copy could make `accept` wait, and the broker with it.

    Attributes:
        port: Its own, in its own network namespace.

    Args:
        listening: The socket; it is closed with the entrance.
        lines: Its connections.
        loop: Of the broker.
        left: Told when it is closed.
    """

    def __init__(
        self,
        listening: socket.socket,
        lines: Lines,
        loop: asyncio.AbstractEventLoop,
        left: Callable[[Entrance], None],
    ) -> None:
        self.port: int = listening.getsockname()[1]
        self._socket = listening
        self._lines = lines
        self._loop = loop
        self._left = left
        self._greetings: set[asyncio.Task[None]] = set()
        self._is_shut = False

    def open(self) -> None:
        """Begin to answer. Only in the broker's loop."""
        if not self._is_shut:
            self._loop.add_reader(self._socket, self._accept)

    def close(self) -> None:
        """Answer nobody there any more, and cut off whoever is there. Returns when that is done."""
        is_done = threading.Event()

        def shut() -> None:
            self.shut()
            is_done.set()

        try:
            self._loop.call_soon_threadsafe(shut)
        except RuntimeError:
            return  # the broker is closed, and this with it
        is_done.wait(_PATIENCE_SECONDS)

    def shut(self) -> None:
        """Close it, and everything that came in by it. Only in the broker's loop."""
        if self._is_shut:
            return
        self._is_shut = True
        self._loop.remove_reader(self._socket)
        self._socket.close()
        for greeting in self._greetings:
            greeting.cancel()
        self._lines.hang_up()
        self._left(self)

    def _accept(self) -> None:
        for _ in range(_ACCEPTED_AT_ONCE):
            try:
                connection, _ = self._socket.accept()
            except _NOT_NOW:
                return
            except OSError as error:
                self._stop_for(error)
                return
            connection.setblocking(False)
            greeting = self._loop.create_task(self._greet(connection))
            self._greetings.add(greeting)
            greeting.add_done_callback(self._greetings.discard)

    def _stop_for(self, error: OSError) -> None:
        """Wait until there is something left, or give up a socket that listens no more."""
        if error.errno not in _SHORTAGES:
            self.shut()
            return
        self._loop.remove_reader(self._socket)
        self._loop.call_later(_PAUSE_SECONDS, self.open)

    async def _greet(self, connection: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(self._lines.new, connection)
        except (OSError, asyncio.CancelledError):
            connection.close()

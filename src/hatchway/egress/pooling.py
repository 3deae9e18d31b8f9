"""Connections that wait for their next request, each for one tool of one tenant only."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from hatchway.core.egress import Route
    from hatchway.egress.connection import Connection
    from hatchway.egress.tickets import Subject

MAX_IDLE = 64
IDLE_SECONDS = 4.0
"""Less than most servers wait, so that a request seldom meets a connection that is closing."""


class Key(NamedTuple):
    """What two requests must have in common to share a connection.

    Attributes:
        subject: Tenant and policy entry.
        digest: Of the artifact.
        origin: Scheme, host and port.
        address: Which was checked for both.
        route: Of the operator's.
        header_bytes: What the connection refuses.
    """

    subject: Subject
    digest: str
    origin: str
    address: str
    route: Route
    header_bytes: int


class _Idle:
    """A connection that nobody uses, and who watches that nothing happens on it."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.watch = asyncio.ensure_future(connection.disturbed())


class Pool:
    """Idle connections. It belongs to the broker's loop."""

    def __init__(self) -> None:
        self._idle: dict[Key, list[_Idle]] = {}

    async def take(self, key: Key) -> Connection | None:
        """A connection that nothing has happened on since it became idle; or None."""
        while found := self._idle.get(key):
            idle = found[-1]
            self._forget(key, idle)
            with contextlib.ExitStack() as undo:
                undo.callback(idle.connection.abort)
                idle.watch.cancel()
                await asyncio.wait({idle.watch})
                if idle.watch.cancelled():
                    undo.pop_all()
                    return idle.connection
        return None

    def give(self, key: Key, connection: Connection) -> None:
        """Keep a connection for a while, if it can take another request."""
        if not connection.renew():
            connection.abort()
            return
        idle = _Idle(connection)
        self._idle.setdefault(key, []).append(idle)
        idle.watch.add_done_callback(lambda _: self._drop(key, idle))
        asyncio.get_running_loop().call_later(IDLE_SECONDS, self._drop, key, idle)
        if self.idle_count > MAX_IDLE:
            oldest = next(iter(self._idle))
            self._drop(oldest, self._idle[oldest][0])

    @property
    def idle_count(self) -> int:
        """How many wait."""
        return sum(map(len, self._idle.values()))

    def close(self) -> None:
        """Close them all."""
        for key, waiting in list(self._idle.items()):
            for idle in list(waiting):
                self._drop(key, idle)

    def _drop(self, key: Key, idle: _Idle) -> None:
        """Close one, if it waits still."""
        if idle in self._idle.get(key, ()):
            self._forget(key, idle)
            idle.watch.cancel()
            idle.connection.abort()

    def _forget(self, key: Key, idle: _Idle) -> None:
        waiting = self._idle[key]
        waiting.remove(idle)
        if not waiting:
            del self._idle[key]

"""A TCP socket of a guest, and the two streams of its connection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatchway.engine.http.waiting import wait
from hatchway.engine.preview2.handles import Held, InputSource, OutputSink, StreamFault
from hatchway.engine.sockets.network import broken

if TYPE_CHECKING:
    from collections.abc import Callable

    from hatchway.core.addresses import Address
    from hatchway.engine.guest import Guest
    from hatchway.engine.http.exchange import Exchange

_PERMIT = 1 << 16
"""Bytes that a write is told to have; more at once is slower."""


class Tunnel:
    """A connection, which lasts until the socket and both of its streams are given back.

    Attributes:
        exchange: With the broker.
        remote: The other end.
        is_deaf: The guest has said that it reads no more.
    """

    def __init__(self, exchange: Exchange, remote: tuple[Address, int]) -> None:
        self.exchange = exchange
        self.remote = remote
        self.is_deaf = False
        self._users = 1

    def share(self) -> Tunnel:
        """One more needs it."""
        self._users += 1
        return self

    def release(self) -> None:
        """One needs it no more."""
        self._users -= 1
        if not self._users:
            self.exchange.close()


class TcpSocket(Held):
    """A socket that has no connection, or one.

    Attributes:
        family: `ipv4` or `ipv6`.
        tunnel: The connection, once it was begun.
        is_connected: It is there, and its streams were given out.
        is_failed: It was not to be had. A socket is good for one attempt.
    """

    def __init__(self, family: str) -> None:
        self.family = family
        self.tunnel: Tunnel | None = None
        self.is_connected = False
        self.is_failed = False

    def is_ready(self) -> bool:
        """Whether there is nothing to wait for."""
        return self.tunnel is None or self.tunnel.exchange.is_answered

    def close(self) -> None:
        """The guest keeps what streams it has."""
        if self.tunnel is not None:
            self.tunnel.release()


class TunnelReader(InputSource):
    """What comes."""

    def __init__(self, tunnel: Tunnel) -> None:
        self._tunnel = tunnel.share()
        self._exchange = tunnel.exchange
        self._has_failed = False

    def read(self, count: int) -> bytes | None:
        """The next bytes, as far as they have come."""
        if self._tunnel.is_deaf:
            return None
        if not self._exchange.is_readable:
            self._exchange.pump()
        data = self._exchange.read(count)
        if data is None and self._exchange.refusal is not None and not self._has_failed:
            self._has_failed = True
            raise broken(self._exchange.refusal)
        return data

    def readiness(self) -> Callable[[], bool]:
        """There are bytes, or will be no more."""
        return self._is_readable

    def _is_readable(self) -> bool:
        return self._tunnel.is_deaf or self._exchange.is_readable

    def wait(self, guest: Guest) -> None:
        """Until there are bytes, or it is known that there are no more."""
        if not self._is_readable():
            wait(guest, self._is_readable)

    def close(self) -> None:
        """The tunnel is needed by one less."""
        self._tunnel.release()


class TunnelWriter(OutputSink):
    """What goes."""

    def __init__(self, tunnel: Tunnel) -> None:
        self._tunnel = tunnel.share()
        self._exchange = tunnel.exchange
        self._has_failed = False

    def permit(self) -> int:
        """How many bytes may be written now."""
        self._exchange.pump()
        refusal = self._exchange.refusal
        if refusal is not None and not self._has_failed:
            self._has_failed = True
            raise broken(refusal)
        if refusal is not None or self._exchange.is_finished:
            raise StreamFault(None)
        return min(self._exchange.writable_bytes, _PERMIT)

    def write(self, data: bytes) -> None:
        """Put `data`, for which there is room, behind what was written before."""
        self._exchange.write(data)

    def readiness(self) -> Callable[[], bool]:
        """Something may be written, or never will again."""
        return self._is_writable

    def _is_writable(self) -> bool:
        exchange = self._exchange
        return exchange.refusal is not None or exchange.is_finished or exchange.writable_bytes > 0

    def write_all(self, guest: Guest, data: bytes) -> None:
        """Put all of `data`, waiting where that is needed."""
        while data:
            wait(guest, self._is_writable)
            room = self.permit()
            self.write(data[:room])
            data = data[room:]
        self.flush(guest)

    def flush(self, guest: Guest) -> None:
        """Wait until what was written is on its way to the broker."""
        wait(guest, lambda: self._exchange.is_flushed)

    def close(self) -> None:
        """The tunnel is needed by one less."""
        self._tunnel.release()

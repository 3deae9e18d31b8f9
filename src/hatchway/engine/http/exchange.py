"""One exchange with the broker: a request goes out in frames, a response comes back in frames.

It may as well be a tunnel, or the look-up of a name. The end of what comes through a tunnel is not
the end of what goes out.

Nothing here blocks and nothing raises. Whatever goes wrong on the way, also a broker that does
not keep to the protocol, is a `Refusal` like those that the broker sends.
"""

from __future__ import annotations

import errno
import math
import select
import socket
import struct
import time
import weakref
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from hatchway.core.exchange import (
    ConnectHead,
    FrameReader,
    Kind,
    Refusal,
    data_frames,
    frame,
    head_frame,
    read_refusal,
    read_response,
)
from hatchway.engine.files.host.descriptors import is_reserved

if TYPE_CHECKING:
    from collections.abc import Callable

    from hatchway.core.egress import Ticket
    from hatchway.core.exchange import ErrorCode, Head, ResponseHead
    from hatchway.engine.guest import Guest
    from hatchway.engine.http.carrier import Carrier

MAX_EXCHANGES = 64
"""Exchanges of one call that nobody has closed, over or not."""
BUFFER_BYTES = 1 << 18
"""What is held of a request that the broker has not taken, and of a response that the guest
has not; the latter may exceed it by what was read in one go."""
_CHUNK = 1 << 16
_CHUNKS_AT_ONCE = 8
_NO_LINGERING = struct.pack("ii", 1, 0)
_BROKEN_OFF = {errno.EPIPE, errno.ECONNRESET}


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long a guest wants to wait, where that is less than it may.

    Attributes:
        head_ns: For the head of the response, from the beginning of the exchange.
        pause_ns: For the next bytes of a response that has begun.
    """

    head_ns: int | None = None
    pause_ns: int | None = None


_ENDLESS = Patience()


def open_exchange(
    guest: Guest,
    ticket: Ticket,
    head: Head,
    patience: Patience = _ENDLESS,
    on_refused: Callable[[Refusal], object] | None = None,
) -> Exchange:
    """A new exchange of `guest`, which closes it at the end of its run at the latest.

    What the guest has read is added to `head`. An exchange too many is refused. `on_refused` is
    told when the broker refuses it, at any time before it is closed.
    """
    guest.exchanges[:] = [item for item in guest.exchanges if not item.is_closed]
    head = replace(head, has_read_private=guest.has_read_private)
    if len(guest.exchanges) >= MAX_EXCHANGES:
        return Exchange(ticket, head, patience, refusal=_refusal("connection-limit-reached"))
    exchange = Exchange(ticket, head, patience, on_refused=on_refused, guest=guest)
    guest.exchanges.append(exchange)
    return exchange


def _refusal(error: ErrorCode) -> Refusal:
    return Refusal(error=error, rule=f"egress.{error.lower().replace('-', '_')}")


class Exchange:
    """A request under way, and what has come back of its response.

    Attributes:
        response: The head of the response, once it is there.
        refusal: Why there is no response, or no more of it, once that is known.
        is_closed: Nobody is interested any more.
    """

    def __init__(
        self,
        ticket: Ticket,
        head: Head,
        patience: Patience = _ENDLESS,
        refusal: Refusal | None = None,
        on_refused: Callable[[Refusal], object] | None = None,
        guest: Guest | None = None,
    ) -> None:
        """Begin to connect and to send `head`; refused from the beginning where that fails.

        What `guest` reads from now on is told to the broker before anything more is sent.
        """
        self.response: ResponseHead | None = None
        self.refusal = refusal
        self.is_closed = False
        self._on_refused = on_refused
        # It holds its exchanges; were it held by them, it would wait for the garbage collector.
        self._guest = None if guest is None else weakref.ref(guest)
        self._has_read_private = head.has_read_private
        self._is_tunnel = isinstance(head, ConnectHead)
        self._is_over = False
        self._is_finished = False
        self._is_unheard = False
        self._out = bytearray()
        self._in = bytearray()
        self._frames = FrameReader()
        self._pause_ns = patience.pause_ns
        now_ns = time.monotonic_ns()
        self._patient_until_ns = None if patience.head_ns is None else now_ns + patience.head_ns
        self._carrier = _carrier(ticket)
        self._socket: socket.socket | None = None
        if refusal is None:
            self._socket = self._connected(ticket)
        if self._socket is not None:
            self._out += self._carrier.opening() + self._carrier.carry(head_frame(head))
            self.pump()

    def _connected(self, ticket: Ticket) -> socket.socket | None:
        """A socket on its way to the broker."""
        try:
            found = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        except OSError:
            self._refuse("connection-limit-reached")
            return None
        if is_reserved(found.fileno()):
            found.close()
            self._refuse("connection-limit-reached")
            return None
        found.setblocking(False)
        found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # Whether it failed is found out by the first attempt to send.
        found.connect_ex(("127.0.0.1", ticket.port))
        return found

    # What the guest sees

    @property
    def _is_at_end(self) -> bool:
        """Whether nothing more will come."""
        return self._is_over or self.is_closed or self.refusal is not None

    @property
    def is_answered(self) -> bool:
        """Whether it is known if there is a response."""
        return self.response is not None or self._is_at_end

    @property
    def is_readable(self) -> bool:
        """Whether `read` has something to say."""
        return bool(self._in) or self._is_at_end

    @property
    def is_writable(self) -> bool:
        """Whether `write` takes something, or never will again."""
        return self._is_at_end or self._is_finished or self.writable_bytes > 0

    @property
    def is_flushed(self) -> bool:
        """Whether everything written is on its way."""
        return not self._out

    @property
    def is_finished(self) -> bool:
        """Whether it was said that there is nothing more to send."""
        return self._is_finished

    @property
    def writable_bytes(self) -> int:
        """How many bytes `write` takes now."""
        if self.refusal is not None or self._is_finished:
            return 0
        return max(0, BUFFER_BYTES - len(self._out))

    def write(self, data: bytes) -> None:
        """Send more of the request's body: at most `writable_bytes`.

        A broker that has answered already needs no more of it; it is dropped.
        """
        assert len(data) <= self.writable_bytes
        if data and self._is_heard:
            self._own_up()
            self._out += self._carrier.carry(data_frames(data))
            self.pump()

    def finish(self) -> None:
        """The request's body is complete."""
        if self._is_finished:
            return
        self._is_finished = True
        if self._is_heard:
            self._own_up()
            self._out += self._carrier.carry(frame(Kind.END)) + self._carrier.closing()
            self.pump()

    def _own_up(self) -> None:
        """Say that the guest has read something private, if it has since the head."""
        guest = None if self._guest is None else self._guest()
        if not self._has_read_private and guest is not None and guest.has_read_private:
            self._has_read_private = True
            self._out += self._carrier.carry(frame(Kind.PRIVATE))

    def read(self, count: int) -> bytes | None:
        """Up to `count` bytes of the response's body, none if there are none yet; None at its end.

        At the end `refusal` says whether that was the end of the response.
        """
        if not self._in:
            return None if self._is_at_end else b""
        data = bytes(self._in[:count])
        del self._in[:count]
        return data

    def give_up(self, error: ErrorCode) -> None:
        """End it for a reason of our own. The broker sees a request that was cut off."""
        self._refuse(error)

    def close(self) -> None:
        """Nobody is interested any more; what is under way is cut off.

        What the broker has to say about it is heard first: a request that nobody waits for is
        denied on record like any other. What was written into a tunnel gets its chance to arrive.
        """
        if self._is_tunnel and self.response is not None:
            self.finish()
            self._hear_out(lambda: self._socket is None)
        else:
            self._hear_out(lambda: self.is_answered)
        self.is_closed = True
        self._on_refused = None  # it may hold the guest, which holds this
        self._hang_up()
        self._in.clear()

    def _hear_out(self, is_known: Callable[[], bool]) -> None:
        """Wait a moment for the broker's last word, if nobody has waited for it."""
        guest = None if self._guest is None else self._guest()
        if guest is None:
            return
        self.pump()
        while not is_known() and guest.stop is None and guest.hearing_left_ns > 0:
            self._in.clear()  # nobody will read it
            began_ns = time.monotonic_ns()
            poll = select.poll()
            poll.register(self.fileno(), self.interest)
            poll.poll(math.ceil(guest.hearing_left_ns / 1e6))
            self.pump()
            guest.hearing_left_ns -= time.monotonic_ns() - began_ns

    # Moving bytes

    @property
    def interest(self) -> int:
        """What `poll` is to look for; 0 for nothing."""
        if self._socket is None:
            return 0
        wanted = select.POLLIN if len(self._in) < BUFFER_BYTES else 0
        return wanted | (select.POLLOUT if self._out else 0)

    def fileno(self) -> int:
        """The descriptor; -1 where nothing will be moved any more."""
        return -1 if self._socket is None else self._socket.fileno()

    def pump(self) -> None:
        """Move what can be moved without waiting."""
        if self._socket is None:
            return
        try:
            self._send(self._socket)
            self._receive(self._socket)
        except (OSError, EOFError):
            self._refuse("connection-terminated")
        except (ValueError, RecursionError):
            self._refuse("internal-error")

    def _send(self, to: socket.socket) -> None:
        while self._out:
            try:
                sent = to.send(self._out)
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno not in _BROKEN_OFF:
                    raise
                # It takes no more, and may have said why.
                self._is_unheard = True
                self._out.clear()
                return
            del self._out[:sent]

    def _receive(self, source: socket.socket) -> None:
        has_come = False
        for _ in range(_CHUNKS_AT_ONCE):
            if self._socket is None or len(self._in) >= BUFFER_BYTES:
                break
            try:
                data = source.recv(_CHUNK)
            except BlockingIOError:
                break
            if not data:
                raise EOFError
            has_come = True
            for part in self._carrier.receive(data):
                for kind, payload in self._frames.feed(part):
                    self._take(kind, payload)
        self._keep_time(has_come=has_come)

    def _keep_time(self, *, has_come: bool) -> None:
        if has_come and self.response is not None:
            self._patient_until_ns = (
                None if self._pause_ns is None else time.monotonic_ns() + self._pause_ns
            )
        elif (
            self._socket is not None
            and self._patient_until_ns is not None
            and len(self._in) < BUFFER_BYTES
            and time.monotonic_ns() >= self._patient_until_ns
        ):
            self._refuse("connection-read-timeout")

    def _take(self, kind: Kind, payload: bytes) -> None:
        if self._socket is None:
            return
        match kind:
            case Kind.REFUSED:
                self.refusal = read_refusal(payload)
                self._hang_up()
                if self._on_refused is not None:
                    self._on_refused(self.refusal)
            case Kind.HEAD if self.response is None:
                self.response = read_response(payload)
            case Kind.DATA if self.response is not None:
                self._in += payload
            case Kind.END if self.response is not None:
                self._is_over = True
                if not self._is_tunnel:
                    self._hang_up()
            case _:
                self._refuse("internal-error")

    @property
    def _is_heard(self) -> bool:
        return self._socket is not None and not self._is_unheard

    def _refuse(self, error: ErrorCode) -> None:
        if self.refusal is None and not self._is_over:
            self.refusal = _refusal(error)
        self._hang_up()

    def _hang_up(self) -> None:
        if self._socket is not None:
            if not self._is_over:
                # What was not taken is thrown away, and the broker knows at once; otherwise the
                # kernel would hold it for as long as the broker does not read.
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGERING)
            self._socket.close()
            self._socket = None
        self._out.clear()


def _carrier(ticket: Ticket) -> Carrier:
    # Imported late, for the sake of those who never need it; see there.
    from hatchway.engine.http.carrier import Carrier

    return Carrier(ticket)

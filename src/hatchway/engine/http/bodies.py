"""Bodies on their way out and in, and the streams that guests write and read them through.

A guest may write before the request is handed over. What it writes until then is kept here, and
is little; afterwards it goes to the exchange, which has a bound of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatchway.engine import capi, values
from hatchway.engine.http.errors import Problem, fault, problem_of, put_failed, put_problem
from hatchway.engine.http.fields import Fields
from hatchway.engine.http.waiting import wait
from hatchway.engine.preview2.binding import (
    FUTURE_TRAILERS,
    INPUT_STREAM,
    OUTPUT_STREAM,
    Function,
    take_handle,
)
from hatchway.engine.preview2.handles import (
    Held,
    InputSource,
    OutputSink,
    StreamFault,
    allowance,
    held,
    hold,
    take,
)
from hatchway.engine.preview2.io import give_pollable

if TYPE_CHECKING:
    from collections.abc import Callable

    from hatchway.engine.guest import Guest
    from hatchway.engine.http.exchange import Exchange
    from hatchway.engine.preview2.binding import Host

_EARLY_BYTES = 1 << 16
"""What may be written of a body before its request is handed over."""
_PERMIT = 1 << 16
"""Bytes that a write is told to have; more at once is slower."""
_CHUNK = 1 << 16


# Out


class OutgoingBody(Held):
    """The body of a request.

    Attributes:
        declared: How long the header fields say that it is.
        is_aborted: It was given back without being finished.
    """

    def __init__(self, guest: Guest, declared: int | None) -> None:
        self.declared = declared
        self.is_aborted = False
        self._allowance = allowance(guest)
        self._has_stream = False
        self._is_finished = False
        self._written = 0
        self._early = bytearray()
        self._exchange: Exchange | None = None

    @property
    def exchange(self) -> Exchange | None:
        """The exchange it goes into, once its request was handed over."""
        return self._exchange

    def attach(self, exchange: Exchange) -> None:
        """From now on it goes into `exchange`."""
        early = bytes(self._early)
        self._forget_early()
        self._exchange = exchange
        exchange.write(early[: exchange.writable_bytes])  # all of it, or none if refused
        if self._is_finished:
            exchange.finish()

    def _forget_early(self) -> None:
        self._allowance.left += len(self._early)
        self._early.clear()

    def take_stream(self) -> BodyWriter | None:
        """The only stream into it, once."""
        if self._has_stream:
            return None
        self._has_stream = True
        return BodyWriter(self)

    def room(self) -> int:
        """How many bytes it takes now."""
        if self._exchange is None:
            return max(0, min(_EARLY_BYTES - len(self._early), self._allowance.left))
        return min(self._exchange.writable_bytes, _PERMIT)

    @property
    def is_closed(self) -> bool:
        """Whether nothing will ever be taken of it any more."""
        is_refused = self._exchange is not None and self._exchange.refusal is not None
        return self.is_aborted or is_refused

    def add(self, data: bytes) -> None:
        """Take `data`, for which there is room.

        Raises:
            StreamFault: It is more than was declared.
        """
        self._written += len(data)
        if self.declared is not None and self._written > self.declared:
            self.abort()
            raise fault(Problem(code="HTTP-request-body-size", number=self._written))
        if self._exchange is None:
            self._allowance.left -= len(data)
            self._early += data
        else:
            self._exchange.write(data)

    def finish(self) -> Problem | None:
        """There is no more of it; what is wrong with it."""
        if self.declared is not None and self._written != self.declared:
            self.abort()
            return Problem(code="HTTP-request-body-size", number=self._written)
        self._is_finished = True
        if self._exchange is not None:
            self._exchange.finish()
        return None

    def abort(self) -> None:
        """What was written is not all; the request cannot be sent."""
        self.is_aborted = True
        self._forget_early()
        if self._exchange is not None:
            self._exchange.give_up("HTTP-protocol-error")

    def close(self) -> None:
        """The guest gives it back without having finished it."""
        self.abort()


class BodyWriter(OutputSink):
    """The stream into a body."""

    def __init__(self, body: OutgoingBody) -> None:
        self._body = body
        body.children += 1

    def permit(self) -> int:
        """How many bytes may be written now."""
        if self._body.exchange is not None:
            self._body.exchange.pump()
        self._require_open()
        return self._body.room()

    def _require_open(self) -> None:
        if self._body.is_closed:
            raise StreamFault(None)

    def write(self, data: bytes) -> None:
        """Put `data` behind what was written before."""
        self._require_open()
        self._body.add(data)

    def readiness(self) -> Callable[[], bool]:
        """Something may be written, or never will again."""
        return self._is_writable

    def _is_writable(self) -> bool:
        return self._body.is_closed or self._body.room() > 0

    def write_all(self, guest: Guest, data: bytes) -> None:
        """Put all of `data`, waiting where that is needed."""
        while data:
            self._wait_for_room(guest)
            room = self.permit()
            self.write(data[:room])
            data = data[room:]
        self.flush(guest)

    def _wait_for_room(self, guest: Guest) -> None:
        if self._body.exchange is None and not self._is_writable():
            # Nothing that could make room can happen while the guest waits.
            raise fault(Problem(code="HTTP-request-body-size"))
        wait(guest, self._is_writable)

    def flush(self, guest: Guest) -> None:
        """Wait until what was written is on its way to the broker."""
        exchange = self._body.exchange
        if exchange is not None:
            wait(guest, lambda: exchange.is_flushed)

    def close(self) -> None:
        """The body can be finished now."""
        self._body.children -= 1


def body_write(host: Host, _arguments: int, result: int) -> None:
    """The stream into a body."""
    stream = held(host.guest, host.handles[0], OutgoingBody).take_stream()
    values.put_result(result, is_ok=stream is not None)
    if stream is not None:
        number = hold(host.guest, stream)
        values.put_box(result, "result", lambda at: host.give(at, OUTPUT_STREAM, number))


def body_finish(host: Host, arguments: int, result: int) -> None:
    """The body is complete. Trailers have no way to the broker: any of them is refused."""
    guest = host.guest
    body = take(guest, host.handles[0], OutgoingBody)
    trailers_at = values.read_option(arguments + capi.VALUE_BYTES)
    problem = None
    if trailers_at:
        trailers = take(guest, take_handle(host.context, trailers_at), Fields)
        if trailers.entries:
            problem = Problem(code="HTTP-request-trailer-section-size", number=0)
            body.abort()
        trailers.close()
    if problem is None:
        problem = body.finish()
    if problem is None:
        values.put_result(result, is_ok=True)
    else:
        put_failed(result, problem)


# In


class IncomingBody(Held):
    """The body of a response."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self._has_stream = False

    def take_stream(self) -> BodyReader | None:
        """The only stream from it, once."""
        if self._has_stream:
            return None
        self._has_stream = True
        return BodyReader(self)

    def close(self) -> None:
        """Nobody will read the rest."""
        self.exchange.close()


class BodyReader(InputSource):
    """The stream from a body."""

    def __init__(self, body: IncomingBody) -> None:
        self._body = body
        self._exchange = body.exchange
        self._has_failed = False
        body.children += 1

    def read(self, count: int) -> bytes | None:
        """The next bytes, as far as they have come."""
        if not self._exchange.is_readable:
            self._exchange.pump()
        data = self._exchange.read(count)
        if data is None and self._exchange.refusal is not None and not self._has_failed:
            self._has_failed = True
            raise fault(problem_of(self._exchange.refusal))
        return data

    def readiness(self) -> Callable[[], bool]:
        """There are bytes, or will be no more."""
        return self._is_readable

    def _is_readable(self) -> bool:
        return self._exchange.is_readable

    def wait(self, guest: Guest) -> None:
        """Until there are bytes, or it is known that there are no more."""
        if not self._exchange.is_readable:
            wait(guest, self._is_readable)

    def close(self) -> None:
        """The body can be given back now."""
        self._body.children -= 1


def body_stream(host: Host, _arguments: int, result: int) -> None:
    """The stream from a body."""
    stream = held(host.guest, host.handles[0], IncomingBody).take_stream()
    values.put_result(result, is_ok=stream is not None)
    if stream is not None:
        number = hold(host.guest, stream)
        values.put_box(result, "result", lambda at: host.give(at, INPUT_STREAM, number))


def body_rest(host: Host, _arguments: int, result: int) -> None:
    """What comes after a body: here, whether it came in full."""
    body = take(host.guest, host.handles[0], IncomingBody)
    trailers = FutureTrailers(body.exchange)
    host.give(result, FUTURE_TRAILERS, hold(host.guest, trailers))


class FutureTrailers(Held):
    """The end of a body. What was not read of it is thrown away until then."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.is_taken = False

    def is_ready(self) -> bool:
        """Whether the end is there."""
        while self.exchange.read(_CHUNK):
            pass
        return self.exchange.is_readable

    def close(self) -> None:
        """Nobody wants to know."""
        self.exchange.close()


def trailers_subscribe(host: Host, _arguments: int, result: int) -> None:
    """A pollable that is ready at the end of the body."""
    give_pollable(host, result, held(host.guest, host.handles[0], FutureTrailers).is_ready)


def trailers_get(host: Host, _arguments: int, result: int) -> None:
    """None until the end of the body, then once that there are no trailers."""
    trailers = held(host.guest, host.handles[0], FutureTrailers)
    trailers.exchange.pump()
    values.put_none(result)
    if not trailers.is_ready():
        return
    is_first, trailers.is_taken = not trailers.is_taken, True
    refusal = trailers.exchange.refusal

    def fill_outcome(at: int) -> None:
        values.put_result(at, is_ok=refusal is None)
        if refusal is None:
            values.put_box(at, "result", values.put_none)
        else:
            values.put_box(at, "result", lambda box: put_problem(box, problem_of(refusal)))

    def fill(at: int) -> None:
        values.put_result(at, is_ok=is_first)
        if is_first:
            values.put_box(at, "result", fill_outcome)

    values.put_box(result, "option", fill)


FUNCTIONS = {
    "[method]outgoing-body.write": Function(body_write, (0,)),
    "[static]outgoing-body.finish": Function(body_finish, (0,)),
    "[method]incoming-body.stream": Function(body_stream, (0,)),
    "[static]incoming-body.finish": Function(body_rest, (0,)),
    "[method]future-trailers.subscribe": Function(trailers_subscribe, (0,)),
    "[method]future-trailers.get": Function(trailers_get, (0,)),
}

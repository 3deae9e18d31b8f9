"""`future-incoming-response` and `incoming-response`: what comes back of a request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatchway.engine import values
from hatchway.engine.http.bodies import IncomingBody
from hatchway.engine.http.errors import Problem, problem_of, put_failed
from hatchway.engine.http.fields import MAX_FIELDS_BYTES, clean, cost, give_fields
from hatchway.engine.preview2.binding import INCOMING_BODY, INCOMING_RESPONSE, Function
from hatchway.engine.preview2.handles import Held, allowance, held, hold, take_bytes
from hatchway.engine.preview2.io import give_pollable

if TYPE_CHECKING:
    from hatchway.core.exchange import ResponseHead
    from hatchway.engine.guest import Guest
    from hatchway.engine.http.exchange import Exchange
    from hatchway.engine.preview2.binding import Host


class FutureResponse(Held):
    """A request that was handed over."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.is_taken = False
        self.has_passed_on = False

    def is_ready(self) -> bool:
        """Whether it is known if there is a response."""
        return self.is_taken or self.exchange.is_answered

    def close(self) -> None:
        """Nobody waits for the response any more; what was handed on goes on."""
        if not self.has_passed_on:
            self.exchange.close()


class IncomingResponse(Held):
    """A response whose head is there."""

    def __init__(self, guest: Guest, exchange: Exchange, head: ResponseHead) -> None:
        self.exchange = exchange
        self.status = head.status
        self.entries = clean(head.headers)
        self.is_consumed = False
        self._allowance = allowance(guest)
        self._cost = cost(self.entries)
        take_bytes(guest, self._cost)

    def close(self) -> None:
        """Nobody will ask for the body, unless somebody has."""
        self._allowance.left += self._cost
        if not self.is_consumed:
            self.exchange.close()


def subscribe(host: Host, _arguments: int, result: int) -> None:
    """A pollable that is ready when it is known if there is a response."""
    give_pollable(host, result, held(host.guest, host.handles[0], FutureResponse).is_ready)


def get(host: Host, _arguments: int, result: int) -> None:
    """None until it is known, then once a response or why there is none."""
    future = held(host.guest, host.handles[0], FutureResponse)
    future.exchange.pump()
    values.put_none(result)
    if not future.is_ready():
        return
    is_first, future.is_taken = not future.is_taken, True

    def fill(at: int) -> None:
        values.put_result(at, is_ok=is_first)
        if is_first:
            values.put_box(at, "result", lambda box: _put_outcome(host, box, future))

    values.put_box(result, "option", fill)


def _put_outcome(host: Host, at: int, future: FutureResponse) -> None:
    exchange = future.exchange
    head = exchange.response
    if head is None:
        assert exchange.refusal is not None
        put_failed(at, problem_of(exchange.refusal))
    elif cost(head.headers) > MAX_FIELDS_BYTES:
        exchange.close()
        put_failed(at, Problem(code="HTTP-response-header-section-size"))
    else:
        number = hold(host.guest, IncomingResponse(host.guest, exchange, head))
        future.has_passed_on = True
        values.put_result(at, is_ok=True)
        values.put_box(at, "result", lambda box: host.give(box, INCOMING_RESPONSE, number))


def _response(host: Host) -> IncomingResponse:
    return held(host.guest, host.handles[0], IncomingResponse)


def status(host: Host, _arguments: int, result: int) -> None:
    """The status code."""
    values.put_number(result, "u16", _response(host).status)


def headers(host: Host, _arguments: int, result: int) -> None:
    """The fields, which cannot be changed."""
    give_fields(host, result, _response(host).entries, is_mutable=False)


def consume(host: Host, _arguments: int, result: int) -> None:
    """The body, once."""
    response = _response(host)
    is_first, response.is_consumed = not response.is_consumed, True
    values.put_result(result, is_ok=is_first)
    if is_first:
        number = hold(host.guest, IncomingBody(response.exchange))
        values.put_box(result, "result", lambda at: host.give(at, INCOMING_BODY, number))


FUNCTIONS = {
    "[method]future-incoming-response.subscribe": Function(subscribe, (0,)),
    "[method]future-incoming-response.get": Function(get, (0,)),
    "[method]incoming-response.status": Function(status, (0,)),
    "[method]incoming-response.headers": Function(headers, (0,)),
    "[method]incoming-response.consume": Function(consume, (0,)),
}

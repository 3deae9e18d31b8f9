"""`ip-name-lookup`: the broker is asked for the addresses of a name."""

from __future__ import annotations

import contextlib
import ipaddress
from typing import TYPE_CHECKING

from hatchway.core.exchange import LookUpHead, addresses_in
from hatchway.engine import capi, values
from hatchway.engine.preview2.binding import RESOLVE_ADDRESS_STREAM, Function
from hatchway.engine.preview2.handles import Held, held, hold
from hatchway.engine.preview2.io import give_pollable
from hatchway.engine.sockets.asking import ask
from hatchway.engine.sockets.network import code_of, put_address, put_failed

if TYPE_CHECKING:
    from hatchway.core.addresses import Address
    from hatchway.engine.http.exchange import Exchange
    from hatchway.engine.preview2.binding import Host

_MAX_NAME = 1024


class Found(Held):
    """The addresses of a name, one after the other.

    Args:
        exchange: What they come over; None where they are known.
        known: They.
    """

    def __init__(self, exchange: Exchange | None, known: list[Address]) -> None:
        self.exchange = exchange
        self._left = known
        self._is_read = exchange is None

    def is_ready(self) -> bool:
        """Whether it is known if there are any."""
        return self.exchange is None or self.exchange.is_answered

    def failure(self) -> str | None:
        """Why there is no next one, as an error; None where that is none."""
        if self.exchange is None or self.exchange.response is not None:
            return None
        if not self.exchange.is_answered:
            return "would-block"
        refusal = self.exchange.refusal
        return "permanent-resolver-failure" if refusal is None else code_of(refusal)

    def next(self) -> Address | None:
        """The next one, or None at the end."""
        if not self._is_read and self.exchange is not None and self.exchange.response is not None:
            self._is_read = True
            with contextlib.suppress(ValueError):
                self._left = list(addresses_in(self.exchange.response))
        return self._left.pop(0) if self._left else None

    def close(self) -> None:
        """Nobody wants to know."""
        if self.exchange is not None:
            self.exchange.close()


def resolve_addresses(host: Host, arguments: int, result: int) -> None:
    """Begin to look a name up. An address is its own answer, and nobody is asked."""
    guest = host.guest
    guest.check_time()
    name = values.read_vector(arguments + capi.VALUE_BYTES + capi.VALUE_PAYLOAD)
    if guest.ticket is None or not guest.has_sockets:
        host.deny("net.dns", name)
        put_failed(result, "access-denied")
        return
    if len(name) > _MAX_NAME:
        put_failed(result, "invalid-argument")
        return
    text = name.decode("utf-8", "replace")
    found = Found(None, [])
    try:
        found = Found(None, [ipaddress.ip_address(text)])
    except ValueError:
        exchange = ask(guest, guest.ticket, LookUpHead(name=text), host.function)
        exchange.finish()
        found = Found(exchange, [])
    number = hold(guest, found)
    values.put_result(result, is_ok=True)
    values.put_box(result, "result", lambda at: host.give(at, RESOLVE_ADDRESS_STREAM, number))


def next_address(host: Host, _arguments: int, result: int) -> None:
    """The next address, none at the end, or why it is not known."""
    found = held(host.guest, host.handles[0], Found)
    if found.exchange is not None:
        found.exchange.pump()
    failure = found.failure()
    if failure is not None:
        put_failed(result, failure)
        return
    address = found.next()

    def fill(at: int) -> None:
        values.put_none(at)
        if address is not None:
            values.put_box(at, "option", lambda box: put_address(box, address))

    values.put_result(result, is_ok=True)
    values.put_box(result, "result", fill)


def subscribe(host: Host, _arguments: int, result: int) -> None:
    """A pollable that is ready when it is known if there are addresses."""
    give_pollable(host, result, held(host.guest, host.handles[0], Found).is_ready)


FUNCTIONS = {
    "wasi:sockets/ip-name-lookup": {
        "resolve-addresses": Function(resolve_addresses, (0,)),
        "[method]resolve-address-stream.resolve-next-address": Function(next_address, (0,)),
        "[method]resolve-address-stream.subscribe": Function(subscribe, (0,)),
    },
}

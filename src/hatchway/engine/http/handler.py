"""`outgoing-handler`: a request is handed over, or denied at once where there is no broker."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hatchway.core.exchange import RequestHead
from hatchway.engine import capi, values
from hatchway.engine.http.errors import Problem, put_failed
from hatchway.engine.http.requests import OutgoingRequest, RequestOptions
from hatchway.engine.http.responses import FutureResponse
from hatchway.engine.preview2.binding import FUTURE_INCOMING_RESPONSE, Function, take_handle
from hatchway.engine.preview2.handles import hold, take

if TYPE_CHECKING:
    from hatchway.core.egress import Ticket
    from hatchway.core.exchange import Refusal
    from hatchway.engine.guest import Guest
    from hatchway.engine.http.exchange import Exchange
    from hatchway.engine.preview2.binding import Host

_PLAIN_ORIGIN = re.compile(
    r"https?://(?=.{1,253}(?::|\Z))"
    r"(?:(?!xn--)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*"
    r"(?!xn--)[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?"
    r"(?::[1-9][0-9]{0,4})?"
)
"""An origin that can be granted as it is spelled: a name that looks like what it is."""
_THIS_MACHINE = re.compile(r"https?://(?:[a-z0-9.-]+\.)?localhost(?::[0-9]{1,5})?")
"""One that leads nowhere unless the grant says that it may lead inside."""


def handle(host: Host, arguments: int, result: int) -> None:
    """Hand a request over. What becomes of it is known later, except that it is denied here."""
    guest = host.guest
    guest.check_time()
    request = take(guest, host.handles[0], OutgoingRequest)
    options = _options(host, arguments + capi.VALUE_BYTES)
    request.close()
    if guest.ticket is None:
        deny(guest, host.function, request.method, request.scheme, request.authority)
        put_failed(result, Problem(code="HTTP-request-denied"))
    elif request.body is not None and request.body.is_aborted:
        put_failed(result, Problem(code="HTTP-protocol-error"))
    else:
        future = FutureResponse(_opened(host, guest.ticket, request, options))
        number = hold(guest, future)
        values.put_result(result, is_ok=True)
        values.put_box(result, "result", lambda at: host.give(at, FUTURE_INCOMING_RESPONSE, number))


def _options(host: Host, at: int) -> RequestOptions:
    some = values.read_option(at)
    if not some:
        return RequestOptions()
    return take(host.guest, take_handle(host.context, some), RequestOptions)


def deny(
    guest: Guest, function: str, method: str, scheme: str | None, authority: str | None
) -> None:
    """Record a request of a call that was granted no origin at all."""
    origin = f"{scheme or 'https'}://{authority or ''}"
    wanted = f"net.http={origin}" if _PLAIN_ORIGIN.fullmatch(origin) else ""
    if wanted and _THIS_MACHINE.fullmatch(origin):
        wanted += ";internal"
    guest.deny("net.http", f"{method} {origin}", function, wanted)


def _opened(
    host: Host, ticket: Ticket, request: OutgoingRequest, options: RequestOptions
) -> Exchange:
    # Imported late, for the sake of those who never send a request.
    from hatchway.engine.http.exchange import Patience, open_exchange

    target = request.target or "/"
    head = RequestHead(
        method=request.method,
        scheme=request.scheme,
        authority=request.authority,
        target=f"/{target}" if target.startswith("?") else target,
        headers=request.fields.entries,
    )
    head_ns = options.first_byte
    if head_ns is not None:
        head_ns += options.connect or 0
    patience = Patience(head_ns=head_ns, pause_ns=options.between_bytes)
    guest, function = host.guest, host.function

    def on_refused(refusal: Refusal) -> None:
        if refusal.is_denial:
            guest.deny("net.http", refusal.attempted, function, refusal.wanted)

    exchange = open_exchange(guest, ticket, head, patience, on_refused)
    if request.body is None:
        exchange.finish()
    else:
        request.body.attach(exchange)
    return exchange


FUNCTIONS = {"handle": Function(handle, (0,))}

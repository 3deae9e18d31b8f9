"""Exchanges with a broker, without an engine: what a guest would have, and what it would do."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from guests import grant
from stub_broker import BOUND_SECONDS

from hatchway.core.exchange import Refusal, RequestHead, ResponseHead, response_frame
from hatchway.core.limits import Limits
from hatchway.engine.guest import Guest
from hatchway.engine.http.exchange import Exchange, open_exchange
from hatchway.engine.http.waiting import wait

if TYPE_CHECKING:
    from hatchway.core.call import Cancellation
    from hatchway.core.egress import Ticket

HEAD = RequestHead(
    method="POST",
    scheme="https",
    authority="api.test",
    target="/v1?a=b",
    headers=(("accept", b"*/*"), ("x-odd", bytes(range(128, 256)))),
)
DENIAL = Refusal(
    error="HTTP-request-denied",
    rule="egress.not_granted",
    attempted="POST https://api.test",
    wanted="net.http=https://api.test",
)
HEAD_FRAME = response_frame(ResponseHead(status=200))


def new_guest(
    deadline_seconds: float = BOUND_SECONDS, cancellation: Cancellation | None = None
) -> Guest:
    limits = Limits(deadline_seconds=deadline_seconds)
    return Guest((), b"", grant(limits=limits), cancellation)


def sent(run: Guest, ticket: Ticket, body: bytes = b"") -> Exchange:
    """An exchange whose request is complete."""
    exchange = open_exchange(run, ticket, HEAD)
    exchange.write(body)
    exchange.finish()
    return exchange


def body_of(run: Guest, exchange: Exchange) -> bytes:
    """Everything that comes of the response's body."""
    parts: list[bytes] = []
    while True:
        wait(run, lambda: exchange.is_readable)
        part = exchange.read(1 << 16)
        if part is None:
            return b"".join(parts)
        parts.append(part)


def error_of(run: Guest, exchange: Exchange) -> str | None:
    """How it ends, whatever comes before."""
    body_of(run, exchange)
    return None if exchange.refusal is None else exchange.refusal.error


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port

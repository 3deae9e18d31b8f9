"""`http_request`: one request with a whole body, on the way of `hatchway:egress/fetch`."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

from hatchway.core.json_text import decode
from hatchway.engine.extism import MODULE
from hatchway.engine.fetch.asking import ask
from hatchway.engine.fetch.request import (
    MAX_HEAD_BYTES,
    MAX_REDIRECTS,
    NotSendableError,
    TooLargeError,
    request_from_parts,
    with_length,
)
from hatchway.engine.http.fields import clean
from hatchway.engine.http.waiting import wait

if TYPE_CHECKING:
    from hatchway.core.exchange import Headers, RequestHead
    from hatchway.engine.extism.plugin import Plugin
    from hatchway.engine.guest import Guest
    from hatchway.engine.http.exchange import Exchange

MAX_BODY_BYTES = 16 << 20
"""Of a response. The host holds it once, before it is copied into the kernel's memory."""
_PIECE_BYTES = 1 << 16
_KEYS = frozenset({"url", "method", "headers"})
_DENIED = "HTTP-request-denied"


def http_request(guest: Guest, plugin: Plugin, request: int, body: int) -> int:
    """Send the request in a block of JSON, with the body in another; give its response's body."""
    plugin.status, plugin.headers = 0, {}
    text = plugin.take(request, "a request")
    data = plugin.take(body, "the body of a request", most=MAX_BODY_BYTES)
    try:
        head = with_length(_head(text), len(data))
    except NotSendableError as error:
        plugin.trap(f"its request cannot be sent: {error}")
    except TooLargeError:
        plugin.trap("its request is too large")
    exchange = ask(guest, head, f"{MODULE}.http_request")
    if exchange is None:
        plugin.trap(f"its request was not answered: {_DENIED}")
    with closing(exchange):
        _send(guest, exchange, data)
        answer = _body(guest, plugin, exchange)
        if exchange.refusal is not None:
            plugin.trap(f"its request was not answered: {exchange.refusal.error}")
        assert exchange.response is not None
        plugin.status = exchange.response.status
        plugin.headers = _joined(clean(exchange.response.headers))
    return plugin.give(answer)


def _head(text: bytes) -> RequestHead:
    if len(text) > MAX_HEAD_BYTES:
        raise TooLargeError
    try:
        found = decode(text.decode())
    except (ValueError, RecursionError) as error:
        raise NotSendableError("it is not JSON in UTF-8") from error
    if not isinstance(found, dict) or not found.keys() <= _KEYS:
        raise NotSendableError("it must be an object with url, method and headers")
    headers = found.get("headers", {})
    if not isinstance(headers, dict):
        raise NotSendableError("headers must be an object")
    method = found.get("method")
    return request_from_parts(
        method="GET" if method is None else _text(method).upper(),
        url=_text(found.get("url")),
        headers=[(name, _text(value)) for name, value in headers.items()],
        redirects=MAX_REDIRECTS,
    )


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise NotSendableError("url, method and headers must be text")
    return value


def _send(guest: Guest, exchange: Exchange, data: bytes) -> None:
    view = memoryview(data)
    while view and exchange.refusal is None:
        wait(guest, lambda: exchange.is_writable)
        taken = exchange.writable_bytes
        exchange.write(bytes(view[:taken]))
        view = view[taken:]
    exchange.finish()
    wait(guest, lambda: exchange.is_answered)


def _body(guest: Guest, plugin: Plugin, exchange: Exchange) -> bytes:
    """All of the response's body, as far as it comes."""
    pieces: list[bytes] = []
    size = 0
    while (piece := exchange.read(_PIECE_BYTES)) is not None:
        pieces.append(piece)
        size += len(piece)
        if size > MAX_BODY_BYTES:
            plugin.trap(f"the response has more than {MAX_BODY_BYTES} bytes")
        wait(guest, lambda: exchange.is_readable)
    return b"".join(pieces)


def _joined(headers: Headers) -> dict[str, str]:
    """One value for a name; several are joined as RFC 9110, section 5.3, has it."""
    joined: dict[str, str] = {}
    for name, value in headers:
        text = value.decode("latin-1")
        joined[name] = f"{joined[name]}, {text}" if name in joined else text
    return joined

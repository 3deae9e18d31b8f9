"""The form for components: one function that takes a record and gives one, with whole bodies.

A `list<u8>` costs 32 bytes of the host's memory per byte on its way in and out, which is why
bodies are bounded here, and read and written in pieces.
"""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from hatchway.core.wit import (
    ListType,
    Primitive,
    RecordType,
    ResultType,
    TupleType,
    VariantType,
)
from hatchway.engine import capi, values
from hatchway.engine.fetch import INTERFACE
from hatchway.engine.fetch.asking import ask
from hatchway.engine.fetch.failures import case_of
from hatchway.engine.fetch.request import (
    MAX_HEAD_BYTES,
    NotSendableError,
    TooLargeError,
    request_from_parts,
    with_length,
)
from hatchway.engine.http.fields import clean
from hatchway.engine.http.waiting import wait
from hatchway.engine.preview2.binding import Function

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hatchway.core.exchange import Headers, RequestHead, ResponseHead
    from hatchway.engine.guest import Guest
    from hatchway.engine.http.exchange import Exchange
    from hatchway.engine.preview2.binding import Host

MAX_BODY_BYTES = 2 << 20
_PIECE_BYTES = 1 << 16
_MAX_HEADERS = 2048

_TEXT = Primitive("string")
_BYTES = ListType(Primitive("u8"))
_HEADERS = ListType(TupleType((_TEXT, _TEXT)))
_REQUEST = RecordType((
    ("method", _TEXT),
    ("url", _TEXT),
    ("headers", _HEADERS),
    ("body", _BYTES),
    ("redirects", Primitive("u8")),
))  # fmt: skip
_RESPONSE = RecordType((
    ("status", Primitive("u16")),
    ("url", _TEXT),
    ("headers", _HEADERS),
    ("body", _BYTES),
))  # fmt: skip
_ERROR = VariantType((
    ("denied", None),
    ("timeout", None),
    ("too-large", None),
    ("unreachable", _TEXT),
    ("invalid", _TEXT),
))  # fmt: skip

FETCH = ((_REQUEST,), ResultType(_RESPONSE, _ERROR))
"""The types of its parameter and its result, as `sdk/guest/fetch.wit` declares them."""


class _Failed(Exception):  # noqa: N818 - becomes a case of the variant
    """There is no whole response; the case, and its words if it has any."""

    def __init__(self, case: str, words: str | None = None) -> None:
        super().__init__(case)
        self.case = case
        self.words = words


def fetch(host: Host, arguments: int, result: int) -> None:
    """Send the request in the one argument, and give back its whole response."""
    try:
        head, body_at = _request(arguments)
        response, body = _exchanged(host, head, body_at)
    except _Failed as failed:
        _put_error(result, failed.case, failed.words)
    except NotSendableError as error:
        _put_error(result, "invalid", str(error))
    except TooLargeError:
        _put_error(result, "too-large", None)
    else:
        _put_response(result, response, body)


def _request(arguments: int) -> tuple[RequestHead, int]:
    """The head of the request, and where its body stands."""
    method, url, headers, body, redirects = _fields(arguments, len(_REQUEST.fields))
    if values.list_length(headers) > _MAX_HEADERS or values.list_length(body) > MAX_BODY_BYTES:
        raise TooLargeError
    spend = _bounded()
    head = request_from_parts(
        method=_text(method, spend),
        url=_text(url, spend),
        headers=_pairs(headers, spend),
        redirects=values.read_number(redirects, "u8"),
    )
    return with_length(head, values.list_length(body)), body


def _fields(at: int, count: int) -> Iterator[int]:
    first = capi.read_pointer(at + capi.VALUE_PAYLOAD + 8) + capi.RECORD_ENTRY_VALUE
    return (first + index * capi.RECORD_ENTRY_BYTES for index in range(count))


def _pairs(at: int, spend: Callable[[int], None]) -> Iterator[tuple[str, str]]:
    first = capi.read_pointer(at + capi.VALUE_PAYLOAD + 8)
    for index in range(values.list_length(at)):
        pair = capi.read_pointer(first + index * capi.VALUE_BYTES + capi.VALUE_PAYLOAD + 8)
        yield _text(pair, spend), _text(pair + capi.VALUE_BYTES, spend)


def _text(at: int, spend: Callable[[int], None]) -> str:
    return values.read_text(at + capi.VALUE_PAYLOAD, spend)


def _bounded() -> Callable[[int], None]:
    """Something that is told about every text before it is read, and refuses those too long."""
    left = MAX_HEAD_BYTES

    def spend(count: int) -> None:
        nonlocal left
        left -= count
        if left < 0:
            raise TooLargeError

    return spend


def _exchanged(host: Host, head: RequestHead, body_at: int) -> tuple[ResponseHead, bytes]:
    guest = host.guest
    exchange = ask(guest, head, host.function)
    if exchange is None:
        raise _Failed("denied")
    with closing(exchange):
        for piece in values.byte_pieces(body_at):
            _write(guest, exchange, piece)
        exchange.finish()
        wait(guest, lambda: exchange.is_answered)
        body = _body(guest, exchange)
        if exchange.refusal is not None:
            raise _Failed(*case_of(exchange.refusal.error))
        assert exchange.response is not None
        return exchange.response, body


def _write(guest: Guest, exchange: Exchange, piece: bytes) -> None:
    while piece and exchange.refusal is None:
        wait(guest, lambda: exchange.is_writable)
        taken = exchange.writable_bytes
        exchange.write(piece[:taken])
        piece = piece[taken:]


def _body(guest: Guest, exchange: Exchange) -> bytes:
    """All of the response's body, as far as it comes."""
    pieces: list[bytes] = []
    size = 0
    while (piece := exchange.read(_PIECE_BYTES)) is not None:
        pieces.append(piece)
        size += len(piece)
        if size > MAX_BODY_BYTES:
            raise TooLargeError
        wait(guest, lambda: exchange.is_readable)
    return b"".join(pieces)


def _put_response(result: int, head: ResponseHead, body: bytes) -> None:
    def fill(at: int) -> None:
        names = tuple(name for name, _ in _RESPONSE.fields)
        status, url, headers, body_at = values.put_record(at, names)
        values.put_number(status, "u16", head.status)
        values.put_text(url, head.url.encode("utf-8", "replace"))
        _put_headers(headers, clean(head.headers))
        values.put_bytes(body_at, body)

    values.put_result(result, is_ok=True)
    values.put_box(result, "result", fill)


def _put_headers(at: int, headers: Headers) -> None:
    first = values.put_items(at, "list", len(headers))
    for index, (name, value) in enumerate(headers):
        pair = values.put_items(first + index * capi.VALUE_BYTES, "tuple", 2)
        values.put_text(pair, name.encode("utf-8", "replace"))
        values.put_text(pair + capi.VALUE_BYTES, value.decode("latin-1").encode())


def _put_error(result: int, case: str, words: str | None) -> None:
    def fill(at: int) -> None:
        values.put_case(at, case)
        if words is not None:
            text = words.encode()
            values.put_box(at, "variant", lambda box: values.put_text(box, text))

    values.put_result(result, is_ok=False)
    values.put_box(result, "result", fill)


FUNCTIONS: dict[str, dict[str, Function]] = {INTERFACE: {"fetch": Function(fetch)}}

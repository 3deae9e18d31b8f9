"""The form for core modules: requests by number, bodies in pieces.

Each function is `(guest, memory, *arguments) -> errno`, as those of preview 1 are. Places for
results are checked before anything is done, so that nothing happens that cannot be told.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatchway.engine.fetch import MODULE
from hatchway.engine.fetch.asking import ask
from hatchway.engine.fetch.failures import ERRNOS
from hatchway.engine.fetch.request import (
    MAX_HEAD_BYTES,
    NotSendableError,
    TooLargeError,
    length_of,
    request_from_json,
    response_json,
)
from hatchway.engine.files.nodes import Errno, FileFault
from hatchway.engine.http.fields import clean
from hatchway.engine.http.waiting import wait
from hatchway.engine.preview1.errno import (
    EINVAL,
    EMFILE,
    EMSGSIZE,
    ENOTCAPABLE,
    EOVERFLOW,
    SUCCESS,
)
from hatchway.engine.preview2.handles import Held, keep

if TYPE_CHECKING:
    from hatchway.engine.guest import Guest
    from hatchway.engine.http.exchange import Exchange
    from hatchway.engine.preview1.functions import Body
    from hatchway.engine.preview1.memory import Memory

MAX_REQUESTS = 64
"""Requests that a guest may hold at once, as many as it may have exchanges."""
MAX_READ = 1 << 18
"""Bytes of one read."""


class Sending(Held):
    """A request that a core module holds.

    Attributes:
        left: How many bytes of its body are missing; None where nobody said.
        is_sent: Its body is complete.
    """

    def __init__(self, exchange: Exchange, left: int | None) -> None:
        self.exchange = exchange
        self.left = left
        self.is_sent = False

    def close(self) -> None:
        """Cut off what is under way."""
        self.exchange.close()


def open_(guest: Guest, memory: Memory, at: int, count: int, handle_at: int) -> int:
    """Begin a request that `count` bytes of JSON describe, and give it a number."""
    memory.require(handle_at, 4)
    memory.require(at, count)
    if count > MAX_HEAD_BYTES:
        return EMSGSIZE
    try:
        head = request_from_json(memory.read(at, count))
        length = length_of(head)
    except NotSendableError:
        return EINVAL
    except TooLargeError:
        return EMSGSIZE
    if len(guest.handles) >= MAX_REQUESTS:
        return EMFILE
    exchange = ask(guest, head, f"{MODULE}.open")
    if exchange is None:
        return ENOTCAPABLE
    memory.put_u32(handle_at, keep(guest, Sending(exchange, length)))
    return SUCCESS


def write(guest: Guest, memory: Memory, number: int, at: int, count: int, written_at: int) -> int:
    """Send more of a request's body: as much as there is room for, and a byte at least."""
    memory.require(written_at, 4)
    memory.require(at, count)
    sending = _held(guest, number)
    exchange = sending.exchange
    if sending.is_sent:
        return EINVAL
    if sending.left is not None and count > sending.left:
        exchange.give_up("HTTP-request-body-size")
    if count:
        wait(guest, lambda: exchange.is_writable)
    if exchange.refusal is not None:
        return ERRNOS[exchange.refusal.error]
    taken = min(count, exchange.writable_bytes)
    exchange.write(memory.read(at, taken))
    if sending.left is not None:
        sending.left -= taken
    memory.put_u32(written_at, taken)
    return SUCCESS


def send(guest: Guest, memory: Memory, number: int, status_at: int) -> int:
    """End a request's body, wait for the response, and tell its status."""
    memory.require(status_at, 4)
    sending = _held(guest, number)
    exchange = sending.exchange
    if sending.left and not sending.is_sent:
        exchange.give_up("HTTP-request-body-size")
    sending.is_sent = True
    exchange.finish()
    wait(guest, lambda: exchange.is_answered)
    if exchange.response is None:
        assert exchange.refusal is not None
        return ERRNOS[exchange.refusal.error]
    memory.put_u32(status_at, exchange.response.status)
    return SUCCESS


def head(guest: Guest, memory: Memory, number: int, at: int, room: int, needed_at: int) -> int:
    """Tell status, URL and header fields of a response, as JSON."""
    memory.require(needed_at, 4)
    memory.require(at, room)
    found = _held(guest, number).exchange.response
    if found is None:
        return EINVAL
    text = response_json(found.status, found.url, clean(found.headers))
    return _told(memory, text, at, room, needed_at)


def read(guest: Guest, memory: Memory, number: int, at: int, room: int, count_at: int) -> int:
    """The next bytes of a response's body; none at its end."""
    memory.require(count_at, 4)
    memory.require(at, room)
    exchange = _held(guest, number).exchange
    if exchange.response is None:
        return EINVAL
    data: bytes | None = b""
    if room:
        wait(guest, lambda: exchange.is_readable)
        data = exchange.read(min(room, MAX_READ))
    if data is None and exchange.refusal is not None:
        return ERRNOS[exchange.refusal.error]
    memory.write(at, data or b"")
    memory.put_u32(count_at, len(data or b""))
    return SUCCESS


def error(guest: Guest, memory: Memory, number: int, at: int, room: int, needed_at: int) -> int:
    """Why there is no response, or no more of it, in the words of `wasi:http`."""
    memory.require(needed_at, 4)
    memory.require(at, room)
    refusal = _held(guest, number).exchange.refusal
    words = b"" if refusal is None else refusal.error.encode()
    return _told(memory, words, at, room, needed_at)


def close(guest: Guest, _memory: Memory, number: int) -> int:
    """Give a request back, and cut off what is under way."""
    _held(guest, number).close()
    del guest.handles[number]
    return SUCCESS


def _held(guest: Guest, number: int) -> Sending:
    found = guest.handles.get(number)
    if not isinstance(found, Sending):
        raise FileFault(Errno.BADF)
    return found


def _told(memory: Memory, text: bytes, at: int, room: int, needed_at: int) -> int:
    """Give all of `text`, or only tell how long it is."""
    memory.put_u32(needed_at, len(text))
    if len(text) > room:
        return EOVERFLOW
    memory.write(at, text)
    return SUCCESS


SIGNATURES: dict[str, str] = {
    "open": "iii",
    "write": "iiii",
    "send": "ii",
    "head": "iiii",
    "read": "iiii",
    "error": "iiii",
    "close": "i",
}
"""Parameters of every function, as `preview1.binding` spells them. All return an errno."""

BODIES: dict[str, Body] = {
    "open": open_,
    "write": write,
    "send": send,
    "head": head,
    "read": read,
    "error": error,
    "close": close,
}

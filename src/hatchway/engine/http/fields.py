"""`fields`: the header fields of a request or a response.

Names are lower case, as they are compared. Which fields are forbidden, and what is an invalid
name or value, is as in wasmtime (crates/wasi-http, `DEFAULT_FORBIDDEN_HEADERS`); so is that a
guest is ended for fields that are too large, because `header-error` has no case for it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeAlias

from hatchway.engine import capi, values
from hatchway.engine.preview2.binding import FIELDS, Function
from hatchway.engine.preview2.handles import (
    Held,
    allowance,
    held,
    hold,
    take_bytes,
    trap,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from hatchway.engine.guest import Guest
    from hatchway.engine.preview2.binding import Body, Host

Entries: TypeAlias = tuple[tuple[str, bytes], ...]

MAX_FIELDS_BYTES = 128 * 1024
"""Of one `fields`, counted with `_FIELD_BYTES` for each field."""
_FIELD_BYTES = 128
"""What a field costs besides its letters."""

FORBIDDEN = frozenset({
    "connection", "host", "http2-settings", "keep-alive", "proxy-authenticate",
    "proxy-authorization", "proxy-connection", "transfer-encoding", "upgrade",
})  # fmt: skip
"""Fields that belong to a connection, or that say where a request goes. No guest sets or sees
them."""

_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,1024}")
_VALUE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")
_DIGITS = re.compile(rb"[0-9]{1,19}")

_BYTES = capi.VALUE_BYTES


class HeaderError(Exception):
    """The case of a `header-error`."""


def cost(entries: Entries) -> int:
    """What fields count for."""
    return sum(len(name) + len(value) + _FIELD_BYTES for name, value in entries)


class Fields(Held):
    """Header fields, which some functions may change and others not."""

    def __init__(self, guest: Guest, entries: Entries = (), *, is_mutable: bool = True) -> None:
        """Count `entries` against what the guest's handles may stand for.

        Raises:
            Stopped: They are too large.
        """
        self._allowance = allowance(guest)
        self._cost = 0
        self.entries: Entries = ()
        self.is_mutable = is_mutable
        self.replace(guest, entries)

    def replace(self, guest: Guest, entries: Entries) -> None:
        """Have other fields.

        Raises:
            Stopped: They are too large.
        """
        found = cost(entries)
        if found > MAX_FIELDS_BYTES:
            trap(guest, f"header fields of more than {MAX_FIELDS_BYTES} bytes")
        take_bytes(guest, found - self._cost)
        self._cost = found
        self.entries = entries

    def close(self) -> None:
        """They count no more."""
        self._allowance.left += self._cost
        self._cost = 0


def clean(entries: Iterable[tuple[str, bytes]]) -> Entries:
    """The fields of a response that a guest may see."""
    return tuple(
        (name.lower(), value)
        for name, value in entries
        if _NAME.fullmatch(name) and name.lower() not in FORBIDDEN and _VALUE.fullmatch(value)
    )


def content_length(entries: Entries) -> int | None:
    """What the fields say about the length of a body; None for nothing.

    Raises:
        HeaderError: They say two things.
    """
    found = {int(value) for name, value in entries if name == "content-length"}
    if len(found) > 1:
        raise HeaderError("invalid-syntax")
    return next(iter(found), None)


# Arguments


def _read_name(at: int) -> str | None:
    """A name in lower case; None if it can be none."""
    if values.list_length(at) > MAX_FIELDS_BYTES:
        return None
    name = values.read_text(at + capi.VALUE_PAYLOAD)
    # Checked first: the lower case of some other letters is ASCII.
    return name.lower() if _NAME.fullmatch(name) else None


def _allowed_name(at: int) -> str:
    name = _read_name(at)
    if name is None:
        raise HeaderError("invalid-syntax")
    if name in FORBIDDEN:
        raise HeaderError("forbidden")
    return name


def _few(guest: Guest, at: int) -> range:
    """The items of a list of fields that is not too long for any request."""
    items = values.list_items(at)
    if len(items) > MAX_FIELDS_BYTES // _FIELD_BYTES:
        trap(guest, f"{len(items)} header fields at once")
    return items


def _read(guest: Guest, found: Iterable[tuple[str, int]]) -> Entries:
    """The fields of those names, whose values are at those addresses."""
    entries = []
    size = 0
    for name, at in found:
        size += values.list_length(at)
        if size > MAX_FIELDS_BYTES:
            trap(guest, f"header fields of more than {MAX_FIELDS_BYTES} bytes")
        value = values.read_bytes_list(at)
        pattern = _DIGITS if name == "content-length" else _VALUE
        if not pattern.fullmatch(value):
            raise HeaderError("invalid-syntax")
        entries.append((name, value))
    return tuple(entries)


def _mutable(host: Host) -> Fields:
    fields = held(host.guest, host.handles[0], Fields)
    if not fields.is_mutable:
        raise HeaderError("immutable")
    return fields


# Functions


def _checked(work: Callable[[Host, int], int | None]) -> Body:
    """A function that answers `result<…, header-error>`, with a handle or with nothing."""

    def body(host: Host, arguments: int, result: int) -> None:
        try:
            number = work(host, arguments)
        except HeaderError as error:
            case = str(error)
            values.put_result(result, is_ok=False)
            values.put_box(result, "result", lambda at: values.put_case(at, case))
            return
        values.put_result(result, is_ok=True)
        if number is not None:
            values.put_box(result, "result", lambda at: host.give(at, FIELDS, number))

    return body


def new(host: Host, _arguments: int, result: int) -> None:
    """No fields yet."""
    give_fields(host, result, (), is_mutable=True)


def give_fields(host: Host, result: int, entries: Entries, *, is_mutable: bool) -> None:
    """Make the result `fields`.

    Raises:
        Stopped: The guest holds too much already.
    """
    fields = Fields(host.guest, entries, is_mutable=is_mutable)
    host.give(result, FIELDS, hold(host.guest, fields))


def _from_list(host: Host, arguments: int) -> int:
    pairs = (values.list_items(pair) for pair in _few(host.guest, arguments))
    entries = _read(host.guest, ((_allowed_name(name_at), at) for name_at, at in pairs))
    return hold(host.guest, Fields(host.guest, entries))


def _values_of(host: Host, arguments: int) -> list[bytes]:
    name = _read_name(arguments + _BYTES)
    entries = held(host.guest, host.handles[0], Fields).entries
    return [value for known, value in entries if known == name]


def get(host: Host, arguments: int, result: int) -> None:
    """All values of a name."""
    found = _values_of(host, arguments)
    first = values.put_items(result, "list", len(found))
    for index, value in enumerate(found):
        values.put_bytes(first + index * _BYTES, value)


def has(host: Host, arguments: int, result: int) -> None:
    """Whether there is a value of that name."""
    values.put_number(result, "bool", bool(_values_of(host, arguments)))


def _set(host: Host, arguments: int) -> None:
    name = _allowed_name(arguments + _BYTES)
    fields = _mutable(host)
    items = _few(host.guest, arguments + 2 * _BYTES)
    fresh = _read(host.guest, ((name, at) for at in items))
    kept = tuple(entry for entry in fields.entries if entry[0] != name)
    fields.replace(host.guest, kept + fresh)


def _delete(host: Host, arguments: int) -> None:
    name = _allowed_name(arguments + _BYTES)
    fields = _mutable(host)
    fields.replace(host.guest, tuple(entry for entry in fields.entries if entry[0] != name))


def _append(host: Host, arguments: int) -> None:
    name = _allowed_name(arguments + _BYTES)
    fields = _mutable(host)
    fresh = _read(host.guest, [(name, arguments + 2 * _BYTES)])
    fields.replace(host.guest, fields.entries + fresh)


def entries_of(host: Host, _arguments: int, result: int) -> None:
    """All names and values, in order."""
    entries = held(host.guest, host.handles[0], Fields).entries
    first = values.put_items(result, "list", len(entries))
    for index, (name, value) in enumerate(entries):
        pair = values.put_items(first + index * _BYTES, "tuple", 2)
        values.put_text(pair, name.encode())
        values.put_bytes(pair + _BYTES, value)


def clone(host: Host, _arguments: int, result: int) -> None:
    """A copy that may be changed."""
    entries = held(host.guest, host.handles[0], Fields).entries
    give_fields(host, result, entries, is_mutable=True)


FUNCTIONS = {
    "[constructor]fields": Function(new),
    "[static]fields.from-list": Function(_checked(_from_list)),
    "[method]fields.get": Function(get, (0,)),
    "[method]fields.has": Function(has, (0,)),
    "[method]fields.set": Function(_checked(_set), (0,)),
    "[method]fields.delete": Function(_checked(_delete), (0,)),
    "[method]fields.append": Function(_checked(_append), (0,)),
    "[method]fields.entries": Function(entries_of, (0,)),
    "[method]fields.clone": Function(clone, (0,)),
}

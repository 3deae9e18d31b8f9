"""`outgoing-request` and `request-options`: a request while a guest puts it together.

What is refused here is what no request could be, as in wasmtime. Whether a request may be sent
is decided elsewhere, about its text as it is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hatchway.engine import capi, values
from hatchway.engine.http.bodies import OutgoingBody
from hatchway.engine.http.fields import Fields, HeaderError, content_length, give_fields
from hatchway.engine.preview2.binding import (
    OUTGOING_BODY,
    OUTGOING_REQUEST,
    REQUEST_OPTIONS,
    Function,
)
from hatchway.engine.preview2.handles import Held, allowance, held, hold, take, take_bytes

if TYPE_CHECKING:
    from collections.abc import Callable

    from hatchway.engine.guest import Guest
    from hatchway.engine.preview2.binding import Body, Host

METHODS = frozenset({
    "get", "head", "post", "put", "delete", "connect", "options", "trace", "patch",
})  # fmt: skip
"""Methods with a case of their own."""
SCHEMES = frozenset({"HTTP", "HTTPS"})

_MAX_TARGET_BYTES = 1 << 16
_MAX_AUTHORITY_BYTES = 1024
_METHOD = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,64}")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+\-.]{0,63}")
_AUTHORITY = re.compile(r"[A-Za-z0-9\-._~!$&'()*+,;=:@%\[\]]+")
_PORT = re.compile(r"[0-9]{1,5}")
_TARGET = re.compile(r"[!-\"$-~]*")
"""Visible ASCII without `#`: what is behind one is never sent."""

_SECOND = capi.VALUE_BYTES
_LARGEST_PORT = 65535


class OutgoingRequest(Held):
    """A request that was not handed over yet.

    Attributes:
        method: As it will be sent.
        scheme: In lower case, or None.
        fields: Which nobody can change any more.
        body: What the guest asked for, or None.
    """

    def __init__(self, guest: Guest, fields: Fields) -> None:
        self.fields = fields
        fields.is_mutable = False
        self.method = "GET"
        self.scheme: str | None = None
        self.authority: str | None = None
        self.target: str | None = None
        self.body: OutgoingBody | None = None
        self._allowance = allowance(guest)
        self._cost = 0

    def count(self, guest: Guest) -> None:
        """Count its texts against what the guest's handles may stand for.

        Raises:
            Stopped: They are too long.
        """
        found = len(self.authority or "") + len(self.target or "")
        take_bytes(guest, found - self._cost)
        self._cost = found

    def close(self) -> None:
        """It counts no more; a body that was asked for stays."""
        self.fields.close()
        self._allowance.left += self._cost


@dataclass(slots=True)
class RequestOptions(Held):
    """How long a guest wants to wait, in nanoseconds."""

    connect: int | None = None
    first_byte: int | None = None
    between_bytes: int | None = None


# Texts


def _read_text(at: int, most: int, pattern: re.Pattern[str]) -> str | None:
    """The string at `at`; None if it is too long or does not match."""
    if values.list_length(at) > most:
        return None
    text = values.read_text(at + capi.VALUE_PAYLOAD)
    return text if pattern.fullmatch(text) else None


def _read_method(at: int) -> str | None:
    case, payload = values.read_case(at)
    return case.upper() if case in METHODS else _read_text(payload, _MAX_AUTHORITY_BYTES, _METHOD)


def _read_scheme(at: int) -> str | None:
    case, payload = values.read_case(at)
    if case in SCHEMES:
        return case.lower()
    scheme = _read_text(payload, _MAX_AUTHORITY_BYTES, _SCHEME)
    return None if scheme is None else scheme.lower()


def _read_authority(at: int) -> str | None:
    authority = _read_text(at, _MAX_AUTHORITY_BYTES, _AUTHORITY)
    if authority is None:
        return None
    # A colon in brackets is part of an address.
    _, _, behind = authority.rpartition("]")
    _, colon, port = behind.rpartition(":")
    if colon and (not _PORT.fullmatch(port) or int(port) > _LARGEST_PORT):
        return None
    return authority


def _read_target(at: int) -> str | None:
    return _read_text(at, _MAX_TARGET_BYTES, _TARGET)


def _put_case(at: int, case: str, text: str, known: frozenset[str]) -> None:
    """Make the value at `at` a variant of known words and `other(string)`."""
    if case in known:
        values.put_case(at, case)
    else:
        values.put_case(at, "other")
        values.put_box(at, "variant", lambda box: values.put_text(box, text.encode()))


# Functions


def new(host: Host, _arguments: int, result: int) -> None:
    """A request with these fields, from now on immutable."""
    fields = take(host.guest, host.handles[0], Fields)
    request = OutgoingRequest(host.guest, fields)
    host.give(result, OUTGOING_REQUEST, hold(host.guest, request))


def _request(host: Host) -> OutgoingRequest:
    return held(host.guest, host.handles[0], OutgoingRequest)


def body(host: Host, _arguments: int, result: int) -> None:
    """The body of a request, once."""
    request = _request(host)
    try:
        declared = content_length(request.fields.entries)
    except HeaderError:
        declared = None
        is_first = False
    else:
        is_first = request.body is None
    values.put_result(result, is_ok=is_first)
    if is_first:
        request.body = OutgoingBody(host.guest, declared)
        number = hold(host.guest, request.body)
        values.put_box(result, "result", lambda at: host.give(at, OUTGOING_BODY, number))


def method(host: Host, _arguments: int, result: int) -> None:
    """The method."""
    found = _request(host).method
    _put_case(result, found.lower() if found.isupper() else "", found, METHODS)


def scheme(host: Host, _arguments: int, result: int) -> None:
    """The scheme, if there is one."""
    found = _request(host).scheme
    values.put_none(result)
    if found is not None:
        values.put_box(result, "option", lambda at: _put_case(at, found.upper(), found, SCHEMES))


def headers(host: Host, _arguments: int, result: int) -> None:
    """The fields, which cannot be changed."""
    give_fields(host, result, _request(host).fields.entries, is_mutable=False)


def _text(name: str) -> Body:
    """A function that tells a text, if there is one."""

    def tell(host: Host, _arguments: int, result: int) -> None:
        found: str | None = getattr(_request(host), name)
        values.put_none(result)
        if found is not None:
            text = found.encode()
            values.put_box(result, "option", lambda at: values.put_text(at, text))

    return tell


def set_method(host: Host, arguments: int, result: int) -> None:
    """Change the method, unless it could be none."""
    found = _read_method(arguments + _SECOND)
    values.put_result(result, is_ok=found is not None)
    if found is not None:
        _request(host).method = found


def _setter(name: str, read: Callable[[int], str | None]) -> Body:
    """A function that changes an optional text, unless it could be none."""

    def change(host: Host, arguments: int, result: int) -> None:
        some = values.read_option(arguments + _SECOND)
        found = read(some) if some else None
        is_ok = not some or found is not None
        values.put_result(result, is_ok=is_ok)
        if is_ok:
            request = _request(host)
            setattr(request, name, found)
            request.count(host.guest)

    return change


# Options


def new_options(host: Host, _arguments: int, result: int) -> None:
    """No wishes."""
    host.give(result, REQUEST_OPTIONS, hold(host.guest, RequestOptions()))


def _duration(name: str) -> Body:
    def tell(host: Host, _arguments: int, result: int) -> None:
        found: int | None = getattr(held(host.guest, host.handles[0], RequestOptions), name)
        values.put_none(result)
        if found is not None:
            values.put_box(result, "option", lambda at: values.put_number(at, "u64", found))

    return tell


def _duration_setter(name: str) -> Body:
    def change(host: Host, arguments: int, result: int) -> None:
        some = values.read_option(arguments + _SECOND)
        found = values.read_number(some, "u64") if some else None
        setattr(held(host.guest, host.handles[0], RequestOptions), name, found)
        values.put_result(result, is_ok=True)

    return change


_REQUEST = {
    "body": body,
    "method": method,
    "set-method": set_method,
    "path-with-query": _text("target"),
    "set-path-with-query": _setter("target", _read_target),
    "scheme": scheme,
    "set-scheme": _setter("scheme", _read_scheme),
    "authority": _text("authority"),
    "set-authority": _setter("authority", _read_authority),
    "headers": headers,
}
_OPTIONS = {
    "connect-timeout": _duration("connect"),
    "set-connect-timeout": _duration_setter("connect"),
    "first-byte-timeout": _duration("first_byte"),
    "set-first-byte-timeout": _duration_setter("first_byte"),
    "between-bytes-timeout": _duration("between_bytes"),
    "set-between-bytes-timeout": _duration_setter("between_bytes"),
}

FUNCTIONS = {
    "[constructor]outgoing-request": Function(new, (0,)),
    **{f"[method]outgoing-request.{name}": Function(work, (0,)) for name, work in _REQUEST.items()},
    "[constructor]request-options": Function(new_options),
    **{f"[method]request-options.{name}": Function(work, (0,)) for name, work in _OPTIONS.items()},
}

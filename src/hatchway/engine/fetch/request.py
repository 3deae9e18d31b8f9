"""What a guest asks for, read from JSON or from the parts of a component's record.

Only the form is looked at here. A URL is cut where its parts end, and the parts are handed on as
they are: the broker alone decides what they mean, so that nothing is understood in two ways.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hatchway.core.exchange import RequestHead
from hatchway.core.untrusted import shown
from hatchway.engine.http.fields import FORBIDDEN

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hatchway.core.exchange import Headers

MAX_HEAD_BYTES = 1 << 16
"""Of the JSON, or of all the texts of a record."""
MAX_REDIRECTS = 5

LENGTH = "content-length"
_FIELD_BYTES = 32
"""What a field counts besides its text, as in RFC 7541, section 4.1."""
_URL = re.compile(r"([^:/?#]*)://([^/?#]*)([^#]*)", re.DOTALL)
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)
_VALUE = re.compile(r"(?:[!-~\x80-\xff](?:[\t -~\x80-\xff]*[!-~\x80-\xff])?)?")
_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
"""Methods that servers expect a length of, also of nothing (RFC 9110, section 8.6)."""
_DIGITS = re.compile(r"[0-9]{1,18}", re.ASCII)
_KEYS = frozenset({"method", "url", "headers", "redirects"})


class NotSendableError(ValueError):
    """A request that is not understood; the message says why, in words for its author."""


class TooLargeError(Exception):
    """A request or a response that is larger than is carried."""


def request_from_json(data: bytes) -> RequestHead:
    """The request that a core module spells.

    Raises:
        NotSendableError: It is not one.
        TooLargeError: It is too long.
    """
    if len(data) > MAX_HEAD_BYTES:
        raise TooLargeError
    try:
        found = json.loads(data.decode(), object_pairs_hook=_unique, parse_constant=_refused)
    except (ValueError, RecursionError) as error:
        raise NotSendableError("the request is not JSON in UTF-8") from error
    if not isinstance(found, dict) or not found.keys() <= _KEYS:
        known = ", ".join(sorted(_KEYS))
        raise NotSendableError(f"the request must be an object with keys of {known}")
    headers = found.get("headers", [])
    if not isinstance(headers, list):
        raise NotSendableError(f"headers must be a list of pairs, got {shown(headers)}")
    return request_from_parts(
        method=_text(found.get("method", "GET"), "method"),
        url=_text(found.get("url"), "url"),
        headers=[_pair(item) for item in headers],
        redirects=found.get("redirects", 0),
    )


def request_from_parts(
    *, method: str, url: str, headers: Iterable[tuple[str, str]], redirects: Any
) -> RequestHead:
    """The request that these parts make.

    Raises:
        NotSendableError: One of them cannot be sent.
        TooLargeError: Together they are too long.
    """
    if type(redirects) is not int or not 0 <= redirects <= MAX_REDIRECTS:
        raise NotSendableError(f"redirects must be 0 to {MAX_REDIRECTS}, got {shown(redirects)}")
    fields = tuple((name.lower(), _value(name, value)) for name, value in headers)
    size = sum(len(name) + len(value) + _FIELD_BYTES for name, value in fields)
    if len(method) + len(url) + size > MAX_HEAD_BYTES:
        raise TooLargeError
    scheme, authority, target = split_url(url)
    return RequestHead(
        method=method,
        scheme=scheme,
        authority=authority,
        target=target,
        headers=fields,
        redirects=redirects,
    )


def with_length(head: RequestHead, count: int) -> RequestHead:
    """`head` with the length of its body, which the host knows better than the guest."""
    fields = tuple(field for field in head.headers if field[0] != LENGTH)
    if count or head.method in _WITH_BODY:
        fields += ((LENGTH, str(count).encode()),)
    return replace(head, headers=fields)


def length_of(head: RequestHead) -> int | None:
    """What `head` says about the length of its body; None for nothing.

    Raises:
        NotSendableError: It says two things.
    """
    found = {int(value) for name, value in head.headers if name == LENGTH}
    if len(found) > 1:
        raise NotSendableError(f"{LENGTH} says two things")
    return next(iter(found), None)


def split_url(url: str) -> tuple[str | None, str | None, str]:
    """Scheme, authority, and path with query; the fragment stays here.

    Text that does not begin like a URL is a path without scheme and authority, which no policy
    allows.
    """
    parts = _URL.match(url)
    if parts is None:
        return None, None, url
    scheme, authority, target = parts.groups()
    return scheme, authority, target if target.startswith("/") else f"/{target}"


def response_json(status: int, url: str, headers: Headers) -> bytes:
    """The head of a response as core modules read it."""
    fields = [[name, value.decode("latin-1")] for name, value in headers]
    head = {"status": status, "url": url, "headers": fields}
    return json.dumps(head, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "replace")


def _value(name: str, value: str) -> bytes:
    """A field's value as it is sent, one byte for a character."""
    if not _NAME.fullmatch(name):
        raise NotSendableError(f"{shown(name)} is not the name of a header")
    if name.lower() in FORBIDDEN:
        raise NotSendableError(f"the header {name} is not for a guest to set")
    if name.lower() == LENGTH and not _DIGITS.fullmatch(value):
        raise NotSendableError(f"the header {name} must be a number, got {shown(value)}")
    if not _VALUE.fullmatch(value):
        raise NotSendableError(f"the header {name[:64]} has a character that cannot be sent")
    return value.encode("latin-1")


def _pair(item: Any) -> tuple[str, str]:
    if not isinstance(item, list) or len(item) != 2:
        raise NotSendableError(f"a header must be a name and a value, got {shown(item)}")
    return _text(item[0], "the name of a header"), _text(item[1], "the value of a header")


def _text(value: Any, what: str) -> str:
    if not isinstance(value, str):
        raise NotSendableError(f"{what} must be text, got {shown(value)}")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise NotSendableError("a key stands there twice")
    return found


def _refused(constant: str) -> Any:
    raise NotSendableError(f"{constant} is not JSON")

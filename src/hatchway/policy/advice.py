"""What was probably meant by a text that is no capability, and how to show such a text.

Nothing here decides: whoever suggests one of these spellings reads it strictly first.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hatchway.core.capability import CAPABILITY_NAMES
from hatchway.policy.authority import is_inside, read_authority

if TYPE_CHECKING:
    from collections.abc import Iterator

SPEAKS_OF_NO_HOST = frozenset({"fs.read", "fs.write", "env", "tool", "clock", "random"})
"""Capabilities in which an `@` is a letter like any other."""

_URL = re.compile(r"(https?)://([^/;?#]*)(.*)", re.ASCII | re.IGNORECASE | re.DOTALL)
_SCHEME = re.compile(r"(?:[a-z][a-z0-9+.-]{0,15}:)?//", re.ASCII | re.IGNORECASE)


def without_userinfo(text: str) -> str:
    """`text` for people, without what may be a name and a password before an ``@``.

    Everything between the scheme and the last ``@`` goes: a password that was never meant to be
    in a URL need not be escaped in one.
    """
    head, has_scope, _ = text.partition("=")
    if head in SPEAKS_OF_NO_HOST or "@" not in text:
        return text
    kept = f"{head}=" if has_scope and head in ("net", *CAPABILITY_NAMES) else ""
    scheme = _SCHEME.match(text, len(kept))
    kept += scheme[0] if scheme else ""
    return f"{kept}…@{text.rpartition('@')[2]}"


def has_userinfo(text: str) -> bool:
    """Whether a text that could not be read has a name or a password before its host.

    A slash, a question mark or a semicolon may be part of a password that is not escaped. So
    an ``@`` anywhere counts, unless a host stands before the first slash and it in the path.
    """
    head, has_scope, _ = text.partition("=")
    if head in SPEAKS_OF_NO_HOST or "@" not in text:
        return False
    if head in ("net.socket", "net.dns") or "@" in text.partition(";")[2]:
        return True
    start = len(head) + 1 if has_scope and head in ("net", *CAPABILITY_NAMES) else 0
    scheme = _SCHEME.match(text, start)
    authority, _, _ = text[scheme.end() if scheme else start :].partition("/")
    return "@" in authority or not _is_authority(authority.removeprefix("*.").partition(";")[0])


def spellings_near(text: str) -> Iterator[str]:
    """Capabilities that `text` may have been meant as, the likeliest first."""
    head, has_scope, scope = text.partition("=")
    if _URL.fullmatch(text):
        yield from _origins(text)
    elif has_scope and head.lower() not in SPEAKS_OF_NO_HOST:
        yield from _origins(scope)
    if head.lower() in CAPABILITY_NAMES:
        yield f"{head.lower()}{has_scope}{scope}"


def _origins(scope: str) -> Iterator[str]:
    """An origin as it may have been meant: with a scheme, in lower case, in punycode."""
    url = _URL.fullmatch(scope)
    if url is None:
        yield from _with_scheme(scope)
        return
    # Only where all is ASCII: lower-casing the Kelvin sign would make another name of it.
    scheme, host, rest = url[1].lower(), url[2], url[3]
    host = host.lower() if host.isascii() else host
    yield f"net.http={scheme}://{host}{rest}"
    yield f"net.http={scheme}://{_in_punycode(host)}{rest}"


def _with_scheme(scope: str) -> Iterator[str]:
    authority = scope.removeprefix("*.").partition(";")[0].partition("/")[0].lower()
    if _is_authority(authority) and is_inside(read_authority(authority)[0]):
        option = "" if ";internal" in scope else ";internal"
        yield f"net.http=http://{scope}{option}"
    yield f"net.http=https://{scope}"


def _in_punycode(authority: str) -> str:
    """The host in ASCII, where that is another spelling of the same letters and no translation.

    The tables of this Python are those of IDNA 2003, which turn some letters into others: ß into
    ss. Such a host is left alone, and then it is no host.
    """
    host, has_port, port = authority.partition(":")
    try:
        spelled = host.encode("idna")
        is_same = spelled.decode("idna") == host
    except UnicodeError:
        return authority
    return f"{spelled.decode()}{has_port}{port}" if is_same else authority


def _is_authority(text: str) -> bool:
    try:
        read_authority(text)
    except ValueError:
        return False
    return True

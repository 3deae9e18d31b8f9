"""Names of hosts and URLs, each in the one spelling that is taken.

Two programs that read one URL differently are how credentials end up with the wrong host.
So a URL is accepted in a small alphabet only, and put together again from the parts that
were checked before anything connects to it.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urljoin

from hatchway.core.untrusted import printable

_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_PORT = re.compile(r"[1-9][0-9]{0,4}")
_URL = re.compile(r"(https?)://([^/?#\\@\x00-\x20\x7f-\U0010ffff]+)([/?][!-~]*)?")
_DEFAULT_PORTS = {"https": 443, "http": 80}
_MAX_URL_CHARACTERS = 8192

Scheme = Literal["https", "http"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Url:
    """Where a request goes.

    Attributes:
        scheme: `https`, or `http` for this machine only.
        authority: Host and, where it is not the scheme's own, port.
        target: Path and query.
    """

    scheme: Scheme
    authority: str
    target: str

    @property
    def origin(self) -> str:
        """Whom a credential for this place belongs to."""
        return f"{self.scheme}://{self.authority}"

    @property
    def is_loopback(self) -> bool:
        """Whether it is on this machine."""
        return is_loopback(self.authority)

    def __str__(self) -> str:
        return f"{self.origin}{self.target}"


def check_authority(text: str, *, scheme: Scheme = "https") -> None:
    """Refuse `HOST` or `HOST:PORT` unless it is spelled the one way.

    Raises:
        ValueError: Saying what is wrong with it.
    """
    host, port = split_authority(text)
    if port is not None:
        if not _PORT.fullmatch(port) or int(port) > 0xFFFF:
            message = f"{printable(port, limit=20)!r} is not a port"
            raise ValueError(message)
        if int(port) == _DEFAULT_PORTS[scheme]:
            message = f"the port {port} is the one of {scheme} anyway; leave it out"
            raise ValueError(message)
    check_host(host)


def split_authority(text: str) -> tuple[str, str | None]:
    """Host and port of `HOST`, `HOST:PORT` or `[ADDRESS]:PORT`, neither of them checked."""
    if text.startswith("["):
        host, bracket, rest = text.partition("]")
        # What is neither the end nor a colon is no port either.
        return host + bracket, (rest[1:] if rest.startswith(":") else "") if rest else None
    host, colon, port = text.partition(":")
    return host, port if colon else None


def check_host(host: str) -> None:
    """Refuse a host unless it is a name in ASCII, or an address, in the one spelling.

    Raises:
        ValueError: Saying what is wrong with it.
    """
    shown = printable(host, limit=80)
    if not host.isascii():
        message = f"{shown!r} is not ASCII; spell it as it stands in the DNS (xn--…)"
        raise ValueError(message)
    if host != host.lower():
        message = f"hosts are spelled in lower case: {shown.lower()!r}"
        raise ValueError(message)
    if host.startswith("["):
        inside = host[1:-1] if host.endswith("]") else ""
        _check_address(inside, ipaddress.IPv6Address, shown)
        return
    labels = host.split(".")
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        message = f"{shown!r} is not the name of a host"
        raise ValueError(message)
    if _NUMBER.fullmatch(labels[-1]):
        # What ends in a number is an address for whoever connects: 127.1, 0x7f.1, 2130706433.
        _check_address(host, ipaddress.IPv4Address, shown)


def _check_address(
    text: str, kind: type[ipaddress.IPv4Address | ipaddress.IPv6Address], shown: str
) -> None:
    try:
        is_canonical = str(kind(text)) == text and "%" not in text
    except ValueError:
        is_canonical = False
    if not is_canonical:
        message = f"{shown!r} is not an address in its usual spelling"
        raise ValueError(message)


def is_loopback(authority: str) -> bool:
    """Whether a checked authority is this machine: `localhost`, 127.0.0.0/8 or `[::1]`."""
    host, _ = split_authority(authority)
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def parse_url(text: str) -> Url:
    """A URL that somebody gave us, for one request.

    Its host is taken in whatever case; a fragment is left out.

    Raises:
        ValueError: It has a user name, a strange character, a strange host, or is `http` to
            another machine.
    """
    text = text.partition("#")[0]
    found = _URL.fullmatch(text) if len(text) <= _MAX_URL_CHARACTERS else None
    if found is None:
        message = f"{printable(text, limit=120)!r} is not an https URL that can be followed"
        raise ValueError(message)
    scheme: Scheme = "https" if found[1] == "https" else "http"
    authority = found[2].lower().removesuffix(f":{_DEFAULT_PORTS[scheme]}")
    check_authority(authority, scheme=scheme)
    if scheme == "http" and not is_loopback(authority):
        message = f"http://{authority} is not encrypted; only this machine may be asked that way"
        raise ValueError(message)
    target = found[3] or "/"
    return Url(
        scheme=scheme,
        authority=authority,
        target=target if target.startswith("/") else f"/{target}",
    )


def join_url(base: Url, relative: str) -> Url:
    """Where `relative`, as a server at `base` said it, leads.

    Raises:
        ValueError: Nowhere that may be followed.
    """
    if not relative.isascii():
        message = f"{printable(relative, limit=120)!r} is not ASCII"
        raise ValueError(message)
    return parse_url(urljoin(str(base), relative))

"""The one spelling of a host and a port, on both sides of a decision.

Resolvers read `0x7f.1`, `2130706433` and `127.0.0.1` as the same machine. A decision that
compares names must know one spelling only, so every other one is refused and none is
translated. Names that end in a number are addresses to a browser (WHATWG URL, section 3.5),
and so they are here.
"""

from __future__ import annotations

import ipaddress
import re

from hatchway.core.addresses import is_public
from hatchway.core.untrusted import shown

MAX_NAME = 253
"""Characters of a host name, as RFC 1035 bounds it."""

_LABEL = r"(?!-)[a-z0-9_-]{1,63}(?<!-)"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*", re.ASCII)
_NUMBER = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)", re.ASCII)
_PORT = re.compile(r"[1-9][0-9]{0,4}", re.ASCII)
_BRACKETED = re.compile(r"(\[[^\]]*\])(?::(.*))?", re.ASCII)

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def read_authority(text: str) -> tuple[str, int | None]:
    """The host and the port, if any, that `text` names.

    The host is a lower-case name, a dotted IPv4 address, or an IPv6 address in brackets.

    Raises:
        ValueError: It has not the one spelling.
    """
    # Before anything is lower-cased: the Kelvin sign would become a plain k.
    if not text.isascii():
        message = f"{shown(text)} is not a host name: punycode (xn--) spells other letters"
        raise ValueError(message)
    bracketed = _BRACKETED.fullmatch(text)
    if bracketed is not None:
        host, port = bracketed[1], bracketed[2]
    else:
        host, has_port, port_text = text.partition(":")
        port = port_text if has_port else None
    return read_host(host), None if port is None else read_port(port)


def read_host(text: str) -> str:
    """The one spelling of a host, which `text` must be but for upper-case letters.

    Raises:
        ValueError: It is not.
    """
    host = text.lower() if text.isascii() else text
    if host.startswith("["):
        return _ipv6(host)
    if len(host) > MAX_NAME or not _NAME.fullmatch(host):
        message = f"{shown(text)} is not a host name"
        raise ValueError(message)
    if any(label.startswith("xn--") and not _is_punycode(label[4:]) for label in host.split(".")):
        message = f"{shown(text)} is not a host name: what follows xn-- is no punycode"
        raise ValueError(message)
    if _NUMBER.fullmatch(host) and not _is_ipv4(host):
        message = f"{shown(text)} is not a host name: write an address as four plain numbers"
        raise ValueError(message)
    return host


def read_port(text: str) -> int:
    """A port from 1 to 65535, without leading zeros.

    Raises:
        ValueError: It is none.
    """
    if not _PORT.fullmatch(text) or int(text) >= 1 << 16:
        message = f"expected a port from 1 to 65535, got {shown(text)}"
        raise ValueError(message)
    return int(text)


def address_of(host: str) -> Address | None:
    """The address that a host in its one spelling is, or None for a name."""
    try:
        return ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return None


def is_inside(host: str) -> bool:
    """Whether a host in its one spelling says by itself that it is not on the public internet.

    That is an address which is not public, and `localhost`. A name may still lead inside;
    whoever resolves it sees that.
    """
    address = address_of(host)
    if address is None:
        return host == "localhost" or host.endswith(".localhost")
    return not is_public(address)


def _is_punycode(text: str) -> bool:
    """Whether `text` is how some letters that are not ASCII are spelled (RFC 3492)."""
    try:
        letters = text.encode().decode("punycode")
        is_same = letters.encode("punycode").decode() == text
    except UnicodeError:
        return False
    return is_same and not letters.isascii() and letters.isprintable()


def _is_ipv4(host: str) -> bool:
    try:
        return str(ipaddress.IPv4Address(host)) == host
    except ValueError:
        return False


def _ipv6(host: str) -> str:
    try:
        address = ipaddress.IPv6Address(host[1:-1])
        # A zone would be spelled back as it came.
        is_plain = f"[{address}]" == host and address.ipv4_mapped is None and "%" not in host
    except ValueError:
        is_plain = False
    if not is_plain:
        message = (
            f"{shown(host)} is not a host name: an IPv6 address has its shortest spelling, "
            "and is not a mapped IPv4 address"
        )
        raise ValueError(message)
    return host

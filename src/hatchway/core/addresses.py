"""What an IP address says about where it leads.

Only what the internet routes is public. Everything else is some inner network, this machine, or
nothing at all. The ranges are those of IANA's special-purpose registries (RFC 6890 and its
successors), written down here: what `ipaddress` calls global has changed between releases.
"""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

METADATA = frozenset(
    map(
        ipaddress.ip_address,
        (
            "169.254.169.254",  # Amazon, Google, Azure, Oracle, DigitalOcean
            "169.254.170.2",  # Amazon's containers
            "169.254.170.23",
            "100.100.100.200",  # Alibaba
            "192.0.0.192",  # Oracle
            "168.63.129.16",  # Azure's own services
            "fd00:ec2::254",  # Amazon
            "fd00:ec2::23",  # Amazon's containers
            "fd20:ce::254",  # Google
        ),
    )
)
"""Where clouds hand out the credentials of the machine."""

_FOURTH = tuple(
    map(
        ipaddress.IPv4Network,
        (
            "0.0.0.0/8",  # this network; most systems take it for this machine
            "10.0.0.0/8",  # private
            "100.64.0.0/10",  # shared, behind carriers
            "127.0.0.0/8",  # loopback
            "169.254.0.0/16",  # link-local
            "172.16.0.0/12",  # private
            "192.0.0.0/24",  # protocol assignments
            "192.0.2.0/24",  # documentation
            "192.88.99.0/24",  # relays of 6to4
            "192.168.0.0/16",  # private
            "198.18.0.0/15",  # benchmarks
            "198.51.100.0/24",  # documentation
            "203.0.113.0/24",  # documentation
            "224.0.0.0/4",  # multicast
            "240.0.0.0/4",  # reserved, and broadcast
        ),
    )
)
_SIXTH_UNICAST = ipaddress.IPv6Network("2000::/3")
_SIXTH = tuple(
    map(
        ipaddress.IPv6Network,
        (
            "2001::/23",  # protocol assignments, with Teredo, benchmarks and ORCHID
            "2001:db8::/32",  # documentation
            "2002::/16",  # 6to4
            "3fff::/20",  # documentation
        ),
    )
)

_NUMBER = re.compile(r"0x[0-9a-f]{0,16}|[0-9]{1,24}", re.ASCII)

_NAT64_LOCAL = ipaddress.IPv6Network("64:ff9b:1::/48")
_ISATAP = frozenset({0x00005EFE, 0x02005EFE})
_LAST_32 = 0xFFFFFFFF


def is_public(address: Address) -> bool:
    """Whether the internet routes `address`, and it carries no other one."""
    if isinstance(address, ipaddress.IPv4Address):
        return not any(address in network for network in _FOURTH) and address not in METADATA
    if address.scope_id is not None or address not in _SIXTH_UNICAST:
        return False
    return not any(address in network for network in _SIXTH) and not any(carried_by(address))


def is_metadata(address: Address) -> bool:
    """Whether a cloud hands out credentials there, or at an address that this one carries."""
    if isinstance(address, ipaddress.IPv4Address):
        return address in METADATA
    plain = ipaddress.IPv6Address(int(address))  # without a zone
    return plain in METADATA or any(each in METADATA for each in carried_by(plain))


def carried_by(address: ipaddress.IPv6Address) -> Iterator[ipaddress.IPv4Address]:
    """The IPv4 addresses that a tunnel or a translator may read out of `address`.

    Those of mapped (RFC 4291), translated (RFC 2765) and compatible addresses, of 6to4, Teredo,
    NAT64 (RFC 6052, 8215) and ISATAP. A translator's prefix of its own is not known here.
    """
    number = int(address)
    prefix, last = number >> 32, ipaddress.IPv4Address(number & _LAST_32)
    if prefix in {0, 0xFFFF, 0xFFFF << 16, 0x64FF9B << 64} and number > 1:
        yield last
    if prefix & _LAST_32 in _ISATAP:
        yield last
    if address.sixtofour is not None:
        yield address.sixtofour
    yield from address.teredo or ()
    if address in _NAT64_LOCAL:
        yield from _translated(number)


def _translated(number: int) -> Iterator[ipaddress.IPv4Address]:
    """What RFC 6052 reads behind prefixes of 48, 56, 64 and 96 bits: bits 64 to 71 are skipped."""
    without = (number >> 64 << 56) | (number & ((1 << 56) - 1))
    for length in (48, 56, 64):
        yield ipaddress.IPv4Address(without >> (120 - length - 32) & _LAST_32)
    yield ipaddress.IPv4Address(number & _LAST_32)


def is_meant_as_an_address(name: str) -> bool:
    """Whether a host looks like an address: no top-level domain is a number (RFC 1123)."""
    return ":" in name or _NUMBER.fullmatch(name.rpartition(".")[2]) is not None


def address_in(name: str) -> Address | None:
    """The address that a host spells, however it does; None when it spells none.

    Programs understand more spellings than the dotted one: one to four numbers, each of them
    decimal, octal or hexadecimal (inet_aton), and IPv4 inside IPv6.
    """
    if ":" in name:
        return _sixth(name)
    parts = name.split(".")
    if len(parts) > 4 or not all(_NUMBER.fullmatch(part) for part in parts):
        return None
    *leading, last = (_number(part) for part in parts)
    width = 4 - len(leading)
    if any(byte > 255 for byte in leading) or last >= 1 << (8 * width):
        return None
    return ipaddress.IPv4Address(bytes(leading) + last.to_bytes(width, "big"))


def _number(part: str) -> int:
    if part.startswith("0x"):
        return int(part[2:] or "0", 16)
    try:
        return int(part, 8 if part.startswith("0") else 10)
    except ValueError:  # an 8 or a 9 after a leading zero: some read it as decimal
        return int(part, 10)


def _sixth(name: str) -> Address | None:
    try:
        address = ipaddress.IPv6Address(name)
    except ValueError:
        return None
    # Of Teredo's two the server comes first, which is not where a packet ends.
    carried = [] if address.teredo else list(carried_by(address))
    return carried[-1] if carried else address

"""What the name of a host says about where it leads, without asking anybody.

A name can lead anywhere: only resolving it once and pinning the answer settles that, and is
done when a request is made. But some names need no resolving to be wrong.
"""

from __future__ import annotations

import ipaddress
import re
from typing import TypeAlias

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

_NUMBER = re.compile(r"0x[0-9a-f]{0,16}|[0-9]{1,24}", re.ASCII)
_METADATA = frozenset(
    {
        "169.254.169.254",  # Amazon, Google, Azure, Oracle, DigitalOcean
        "169.254.170.2",  # Amazon's containers
        "169.254.170.23",
        "100.100.100.200",  # Alibaba
        "192.0.0.192",  # Oracle
        "168.63.129.16",  # Azure's own services
        "fd00:ec2::254",  # Amazon
    }
)
_METADATA_NAMES = frozenset(
    {"metadata", "instance-data", "metadata.google.internal", "metadata.goog"}
)
_INSIDE = (
    # RFC 6761, 6762, 8375 and 9476, and what private networks use without asking.
    *("localhost", "local", "internal", "home.arpa", "localdomain", "intranet", "private"),
    *("corp", "home", "lan", "cluster.local", "svc"),
)
_ANY_ADDRESS = (
    # Public names below which the owner of none decides: 10.0.0.1.nip.io is 10.0.0.1.
    *("nip.io", "sslip.io", "xip.io", "localtest.me", "lvh.me", "vcap.me", "traefik.me"),
    "lacolhost.com",
)


def objection_to(host: str) -> str | None:
    """Why no tool should be let loose on `host`, in words that follow its name; or None."""
    name = host.lower().rstrip(".").strip("[]")
    if name.startswith("*"):
        return "is a wildcard: whoever can add one name below it decides where it leads"
    if _is_meant_as_an_address(name):
        address = address_in(name)
        return "is neither a name nor an address" if address is None else _kind_of(address)
    if name in _METADATA_NAMES:
        return "is where a cloud hands out the machine's credentials"
    if "." not in name or _ends_in(name, _INSIDE):
        return "is a name of an inner network or of this machine"
    if _ends_in(name, _ANY_ADDRESS):
        return "is a name that leads to whatever address is written in it, or to this machine"
    return None


def _is_meant_as_an_address(name: str) -> bool:
    # No top-level domain is a number (RFC 1123), so no name ends in one.
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
    return address.ipv4_mapped or address.sixtofour or _low_bits(address) or address


def _low_bits(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address in one of NAT64 (RFC 6052) or in an IPv4-compatible one."""
    prefix = int(address) >> 32
    if prefix == 0x64FF9B << 64 or (prefix == 0 and int(address) > 1):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return None


def _kind_of(address: Address) -> str:
    if str(address) in _METADATA:
        return f"is the address {address}, where a cloud hands out the machine's credentials"
    if address.is_unspecified or address.is_loopback:
        return f"is the address {address} of this machine itself"
    if address.is_link_local:
        return f"is the link-local address {address}"
    if not address.is_global:
        return f"is the address {address} of a private or reserved network"
    return f"is the bare address {address}, which nobody vouches for by name"


def _ends_in(name: str, suffixes: tuple[str, ...]) -> bool:
    return any(name == suffix or name.endswith(f".{suffix}") for suffix in suffixes)

"""What the name of a host says about where it leads, without asking anybody.

A name can lead anywhere: only resolving it once and pinning the answer settles that, and is
done when a request is made. But some names need no resolving to be wrong.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hatchway.core.addresses import address_in, is_meant_as_an_address, is_metadata, is_public
from hatchway.core.capability import HttpAccess, SocketAccess
from hatchway.policy.authority import address_of

if TYPE_CHECKING:
    from hatchway.core.addresses import Address
    from hatchway.core.capability import Capability

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
    if is_meant_as_an_address(name):
        address = address_in(name)
        return "is neither a name nor an address" if address is None else _kind_of(address)
    if name in _METADATA_NAMES:
        return "is where a cloud hands out the machine's credentials"
    if "." not in name or _ends_in(name, _INSIDE):
        return "is a name of an inner network or of this machine"
    if _ends_in(name, _ANY_ADDRESS):
        return "is a name that leads to whatever address is written in it, or to this machine"
    return None


def hands_out_credentials(host: str) -> bool:
    """Whether a cloud's metadata service is what `host` names."""
    name = host.lower().rstrip(".").strip("[]")
    if not is_meant_as_an_address(name):
        return name in _METADATA_NAMES
    address = address_in(name)
    return address is not None and is_metadata(address)


def as_internal(capability: Capability) -> HttpAccess | SocketAccess | None:
    """What says on purpose that a grant leads inside, where its host says so and nobody did.

    Never a wildcard, a public address, or where credentials are handed out.
    """
    if not isinstance(capability, HttpAccess | SocketAccess) or capability.is_internal:
        return None
    host = capability.host
    address = address_of(host)
    is_public_address = address is not None and is_public(address)
    if host.startswith("*") or hands_out_credentials(host) or is_public_address:
        return None
    return None if objection_to(host) is None else replace(capability, is_internal=True)


def _kind_of(address: Address) -> str:
    if is_metadata(address):
        return f"is the address {address}, where a cloud hands out the machine's credentials"
    if address.is_unspecified or address.is_loopback:
        return f"is the address {address} of this machine itself"
    if address.is_link_local:
        return f"is the link-local address {address}"
    if not is_public(address):
        return f"is the address {address} of a private or reserved network"
    return f"is the bare address {address}, which nobody vouches for by name"


def _ends_in(name: str, suffixes: tuple[str, ...]) -> bool:
    return any(name == suffix or name.endswith(f".{suffix}") for suffix in suffixes)

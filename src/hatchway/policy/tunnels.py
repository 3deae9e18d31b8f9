"""Which TCP connections and which look-ups a grant allows: a pure decision about hosts and ports.

A guest connects to addresses, and grants name hosts. So a connection is judged by the names that
its address was looked up from in the same call, and by the address itself.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from hatchway.core.addresses import is_metadata
from hatchway.core.capability import SocketAccess
from hatchway.policy.authority import address_of, is_inside
from hatchway.policy.cover import covers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hatchway.core.addresses import Address
    from hatchway.core.egress import EgressGrant

_DNS_PORT = 53


@dataclass(frozen=True, slots=True, kw_only=True)
class SocketVerdict:
    """What policy says of one connection or look-up.

    Attributes:
        allowed_by: The grants that cover it; each may still object to an address.
        rule: The first of them as policy spells it, or the dotted name of the rule that denies:
            `egress.not_granted`, `egress.private_flow`.
        wanted: The capability that would allow it, as `hatchway grant` takes it, or empty when
            no grant would, or none can be recommended.
    """

    allowed_by: tuple[SocketAccess, ...]
    rule: str
    wanted: str = ""


def host_of(address: Address) -> str:
    """How a grant spells an address as its host."""
    return f"[{address}]" if address.version == 6 else str(address)


def judge_connection(
    grant: EgressGrant,
    address: Address,
    port: int,
    names: Sequence[str],
    *,
    has_read_private: bool,
) -> SocketVerdict:
    """Whether `grant` allows a TCP connection, and why.

    Args:
        grant: Of the call.
        address: Where it leads.
        port: Where it leads.
        names: Those that were looked up in this call and led to the address.
        has_read_private: The call has read something private.
    """
    literal = host_of(address)
    allowing = [
        access
        for access in grant.sockets
        if access.kind == "socket" and access.port == port and access.host in (literal, *names)
    ]
    if not allowing:
        host = names[0] if names else literal
        return _not_granted(SocketAccess(kind="socket", host=host, port=port))
    remaining = grant.flow.may_reach if has_read_private and grant.flow is not None else None
    if remaining is not None:
        allowing = [
            access for access in allowing if any(covers(far, _plain(access)) for far in remaining)
        ]
    return _verdict(allowing)


def judge_look_up(grant: EgressGrant, host: str, *, has_read_private: bool) -> SocketVerdict:
    """Whether `grant` allows to look up a host in its one spelling, and why.

    A question about a name carries it out of this machine, so names that were not granted are
    not asked about.
    """
    allowing = [access for access in grant.sockets if access.host == host]
    if not allowing:
        return _not_granted(SocketAccess(kind="dns", host=host, port=_DNS_PORT))
    if has_read_private and grant.flow is not None:
        remaining = {far.host for far in grant.flow.may_reach if isinstance(far, SocketAccess)}
        allowing = [access for access in allowing if access.host in remaining]
    return _verdict(allowing)


def _plain(access: SocketAccess) -> SocketAccess:
    """`access` as a rule about flows names it."""
    return replace(access, is_internal=False, is_private=False)


def _verdict(allowing: Sequence[SocketAccess]) -> SocketVerdict:
    """The verdict on what is granted; none of it may remain after a private read."""
    rule = str(allowing[0]) if allowing else "egress.private_flow"
    return SocketVerdict(allowed_by=tuple(allowing), rule=rule)


def _not_granted(access: SocketAccess) -> SocketVerdict:
    """The verdict on what `access` would have allowed."""
    address = address_of(access.host)
    wanted = str(replace(access, is_internal=is_inside(access.host)))
    if address is not None and is_metadata(address):
        wanted = ""  # a cloud hands out credentials there: nobody is to be talked into it
    return SocketVerdict(allowed_by=(), rule="egress.not_granted", wanted=wanted)

"""Which connections and look-ups a grant allows."""

from __future__ import annotations

import ipaddress
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import patient

from hatchway.core.capability import SocketAccess
from hatchway.core.egress import EgressGrant, FlowRule
from hatchway.policy.tunnels import judge_connection, judge_look_up

if TYPE_CHECKING:
    from hatchway.core.addresses import Address

DB = SocketAccess(kind="socket", host="db.test", port=5432, is_internal=True)
NAMES = SocketAccess(kind="dns", host="names.test", port=53)
LITERAL = SocketAccess(kind="socket", host="[2001:db9::1]", port=80)
THERE = ipaddress.ip_address("198.18.0.1")
hosts = st.sampled_from(("db.test", "names.test", "198.18.0.1", "[2001:db9::1]"))
accesses = st.builds(
    SocketAccess,
    kind=st.sampled_from(("socket", "dns")),
    host=hosts,
    port=st.sampled_from((80, 5432)),
    is_internal=st.booleans(),
)
addresses = st.sampled_from((THERE, ipaddress.ip_address("2001:db9::1")))


def grant(*sockets: SocketAccess, far: tuple[SocketAccess, ...] | None = None) -> EgressGrant:
    flow = None if far is None else FlowRule(may_reach=far)
    return EgressGrant(origins=(), sockets=sockets, flow=flow)


@patient
@given(
    st.lists(accesses, max_size=4), addresses, st.sampled_from((80, 5432)),
    st.lists(hosts, max_size=2),
)  # fmt: skip
def test_a_connection_is_allowed_by_grants_of_its_port_and_of_its_name_or_address(
    sockets: list[SocketAccess], address: Address, port: int, names: list[str]
) -> None:
    granted = grant(*sockets)
    verdict = judge_connection(granted, address, port, names, has_read_private=False)

    literal = f"[{address}]" if address.version == 6 else str(address)
    assert verdict.allowed_by == tuple(
        each for each in sockets
        if each.kind == "socket" and each.port == port and each.host in {literal, *names}
    )  # fmt: skip
    assert bool(verdict.wanted) == (not verdict.allowed_by)


@patient
@given(st.lists(accesses, max_size=4), hosts)
def test_a_look_up_is_allowed_by_any_grant_of_the_name(
    sockets: list[SocketAccess], host: str
) -> None:
    verdict = judge_look_up(grant(*sockets), host, has_read_private=False)

    assert verdict.allowed_by == tuple(each for each in sockets if each.host == host)


@pytest.mark.parametrize("far", [(), (replace(DB, port=1),), (NAMES,)])
def test_after_a_private_read_only_what_remains_is_allowed(far: tuple[SocketAccess, ...]) -> None:
    remains = replace(DB, is_internal=False)

    gone = judge_connection(grant(DB, far=far), THERE, 5432, ["db.test"], has_read_private=True)
    there = judge_connection(
        grant(DB, far=(remains,)), THERE, 5432, ["db.test"], has_read_private=True
    )

    assert (gone.allowed_by, gone.rule, gone.wanted) == ((), "egress.private_flow", "")
    assert (there.allowed_by, there.rule) == ((DB,), str(DB))


def test_after_a_private_read_only_names_that_remain_are_looked_up() -> None:
    granted = grant(DB, NAMES, far=(replace(DB, is_internal=False),))

    assert judge_look_up(granted, "db.test", has_read_private=True).allowed_by == (DB,)
    denied = judge_look_up(granted, "names.test", has_read_private=True)
    assert denied.rule == "egress.private_flow"


def test_nobody_is_talked_into_what_hands_out_credentials() -> None:
    metadata = ipaddress.ip_address("169.254.169.254")

    assert judge_connection(grant(), metadata, 80, [], has_read_private=False).wanted == ""

"""Which addresses the internet routes, and which lead somewhere else."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import patient

from hatchway.core.addresses import address_in, carried_by, is_metadata, is_public

PUBLIC = ["8.8.8.8", "1.1.1.1", "192.31.196.1", "223.255.255.255", "2606:4700::1111", "2a00::1"]

INSIDE = {
    "this network": "0.1.2.3",
    "unspecified": "0.0.0.0",  # noqa: S104 - an address to refuse
    "loopback": "127.8.9.10",
    "private A": "10.255.0.1",
    "private B": "172.31.255.255",
    "private C": "192.168.0.1",
    "shared": "100.64.0.1",
    "link-local": "169.254.1.1",
    "protocol assignments": "192.0.0.9",
    "documentation 1": "192.0.2.1",
    "documentation 2": "198.51.100.1",
    "documentation 3": "203.0.113.1",
    "relays": "192.88.99.1",
    "benchmarks": "198.19.255.255",
    "multicast": "239.1.2.3",
    "reserved": "240.0.0.1",
    "broadcast": "255.255.255.255",
    "a cloud's service on a public address": "168.63.129.16",
    "loopback 6": "::1",
    "unspecified 6": "::",
    "unique local": "fd00::1",
    "link-local 6": "fe80::1",
    "with a zone": "fe80::1%eth0",
    "public with a zone": "2606:4700::1111%eth0",
    "site-local": "fec0::1",
    "multicast 6": "ff02::1",
    "discard": "100::1",
    "segment routing": "5f00::1",
    "documentation 6": "2001:db8::1",
    "documentation 6, the new one": "3fff::1",
    "benchmarks 6": "2001:2::1",
    "ORCHID": "2001:20::1",
    "mapped": "::ffff:8.8.8.8",
    "translated": "::ffff:0:8.8.8.8",
    "compatible": "::8.8.8.8",
    "6to4": "2002:808:808::",
    "Teredo": "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "NAT64": "64:ff9b::8.8.8.8",
    "NAT64 of one's own": "64:ff9b:1::8.8.8.8",
    "ISATAP": "2606:4700::5efe:8.8.8.8",
    "ISATAP, unique": "2606:4700::200:5efe:8.8.8.8",
}

METADATA = [
    "169.254.169.254",
    "100.100.100.200",
    "168.63.129.16",
    "fd00:ec2::254",
    "fd00:ec2::254%eth0",
    "::ffff:169.254.169.254",
    "::ffff:0:169.254.169.254",
    "::169.254.169.254",
    "2002:a9fe:a9fe::",
    "64:ff9b::169.254.169.254",
    "64:ff9b:1:a9fe:a9:fe00::",  # RFC 6052 behind 48 bits
    "64:ff9b:1:a9:fe:a9fe::",  # behind 56
    "64:ff9b:1:0:a9:fea9:fe00:0",  # behind 64
    "64:ff9b:1::169.254.169.254",  # behind 96
    "fe80::5efe:169.254.169.254",
    "2001:0:a9fe:a9fe::",  # the server of Teredo
    "2001:0:1:1:0:0:5601:5601",  # its client
]


@pytest.mark.parametrize("text", PUBLIC)
def test_what_the_internet_routes_is_public(text: str) -> None:
    assert is_public(ipaddress.ip_address(text))


@pytest.mark.parametrize("text", INSIDE.values(), ids=INSIDE)
def test_everything_else_is_not(text: str) -> None:
    assert not is_public(ipaddress.ip_address(text))


@pytest.mark.parametrize("text", METADATA)
def test_a_metadata_service_is_seen_through_every_tunnel(text: str) -> None:
    address = ipaddress.ip_address(text)

    assert is_metadata(address)
    assert not is_public(address)


@pytest.mark.parametrize("text", ["127.0.0.1", "10.0.0.1", "::1", "fd00::1", "::ffff:10.0.0.1"])
def test_an_inner_address_is_not_yet_a_metadata_service(text: str) -> None:
    assert not is_metadata(ipaddress.ip_address(text))


@patient
@given(st.integers(0, (1 << 32) - 1))
def test_no_ipv4_address_becomes_public_inside_ipv6(number: int) -> None:
    fourth = ipaddress.IPv4Address(number)
    wrapped = [
        ipaddress.IPv6Address(prefix | number)
        for prefix in (0xFFFF << 32, 0xFFFF << 48, 0x64FF9B << 96, 0x64FF9B0001 << 80)
    ]

    assert not any(is_public(each) for each in wrapped)
    assert all(fourth in carried_by(each) for each in wrapped)


@patient
@given(st.integers(0, (1 << 32) - 1))
def test_nothing_is_public_that_python_knows_to_be_private(number: int) -> None:
    address = ipaddress.IPv4Address(number)

    assert not is_public(address) or (address.is_global and not address.is_multicast)


@patient
@given(st.integers(0, (1 << 128) - 1))
def test_every_ipv6_address_gets_an_answer_and_no_inner_one_is_public(number: int) -> None:
    address = ipaddress.IPv6Address(number)

    assert not is_public(address) or (address.is_global and not is_metadata(address))


def test_the_address_in_a_teredo_address_is_itself() -> None:
    teredo = "2001:0:4136:e378:8000:63bf:3fff:fdd2"

    assert address_in(teredo) == ipaddress.ip_address(teredo)

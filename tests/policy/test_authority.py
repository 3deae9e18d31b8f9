"""What a host says about itself, without anybody being asked where it leads."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import addresses, names, patient, ports

from hatchway.policy.authority import address_of, is_inside, read_authority, read_host

hosts = names() | addresses()


@patient
@given(hosts, st.none() | ports())
def test_a_host_and_a_port_are_read_back_as_they_were(host: str, port: int | None) -> None:
    authority = host if port is None else f"{host}:{port}"

    assert read_authority(authority) == (host, port)
    assert read_authority(authority.upper()) == (host, port)
    assert read_host(host) == host


@patient
@given(st.text(max_size=20) | st.text("0123456789abcdefx.:-_[]%", max_size=20))
def test_whatever_is_read_has_one_spelling_and_is_a_name_or_an_address(text: str) -> None:
    try:
        host, _ = read_authority(text)
    except ValueError:
        return

    assert read_host(host) == host
    assert host == host.lower()
    address = address_of(host)
    if address is None:
        assert not host.rpartition(".")[2].isdecimal()
    else:
        assert host.strip("[]") == str(address)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", ipaddress.ip_address("127.0.0.1")),
        ("[::1]", ipaddress.ip_address("::1")),
        ("e.org", None),
        ("a1", None),
    ],
)
def test_an_address_is_told_from_a_name(host: str, expected: object) -> None:
    assert address_of(host) == expected


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost", True),
        ("a.localhost", True),
        ("notlocalhost", False),
        ("localhost.e.org", False),
        ("10.0.0.1", True),
        ("169.254.169.254", True),
        ("224.0.0.1", True),
        ("0.0.0.1", True),
        ("8.8.8.8", False),
        ("[::]", True),
        ("[fe80::1]", True),
        ("[64:ff9b::7f00:1]", True),
        ("[2606:4700::1]", False),
        ("db", False),
    ],
)
def test_a_host_that_is_plainly_inside_is_known_by_sight(host: str, expected: bool) -> None:
    assert is_inside(host) is expected

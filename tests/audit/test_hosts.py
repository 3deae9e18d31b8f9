"""Names of hosts that need no resolving to be wrong."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import hosts, patient

from hatchway.audit.hosts import objection_to
from hatchway.core.addresses import address_in

SPELLINGS = {
    "dotted": "10.0.0.1",
    "one decimal number": "167772161",
    "octal": "012.0.0.1",
    "hexadecimal": "0xa.0.0.0x1",
    "one hexadecimal number": "0xa000001",
    "two numbers": "10.1",
    "three numbers": "10.0.1",
    "with a dot at its end": "10.0.0.1.",
    "IPv4 inside IPv6": "::ffff:10.0.0.1",
    "the same in brackets": "[::ffff:a00:1]",
    "IPv4-compatible": "::10.0.0.1",
    "6to4": "2002:a00:1::",
    "NAT64": "64:ff9b::a00:1",
}


@pytest.mark.parametrize("host", SPELLINGS.values(), ids=SPELLINGS)
def test_an_address_is_recognised_however_it_is_spelled(host: str) -> None:
    assert objection_to(host) == "is the address 10.0.0.1 of a private or reserved network"


@pytest.mark.parametrize(
    ("host", "words"),
    [
        ("*.example.com", "is a wildcard"),
        ("*", "is a wildcard"),
        ("169.254.169.254", "hands out the machine's credentials"),
        ("2852039166", "hands out the machine's credentials"),
        ("[fd00:ec2::254]", "hands out the machine's credentials"),
        ("metadata.google.internal", "hands out the machine's credentials"),
        ("100.100.100.200", "hands out the machine's credentials"),
        ("127.1", "of this machine itself"),
        ("0", "of this machine itself"),
        ("::1", "of this machine itself"),
        ("::", "of this machine itself"),
        ("169.254.1.1", "link-local"),
        ("fe80::1", "link-local"),
        ("192.168.1.1", "private or reserved"),
        ("172.16.0.1", "private or reserved"),
        ("100.64.0.1", "private or reserved"),
        ("fd00::1", "private or reserved"),
        ("8.8.8.8", "bare address"),
        ("2606:4700::1111", "bare address"),
        ("08.8.8.8", "bare address"),
        ("localhost", "inner network or of this machine"),
        ("LOCALHOST.", "inner network or of this machine"),
        ("db.localhost", "inner network or of this machine"),
        ("printer.local", "inner network or of this machine"),
        ("vault.internal", "inner network or of this machine"),
        ("router.home.arpa", "inner network or of this machine"),
        ("wiki", "inner network or of this machine"),
        ("10.0.0.1.nip.io", "whatever address is written in it"),
        ("app.localtest.me", "whatever address is written in it"),
        ("256.0.0.1", "neither a name nor an address"),
        ("1.2.3.4.5", "neither a name nor an address"),
        ("example.1", "neither a name nor an address"),
        ("4294967296", "neither a name nor an address"),
        ("1:2:3", "neither a name nor an address"),
    ],
)
def test_what_a_name_says_by_itself_is_held_against_it(host: str, words: str) -> None:
    assert words in (objection_to(host) or "nothing")


@pytest.mark.parametrize(
    "host",
    ["example.com", "api.example.com", "local.example.com", "internal.io", "0x.org", "a1.b2.io"],
)
def test_nothing_is_held_against_a_public_name(host: str) -> None:
    assert objection_to(host) is None


@patient
@given(st.integers(0, (1 << 32) - 1))
def test_every_spelling_of_an_address_means_the_same(number: int) -> None:
    address = ipaddress.IPv4Address(number)
    a, b, c, d = address.packed

    spellings = {
        str(address), str(number), hex(number), f"0{number:o}", f"{a}.{number & 0xFFFFFF}",
        f"{a:#x}.{b:#x}.{(c << 8) | d}", f"0{a:o}.0{b:o}.0{c:o}.0{d:o}", f"::ffff:{address}",
    }  # fmt: skip

    assert {address_in(spelling) for spelling in spellings} == {address}


@patient
@given(hosts() | st.text("0123456789abcdefx.:*[]", max_size=20))
def test_any_text_gets_an_answer(host: str) -> None:
    assert objection_to(host) is None or objection_to(host)

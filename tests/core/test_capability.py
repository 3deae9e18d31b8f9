"""Capabilities spell themselves in one way, the same everywhere."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import allowed_capabilities, byte_counts, paths, patient, wanted_capabilities

from hatchway.core.capability import (
    CAPABILITY_NAMES,
    Capability,
    Clock,
    EnvironmentVariable,
    FileAccess,
    HttpAccess,
    RandomSource,
    SocketAccess,
    ToolUse,
    encode_path,
    spell_bytes,
)
from hatchway.policy.units import parse_bytes

SPELLINGS: list[tuple[Capability, str]] = [
    (FileAccess(access="read", guest_path="/docs"), "fs.read=/docs"),
    (FileAccess(access="read", guest_path="/d", host_path="/d"), "fs.read=/d"),
    (FileAccess(access="read", guest_path="/d", host_path="/srv"), "fs.read=/srv:/d"),
    (FileAccess(access="write", guest_path="/o", is_shared=True), "fs.write=/o;shared"),
    (FileAccess(access="write", guest_path="/o", quota_bytes=1 << 26), "fs.write=/o;quota=64MiB"),
    (
        FileAccess(
            access="write", guest_path="/o", host_path="/x", is_shared=True, quota_bytes=1000
        ),
        "fs.write=/x:/o;shared;quota=1000B",
    ),
    (FileAccess(access="read", guest_path="/50%;a:b"), "fs.read=/50%25%3Ba%3Ab"),
    (HttpAccess(scheme="https", host="e.org", port=443), "net.http=https://e.org"),
    (HttpAccess(scheme="http", host="e.org", port=80), "net.http=http://e.org"),
    (HttpAccess(scheme="https", host="e.org", port=80), "net.http=https://e.org:80"),
    (
        HttpAccess(
            scheme="https",
            host="*.e.org",
            port=8443,
            path_prefix="/v1;x",
            methods=("GET", "POST"),
            is_internal=True,
            is_private=True,
        ),
        "net.http=https://*.e.org:8443/v1%3Bx;methods=GET,POST;internal;private",
    ),
    (SocketAccess(kind="socket", host="db", port=5432), "net.socket=db:5432"),
    (SocketAccess(kind="dns", host="db", port=53), "net.dns=db:53"),
    (EnvironmentVariable(variable="LANG"), "env=LANG"),
    (EnvironmentVariable(variable="LANG", value=""), "env=LANG="),
    (EnvironmentVariable(variable="LANG", value="a=b;c"), "env=LANG=a=b;c"),
    (Clock(), "clock"),
    (RandomSource(), "random"),
    (ToolUse(tool="grep"), "tool=grep"),
    (ToolUse(tool="grep", function="run"), "tool=grep.run"),
]


@pytest.mark.parametrize(("capability", "spelling"), SPELLINGS, ids=[text for _, text in SPELLINGS])
def test_a_capability_spells_itself_canonically(capability: Capability, spelling: str) -> None:
    assert str(capability) == spelling


def test_the_table_of_spellings_shows_every_kind() -> None:
    assert {type(capability) for capability, _ in SPELLINGS} == set(get_args(Capability))


def test_every_name_of_the_grammar_belongs_to_a_kind_and_no_kind_lacks_one() -> None:
    assert {capability.name for capability, _ in SPELLINGS} == set(CAPABILITY_NAMES)


@patient
@given(allowed_capabilities() | wanted_capabilities())
def test_a_spelling_starts_with_the_capabilitys_name(capability: Capability) -> None:
    assert str(capability).partition("=")[0] == capability.name


@patient
@given(paths())
def test_an_encoded_path_has_no_character_that_ends_a_scope(path: str) -> None:
    encoded = encode_path(path)

    assert not set(encoded) & set(":;")


@patient
@given(st.tuples(paths(), paths()))
def test_different_paths_are_encoded_differently(both: tuple[str, str]) -> None:
    first, second = both

    assert (encode_path(first) == encode_path(second)) == (first == second)


@pytest.mark.parametrize(
    ("count", "spelling"),
    [
        (0, "0B"),
        (1, "1B"),
        (1000, "1000B"),
        (1024, "1KiB"),
        (1536, "1536B"),
        (64 << 20, "64MiB"),
        (1 << 30, "1GiB"),
        (3 << 40, "3072GiB"),
    ],
)
def test_a_size_is_spelled_in_the_largest_unit_that_divides_it(count: int, spelling: str) -> None:
    assert spell_bytes(count) == spelling


@patient
@given(byte_counts())
def test_a_spelled_size_is_read_back_as_the_same_number(count: int) -> None:
    assert parse_bytes(spell_bytes(count)) == count

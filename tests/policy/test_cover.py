"""Coverage: reflexive, transitive, and never wider than what was allowed.

What a capability permits is modelled here as a set of single acts, enumerated over a small
world, by code that shares nothing with the one under test. One capability covers another
exactly when it permits all its acts.
"""

from __future__ import annotations

from functools import partial
from itertools import product
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import event, given
from hypothesis import strategies as st
from strategies import (
    allowed_capabilities,
    patient,
    related_by_kind,
    related_capabilities,
    wanted_capabilities,
)

from hatchway.core.capability import (
    Capability,
    Clock,
    EnvironmentVariable,
    FileAccess,
    HttpAccess,
    RandomSource,
    SocketAccess,
    ToolUse,
)
from hatchway.policy.cover import covering, covers
from hatchway.policy.grammar import parse_capability

if TYPE_CHECKING:
    from random import Random

HOSTS = ("org", "e.org", "a.e.org", "b.e.org", "c.e.org", "a.b.e.org", "c.b.e.org", "xe.org")
METHODS = ("GET", "POST", "DELETE")
NAMES = ("a", "b", "c", "ab")
DEEPEST = 3
BELOW = ["/".join(parts) for depth in range(DEEPEST + 1) for parts in product(NAMES, repeat=depth)]


pairs_of_one_kind = st.one_of([st.tuples(kind, kind) for kind in related_by_kind()])
trios_of_one_kind = st.one_of([st.tuples(kind, kind, kind) for kind in related_by_kind()])


def joined(directory: str, below: str) -> str:
    return f"{directory.rstrip('/')}/{below}".rstrip("/") or "/"


def inside(directory: str) -> list[str]:
    """Everything below a directory, in a world that is three levels deep."""
    return [below for below in BELOW if joined(directory, below).count("/") <= DEEPEST]


def reaches(pattern: str, host: str) -> bool:
    if pattern.startswith("*."):
        return host.split(".")[1:] == pattern.split(".")[1:]
    return host == pattern


def acts(capability: Capability) -> set[Any]:
    """Everything that a capability of the operator's permits, in a small world."""
    match capability:
        case FileAccess():
            operations = ("read", "write") if capability.access == "write" else ("read",)
            host = capability.host_path
            return {
                (operation, joined(capability.guest_path, below), host and joined(host, below))
                for operation in operations
                for below in inside(capability.guest_path)
            }
        case HttpAccess():
            path = partial(joined, capability.path_prefix)
            return {
                (capability.scheme, host, capability.port, path(below), method, internal)
                for host in HOSTS
                if reaches(capability.host, host)
                for below in inside(capability.path_prefix)
                for method in METHODS
                if capability.methods is None or method in capability.methods
                for internal in (False, True)
                if capability.is_internal or not internal
            }
        case ToolUse():
            functions = ("run", "run.all", "stop")
            return {
                (capability.tool, function)
                for function in functions
                if capability.function in (None, function)
            }
        case _:
            return {capability}


def parsed(text: str) -> Capability:
    return parse_capability(text, side="allowed")


def wish(text: str) -> Capability:
    return parse_capability(text, side="wanted")


def test_every_kind_covers_itself_and_no_other_kind() -> None:
    kinds = [
        parsed(text)
        for text in (
            "fs.read=/a", "net.http=https://e.org", "net.socket=e.org:80", "net.dns=e.org:80",
            "env=LANG", "clock", "random", "tool=grep",
        )
    ]  # fmt: skip

    assert [[covers(a, b) for b in kinds] for a in kinds] == [
        [a is b for b in kinds] for a in kinds
    ]


@patient
@given(allowed_capabilities() | wanted_capabilities())
def test_coverage_is_reflexive(capability: Capability) -> None:
    assert covers(capability, capability)


@patient
@given(trios_of_one_kind)
def test_coverage_is_transitive(trio: tuple[Capability, Capability, Capability]) -> None:
    a, b, c = trio

    if covers(a, b) and covers(b, c):
        event("a chain")
        assert covers(a, c)


@patient
@given(pairs_of_one_kind)
def test_coverage_permits_no_act_that_was_not_allowed(
    both: tuple[Capability, Capability],
) -> None:
    allowed, wanted = both

    if covers(allowed, wanted) and not is_a_wish(wanted):
        assert acts(wanted) <= acts(allowed)


@patient
@given(pairs_of_one_kind)
def test_whatever_permits_every_act_is_enough(both: tuple[Capability, Capability]) -> None:
    allowed, wanted = both

    if acts(wanted) <= acts(allowed):
        assert covers(allowed, wanted)


def is_a_wish(capability: Capability) -> bool:
    """Whether it leaves open what the operator fills in: a host directory, a value."""
    match capability:
        case FileAccess():
            return capability.host_path is None
        case EnvironmentVariable():
            return capability.value is None
        case _:
            return False


@pytest.mark.parametrize(
    ("allowed", "wanted"),
    [
        ("fs.write=/x:/a", "fs.read=/a"),
        ("fs.write=/x:/a", "fs.write=/a"),
        ("fs.read=/x:/a", "fs.read=/a/b/c"),
        ("fs.read=/x:/", "fs.read=/a"),
        ("net.http=https://e.org", "net.http=https://e.org/v1"),
        ("net.http=https://*.e.org", "net.http=https://a.e.org"),
        ("env=LANG", "env=LANG"),
        ("env=LANG=C", "env=LANG"),
        ("tool=grep", "tool=grep.run"),
    ],
)
def test_an_author_gets_what_is_plainly_allowed(allowed: str, wanted: str) -> None:
    assert covers(parsed(allowed), wish(wanted))


@pytest.mark.parametrize(
    ("allowed", "wanted"),
    [
        ("fs.read=/x:/a", "fs.write=/a"),
        ("fs.read=/x:/a/b", "fs.read=/a"),
        ("fs.read=/x:/a", "fs.read=/ab"),
        ("fs.read=/x:/a", "fs.read=/x"),
        ("net.http=https://e.org", "net.http=http://e.org"),
        ("net.http=https://e.org", "net.http=https://e.org:444"),
        ("net.http=https://e.org", "net.http=https://a.e.org"),
        ("net.http=https://e.org/v1", "net.http=https://e.org"),
        ("net.http=https://e.org/v1", "net.http=https://e.org/v10"),
        ("net.http=https://e.org;methods=GET", "net.http=https://e.org"),
        ("net.http=https://*.e.org", "net.http=https://e.org"),
        ("net.http=https://*.e.org", "net.http=https://a.b.e.org"),
        ("net.http=https://*.e.org", "net.http=https://*.a.e.org"),
        ("net.http=https://*.e.org", "net.http=https://ae.org"),
        ("net.http=https://a.e.org", "net.http=https://*.e.org"),
        ("net.socket=e.org:80", "net.dns=e.org:80"),
        ("net.socket=e.org:80", "net.socket=e.org:81"),
        ("net.socket=*.e.org:80", "net.socket=a.e.org:80"),
        ("env=LANG", "env=LC_ALL"),
        ("env=LANG", "env=lang"),
        ("tool=grep.run", "tool=grep"),
        ("tool=grep.run", "tool=grep.run.all"),
        ("tool=grep", "tool=grep2"),
    ],
)
def test_an_author_gets_nothing_beside_it(allowed: str, wanted: str) -> None:
    assert not covers(parsed(allowed), wish(wanted))


def test_a_read_only_directory_does_not_cover_a_writable_one() -> None:
    assert not covers(parsed("fs.read=/a"), parsed("fs.write=/a"))


def test_a_directory_covers_its_descendants_but_not_its_parents() -> None:
    assert covers(parsed("fs.read=/a"), parsed("fs.read=/a/b"))
    assert not covers(parsed("fs.read=/a/b"), parsed("fs.read=/a"))


def test_a_directory_does_not_cover_the_same_place_inside_that_lies_elsewhere_outside() -> None:
    assert not covers(parsed("fs.read=/srv/a:/a"), parsed("fs.read=/etc:/a"))
    assert not covers(parsed("fs.read=/srv:/a"), parsed("fs.read=/srv/c:/a/b"))


def test_a_directory_without_an_outside_covers_none_that_has_one() -> None:
    assert not covers(wish("fs.read=/a"), parsed("fs.read=/a"))


def test_a_public_origin_does_not_cover_an_internal_one() -> None:
    internal = parsed("net.http=http://e.org;internal")

    assert not covers(parsed("net.http=http://e.org"), internal)
    assert covers(internal, parsed("net.http=http://e.org"))


def test_fewer_methods_are_covered_by_more() -> None:
    both = parsed("net.http=http://e.org;methods=GET,POST")

    assert covers(both, parsed("net.http=http://e.org;methods=GET"))
    assert not covers(parsed("net.http=http://e.org;methods=GET"), both)


def test_a_variable_with_one_value_does_not_cover_another_value() -> None:
    assert covers(parsed("env=LANG=C"), parsed("env=LANG=C"))
    assert not covers(parsed("env=LANG=C"), parsed("env=LANG=de"))
    assert not covers(parsed("env=LANG"), parsed("env=LANG=C"))


@pytest.mark.parametrize(
    ("limited", "free"),
    [
        ("fs.write=/a;quota=1MiB", "fs.write=/a"),
        ("fs.write=/a;shared", "fs.write=/a"),
        ("net.http=http://e.org;private", "net.http=http://e.org"),
    ],
)
def test_options_that_only_limit_play_no_part(limited: str, free: str) -> None:
    assert covers(parsed(limited), parsed(free))
    assert covers(parsed(free), parsed(limited))


# Absent means denied


@patient
@given(related_capabilities())
def test_nothing_covers_anything(wanted: Capability) -> None:
    assert covering((), wanted) is None


@patient
@given(st.lists(related_capabilities(), max_size=6), related_capabilities())
def test_what_covers_is_one_of_those_that_were_allowed(
    allowed: list[Capability], wanted: Capability
) -> None:
    found = covering(allowed, wanted)

    if found is None:
        assert not any(covers(candidate, wanted) for candidate in allowed)
    else:
        assert found in allowed
        assert covers(found, wanted)


@patient
@given(st.lists(related_capabilities(), max_size=6), related_capabilities(), st.randoms())
def test_the_order_of_entries_does_not_matter(
    allowed: list[Capability], wanted: Capability, random: Random
) -> None:
    shuffled = random.sample(allowed, k=len(allowed))

    assert (covering(allowed, wanted) is None) == (covering(shuffled, wanted) is None)


@patient
@given(st.lists(related_capabilities(), max_size=6), related_capabilities(), related_capabilities())
def test_allowing_more_never_takes_anything_away(
    allowed: list[Capability], more: Capability, wanted: Capability
) -> None:
    if covering(allowed, wanted) is not None:
        assert covering([*allowed, more], wanted) is not None


def test_clock_and_random_source_cover_only_themselves() -> None:
    assert covering((Clock(),), RandomSource()) is None
    assert covering((RandomSource(), SocketAccess(kind="dns", host="a", port=1)), Clock()) is None

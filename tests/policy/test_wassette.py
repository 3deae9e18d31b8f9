"""Policies of Wassette: kept whole, or refused key by key."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hatchway.policy.grammar import parse_capability
from hatchway.policy.wassette import Converted, from_wassette

BASE = "/srv/tools"


def converted(**permissions: Any) -> Converted:
    return from_wassette({"version": "1.0", "permissions": permissions}, base=BASE)


def refused(**permissions: Any) -> list[str]:
    return [item.key for item in converted(**permissions).refused]


def stored(uri: object, *access: object) -> Converted:
    return converted(storage={"allow": [{"uri": uri, "access": list(access)}]})


def connected(host: object) -> Converted:
    return converted(network={"allow": [{"host": host}]})


def test_a_policy_that_allows_nothing_allows_nothing() -> None:
    nothing = Converted()

    assert from_wassette({"version": "1.0", "description": "none"}, base=BASE) == nothing
    assert converted() == nothing
    assert converted(storage=None, network={"allow": None, "deny": []}, ipc={}) == nothing


@pytest.mark.parametrize(
    ("uri", "access", "grants"),
    [
        ("fs:///data", ("read",), "fs.read=/data"),
        ("fs:///data/", ("read",), "fs.read=/data"),
        ("fs:///data/**", ("read", "write"), "fs.write=/data"),
        ("fs://workspace/**", ("read",), "fs.read=/srv/tools/workspace:/workspace"),
        ("fs://./a/b", ("read",), "fs.read=/srv/tools/a/b:/a/b"),
        ("fs:///with:colon", ("read",), "fs.read=/with%3Acolon"),
    ],
)
def test_a_whole_directory_becomes_a_grant(uri: str, access: tuple[str, ...], grants: str) -> None:
    found = stored(uri, *access)

    assert (found.allow, found.refused) == ((grants,), ())
    parse_capability(grants, side="allowed")


def test_what_is_said_about_one_directory_in_two_places_is_one_grant() -> None:
    found = converted(
        storage={
            "allow": [
                {"uri": "fs:///data/**", "access": ["read"]},
                {"uri": "fs:///data", "access": ["write"]},
            ]
        }
    )

    assert found.allow == ("fs.write=/data",)


@pytest.mark.parametrize(
    "uri",
    [
        "fs:///data/*",
        "fs:///data/**/logs",
        "fs:///data/*.txt",
        "fs:///a/../b",
        "fs:///",
        "fs:///**",
        "fs://",
        "file:///data",
        "/data",
        "fs:///a\0b",
        5,
        None,
    ],
)
def test_what_is_no_whole_directory_is_refused(uri: object) -> None:
    found = stored(uri, "read")

    assert (found.allow, [item.key for item in found.refused]) == (
        (), ["permissions.storage.allow.0.uri"],
    )  # fmt: skip


@pytest.mark.parametrize("access", [(), ("execute",), ("read", "x"), (1,), (["read"],)])
def test_an_access_that_nobody_knows_is_refused(access: tuple[object, ...]) -> None:
    found = stored("fs:///data", *access)

    assert [item.key for item in found.refused] == ["permissions.storage.allow.0.access"]


def test_writing_without_reading_is_refused_because_it_would_be_more_here() -> None:
    found = stored("fs:///data", "write")

    assert found.allow == ()
    assert [str(item) for item in found.refused] == [
        "permissions.storage.allow: '/data' is for writing only; here whoever may write a "
        "directory may read it too"
    ]


@pytest.mark.parametrize(
    ("host", "grants", "notes"),
    [
        ("api.example.com", "net.http=https://api.example.com", 1),
        ("API.example.com", "net.http=https://api.example.com", 1),
        ("api.example.com:8443", "net.http=https://api.example.com:8443", 1),
        ("https://rss.example.com/", "net.http=https://rss.example.com", 0),
        ("https://rss.example.com/v1", "net.http=https://rss.example.com/v1", 0),
        ("http://plain.example.com", "net.http=http://plain.example.com", 0),
        ("*.example.com", "net.http=https://*.example.com", 2),
    ],
)
def test_a_host_becomes_an_origin_and_what_differs_is_said(
    host: str, grants: str, notes: int
) -> None:
    found = connected(host)

    assert (found.allow, len(found.notes), found.refused) == ((grants,), notes, ())


@pytest.mark.parametrize(
    "host",
    ["*", "", "a*.example.com", "*.*.com", "user@example.com", "ftp://example.com", "a b", 5, None,
     "intranet.corp;internal", "e.org;private", "https://e.org/a;internal",
     "localhost", "127.0.0.1", "http://10.0.0.1", "[::1]", "https://e.org/?q=1", "169.254.169.254"],
)  # fmt: skip
def test_what_is_no_host_of_the_internet_is_refused(host: object) -> None:
    found = connected(host)

    assert (found.allow, [item.key for item in found.refused]) == (
        (), ["permissions.network.allow.0.host"],
    )  # fmt: skip


def test_how_to_mean_this_machine_is_said() -> None:
    (item,) = connected("localhost").refused

    assert item.reason.endswith("hatchway grant NAME 'net.http=https://localhost;internal'")


def test_variables_become_grants() -> None:
    found = converted(environment={"allow": [{"key": "API_KEY"}, {"key": "API_KEY"}]})

    assert found.allow == ("env=API_KEY",)


@pytest.mark.parametrize("key", ["A*", "", "A=B", "1A", 5, None])
def test_what_is_no_variable_is_refused(key: object) -> None:
    assert refused(environment={"allow": [{"key": key}]}) == ["permissions.environment.allow.0.key"]


@pytest.mark.parametrize(
    ("written", "limit"),
    [("512Mi", "512MiB"), ("1Gi", "1GiB"), ("64Ki", "64KiB"), ("500M", "500000000B"),
     ("4Gi", "4GiB")],
)  # fmt: skip
def test_a_memory_limit_is_kept(written: str, limit: str) -> None:
    for resources in ({"limits": {"memory": written}}, {"memory": written}):
        assert converted(resources=resources).limits == {"memory": limit}


@pytest.mark.parametrize("written", [1024, "10", "5Gi", "1Ki", "0Mi", "1T", "-1Mi", "1.5Gi", None])
def test_a_memory_limit_that_cannot_be_kept_is_refused(written: object) -> None:
    assert refused(resources={"limits": {"memory": written}}) == [
        "permissions.resources.limits.memory"
    ]


@pytest.mark.parametrize(
    ("permissions", "key"),
    [
        ({"storage": {"deny": [{"uri": "fs:///etc", "access": ["read"]}]}},
         "permissions.storage.deny"),
        ({"network": {"deny": [{"host": "evil.com"}]}}, "permissions.network.deny"),
        ({"network": {"allow": [{"cidr": "10.0.0.0/8"}]}}, "permissions.network.allow.0.cidr"),
        ({"resources": {"limits": {"cpu": "500m"}}}, "permissions.resources.limits.cpu"),
        ({"resources": {"cpu": 50.0}}, "permissions.resources.cpu"),
        ({"resources": {"io": 1000}}, "permissions.resources.io"),
        ({"resources": {"gpu": 1}}, "permissions.resources.gpu"),
        ({"ipc": {"allow": [{"uri": "pipe://x"}]}}, "permissions.ipc.allow"),
        ({"runtime": {"docker": {"security": {"privileged": False}}}},
         "permissions.runtime.docker.security.privileged"),
        ({"storage": {"allows": []}}, "permissions.storage.allows"),
        ({"storage": {"allow": {}}}, "permissions.storage.allow"),
        ({"storage": {"allow": [{}] * 257}}, "permissions.storage.allow"),
        ({"storage": {"allow": ["fs:///x"]}}, "permissions.storage.allow.0"),
        ({"storage": {"allow": [{"uri": "fs:///x", "access": ["read"], "mode": 1}]}},
         "permissions.storage.allow.0.mode"),
        ({"network": {"allow": ["e.org"]}}, "permissions.network.allow.0"),
        ({"environment": {"allow": ["A"]}}, "permissions.environment.allow.0"),
        ({"storage": []}, "permissions.storage"),
        ({"tools": {}}, "permissions.tools"),
        ({"resources": {1: 2}}, "permissions.resources"),
    ],
    ids=str,
)  # fmt: skip
def test_what_is_not_enforced_here_is_refused_by_name(
    permissions: dict[str, Any], key: str
) -> None:
    found = converted(**permissions)

    assert [item.key for item in found.refused] == [key]
    assert found.allow == ()


@pytest.mark.parametrize(
    ("document", "keys"),
    [
        (None, []),
        ([], ["the document"]),
        ("x", ["the document"]),
        ({}, ["version"]),
        ({"version": "2.0"}, ["version"]),
        ({"version": 1.0}, ["version"]),
        ({"version": "1.0", "description": 5}, ["description"]),
        ({"version": "1.0", "more\x1b[2J": 1}, ["more\\x1b[2J"]),
        ({"version": "1.0", "permissions": "all"}, ["permissions"]),
    ],
    ids=str,
)
def test_what_is_no_such_document_is_refused(document: object, keys: list[str]) -> None:
    assert [item.key for item in from_wassette(document, base=BASE).refused] == keys


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3)
    ),
    max_leaves=12,
)  # fmt: skip
known = st.sampled_from(
    ["version", "permissions", "storage", "network", "environment", "resources", "allow", "deny",
     "uri", "host", "key", "access", "limits", "memory", "runtime", "ipc"]
)  # fmt: skip
documents = st.recursive(
    values | st.sampled_from(["1.0", "fs:///a", "fs://b/**", "e.org", "512Mi", "read"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(known, inner, max_size=4),
    max_leaves=20,
)


@given(documents)
def test_whatever_a_document_says_it_is_refused_or_what_comes_of_it_can_be_granted(
    document: object,
) -> None:
    found = from_wassette({"version": "1.0", "permissions": document}, base=BASE)

    for item in found.allow:
        parse_capability(item, side="allowed")
    assert all(item.key and item.reason for item in found.refused)


@given(documents)
def test_nothing_that_is_said_is_lost(document: object) -> None:
    found = from_wassette({"version": "1.0", "permissions": {"storage": document}}, base=BASE)

    says_something = document not in (None, {}) and document not in (
        {"allow": None}, {"allow": []}, {"deny": None}, {"deny": []}, {"deny": {}},
    )  # fmt: skip
    if says_something and isinstance(document, dict) and set(document) <= {"allow"}:
        assert found.allow or found.refused

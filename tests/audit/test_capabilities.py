"""Every function of a host has a place in the table, and no import hides in it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hatchway.audit.artifact import Import
from hatchway.audit.capabilities import (
    CAPABILITIES,
    FAMILIES,
    GATED,
    HOST,
    ORDINARY,
    capabilities_of,
    family_of,
    rows_for,
    uses_of,
)
from hatchway.audit.capabilities_page import capability_page
from hatchway.audit.capability_rows import TABLE
from hatchway.engine.fetch.module import SIGNATURES as FETCHING
from hatchway.engine.preview1.binding import SIGNATURES
from hatchway.engine.preview2.linking import FUNCTIONS, INTERFACES

PREVIEW_1 = "wasi_snapshot_preview1"


def core(namespace: str, name: str) -> Import:
    return Import(namespace=namespace, name=name, kind="function", offset=0)


def wit(namespace: str, name: str) -> Import:
    return Import(namespace=namespace, name=name, kind="function", offset=0, is_component=True)


def named(*imports: Import) -> list[str]:
    return list(capabilities_of(imports))


FETCH = "hatchway_fetch_0_1"
SERVED_2 = [(interface, name) for interface, names in FUNCTIONS.items() for name in names]


@pytest.mark.parametrize("name", SIGNATURES)
def test_every_preview_1_function_that_is_served_has_a_row_of_its_own(name: str) -> None:
    assert {row.function for row in rows_for(core(PREVIEW_1, name))} == {name}


def test_every_exact_row_of_preview_1_is_a_function_that_is_served() -> None:
    exact = {row.function for row in TABLE[PREVIEW_1] if not row.function.endswith("*")}

    assert exact == set(SIGNATURES)


@pytest.mark.parametrize("name", FETCHING)
def test_every_function_that_fetches_has_a_row_of_its_own_and_one_asks(name: str) -> None:
    (row,) = rows_for(core(FETCH, name))

    assert row.function == name
    assert row.capability == ("net.http" if name == "open" else None)
    assert {row.function for row in TABLE[FETCH]} == set(FETCHING)


def test_what_is_not_a_function_that_fetches_is_foreign() -> None:
    assert named(core(FETCH, "connect")) == [f"host:{FETCH}"]
    assert named(core("hatchway_fetch_0_2", "open")) == ["host:hatchway_fetch_0_2"]


@pytest.mark.parametrize(
    ("version", "capabilities"),
    [
        ("@0.1.0", ["net.http"]),
        ("@0.1.17", ["net.http"]),
        ("@0.2.0", ["net.http", "host:hatchway:egress"]),
        ("@1.0.0", ["net.http", "host:hatchway:egress"]),
        ("@0.1.0-rc.1", ["net.http", "host:hatchway:egress"]),
        ("", ["net.http", "host:hatchway:egress"]),
    ],
)
def test_a_component_that_fetches_may_send_requests(version: str, capabilities: list[str]) -> None:
    assert named(wit(f"hatchway:egress/fetch{version}", "fetch")) == capabilities


@pytest.mark.parametrize("version", ["0.2.0", "0.2.12", "0.2.0-rc-2023-12-05", "0.3.0"])
def test_every_0_2_function_that_is_served_is_known(version: str) -> None:
    for interface, name in SERVED_2:
        rows = rows_for(wit(f"{interface}@{version}", name))

        assert rows, f"{interface} {name}"
        assert not [row for row in rows if str(row.capability).startswith(HOST)], interface


@pytest.mark.parametrize("interface", sorted(INTERFACES))
def test_every_interface_that_is_served_has_a_table(interface: str) -> None:
    assert interface in TABLE


def test_each_file_method_that_is_served_has_a_row_of_its_own() -> None:
    for name in FUNCTIONS["wasi:filesystem/types"]:
        rows = rows_for(wit("wasi:filesystem/types@0.2.3", name))
        assert {row.function for row in rows} == {name}


@pytest.mark.parametrize(
    ("imported", "expected"),
    [
        (core(PREVIEW_1, "path_open"), ["fs.read", "fs.write"]),
        (core(PREVIEW_1, "path_unlink_file"), ["fs.write"]),
        (core(PREVIEW_1, "fd_write"), ["stdio"]),
        (core(PREVIEW_1, "fd_prestat_get"), []),
        (core(PREVIEW_1, "clock_time_get"), ["clock.wall", "clock.monotonic"]),
        (core(PREVIEW_1, "sock_send"), ["net.socket"]),
        (core(PREVIEW_1, "sock_open"), ["net.socket", "host:wasi_snapshot_preview1"]),
        (core(PREVIEW_1, "fd_teleport"), ["host:wasi_snapshot_preview1"]),
        (core("wasi_unstable", "path_open"), ["fs.read", "fs.write", "host:wasi_unstable"]),
        (core("wasi", "thread-spawn"), ["thread"]),
        (core("env", "getaddrinfo"), ["host:env"]),
        (wit("wasi:cli/environment@0.2.3", "get-environment"), ["env"]),
        (wit("wasi:cli/environment@0.3.0", "get-initial-cwd"), ["env"]),
        (wit("wasi:cli/environment@0.2.3", "get-more"), ["env"]),
        (wit("wasi:filesystem/types@0.2.3", "[method]descriptor.future"), ["fs.read", "fs.write"]),
        (wit("wasi:filesystem/preopens@0.2.3", "get-directories"), []),
        (wit("wasi:http/outgoing-handler@0.2.3", "handle"), ["net.http"]),
        (wit("wasi:http/client@0.3.0", "send"), ["net.http"]),
        (wit("wasi:http/types@0.2.3", "[constructor]fields"), []),
        (wit("wasi:sockets/ip-name-lookup@0.2.3", "resolve-addresses"), ["net.dns"]),
        (wit("wasi:sockets/types@0.3.0", "[static]tcp-socket.create"), ["net.socket"]),
        (wit("wasi:sockets/instance-network@0.2.3", "instance-network"), []),
        (wit("wasi:random/insecure@0.2.3", "get-insecure-random-u64"), ["random"]),
        (wit("wasi:io/streams@0.2.3", "[method]output-stream.write"), []),
        (wit("wasi:logging/logging@0.1.0-draft", "log"), ["host:wasi:logging"]),
        (wit("hatchway:tools/call@0.1.0", "call"), ["tool"]),
        (wit("hyperlight:sandbox/tools", "call"), ["host:hyperlight:sandbox"]),
        (wit("", "fetch"), ["host:fetch"]),
    ],
)
def test_a_function_counts_for_what_it_lets_a_guest_do(
    imported: Import, expected: list[str]
) -> None:
    assert named(imported) == expected


def test_a_known_interface_of_an_unknown_version_is_foreign_as_well() -> None:
    imports = [wit("wasi:cli/environment@9.0.0", "get-environment"), wit("wasi:cli/exit", "exit")]

    assert named(*imports) == ["env", "exit", "host:wasi:cli"]


def test_a_core_module_cannot_pass_for_a_component() -> None:
    direct = core("wasi:io/streams@0.2.3", "[method]output-stream.write")
    spelled = core("wasi:io/streams@0.2.3#[method]output-stream", "write")
    ours = core("hatchway:tools/call@0.1.0", "call")

    assert named(direct) == ["host:wasi:io"]
    assert named(spelled)[0].startswith(HOST)
    assert named(ours) == ["tool", "host:hatchway:tools"]


@pytest.mark.parametrize("kind", ["memory", "table", "global", "tag", "value", "module", "type"])
def test_whatever_is_no_function_is_foreign(kind: str) -> None:
    imported = Import(namespace=PREVIEW_1, name="fd_write", kind=kind, offset=0)  # type: ignore[arg-type]  # each kind

    assert named(imported) == ["host:wasi_snapshot_preview1"]


def test_capabilities_come_in_order_with_their_functions_sorted() -> None:
    imports = [
        core("zoo", "b"),
        core(PREVIEW_1, "random_get"),
        core(PREVIEW_1, "path_open"),
        core(PREVIEW_1, "fd_readdir"),
        core("env", "a"),
        core(PREVIEW_1, "path_open"),
    ]

    found = capabilities_of(imports)

    assert found == {
        "fs.read": (f"{PREVIEW_1}.fd_readdir", f"{PREVIEW_1}.path_open"),
        "fs.write": (f"{PREVIEW_1}.path_open",),
        "random": (f"{PREVIEW_1}.random_get",),
        "host:env": ("env.a",),
        "host:zoo": ("zoo.b",),
    }
    assert list(found) == ["fs.read", "fs.write", "random", "host:env", "host:zoo"]


def test_names_that_would_move_a_cursor_are_spelled_out() -> None:
    found = capabilities_of([core("evil\x1b[2J", "\u202ename")])

    assert found == {"host:evil\\x1b[2J": ("evil\\x1b[2J.\\u202ename",)}


@given(st.text(max_size=40), st.text(max_size=40), st.booleans())
def test_no_import_goes_unmentioned(namespace: str, name: str, is_component: bool) -> None:
    imported = Import(
        namespace=namespace, name=name, kind="function", offset=0, is_component=is_component
    )

    assert uses_of([imported])


def test_every_capability_is_either_serious_or_ordinary() -> None:
    serious = {name for names in FAMILIES.values() for name in names} - {HOST}

    assert serious | ORDINARY == set(CAPABILITIES)
    assert not serious & ORDINARY
    assert GATED < ORDINARY


def test_every_row_names_a_capability_that_exists() -> None:
    used = {row.capability for rows in TABLE.values() for row in rows} - {None}

    assert {name for name in used if not str(name).startswith(HOST)} == set(CAPABILITIES)


def test_a_family_is_told_from_the_capability() -> None:
    assert family_of("fs.write") == "files"
    assert family_of("net.dns") == "sockets"
    assert family_of("host:env") == "hosts"
    assert family_of("stdio") is None


def test_what_a_function_may_do_is_told_from_what_it_does() -> None:
    found = {use.capability: use.certainty for use in uses_of([core(PREVIEW_1, "path_open")])}

    assert found == {"fs.read": "does", "fs.write": "may"}


def test_the_page_lists_every_function_of_the_table_and_every_capability() -> None:
    page = capability_page()

    for name in (*SIGNATURES, *CAPABILITIES):
        assert f"`{name}`" in page
    assert "`wasi:filesystem/types`" in page
    assert "`[method]descriptor.open-at` | `fs.write` | may" in page
    assert "| all others | `net.dns` | does |" in page

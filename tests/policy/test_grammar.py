"""The one spelling of power, read strictly."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from strategies import allowed_capabilities, patient, readable_text, wanted_capabilities

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
)
from hatchway.core.errors import ConfigError
from hatchway.policy.grammar import MAX_LENGTH, Side, parse_capability, tool_use_of

sides: st.SearchStrategy[Side] = st.sampled_from(("allowed", "wanted"))

_STARTS = (
    "fs.read=", "fs.read=/a", "fs.write=/a:/", "fs.write=b", "net.http=https://", "env=", "env=A=",
    "net.http=https://e.org", "net.http=http://*.e.org/", "net.socket=e.org:", "net.dns=", "tool=a",
    "clock", "random", "",
)  # fmt: skip
_PIECES = (
    *CAPABILITY_NAMES, "=", ":", "/", "//", "..", ".", "%", "%2e", "%0a", "%ff", "%25", "%3A",
    "%3b", "https://", "e.org", "*.", "E.ORG", "443", "99999", "LANG", " ", "\n", "\0", "\ud800",
    "-", "?", "#", "é", "a",
)  # fmt: skip
_OPTIONS = (
    ";", ";shared", ";quota=64MiB", ";quota=64MB", ";methods=GET", ";methods=GET,POST", ";internal",
    ";private", ";private=no", ";mode",
)  # fmt: skip
spellings = st.builds(
    lambda start, pieces, options: start + "".join(pieces) + "".join(options),
    st.sampled_from(_STARTS),
    st.lists(st.sampled_from(_PIECES), max_size=3),
    st.lists(st.sampled_from(_OPTIONS), max_size=2),
)
"""Texts that look like capabilities often enough to get far into the parser."""


def allowed(text: str, base: str = "/") -> Capability:
    return parse_capability(text, side="allowed", base=base)


def wanted(text: str) -> Capability:
    return parse_capability(text, side="wanted")


def complaint(text: str, side: Side = "allowed") -> ConfigError:
    with pytest.raises(ConfigError) as raised:
        parse_capability(text, side=side)
    assert raised.value.code == "config.bad_capability"
    return raised.value


# Properties


@patient
@given(allowed_capabilities())
def test_what_an_operator_may_write_is_read_back_as_it_was(capability: Capability) -> None:
    assume(len(str(capability)) <= MAX_LENGTH)

    assert allowed(str(capability)) == capability


@patient
@given(wanted_capabilities())
def test_what_an_author_may_ask_for_is_read_back_as_it_was(capability: Capability) -> None:
    assert wanted(str(capability)) == capability


@patient
@given(spellings | readable_text(40) | st.text(max_size=40), sides)
@example("fs.read=/%ff", "allowed")
@example("fs.read=/%ff", "wanted")
@example("net.http=https://e.org/%ff", "allowed")
def test_whatever_is_written_is_read_or_refused_with_a_config_error(text: str, side: Side) -> None:
    with contextlib.suppress(ConfigError):
        parse_capability(text, side=side)


@patient
@given(spellings, sides)
@example("fs.read=/a%0ab", "allowed")
@example("net.http=https://e.org/%1b", "allowed")
@example("fs.read=/%7f", "wanted")
def test_whatever_is_read_is_spelled_so_that_it_reads_the_same(text: str, side: Side) -> None:
    try:
        capability = parse_capability(text, side=side)
    except ConfigError:
        return

    assert parse_capability(str(capability), side=side) == capability


@patient
@given(spellings)
def test_what_an_author_may_ask_for_names_no_host_directory_value_or_option(text: str) -> None:
    try:
        capability = wanted(text)
    except ConfigError:
        return

    match capability:
        case FileAccess():
            assert (capability.host_path, capability.quota_bytes) == (None, None)
            assert not capability.is_shared
        case HttpAccess():
            assert capability.methods is None
            assert not capability.is_internal
            assert not capability.is_private
        case EnvironmentVariable():
            assert capability.value is None
        case _:
            assert capability == allowed(text)


# Files


@pytest.mark.parametrize(
    ("text", "host_path", "guest_path"),
    [
        ("fs.read=/docs", "/docs", "/docs"),
        ("fs.read=/srv/docs:/docs", "/srv/docs", "/docs"),
        ("fs.read=docs", "/base/docs", "/base/docs"),
        ("fs.read=./docs:/docs", "/base/docs", "/docs"),
        ("fs.read=../docs:/docs", "/docs", "/docs"),
        ("fs.read=../../../docs:/d", "/docs", "/d"),
        ("fs.read=.:/work", "/base", "/work"),
        ("fs.read=/:/", "/", "/"),
        ("fs.read=/a//b/./c/", "/a/b/c", "/a/b/c"),
        ("fs.read=/a%3Ab:/c%3bd", "/a:b", "/c;d"),
        ("fs.read=/100%25:/x", "/100%", "/x"),
        ("fs.read=/a=b:/c=d", "/a=b", "/c=d"),
        ("fs.read=/x:/a//b/.", "/x", "/a/b"),
    ],
)
def test_a_directory_is_named_outside_and_inside(
    text: str, host_path: str, guest_path: str
) -> None:
    assert allowed(text, base="/base") == FileAccess(
        access="read", host_path=host_path, guest_path=guest_path
    )


def test_a_writable_directory_may_be_shared_and_have_a_quota() -> None:
    assert allowed("fs.write=/o;quota=1MiB;shared") == FileAccess(
        access="write", host_path="/o", guest_path="/o", is_shared=True, quota_bytes=1 << 20
    )


def test_a_manifest_names_the_directory_inside() -> None:
    assert wanted("fs.read=/docs") == FileAccess(access="read", guest_path="/docs")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("fs.read", "needs a scope, as in fs.read=./docs:/docs"),
        ("fs.read=", "needs a scope"),
        ("fs.read=;shared", "fs.read has no option 'shared'"),
        ("fs.write=;shared", "a directory's name is missing"),
        ("fs.read=:/docs", "a directory's name is missing"),
        ("fs.read=/docs:", "a directory's name is missing"),
        ("fs.read=/docs:docs", "the guest directory must be absolute, got 'docs'"),
        ("fs.read=/docs:/a/../b", "must not contain '..'"),
        ("fs.read=/docs:/a/%2e%2e/b", "must not contain '..'"),
        ("fs.read=/a:/b:/c%00", "NUL"),
        ("fs.read=/a%00", "NUL"),
        ("fs.read=/a\nb", "control characters"),
        ("fs.read=/a\x7f", "control characters"),
        ("fs.read=/a;quota=1MiB", "fs.read has no option 'quota'"),
        ("fs.write=/a;quota", "the option 'quota' takes a value"),
        ("fs.write=/a;quota=", "expected a size"),
        ("fs.write=/a;quota=64MB", "expected a size"),
        ("fs.write=/a;shared=yes", "the option 'shared' takes no value"),
        ("fs.write=/a;shared;shared", "stands there twice"),
        ("fs.write=/a;", "fs.write has no option ''"),
        ("fs.write=/a;executable", "fs.write has no option 'executable'"),
    ],
)
def test_a_directory_that_is_not_plainly_written_is_refused(text: str, why: str) -> None:
    assert why in complaint(text).message


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("fs.read=/srv:/docs", "a manifest names the guest directory only"),
        ("fs.read=docs", "must be absolute"),
        ("fs.write=/o;shared", "options are the operator's"),
        ("fs.write=/o;quota=1MiB", "options are the operator's"),
        ("fs.write=/o;", "options are the operator's"),
    ],
)
def test_a_manifest_may_not_choose_host_directories_or_options(text: str, why: str) -> None:
    assert why in complaint(text, "wanted").message


# Network


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("net.http=https://e.org", HttpAccess(scheme="https", host="e.org", port=443)),
        ("net.http=http://e.org", HttpAccess(scheme="http", host="e.org", port=80)),
        ("net.http=https://E.ORG:443/", HttpAccess(scheme="https", host="e.org", port=443)),
        ("net.http=http://127.0.0.1:8080", HttpAccess(scheme="http", host="127.0.0.1", port=8080)),
        ("net.http=https://[::1]", HttpAccess(scheme="https", host="[::1]", port=443)),
        ("net.http=http://[FD00::1]:81", HttpAccess(scheme="http", host="[fd00::1]", port=81)),
        (
            "net.http=https://*.e.org/v1/users/",
            HttpAccess(scheme="https", host="*.e.org", port=443, path_prefix="/v1/users"),
        ),
        (
            "net.http=https://e.org/a%3Bb",
            HttpAccess(scheme="https", host="e.org", port=443, path_prefix="/a;b"),
        ),
        (
            "net.http=https://e.org;methods=POST,GET,POST;internal;private",
            HttpAccess(
                scheme="https",
                host="e.org",
                port=443,
                methods=("GET", "POST"),
                is_internal=True,
                is_private=True,
            ),
        ),
    ],
)
def test_an_origin_is_read_with_everything_explicit(text: str, expected: HttpAccess) -> None:
    assert allowed(text) == expected


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("net.http=e.org", "expected an origin, as in https://api.example.com"),
        ("net.http=ftp://e.org", "the scheme is http or https, and no other"),
        ("net.http=HTTPS://e.org", "expected an origin"),
        ("net.http=https://", "'' is not a host name"),
        ("net.http=https:///path", "'' is not a host name"),
        ("net.http=https://user@e.org", "no user name and no password"),
        ("net.http=https://[::1", "is not a host name"),
        ("net.http=https://[::1]80", "is not a host name"),
        ("net.http=https://::1", "is not a host name"),
        ("net.http=https://[::FFFF:1]:", "expected a port"),
        ("net.http=https://[0:0::1]", "an IPv6 address has its shortest spelling"),
        ("net.http=https://[::ffff:127.0.0.1]", "not a mapped IPv4 address"),
        ("net.http=https://[fe80::1%eth0]", "an IPv6 address has its shortest spelling"),
        ("net.http=https://[127.0.0.1]", "an IPv6 address has its shortest spelling"),
        ("net.http=https://0x7f.1", "write an address as four plain numbers"),
        ("net.http=https://0x7f000001", "write an address as four plain numbers"),
        ("net.http=https://2130706433", "write an address as four plain numbers"),
        ("net.http=https://0177.0.0.1", "write an address as four plain numbers"),
        ("net.http=https://127.1", "write an address as four plain numbers"),
        ("net.http=https://a.0x", "write an address as four plain numbers"),
        ("net.http=https://e.org.", "is not a host name"),
        ("net.http=https://\u212aelvin.org", "is not a host name"),
        (f"net.http=https://{'a.' * 126}ab", "is not a host name"),
        ("net.http=https://*.com", "a wildcard for every name below 'com' is too wide"),
        ("net.http=https://*.10.0.0.1", "never before an address"),
        ("net.http=https://*.[::1]", "never before an address"),
        ("net.http=https://*.e.org;internal", "never of a wildcard"),
        ("net.http=https://a..b", "is not a host name"),
        ("net.http=https://-a.org", "is not a host name"),
        ("net.http=https://a-.org", "is not a host name"),
        ("net.http=https://a.*.org", "is not a host name"),
        ("net.http=https://**.org", "is not a host name"),
        ("net.http=https://*", "is not a host name"),
        (f"net.http=https://{'a' * 64}.org", "is not a host name"),
        ("net.http=https://bücher.de", "is not a host name"),
        ("net.http=https://e.org:", "expected a port from 1 to 65535, got ''"),
        ("net.http=https://e.org:0", "expected a port"),
        ("net.http=https://e.org:65536", "expected a port"),
        ("net.http=https://e.org:080", "expected a port"),
        ("net.http=https://e.org:8a", "expected a port"),
        ("net.http=https://e.org/a?b=c", "a path prefix has no query"),
        ("net.http=https://e.org/#a", "a path prefix has no query"),
        ("net.http=https://e.org/a/../b", "a path prefix has no query"),
        ("net.http=https://e.org/%2e%2e/b", "a path prefix has no query"),
        ("net.http=https://e.org/./a", "a path prefix has no query"),
        ("net.http=https://e.org//a", "a path prefix has no query"),
        ("net.http=https://e.org/a%2fb", "a path prefix has no query"),
        ("net.http=https://e.org/a/%5c", "a path prefix has no query"),
        ("net.http=https://e.org/a%3fb", "a path prefix has no query"),
        ("net.http=https://e.org/a%zz", "a path prefix has no query"),
        ("net.http=https://e.org/%252e%252e", "a path prefix has no query"),
        ("net.http=https://e.org/..%3B/a", "a path prefix has no query"),
        ("net.http=https://e.org/%c0%ae", "a path prefix has no query"),
        ("net.http=https://e.org;methods=GET,TRACE", "TRACE is never sent"),
        ("net.http=https://e.org;methods=CONNECT", "CONNECT is never sent"),
        ("net.http=https://e.org;methods", "the option 'methods' takes a value"),
        ("net.http=https://e.org;methods=", "methods are upper-case words"),
        ("net.http=https://e.org;methods=get", "methods are upper-case words"),
        ("net.http=https://e.org;methods=GET,", "methods are upper-case words"),
        ("net.http=https://e.org;internal=no", "the option 'internal' takes no value"),
        ("net.http=https://e.org;quota=1MiB", "net.http has no option 'quota'"),
    ],
)
def test_an_origin_that_is_not_plainly_written_is_refused(text: str, why: str) -> None:
    assert why in complaint(text).message


@pytest.mark.parametrize("option", ["methods=GET", "internal", "private"])
def test_a_manifest_may_not_choose_how_an_origin_is_reached(option: str) -> None:
    error = complaint(f"net.http=https://e.org;{option}", "wanted")

    assert "options are the operator's" in error.message


@pytest.mark.parametrize("kind", ["socket", "dns"])
def test_a_socket_has_a_host_and_a_port(kind: str) -> None:
    assert allowed(f"net.{kind}=DB.e.org:5432") == SocketAccess(
        kind=kind,  # type: ignore[arg-type]  # one of the two
        host="db.e.org",
        port=5432,
    )


@pytest.mark.parametrize(
    "text", ["net.socket=db", "net.dns=db:", "net.socket=:53", "net.dns=db:53/x"]
)
def test_a_socket_without_a_host_or_port_is_refused(text: str) -> None:
    complaint(text)


def test_the_options_of_a_socket() -> None:
    socket = allowed("net.socket=db:1;private;internal")

    assert str(socket) == "net.socket=db:1;internal;private"
    assert str(allowed("net.dns=db:1;internal")) == "net.dns=db:1;internal"
    assert "net.dns has no option 'private'" in complaint("net.dns=db:1;private").message
    assert "never of a wildcard" in complaint("net.socket=*.e.org:1;internal").message


# Environment


@pytest.mark.parametrize(
    ("text", "variable", "value"),
    [
        ("env=LANG", "LANG", None),
        ("env=LANG=", "LANG", ""),
        ("env=_x1=a b", "_x1", "a b"),
        ("env=URL=https://e.org/?a=b;c=d", "URL", "https://e.org/?a=b;c=d"),
        ("env=P=100%", "P", "100%"),
    ],
)
def test_a_variable_is_inherited_or_given(text: str, variable: str, value: str | None) -> None:
    assert allowed(text) == EnvironmentVariable(variable=variable, value=value)


@pytest.mark.parametrize(
    "text",
    [
        "env",
        "env=",
        "env==x",
        "env=1A",
        "env=A-B",
        "env=A B",
        "env=Ä",
        f"env={'A' * 129}",
        "env=A;shared",
    ],
)
def test_what_is_not_a_variables_name_is_refused(text: str) -> None:
    complaint(text)


@pytest.mark.parametrize("value", ["a\nb", "a\0b", "\x1b[0m"])
def test_a_variables_value_has_no_control_characters(value: str) -> None:
    assert "control characters" in complaint(f"env=A={value}").message


@pytest.mark.parametrize("text", ["env=LANG=C", "env=LANG="])
def test_a_manifest_may_name_a_variable_but_not_its_value(text: str) -> None:
    assert "their values are the operator's" in complaint(text, "wanted").message
    assert wanted("env=LANG") == EnvironmentVariable(variable="LANG")


# Clock, random source, tools


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("clock", Clock()),
        ("random", RandomSource()),
        ("tool=grep", ToolUse(tool="grep")),
        ("tool=grep.run.all", ToolUse(tool="grep", function="run.all")),
    ],
)
@pytest.mark.parametrize("side", ["allowed", "wanted"])
def test_both_sides_spell_clock_random_source_and_tools_alike(
    text: str, expected: Capability, side: Side
) -> None:
    assert parse_capability(text, side=side) == expected


@pytest.mark.parametrize(
    "text",
    [
        "clock=",
        "clock=wall",
        "clock;",
        "clock;shared",
        "random=1",
        "random;quota=1B",
        "random;clock",
    ],
)
def test_clock_and_random_source_take_no_scope_and_no_options(text: str) -> None:
    assert "takes no scope and no options" in complaint(text).message


@pytest.mark.parametrize(
    "text",
    [
        "tool", "tool=", "tool=.run", "tool=a b", "tool=grep.", "tool=grep.a b", "tool=grep;shared",
        f"tool={'a' * 65}", f"tool=a.{'b' * 129}", "tool=é",
    ],
)  # fmt: skip
def test_what_is_not_a_tools_name_is_refused(text: str) -> None:
    complaint(text)


# Anything else


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("fs.raed=/x", "did you mean 'fs.read'?"),
        ("net.https=https://e.org", "did you mean 'net.http=https://e.org'?"),
        ("clocks", "did you mean 'clock'?"),
        ("CLOCK", None),
        ("", None),
        ("=", None),
        (" clock", None),
    ],
)
def test_an_unknown_capability_is_answered_with_the_nearest_known_one(
    text: str, hint: str | None
) -> None:
    error = complaint(text)

    assert "unknown capability" in error.message
    if hint is None:
        assert error.hint is not None
    else:
        assert error.hint == hint


def test_without_a_near_one_all_capabilities_are_listed() -> None:
    assert complaint("xyzzy=1").hint == f"known are {', '.join(CAPABILITY_NAMES)}"


def test_a_capability_has_a_longest_length() -> None:
    longest = "env=A=" + "x" * (MAX_LENGTH - len("env=A="))

    assert allowed(longest) == EnvironmentVariable(variable="A", value=longest[6:])
    assert f"at most {MAX_LENGTH} characters" in complaint(longest + "x").message


def test_a_complaint_never_shows_control_characters() -> None:
    message = complaint("fs.read=/\x1b]0;owned\x07").message

    assert message.isprintable()


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("math", ToolUse(tool="math")),
        ("math.add", ToolUse(tool="math", function="add")),
        ("math.a.b", ToolUse(tool="math", function="a.b")),
        ("", None),
        (".add", None),
        ("math.", None),
        ("math add", None),
        ("math;private", None),
        ("tool=math", None),
        ("../math", None),
        ("m" * 65, None),
        ("\0", None),
    ],
)
def test_the_grant_for_a_name_is_what_a_policy_would_say(name: str, wanted: ToolUse | None) -> None:
    assert tool_use_of(name) == wanted


@patient
@given(st.text(max_size=200))
def test_any_name_needs_a_grant_that_can_be_written_or_none(name: str) -> None:
    wanted = tool_use_of(name)

    assert wanted is None or parse_capability(f"tool={name}", side="allowed") == wanted

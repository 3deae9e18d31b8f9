"""Which requests a grant allows, and how those are told apart that nobody should understand."""

from __future__ import annotations

import contextlib
import string
from typing import TYPE_CHECKING

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from strategies import addresses, http_accesses, names, patient, related_by_kind

from hatchway.core.capability import HttpAccess
from hatchway.core.egress import EgressGrant, FlowRule
from hatchway.policy.cover import covers
from hatchway.policy.egress import (
    FORBIDDEN_METHODS,
    MAX_AUTHORITY,
    MAX_TARGET,
    NotARequestError,
    Target,
    Verdict,
    judge,
    read_target,
)
from hatchway.policy.grammar import parse_capability
from hatchway.policy.segments import plain_segments

if TYPE_CHECKING:
    from collections.abc import Iterable

VISIBLE = string.ascii_letters + string.digits + "!\"$%&'()*+,-./:;<=>?@[]^_`{|}~"


def origins(*scopes: str) -> tuple[HttpAccess, ...]:
    read = (parse_capability(f"net.http={scope}", side="allowed") for scope in scopes)
    return tuple(each for each in read if isinstance(each, HttpAccess))


def grant(*scopes: str, flow: Iterable[str] | None = None) -> EgressGrant:
    rule = None if flow is None else FlowRule(may_reach=origins(*flow))
    return EgressGrant(origins=origins(*scopes), flow=rule)


def request(url: str, method: str = "GET") -> Target:
    scheme, _, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    return read_target(method, scheme, host, slash + path)


def verdict(
    granted: EgressGrant, url: str, method: str = "GET", *, has_read_private: bool = False
) -> Verdict:
    return judge(granted, request(url, method), has_read_private=has_read_private)


def refused(
    method: str = "GET",
    scheme: str | None = "https",
    authority: str | None = "e.org",
    target: str | None = "/",
) -> str:
    """The rule that a request breaks by itself."""
    with pytest.raises(NotARequestError) as raised:
        read_target(method, scheme, authority, target)
    assert str(raised.value).isprintable()
    return raised.value.rule


# Reading


def test_a_request_is_read_with_everything_explicit() -> None:
    assert read_target("GET", "HTTPS", "API.Example.com", "/v1/a?b=c?d") == Target(
        method="GET", scheme="https", host="api.example.com", port=443, path="/v1/a", query="b=c?d"
    )


@pytest.mark.parametrize("target", [None, "", "/"])
def test_a_request_without_a_path_is_for_the_root(target: str | None) -> None:
    read = read_target("GET", "http", "e.org:8080", target)

    assert (read.path, read.query, read.origin) == ("/", None, "http://e.org:8080")


def test_an_empty_query_is_told_from_none() -> None:
    assert read_target("GET", "http", "e.org", "/?").query == ""


@pytest.mark.parametrize(
    ("authority", "origin"),
    [
        ("e.org", "https://e.org"),
        ("e.org:443", "https://e.org"),
        ("e.org:80", "https://e.org:80"),
        ("127.0.0.1", "https://127.0.0.1"),
        ("[::1]", "https://[::1]"),
        ("[FD00::A]:8443", "https://[fd00::a]:8443"),
        ("xn--bcher-kva.de", "https://xn--bcher-kva.de"),
        ("a_b.e.org", "https://a_b.e.org"),
        ("1password.com", "https://1password.com"),
        ("10.0.0.1.nip.io", "https://10.0.0.1.nip.io"),
    ],
)
def test_an_origin_leaves_out_the_port_of_its_scheme(authority: str, origin: str) -> None:
    assert read_target("GET", "https", authority, "/").origin == origin


@pytest.mark.claim("egress.one-spelling")
@pytest.mark.parametrize(
    "method",
    ["", "get", "Get", "GE T", "GET\r\n", "GET\t", "G-T", "A" * 17, "ＧＥＴ", "GET /", "\ud800"],
)
def test_a_method_is_an_upper_case_word(method: str) -> None:
    assert refused(method=method) == "egress.bad_method"


@pytest.mark.parametrize("method", sorted(FORBIDDEN_METHODS))
def test_tunnels_and_echoes_are_never_asked_for(method: str) -> None:
    assert refused(method=method) == "egress.bad_method"


@pytest.mark.parametrize("method", ["GET", "PROPFIND", "X", "A" * 16])
def test_any_other_word_is_a_method(method: str) -> None:
    assert read_target(method, "http", "e.org", "/").method == method


@pytest.mark.claim("egress.one-spelling")
@pytest.mark.parametrize(
    "scheme",
    [None, "", "ftp", "file", "ws", "https:", " https", "https\n", "httpſ", "https://", "h\0ttp"],
)
def test_a_scheme_is_http_or_https(scheme: str | None) -> None:
    assert refused(scheme=scheme) == "egress.bad_scheme"


@pytest.mark.claim("egress.one-spelling")
@pytest.mark.parametrize(
    "authority",
    [
        # Nothing, or too much.
        None, "", ":", ":80", "a" * (MAX_AUTHORITY + 1), f"{'a.' * 126}ab", f"{'a' * 64}.org",
        # Somebody else before the host.
        "allowed@evil.org", "allowed:80@evil.org", "allowed%40evil.org", "@e.org", "e.org@",
        # Something that a parser could take for the end of it.
        "e.org/", "e.org?", "e.org#", "e.org\\@evil.org", "e.org;x", "e.org,evil.org", "e.org:8:8",
        # White space and what nobody sees.
        " e.org", "e.org ", "e .org", "\te.org", "e.org\n", "e.\rorg", "e.org\0", "e\u200b.org",
        # Letters that look like others, or become others in lower case.
        "еxample.org", "\u212aelvin.org", "bücher.de", "e。org", "ｅ.org",
        # Empty labels, a dot at the end, labels with a hyphen at an end, a percent sign.
        "xn--", "xn--a.org", "xn--e-.org", "xn--_127.org", "xn--99999999.org", "a.xn--a-",
        "e.org.", "localhost.", ".e.org", "e..org", "-e.org", "e-.org", "e%2eorg", "*.e.org",
        # Addresses in other spellings.
        "0x7f000001", "0X7F000001", "2130706433", "127.1", "127.0.1", "0177.0.0.1", "0x7f.0.0.1",
        "127.0.0.01", "127.0.0.1.", "127.0.0.256", "1.2.3.4.5", "0", "e.1", "e.0x1f", "e.0x",
        "127.0.0.1%00", "①.0.0.1",
        # The sixth version.
        "::1", "[::1", "::1]", "[]", "[1.2.3.4]", "[::0001]", "[0:0:0:0:0:0:0:1]",
        "[::ffff:7f00:1]", "[::ffff:127.0.0.1]", "[::FFFF:127.0.0.1]", "[::127.0.0.1]",
        "[fe80::1%eth0]", "[fe80::1%25eth0]", "[::1]e.org", "[::1].org",
        "[::1]]", "[[::1]]", "[v1.a]", "x[::1]",
        # Ports.
        "e.org:", "e.org:0", "e.org:080", "e.org:65536", "e.org:+80", "e.org:-1", "e.org:8 0",
        "e.org:80a", "e.org:8_0", "e.org:٨٠", "[::1]:", "[::1]:0", "[::1]80", "e.org:99999999999",
    ],
)  # fmt: skip
def test_an_authority_has_one_spelling(authority: str | None) -> None:
    assert refused(authority=authority) == "egress.bad_authority"


@pytest.mark.claim("egress.one-spelling")
@pytest.mark.parametrize(
    "target",
    [
        "a", "*", "?a", "http://e.org/", "\\", "/a\\b", "/a#b", "/#", "/a b", "/a\tb",
        "/a\r\nHost: x", "/a\nb", "/\0", "/\x7f", "/é", "/\u2028", " /", "/ ", "/a?b#c", "/a?b c",
        "/" * (MAX_TARGET + 1), "/\ud800",
    ],
)  # fmt: skip
def test_a_target_is_a_path_of_visible_ascii(target: str) -> None:
    assert refused(target=target) == "egress.bad_target"


def test_a_target_may_be_long_but_not_endless() -> None:
    longest = "/" + "a" * (MAX_TARGET - 1)

    assert read_target("GET", "http", "e.org", longest).path == longest


hosts = names() | addresses()
"""Without wildcards: what a request may name."""
methods = st.sampled_from(("GET", "POST", "PUT"))
odd = st.characters(exclude_characters=VISIBLE + "\\#")


@st.composite
def targets(draw: st.DrawFn) -> Target:
    """Requests that are understood."""
    path = draw(st.lists(st.sampled_from(("a", "b", "%61", "..", "", "a;b", "%2f", "%zz"))))
    return read_target(
        draw(methods),
        draw(st.sampled_from(("http", "https"))),
        f"{draw(hosts)}:{draw(st.sampled_from((80, 443, 8080)))}",
        "/" + "/".join(path),
    )


@patient
@given(targets())
def test_what_was_read_is_read_again_as_itself(target: Target) -> None:
    tail = "" if target.query is None else f"?{target.query}"
    authority = target.origin.partition("://")[2]

    assert read_target(target.method, target.scheme, authority, target.path + tail) == target


anything = st.text(max_size=30) | st.text(VISIBLE, max_size=30)


@patient
@given(anything, st.none() | anything, st.none() | anything, st.none() | anything)
@example("GET", "http", "\ud800", "/")
@example("GET", "http", "[" + "1:" * 250, "/")
def test_whatever_is_asked_for_is_a_request_or_not_one(
    method: str, scheme: str | None, authority: str | None, target: str | None
) -> None:
    rules = {f"egress.bad_{name}" for name in ("method", "scheme", "authority", "target")}
    with contextlib.suppress(NotARequestError):
        read = read_target(method, scheme, authority, target)
        assert set(read.host + read.path + (read.query or "")) <= set(VISIBLE)
        return
    assert refused(method, scheme, authority, target) in rules


@pytest.mark.claim("egress.one-spelling")
@patient
@given(st.sampled_from(("scheme", "authority", "target")), odd, st.data())
def test_no_odd_character_passes_anywhere(field: str, character: str, data: st.DataObject) -> None:
    plain = {"scheme": "https", "authority": "api.e.org:8080", "target": "/v1/a?b=c"}
    at = data.draw(st.integers(0, len(plain[field])))
    spoilt = plain[field][:at] + character + plain[field][at:]

    assert refused(**{**plain, field: spoilt}) == f"egress.bad_{field}"


# Deciding


@pytest.mark.claim("egress.exact-origin")
@pytest.mark.parametrize(
    ("granted", "asked"),
    [
        ("https://e.org", "https://e.org/"),
        ("https://e.org", "https://E.ORG:443/any/thing?at=all"),
        ("http://e.org:8080", "http://e.org:8080/"),
        ("https://*.e.org", "https://a.e.org/"),
        ("https://e.org/v1", "https://e.org/v1"),
        ("https://e.org/v1", "https://e.org/v1/"),
        ("https://e.org/v1", "https://e.org/v1/a%20b/c;d=e?..=%2f"),
        ("https://e.org/v1", "https://e.org/%76%31/a"),
        ("https://e.org/caf%C3%A9", "https://e.org/caf%c3%a9/x"),
        ("https://e.org/a;methods=GET", "https://e.org/a"),
        ("http://127.0.0.1:8080;internal", "http://127.0.0.1:8080/"),
        ("http://[::1];internal", "http://[::1]/"),
    ],
)
def test_a_request_to_a_granted_origin_is_allowed(granted: str, asked: str) -> None:
    found = verdict(grant(granted), asked)

    assert found == Verdict(allowed_by=origins(granted)[0], rule=str(origins(granted)[0]))


@pytest.mark.claim("egress.exact-origin")
@pytest.mark.parametrize(
    ("granted", "asked"),
    [
        ("https://e.org", "http://e.org/"),
        ("https://e.org", "https://e.org:8443/"),
        ("https://e.org", "https://a.e.org/"),
        ("https://a.e.org", "https://e.org/"),
        ("https://e.org", "https://ee.org/"),
        ("https://e.org", "https://e.org.evil.example/"),
        ("https://*.e.org", "https://e.org/"),
        ("https://*.e.org", "https://a.b.e.org/"),
        ("https://*.e.org", "https://evil-e.org/"),
        ("http://127.0.0.1", "http://127.0.0.2/"),
        ("http://localhost", "http://127.0.0.1/"),
    ],
)
def test_a_granted_origin_opens_nothing_else(granted: str, asked: str) -> None:
    assert verdict(grant(granted), asked).rule == "egress.not_granted"


@pytest.mark.claim("egress.path")
@pytest.mark.parametrize(
    "path",
    [
        "/v1/..", "/v1/../x", "/v1/./x", "/v1/%2e%2e/x", "/v1/%2E./x", "/v1/.%2e/x", "/v1/%2e/x",
        "/v1/%252e%252e/x", "/v1/%252fx", "/v1/%25252e/x", "/v1/..%2fx", "/v1/%2f../x",
        "/v1/..%5cx", "/v1/a%2fb", "/v1/a%5Cb", "/v1//x", "//v1/x", "/v1/x//", "/v1/..;/x",
        "/v1/..;a=b/x", "/v1/..%3b/x", "/v1/;/x", "/v1/.;/x", "/v1/%zz", "/v1/%", "/v1/%2",
        "/v1/%u002e%u002e/x",
        "/v1/..%00/x", "/v1/a%0d%0ab", "/v1/%7f", "/v1/...", "/v1/..%20/x", "/v1/%20/x",
        "/v1/%c0%ae%c0%ae/x", "/v1/%ff", "/v1/%ef%bc%8e%ef%bc%8e/x", "/v1/a%ef%bc%8fb",
        "/v1/%e2%80%a5/x", "/v1/..%ef%bc%9b/x",
    ],
)  # fmt: skip
def test_a_path_that_servers_could_read_in_two_ways_is_denied_where_prefixes_are_granted(
    path: str,
) -> None:
    for granted in (grant("https://e.org/v1"), grant("https://e.org", "https://e.org/v1;private")):
        assert verdict(granted, f"https://e.org{path}") == Verdict(
            allowed_by=None, rule="egress.path"
        )
    assert verdict(grant("https://e.org"), f"https://e.org{path}").allowed_by is not None


@pytest.mark.claim("egress.path")
@pytest.mark.parametrize("path", ["/", "/v", "/v10", "/V1", "/v2/v1", "/v1;x", "/v1%3fa", "/v1?a"])
def test_a_prefix_covers_whole_segments(path: str) -> None:
    expected = "/v1?" in path

    assert (verdict(grant("https://e.org/v1"), f"https://e.org{path}").rule != "egress.path") is (
        expected
    )


def test_the_longest_prefix_decides_then_the_exact_host() -> None:
    granted = grant(
        "https://*.e.org;private",
        "https://a.e.org",
        "https://*.e.org/v1",
        "https://a.e.org/v1;methods=POST",
        "https://a.e.org/v1/deep",
    )

    def decided(url: str, method: str = "GET") -> str:
        return verdict(granted, url, method).rule.removeprefix("net.http=")

    assert decided("https://b.e.org/") == "https://*.e.org;private"
    assert decided("https://a.e.org/") == "https://a.e.org"
    assert decided("https://a.e.org/v1") == "https://*.e.org/v1"
    assert decided("https://a.e.org/v1", "POST") == "https://a.e.org/v1;methods=POST"
    assert decided("https://a.e.org/v1/deep/er") == "https://a.e.org/v1/deep"


def test_what_is_inside_and_what_is_private_is_said_by_the_grant_that_decides() -> None:
    granted = grant("http://db:81;internal", "http://db:81/people;internal;private")

    for path, is_private in (("/", False), ("/people/1", True)):
        found = verdict(granted, f"http://db:81{path}").allowed_by
        assert found is not None
        assert (found.is_internal, found.is_private) == (True, is_private)


# What would have allowed it


@pytest.mark.parametrize(
    ("granted", "asked", "rule", "wanted"),
    [
        ((), "GET https://e.org/a/b?c", "egress.not_granted", "https://e.org"),
        ((), "GET http://e.org:443/", "egress.not_granted", "http://e.org:443"),
        ((), "GET http://localhost:8080/", "egress.not_granted", "http://localhost:8080;internal"),
        ((), "GET http://a.localhost/", "egress.not_granted", "http://a.localhost;internal"),
        ((), "GET http://10.0.0.1/", "egress.not_granted", "http://10.0.0.1;internal"),
        ((), "GET http://[fd00::1]/", "egress.not_granted", "http://[fd00::1];internal"),
        ((), "GET http://8.8.8.8/", "egress.not_granted", "http://8.8.8.8"),
        ((), "GET http://169.254.169.254/", "egress.not_granted", ""),
        (("https://e.org;methods=GET",), "PUT https://e.org/a", "egress.method",
         "https://e.org;methods=PUT"),
        (("http://db/a;methods=GET;internal;private",), "PUT http://db/a/b", "egress.method",
         "http://db/a;methods=PUT;internal;private"),
        (("https://*.e.org;methods=GET",), "PUT https://a.e.org/", "egress.method",
         "https://a.e.org;methods=PUT"),
        (("https://e.org/v1",), "GET https://e.org/v2/x", "egress.path", "https://e.org/v2/x"),
        (("https://e.org/v1;methods=GET,PUT",), "PUT https://e.org/v2", "egress.path",
         "https://e.org/v2;methods=PUT"),
        (("https://e.org/v1;methods=GET",), "PUT https://e.org/v2", "egress.path",
         "https://e.org/v2;methods=PUT"),
        (("https://e.org/v1",), "GET https://e.org/a%3fb", "egress.path", ""),
        (("https://e.org/v1",), "GET https://e.org/a/%23/c", "egress.path", "https://e.org/a"),
        (("https://e.org/v1",), "GET https://e.org/a/%e2%80%ae/c", "egress.path", "https://e.org/a"),
        (("https://e.org/v1",), "GET https://e.org/a/" + "b" * 1024, "egress.path",
         "https://e.org/a"),
        (("https://e.org/v1",), "GET https://e.org/", "egress.path", "https://e.org"),
    ],
)  # fmt: skip
def test_a_denial_says_the_least_that_would_have_allowed_it(
    granted: tuple[str, ...], asked: str, rule: str, wanted: str
) -> None:
    method, _, url = asked.partition(" ")
    found = verdict(grant(*granted), url, method)

    assert (found.allowed_by, found.rule) == (None, rule)
    assert found.wanted == (wanted and f"net.http={wanted}")


@patient
@given(targets(), st.lists(related_by_kind()[1], max_size=3))
def test_what_a_denial_wants_can_be_granted_and_then_allows_it(
    target: Target, others: list[HttpAccess]
) -> None:
    granted = EgressGrant(origins=tuple(others))
    denied = judge(granted, target, has_read_private=False)
    assume(denied.wanted)

    more = parse_capability(denied.wanted, side="allowed")

    assert isinstance(more, HttpAccess)
    assert (
        judge(EgressGrant(origins=(*others, more)), target, has_read_private=False).allowed_by
        in (more, *others)
        or plain_segments(target.path) is None
    )


# Flow


@pytest.mark.claim("egress.flow")
def test_after_a_private_read_only_the_origins_of_the_rule_remain() -> None:
    granted = grant("https://e.org", "https://log.e.org", flow=["https://log.e.org/in"])

    before = verdict(granted, "https://e.org/")
    after = verdict(granted, "https://e.org/", has_read_private=True)
    beside = verdict(granted, "https://log.e.org/out", has_read_private=True)
    remaining = verdict(granted, "https://log.e.org/in/x", has_read_private=True)

    assert before.allowed_by is not None
    assert after == Verdict(allowed_by=None, rule="egress.private_flow")
    assert beside == after
    assert remaining.rule == "net.http=https://log.e.org"


@pytest.mark.claim("egress.flow")
def test_a_path_with_dots_does_not_count_as_one_that_remains() -> None:
    granted = grant("https://e.org", flow=["https://e.org/in"])

    found = verdict(granted, "https://e.org/in/../out", has_read_private=True)

    assert found.rule == "egress.private_flow"


def test_an_empty_rule_leaves_nothing_and_no_rule_leaves_everything() -> None:
    for flow, is_allowed in (([], False), (None, True)):
        found = verdict(grant("https://e.org", flow=flow), "https://e.org/", has_read_private=True)
        assert (found.allowed_by is not None) is is_allowed


def test_what_remains_is_no_grant_by_itself() -> None:
    found = verdict(grant("https://a.org", flow=["https://b.org"]), "https://b.org/")

    assert found.rule == "egress.not_granted"


# Properties

small = related_by_kind()[1]
"""Origins from so small a world that many cover each other."""


@st.composite
def related_targets(draw: st.DrawFn) -> Target:
    """Requests to that small world."""
    host = draw(st.sampled_from(("e.org", "a.e.org", "b.e.org", "a.b.e.org")))
    path = draw(st.sampled_from(("/", "/a", "/a/", "/a/b", "/ab", "/a/../b", "/%61", "/a//b")))
    port = draw(st.sampled_from((80, 443)))
    scheme = draw(st.sampled_from(("http", "https")))
    return read_target(draw(st.sampled_from(("GET", "POST"))), scheme, f"{host}:{port}", path)


@pytest.mark.claim("egress.exact-origin")
@patient
@given(st.lists(small, max_size=4), related_targets())
def test_a_plain_request_is_allowed_where_a_grant_covers_it_and_nowhere_else(
    granted: list[HttpAccess], target: Target
) -> None:
    segments = plain_segments(target.path)
    assume(segments is not None)
    asked = HttpAccess(
        scheme=target.scheme,
        host=target.host,
        port=target.port,
        path_prefix="/" + "/".join(segments or ()),
        methods=(target.method,),
    )

    found = judge(EgressGrant(origins=tuple(granted)), target, has_read_private=False)

    assert (found.allowed_by is not None) == any(covers(each, asked) for each in granted)


@pytest.mark.claim("egress.exact-origin")
@patient
@given(st.lists(small | http_accesses(st.none(), st.booleans()), max_size=4), targets())
def test_nothing_is_allowed_but_to_the_very_origin(
    granted: list[HttpAccess], target: Target
) -> None:
    found = judge(EgressGrant(origins=tuple(granted)), target, has_read_private=False).allowed_by

    if found is not None:
        assert found in granted
        assert (found.scheme, found.port) == (target.scheme, target.port)
        assert found.host == target.host or found.host == f"*.{target.host.partition('.')[2]}"
        assert found.methods is None or target.method in found.methods


@pytest.mark.claim("egress.flow")
@patient
@given(st.lists(small, max_size=3), st.lists(small, max_size=3), related_targets())
def test_a_flow_rule_only_ever_takes_away(
    granted: list[HttpAccess], remaining: list[HttpAccess], target: Target
) -> None:
    free = EgressGrant(origins=tuple(granted))
    bound = EgressGrant(origins=tuple(granted), flow=FlowRule(may_reach=tuple(remaining)))

    before = judge(free, target, has_read_private=True)
    after = judge(bound, target, has_read_private=True)

    assert judge(bound, target, has_read_private=False) == before
    assert after == before or (after.allowed_by is None and after.rule == "egress.private_flow")

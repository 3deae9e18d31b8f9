"""What a person who misspelt a capability is told."""

from __future__ import annotations

from functools import partial

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from strategies import patient

from hatchway.core.errors import ConfigError
from hatchway.policy.document import parse_policy
from hatchway.policy.grammar import parse_capability, parse_origin


def complaint(text: str) -> ConfigError:
    with pytest.raises(ConfigError) as raised:
        parse_capability(text, side="allowed")
    assert raised.value.code == "config.bad_capability"
    return raised.value


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("https://example.com", "net.http=https://example.com"),
        ("https://example.com;methods=GET", "net.http=https://example.com;methods=GET"),
        ("net=https://example.com", "net.http=https://example.com"),
        ("net.https=https://example.com", "net.http=https://example.com"),
        ("NET.HTTP=https://example.com", "net.http=https://example.com"),
        ("net.http=example.com", "net.http=https://example.com"),
        ("net.http=example.com:81/v1", "net.http=https://example.com:81/v1"),
        ("net.http=localhost:8080", "net.http=http://localhost:8080;internal"),
        ("net.http=[::1]:8080;internal", "net.http=http://[::1]:8080;internal"),
        ("net.http=*.example.com", "net.http=https://*.example.com"),
        ("net.http=HTTPS://Example.COM", "net.http=https://example.com"),
        ("net.http=https://bücher.de", "net.http=https://xn--bcher-kva.de"),
        ("net.http=https://bücher.de:81/v1", "net.http=https://xn--bcher-kva.de:81/v1"),
        ("CLOCK", "clock"),
        ("net.http=https://example.com;method=GET", "methods"),
        ("net.http=https://example.com;internals", "internal"),
        ("net.http=https://example.com;methods=post,get", "methods=GET,POST"),
    ],
)
def test_what_was_probably_meant_is_spelled_out(text: str, meant: str) -> None:
    assert complaint(text).hint == f"did you mean '{meant}'?"


@pytest.mark.parametrize(
    "host", ["faß.de", "\u212aelvin.org", "a..ü.de", "ü\u200d.de", "\ud800.de"]
)
def test_a_host_is_never_translated_into_another(host: str) -> None:
    assert complaint(f"net.http=https://{host}").hint is None


@pytest.mark.parametrize("scheme", ["ws", "wss", "ftp"])
def test_another_scheme_is_told_which_there_are(scheme: str) -> None:
    assert "the scheme is http or https" in complaint(f"net.http={scheme}://e.org").message


@pytest.mark.parametrize(
    ("text", "more"),
    [
        ("net.dns=https://e.org", "; did you mean 'net.http=https://e.org'?"),
        ("net.dns=e.org", "; did you mean 'net.http=https://e.org'?"),
        ("net.socket=e.org:x", ""),
    ],
)
def test_who_misspells_a_raw_socket_is_told_that_http_needs_none(text: str, more: str) -> None:
    said = "HTTP needs neither net.socket nor net.dns, net.http is enough"

    assert complaint(text).hint == said + more


def test_an_option_of_a_capability_without_options_has_no_near_one() -> None:
    assert complaint("fs.read=/x;shared").hint is None


# What stands before an @


@pytest.mark.parametrize(
    "text",
    [
        "https://ada:hunter2@e.org",
        "https://ada:x=hunter2@e.org",
        "//ada:hunter2@e.org",
        "net=https://ada:hunter2@e.org",
        "secret=hunter2@e.org",
        "net.http=ada:hunter2@e.org",
        "net.http=https://ada:hunter2@e.org",
        "net.http=https://ada:hunter2/x@e.org",
        "net.http=https://ada:hunter2;x@e.org",
        "net.http=https://ada;hunter2;x@e.org",
        "net.http=https://ada?hunter2@e.org",
        "net.socket=ada/hunter2@e.org:1",
        "net.dns=ada:hunter2@e.org:53",
    ],
)
def test_a_password_in_an_origin_is_not_repeated_and_secrets_are_named(text: str) -> None:
    error = complaint(text)

    assert "an origin has no user name and no password" in error.message
    assert error.hint == (
        "use secrets: the broker puts them into requests, and the tool never sees them"
    )
    assert "hunter2" not in f"{error.message} {error.hint}"


def test_an_at_sign_in_a_path_is_no_password() -> None:
    granted = parse_capability("net.http=https://e.org/@ada", side="allowed")

    assert str(granted) == "net.http=https://e.org/@ada"
    assert "a path prefix" in complaint("net.http=https://e.org/@ada/..").message


@pytest.mark.parametrize("text", ["fs.read=./a@b:c", "tool=a@b", "env=a@b"])
def test_an_at_sign_in_what_names_no_host_is_shown(text: str) -> None:
    assert text in complaint(text).message


PIECES = (
    "net.http=",
    "net.dns=",
    "net=",
    "https://",
    "ada",
    ":",
    "/",
    ";",
    "?",
    "#",
    "=",
    "*.",
    ".",
)


@patient
@given(st.lists(st.sampled_from(PIECES), max_size=8).map("".join))
@example("net.http=https://")
@example("https://ada/=")
def test_no_password_is_shown_whatever_stands_around_it(start: str) -> None:
    text = f"{start}hunter2@e.org"
    complaints: list[ConfigError] = []

    for read in (partial(parse_capability, side="allowed"), parse_origin):
        try:
            read(text)
        except ConfigError as error:
            complaints.append(error)

    assert not [each for each in complaints if "hunter2" in f"{each.message} {each.hint}"]


# Two that cannot stand together


def test_a_contradiction_says_how_to_take_the_old_one_away() -> None:
    old = "net.http=https://e.org;methods=GET"
    text = f'version = 1\n[tools.t]\nsource = "t.wasm"\nallow = ["{old}", "net.http=https://e.org"]'

    with pytest.raises(ConfigError) as raised:
        parse_policy(text, file="p", base="/srv")

    assert raised.value.code == "config.contradiction"
    assert raised.value.hint == (f"keep one of the two; before a grant: hatchway revoke t '{old}'")

"""What a policy says about the network besides origins and secrets."""

from __future__ import annotations

from dataclasses import fields

import pytest

from hatchway.core.capability import SocketAccess
from hatchway.core.egress import EgressLimits, FlowRule, Route
from hatchway.core.errors import ConfigError
from hatchway.core.limits import GIBIBYTE, KIBIBYTE
from hatchway.policy.document import Policy, parse_policy
from hatchway.policy.network import EGRESS_KEYS


def parsed(top: str = "", tool: str = "") -> Policy:
    text = f'version = 1\n{top}\n[tools.t]\nsource = "t.wasm"\n{tool}'
    return parse_policy(text, file="p", base="/srv")


def complaint(top: str = "", tool: str = "") -> ConfigError:
    with pytest.raises(ConfigError) as raised:
        parsed(top, tool)
    assert raised.value.message.startswith("p:")
    return raised.value


# Limits

SMALLEST_AND_LARGEST = {
    "request": ('"0B"', '"4GiB"', 0, 4 * GIBIBYTE),
    "response": ('"0B"', '"64GiB"', 0, 64 * GIBIBYTE),
    "headers": ('"1KiB"', '"256KiB"', KIBIBYTE, 256 * KIBIBYTE),
    "connect": ('"1ms"', '"60s"', 0.001, 60),
    "first_byte": ('"1ms"', '"60m"', 0.001, 3600),
    "total": ('"1ms"', '"60m"', 0.001, 3600),
    "concurrent": ("1", "1000", 1, 1000),
    "per_minute": ("1", "1_000_000", 1, 1_000_000),
}
BEYOND = {
    "request": ('"-1B"', '"5GiB"'),
    "response": ('"-1B"', '"65GiB"'),
    "headers": ('"1023B"', '"257KiB"'),
    "connect": ('"0s"', '"60.1s"'),
    "first_byte": ('"0s"', '"61m"'),
    "total": ('"0s"', '"61m"'),
    "concurrent": ("0", "1001"),
    "per_minute": ("0", "1000001"),
}


def egress(line: str) -> str:
    return f"[tools.t.egress]\n{line}"


def test_every_limit_of_requests_has_a_key() -> None:
    assert SMALLEST_AND_LARGEST.keys() == BEYOND.keys() == EGRESS_KEYS.keys()
    assert {spec.attribute for spec in EGRESS_KEYS.values()} == {
        field.name for field in fields(EgressLimits)
    }


def test_every_default_lies_in_its_range() -> None:
    defaults = EgressLimits()

    assert parsed().tools["t"].egress == defaults
    for spec in EGRESS_KEYS.values():
        assert spec.smallest <= getattr(defaults, spec.attribute) <= spec.largest


@pytest.mark.parametrize("key", EGRESS_KEYS)
def test_a_limit_reaches_from_its_smallest_value_to_its_largest(key: str) -> None:
    *written, smallest, largest = SMALLEST_AND_LARGEST[key]

    found = [
        getattr(
            parsed(tool=egress(f"{key} = {value}")).tools["t"].egress, EGRESS_KEYS[key].attribute
        )
        for value in written
    ]

    assert found == [smallest, largest]


@pytest.mark.parametrize("key", EGRESS_KEYS)
def test_a_limit_beyond_its_range_is_refused_with_its_line(key: str) -> None:
    for value in BEYOND[key]:
        message = complaint(tool=egress(f"{key} = {value}")).message
        assert message.startswith(f"p:6: '{key}'")


def test_an_unknown_limit_is_refused_with_the_nearest() -> None:
    error = complaint(tool=egress('respones = "1MiB"'))

    assert (error.code, error.hint) == ("config.unknown_key", "did you mean 'response'?")


# The way out


def test_nothing_said_is_no_proxy_and_the_systems_authorities() -> None:
    assert parsed().route == Route()
    assert parsed("[egress]").route == Route()


@pytest.mark.parametrize(
    ("written", "proxy"),
    [
        ("http://proxy:3128", "http://proxy:3128"),
        ("http://PROXY.e.org:3128/", "http://proxy.e.org:3128"),
        ("https://proxy.e.org", "https://proxy.e.org:443"),
        ("http://10.0.0.1:8080", "http://10.0.0.1:8080"),
        ("http://[fd00::1]:8080", "http://[fd00::1]:8080"),
    ],
)
def test_a_proxy_has_a_host_and_a_port(written: str, proxy: str) -> None:
    assert parsed(f'[egress]\nproxy = "{written}"').route == Route(proxy=proxy)


@pytest.mark.parametrize(
    "written",
    [
        "proxy:3128", "socks5://proxy:1080", "HTTP://proxy:1", "http://proxy:1/path",
        "http://proxy:1?a=b", "http://", "http://0x7f.1:1", "http://proxy:0",
        "http://*.e.org:1", "",
    ],
)  # fmt: skip
def test_what_is_no_proxy_is_refused_with_its_line(written: str) -> None:
    assert complaint(f'[egress]\nproxy = "{written}"').message.startswith("p:3: 'proxy': ")


def test_a_proxy_that_is_no_text_is_refused() -> None:
    assert "expected http://HOST:PORT" in complaint("[egress]\nproxy = 5").message


def test_a_proxys_password_is_not_supported_and_not_shown() -> None:
    error = complaint('[egress]\nproxy = "http://ada:hunter2@proxy:3128"')

    assert "a name and a password for a proxy are not supported" in error.message
    assert "hunter2" not in f"{error.message} {error.hint}"


@pytest.mark.parametrize(
    ("written", "file"), [("ca.pem", "/srv/ca.pem"), ("/etc/ssl/ca.pem", "/etc/ssl/ca.pem")]
)
def test_authorities_are_a_file_beside_the_policy_or_an_absolute_one(
    written: str, file: str
) -> None:
    assert parsed(f'[egress]\nauthorities = "{written}"').route == Route(authorities=file)


@pytest.mark.parametrize("written", ["", "a\\nb"])
def test_authorities_without_a_plain_name_are_refused(written: str) -> None:
    error = complaint(f'[egress]\nauthorities = "{written}"')

    assert error.message == "p:3: 'authorities' is the name of a file"


def test_an_unknown_key_of_the_way_out_is_refused() -> None:
    assert complaint('[egress]\nno_proxy = "x"').code == "config.unknown_key"


# Flow


def test_without_a_word_about_it_there_is_no_flow_rule() -> None:
    assert parsed().flow is None


def test_an_empty_list_leaves_nothing() -> None:
    assert parsed("[flow]\nafter_private = []").flow == FlowRule()


def test_what_remains_is_spelled_like_an_origin() -> None:
    far = parsed('[flow]\nafter_private = ["tcp://db.e.org:5432"]').flow
    assert far == FlowRule(may_reach=(SocketAccess(kind="socket", host="db.e.org", port=5432),))
    flow = parsed('[flow]\nafter_private = ["https://log.e.org/in", "https://*.w.org"]').flow

    assert flow is not None
    assert [str(origin) for origin in flow.may_reach] == [
        "net.http=https://log.e.org/in",
        "net.http=https://*.w.org",
    ]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("", "[flow] needs 'after_private'"),
        ('after_private = "https://e.org"', "must be an array of strings"),
        ("after_private = [5]", "expected a string"),
        ('after_private = ["e.org"]', "expected an origin"),
        ('after_private = ["https://*.org"]', "too wide"),
        ('after_private = ["https://e.org;internal"]', "has no options"),
        ('after_private = ["tcp://e.org"]', "expected tcp://HOST:PORT"),
        ('after_private = ["tcp://e.org:0"]', "expected a port"),
        ("after_private = [" + '"https://e.org",' * 257 + "]", "may name 256 origins, got 257"),
        ("after_secret = []", "unknown key"),
    ],
)
def test_what_is_no_flow_rule_is_refused(line: str, why: str) -> None:
    assert why in complaint(f"[flow]\n{line}").message

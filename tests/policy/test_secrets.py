"""Which secret goes where, and what a policy may not say about it."""

from __future__ import annotations

from typing import Any

import pytest

from hatchway.core.capability import HttpAccess
from hatchway.core.egress import BoundSecret
from hatchway.core.errors import ConfigError
from hatchway.core.secret import Secret
from hatchway.policy.document import parse_policy
from hatchway.policy.secrets import SecretCommands, SecretRule

ORIGIN = HttpAccess(scheme="https", host="e.org", port=443)
ALLOW = ("https://e.org/v1;methods=GET", "https://*.w.org", "http://db:81;internal", "http://e.org")


def secret(**changed: Any) -> str:
    """One secret as a policy spells it; None leaves a key out."""
    facts = {"name": "KEY", "from": "env:KEY", "to": "https://e.org"} | changed
    inside = ", ".join(f"{key} = {value!r}" for key, value in facts.items() if value is not None)
    return "{" + inside + "}"


def policy_text(*secrets: str, allow: tuple[str, ...] = ALLOW) -> str:
    allowed = ", ".join(f'"net.http={scope}"' for scope in allow)
    written = ",\n".join(secrets)
    return (
        f'version = 1\n[tools.t]\nsource = "t.wasm"\nallow = [{allowed}]\nsecrets = [\n{written}]'
    )


def rules(*secrets: str, commands: SecretCommands = "refuse") -> tuple[SecretRule, ...]:
    text = policy_text(*secrets)
    return parse_policy(text, file="p", base="/srv", commands=commands).tools["t"].secrets


def complaint(*secrets: str, **more: Any) -> ConfigError:
    with pytest.raises(ConfigError) as raised:
        rules(*secrets, **more)
    assert raised.value.message.startswith("p:")
    return raised.value


def test_a_secret_is_read_with_everything_explicit() -> None:
    assert rules(secret()) == (
        SecretRule(
            name="KEY",
            kind="env",
            source="KEY",
            origin=ORIGIN,
            header="authorization",
            template="{}",
        ),
    )


def test_a_secret_knows_its_line() -> None:
    assert [rule.line for rule in rules(secret(), secret(name="B", header="x-b"))] == [6, 7]


def test_a_tool_without_secrets_has_none() -> None:
    assert rules() == ()


@pytest.mark.parametrize(
    ("written", "kind", "source"),
    [
        ("env:API_KEY", "env", "API_KEY"),
        ("file:key.txt", "file", "/srv/key.txt"),
        ("file:../key.txt", "file", "/key.txt"),
        ("file:/run/secrets/a:b", "file", "/run/secrets/a:b"),
        ("keyring:hatchway/ada", "keyring", "hatchway/ada"),
        ("keyring:https://e.org/x/ada", "keyring", "https://e.org/x/ada"),
    ],
)
def test_a_value_comes_from_one_place(written: str, kind: str, source: str) -> None:
    (rule,) = rules(secret(**{"from": written}))

    assert (rule.kind, rule.source) == (kind, source)


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("hunter2", "'from' starts with one of env:, file:, keyring:, command:"),
        ("vault:hunter2", "'from' starts with one of env:, file:, keyring:, command:"),
        ("ENV:KEY", "'from' starts with one of env:"),
        ("env:", "'from' says what to take after 'env:'"),
        ("env:A-B", "'A-B' is not a variable's name"),
        ("env:$KEY", "'$KEY' is not a variable's name"),
        ("file:", "'from' says what to take after 'file:'"),
        ("keyring:hatchway", "expected keyring:SERVICE/USER"),
        ("keyring:/ada", "expected keyring:SERVICE/USER"),
        ("keyring:hatchway/", "expected keyring:SERVICE/USER"),
    ],
)
def test_a_place_that_is_none_is_refused_and_never_shown_where_it_may_be_the_secret(
    written: str, why: str
) -> None:
    error = complaint(secret(**{"from": written}))

    assert why in error.message
    assert "hunter2" not in error.message


def test_a_file_has_no_control_characters_in_its_name() -> None:
    text = policy_text('{ name = "A", from = "file:a\\nb", to = "https://e.org" }')

    with pytest.raises(ConfigError, match="on one line"):
        parse_policy(text, file="p", base="/srv")


# Commands

COMMAND = "command:/usr/bin/pass show 'api key'"


@pytest.mark.claim("egress.secrets")
def test_a_command_is_refused_but_in_the_users_own_policy() -> None:
    error = complaint(secret(**{"from": COMMAND}))

    assert error.code == "config.command_secret"
    assert error.hint is not None
    assert "configuration directory" in error.hint


def test_a_command_of_the_users_own_is_kept_as_it_was_written() -> None:
    (rule,) = rules(secret(**{"from": COMMAND}), commands="run")

    assert (rule.kind, rule.source) == ("command", "/usr/bin/pass show 'api key'")


@pytest.mark.parametrize("line", ["pass show key", "./pass", "/usr/bin/pass 'show", " ", "~/pass"])
def test_a_command_starts_with_an_absolute_path(line: str) -> None:
    text = policy_text(f'{{ name = "A", from = "command:{line}", to = "https://e.org" }}')

    with pytest.raises(ConfigError, match="absolute path of a program; no shell reads it"):
        parse_policy(text, file="p", base="/srv", commands="run")


# Where it goes


@pytest.mark.claim("egress.secrets")
@pytest.mark.parametrize(
    ("to", "why"),
    [
        ("https://a.e.org", "an origin that 'allow' names"),
        ("https://e.org:444", "an origin that 'allow' names"),
        ("https://a.w.org", "an origin that 'allow' names"),
        ("https://db:81", "an origin that 'allow' names"),
        ("https://*.w.org", "'to' is one exact origin"),
        ("https://e.org/v1", "'to' is one exact origin"),
        ("https://e.org;methods=GET", "'to' is an origin without options"),
        (
            "http://e.org",
            "a secret goes over https, or to an origin that is granted with ;internal",
        ),
        ("e.org", "expected an origin"),
        ("https://user@e.org", "no user name and no password"),
    ],
)
def test_a_secret_goes_to_one_granted_origin_over_tls(to: str, why: str) -> None:
    assert why in complaint(secret(to=to)).message


def test_a_secret_goes_in_the_clear_where_every_grant_of_that_origin_is_internal() -> None:
    (rule,) = rules(secret(to="http://db:81"))
    mixed = policy_text(secret(to="http://db"), allow=("http://db;internal", "http://db/a"))

    assert str(rule.origin) == "net.http=http://db:81"
    with pytest.raises(ConfigError, match="a secret goes over https"):
        parse_policy(mixed, file="p", base="/")


@pytest.mark.parametrize(
    ("to", "grant"),
    [
        ("https://a.org", "net.http=https://a.org"),
        ("https://a.w.org", "net.http=https://a.w.org"),
        ("http://localhost:81", "net.http=http://localhost:81;internal"),
    ],
)
def test_the_hint_names_the_grant_that_is_missing(to: str, grant: str) -> None:
    error = complaint(secret(to=to))

    assert error.hint == f'add "{grant}" to allow; a wildcard does not count'
    assert "net.http=" not in error.message


def test_a_secret_in_the_clear_is_answered_with_both_ways_out() -> None:
    assert complaint(secret(to="http://e.org")).hint == (
        "use https; or, where the host is in your own network, "
        'change "net.http=http://e.org" in allow to "net.http=http://e.org;internal"'
    )


@pytest.mark.parametrize(
    ("to", "hint"),
    [
        ("localhost:43935", "did you mean 'http://localhost:43935'?"),
        ("e.org", "did you mean 'https://e.org'?"),
        ("", None),
        ("wss://e.org", 'to = "https://api.example.com"'),
    ],
)
def test_what_is_no_origin_is_spoken_of_as_an_origin(to: str, hint: str | None) -> None:
    error = complaint(secret(to=to))

    assert "net.http" not in error.message
    assert hint is None or error.hint == hint


@pytest.mark.parametrize(
    "to", ["https://ada:hunter2@e.org", "https://ada/hunter2@e.org", "ada:hunter2@e.org"]
)
def test_what_stands_before_an_at_sign_is_not_shown(to: str) -> None:
    error = complaint(secret(to=to))

    assert "hunter2" not in f"{error.message} {error.hint}"


# How it travels


@pytest.mark.parametrize(
    ("written", "header"),
    [("Authorization", "authorization"), ("X-API-Key", "x-api-key"), ("Cookie", "cookie")],
)
def test_a_header_is_kept_in_lower_case(written: str, header: str) -> None:
    assert [rule.header for rule in rules(secret(header=written))] == [header]


@pytest.mark.parametrize(
    "header", ["", "a b", "a:", "a\tb", "é", "\u212aey", "(a)", "a" * 64 + "b"]
)
def test_a_header_has_the_name_of_a_field(header: str) -> None:
    text = policy_text(secret(header=None)).replace("}", f', header = "{header}" }}')

    with pytest.raises(ConfigError, match=r"'header'|header field"):
        parse_policy(text.replace("\t", "\\t"), file="p", base="/")


@pytest.mark.parametrize(
    "header",
    [
        "Host", "Content-Length", "Connection", "Keep-Alive", "Proxy-Authorization", "TE",
        "Proxy-Authenticate", "Proxy-Connection", "Trailer", "Transfer-Encoding", "Upgrade",
        "Expect", "HTTP2-Settings",
    ],
)  # fmt: skip
def test_a_header_that_frames_or_routes_a_message_holds_no_secret(header: str) -> None:
    assert "no secret can travel in the field" in complaint(secret(header=header)).message


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("", "'value' has one '{}'"),
        ("hunter2", "'value' has one '{}'"),
        ("{}{}", "'value' has one '{}'"),
        ("{0}", "'value' has one '{}'"),
        (" {}", "visible ASCII, without spaces around it"),
        ("{} ", "visible ASCII, without spaces around it"),
        ("é {}", "visible ASCII"),
    ],
)
def test_a_template_has_one_place_and_nothing_that_ends_a_field(value: str, why: str) -> None:
    error = complaint(secret(value=value))

    assert why in error.message
    assert "hunter2" not in error.message


def test_a_template_holds_no_line_break() -> None:
    text = policy_text(
        '{ name = "A", from = "env:A", to = "https://e.org", value = "{}\\r\\nX: y" }'
    )

    with pytest.raises(ConfigError, match="visible ASCII"):
        parse_policy(text, file="p", base="/")


def test_a_template_may_hold_anything_else() -> None:
    (rule,) = rules(secret(value='Bearer token="{}", {x}'))

    assert rule.template == 'Bearer token="{}", {x}'


# Names, and two that cannot stand together


@pytest.mark.parametrize("name", ["", "key", "KEY-1", "1KEY", "_KEY", "KÉY", "K" * 65, "K Y"])
def test_a_name_has_capital_letters(name: str) -> None:
    assert "name" in complaint(secret(name=name)).message


@pytest.mark.parametrize("key", ["name", "from", "to"])
def test_a_secret_needs_name_source_and_origin(key: str) -> None:
    error = complaint(secret(**{key: None}))

    assert f"a secret needs '{key}'" in error.message
    assert error.hint is not None
    assert error.hint.startswith("secrets = [")


@pytest.mark.parametrize(
    ("second", "why"),
    [
        (secret(), "there are two secrets called KEY"),
        (secret(header="cookie"), "there are two secrets called KEY"),
        (secret(name="B"), "KEY and B would be put into the same field"),
        (secret(name="B", header="AUTHORIZATION"), "KEY and B would be put into the same field"),
    ],
)
def test_two_secrets_that_exclude_each_other_are_refused(second: str, why: str) -> None:
    error = complaint(secret(), second)

    assert (error.code, error.message.startswith("p:7: ")) == ("config.contradiction", True)
    assert why in error.message


def test_two_secrets_for_two_fields_or_two_origins_stand_together() -> None:
    found = rules(secret(), secret(name="B", header="cookie"), secret(name="C", to="http://db:81"))

    assert [rule.name for rule in found] == ["KEY", "B", "C"]


def test_a_tool_has_a_bounded_number_of_secrets() -> None:
    many = [secret(name=f"K{number}", header=f"x-{number}") for number in range(33)]

    assert len(rules(*many[:32])) == 32
    assert "a tool may have 32 secrets, got 33" in complaint(*many).message


def test_an_unknown_key_of_a_secret_is_refused_with_the_nearest() -> None:
    error = complaint(secret(form="env:A"))

    assert (error.code, error.hint) == ("config.unknown_key", "did you mean 'from'?")


def test_a_rule_with_its_value_goes_where_the_rule_says_and_does_not_show_it() -> None:
    value = Secret("hunter2")
    (rule,) = rules(secret(header="X-Key", value="Bearer {}"))

    bound = rule.bound(value)

    assert bound == BoundSecret(
        name="KEY",
        scheme="https",
        host="e.org",
        port=443,
        header="x-key",
        template="Bearer {}",
        secret=value,
    )
    assert "hunter2" not in repr(bound)

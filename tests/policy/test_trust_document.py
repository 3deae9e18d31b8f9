"""The `[trust]` table: strict, and never able to say "anybody"."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trust_words import ADA, BASE, BEA, CI, DIGEST, key_line, trust_table

from hatchway.core.errors import ConfigError
from hatchway.policy.document import parse_policy
from hatchway.policy.trust import (
    NOTHING_ASKED,
    AllowedSigner,
    IdentitySigner,
    KeySigner,
    Signatures,
    Trust,
    trusted,
)


def parsed(text: str) -> Trust:
    return parse_policy(f"version = 1\n{text}", file="hatchway.toml", base=BASE).trust


def refused(text: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        parsed(text)
    return caught.value


def test_a_policy_without_the_table_asks_nothing() -> None:
    assert parsed("") == parsed("[trust]\n") == NOTHING_ASKED


def test_every_key_is_understood() -> None:
    found = parsed(
        f"""
[trust]
mode = "report"
minimum_grade = "C"
revoked = ["{DIGEST}", "{BEA}", "{CI}"]

[[trust.rules]]
match = "oci://ghcr.io/acme/*"
require = "any"
manifest = "beside"
minimum_grade = "A"
until = 2027-12-31
signers = [
    {{ key = "{key_line(ADA)}", until = 2027-06-30 }},
    {{ identity = "{CI.identity}", issuer = "{CI.issuer}" }},
]
"""
    )

    (rule,) = found.rules
    assert (found.mode, found.minimum_grade) == ("report", "C")
    assert found.revoked == {DIGEST, str(BEA), str(CI)}
    assert found.revoked_signers == (CI,)
    assert (rule.match, rule.require, rule.manifest) == ("oci://ghcr.io/acme/*", "any", "beside")
    assert (rule.minimum_grade, rule.until, rule.line) == ("A", date(2027, 12, 31), 8)
    assert rule.signers == (
        AllowedSigner(signer=ADA, until=date(2027, 6, 30)),
        AllowedSigner(signer=CI),
    )


def test_the_defaults_are_the_strict_ones() -> None:
    found = parsed(trust_table())

    assert (found.mode, found.minimum_grade, found.revoked) == ("enforce", None, frozenset())
    (rule,) = found.rules
    assert (rule.require, rule.manifest, rule.minimum_grade, rule.until) == (
        "all",
        "inside",
        None,
        None,
    )


@pytest.mark.claim("trust.revoked")
@given(st.text("ab@:/.*", max_size=8), st.text("ab@:/.?*", max_size=8))
def test_a_revoked_identity_is_the_one_that_a_rule_names_and_no_other(
    identity: str, rest: str
) -> None:
    named = f'{{ identity = "{identity}", issuer = "https://x{rest}" }}'
    try:
        (rule,) = parsed(trust_table(signers=f"[{named}]")).rules
    except ConfigError:
        return
    (signer,) = (each.signer for each in rule.signers)

    assert parsed(f'[trust]\nrevoked = ["{signer}"]').revoked_signers == (signer,)


def test_a_revoked_key_that_a_rule_names_is_looked_for() -> None:
    found = parsed(f'[trust]\nrevoked = ["{ADA}", "{BEA}"]\n{trust_table()}')

    assert found.revoked_signers == (ADA,)


KEY = key_line(ADA)
ISSUER = "https://issuer.example"
OF_SMALL_ORDER = "MCowBQYDK2VwAyEAAQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
MANY = [f'{{ identity = "{number}", issuer = "{ISSUER}" }}' for number in range(33)]
SIGNERS = {
    "none": "[]",
    "an empty one": "[{}]",
    "only a last day": "[{ until = 2027-01-01 }]",
    "an identity without an issuer": '[{ identity = "a@b.example" }]',
    "an issuer without an identity": f'[{{ issuer = "{ISSUER}" }}]',
    "an empty identity": f'[{{ identity = "", issuer = "{ISSUER}" }}]',
    "an empty issuer": '[{ identity = "a@b.example", issuer = "" }]',
    "a wildcard": f'[{{ identity = "*", issuer = "{ISSUER}" }}]',
    "a wildcard within": f'[{{ identity = "*@b.example", issuer = "{ISSUER}" }}]',
    "a wildcard issuer": '[{ identity = "a@b.example", issuer = "*" }]',
    "any issuer": '[{ identity = "a@b.example", issuer = "https://*" }]',
    "an issuer without https": '[{ identity = "a@b.example", issuer = "http://issuer.example" }]',
    "an issuer with an @": '[{ identity = "a@b.example", issuer = "https://x.example/@y" }]',
    "an issuer with a query": '[{ identity = "a@b.example", issuer = "https://x.example/?a" }]',
    "a blank": f'[{{ identity = " ", issuer = "{ISSUER}" }}]',
    "a hidden character": f'[{{ identity = "a\\u200b@b.example", issuer = "{ISSUER}" }}]',
    "a letter of another script": f'[{{ identity = "\u0430@b.example", issuer = "{ISSUER}" }}]',
    "a pattern": f'[{{ identity = "a@b.example", issuer = "{ISSUER}", subject = ".*" }}]',
    "both": f'[{{ key = "{KEY}", identity = "a@b.example", issuer = "{ISSUER}" }}]',
    "an empty key": '[{ key = "" }]',
    "a wildcard key": '[{ key = "*" }]',
    "a fingerprint": f'[{{ key = "{ADA}" }}]',
    "a key of which everybody has the other half": f'[{{ key = "{OF_SMALL_ORDER}" }}]',
    "a number": "[1]",
    "a table": "{}",
    "the same twice": f'[{{ key = "{KEY}" }}, {{ key = "{KEY}", until = 2027-01-01 }}]',
    "too many": f"[{', '.join(MANY)}]",
}


@pytest.mark.claim("trust.nobody-is-anybody")
@pytest.mark.parametrize("what", SIGNERS)
def test_a_rule_that_could_mean_anybody_is_refused(what: str) -> None:
    error = refused(trust_table(signers=SIGNERS[what]))

    assert error.code in ("config.invalid", "config.unknown_key", "config.contradiction")
    assert error.message.startswith("hatchway.toml:4: ")


@pytest.mark.claim("trust.nobody-is-anybody")
def test_a_rule_without_signers_is_refused() -> None:
    assert "without one it would mean anybody" in refused('[[trust.rules]]\nmatch = "*"\n').message


@pytest.mark.parametrize(
    "match",
    [
        "",
        "oci://ghcr.io*",
        "oci://GHCR.io/*",
        "tools/*",
        "a\\tb",
        "./a\\u200bb",
        "./a\\u00a0b",
        "file:*",
    ],
)
def test_a_pattern_that_is_not_spelled_in_the_one_way_is_refused(match: str) -> None:
    error = refused(trust_table(match=match))

    assert error.message.startswith("hatchway.toml:3: ")
    assert error.hint is not None


def test_a_rule_without_a_place_is_refused() -> None:
    assert "needs 'match'" in refused('[[trust.rules]]\nsigners = [{ key = "x" }]\n').message


@pytest.mark.claim("trust.default-deny")
@pytest.mark.parametrize(
    ("one", "other"),
    [("*", "*"), ("oci://ghcr.io/acme/*", "oci://ghcr.io/acme/*"), ("./a/*", "/srv/project/a/*")],
)
def test_two_rules_that_are_equally_specific_are_refused(one: str, other: str) -> None:
    error = refused(trust_table(match=one) + trust_table(match=other))

    assert error.code == "config.contradiction"
    assert error.message.endswith("is matched by [[trust.rules]] on line 2 already")


@pytest.mark.parametrize(
    "line",
    [
        'mode = "off"',
        "mode = true",
        'minimum_grade = "F"',
        'minimum_grade = "a"',
        'minimum_grade = ""',
        'revoked = "sha256:00"',
        'revoked = ["sha256:00"]',
        'revoked = ["*"]',
        'revoked = ["key:SHA256:00"]',
        'revoked = ["identity:a@b.example"]',
        'revoked = ["identity:*@https://issuer.example"]',
        f'revoked = ["identity:a@{ISSUER}{"x" * 4096}"]',
        "rule = []",
        "rules = {}",
        "rules = [1]",
    ],
)
def test_a_key_of_the_table_that_says_nothing_sensible_is_refused(line: str) -> None:
    assert refused(f"[trust]\n{line}\n").message.startswith("hatchway.toml:3: ")


@pytest.mark.parametrize(
    "line",
    [
        'require = "some"',
        'manifest = "anywhere"',
        'minimum_grade = "F"',
        'until = "2027-01-01"',
        "until = 2027-01-01T00:00:00",
        "until = 2027",
        "mode = 'report'",
    ],
)
def test_a_key_of_a_rule_that_says_nothing_sensible_is_refused(line: str) -> None:
    assert refused(trust_table(line)).message.startswith("hatchway.toml:5: ")


def test_more_revoked_signers_than_anybody_checks_are_refused() -> None:
    revoked = ", ".join(f'"identity:{number}@{ISSUER}"' for number in range(33))

    assert "got 33" in refused(f"[trust]\nrevoked = [{revoked}]\n").message


values = st.recursive(
    st.one_of(
        st.sampled_from(
            ['"*"', '""', f'"{KEY}"', f'"{ISSUER}"', '"a@b.example"', "2027-01-01", "true"]
        )
    ),
    lambda inner: st.lists(
        st.tuples(st.sampled_from(["key", "identity", "issuer", "until"]), inner),
        max_size=3,
        unique_by=lambda pair: pair[0],
    ).map(lambda pairs: "{ " + ", ".join(f"{key} = {value}" for key, value in pairs) + " }"),
    max_leaves=3,
)


@pytest.mark.claim("trust.nobody-is-anybody")
@given(st.lists(values, max_size=3))
def test_whatever_signers_say_an_unsigned_artifact_never_meets_it(signers: list[str]) -> None:
    text = trust_table(signers=f"[{', '.join(signers)}]")
    try:
        asked = parsed(text)
    except ConfigError:
        return

    found = trusted(
        "./a.wasm", "/srv/project/a.wasm", Signatures(digest=DIGEST), "A", date(2026, 11, 20), asked
    )

    assert not found.is_trusted
    for rule in asked.rules:
        for each in rule.signers:
            assert isinstance(each.signer, KeySigner | IdentitySigner)
            assert "*" not in str(each.signer)

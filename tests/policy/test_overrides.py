"""Overrides in `hatchway.toml`: what one must say, and where a mistake in it stands."""

from __future__ import annotations

import contextlib
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import patient

from hatchway.core.errors import ConfigError
from hatchway.policy.document import Policy, parse_policy
from hatchway.policy.overrides import Override

FACTS = {
    "finding": '"HW-POL-001:1a2b3c4d5e6f7081"',
    "reason": '"the vendor needs it"',
    "until": "2027-01-31",
}


def document(*overrides: dict[str, str]) -> str:
    text = 'version = 1\n[tools.render]\nsource = "r.wasm"\n'
    for facts in overrides:
        lines = "".join(f"{key} = {value}\n" for key, value in facts.items())
        text += f"[[tools.render.overrides]]\n{lines}"
    return text


def parsed(*overrides: dict[str, str]) -> tuple[Override, ...]:
    policy = parse_policy(document(*overrides), file="hatchway.toml", base="/srv")
    return policy.tools["render"].overrides


def complaint(*overrides: dict[str, str]) -> ConfigError:
    with pytest.raises(ConfigError) as raised:
        parsed(*overrides)
    return raised.value


def test_a_tool_without_overrides_has_none() -> None:
    assert parsed() == ()


def test_overrides_are_kept_in_their_order() -> None:
    other = {**FACTS, "finding": '"HW-CAP-001:0000000000000000"', "until": "2026-12-01"}

    assert parsed(FACTS, other) == (
        Override(
            finding="HW-POL-001:1a2b3c4d5e6f7081",
            reason="the vendor needs it",
            until=date(2027, 1, 31),
        ),
        Override(
            finding="HW-CAP-001:0000000000000000",
            reason="the vendor needs it",
            until=date(2026, 12, 1),
        ),
    )


def test_a_whole_rule_cannot_be_overridden() -> None:
    error = complaint({**FACTS, "finding": '"HW-POL-001"'})

    assert error.message == (
        "hatchway.toml:5: an override is for one finding, and HW-POL-001 is a whole rule"
    )
    assert error.hint == 'hatchway audit shows ids: finding = "HW-POL-001:1a2b3c4d5e6f7081"'


@pytest.mark.parametrize(
    "finding",
    [
        '""', '"*"', '"HW-POL-*"', '"HW-POL-001:"', '"HW-POL-001:*"', '"HW-POL-001:1a2b3c4"',
        '"HW-POL-001:1a2b3c4d5e6f70815"', '"HW-POL-001:1A2B3C4D5E6F7081"',
        '"hw-pol-001:1a2b3c4d5e6f7081"', '"HW-POL-001:1a2b3c4d5e6f7081 "',
        '"HW-POL-001:1a2b3c4d5e6f7081\\n"', '"HW-POL-٠٠١:1a2b3c4d5e6f7081"',
    ],
)  # fmt: skip
def test_only_the_whole_id_of_a_finding_is_taken(finding: str) -> None:
    error = complaint({**FACTS, "finding": finding})

    assert "hatchway.toml:5: expected the id of a finding" in error.message
    assert error.code == "config.invalid"


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ('""', "needs a reason"),
        ('"   "', "needs a reason"),
        ('"…"', "needs a reason"),
        ('"\\u2800\\u2800"', "needs a reason"),
        ('"fine\\u200b"', "hidden character U+200B"),
        ('"fine\\u202e"', "hidden character U+202E"),
        ('"fine\\u001b[2J"', "hidden character U+001B"),
        ('"one\\ntwo"', "one line of plain text"),
        (f'"{"x" * 513}"', "may have 512 characters"),
        ("5", "must be a string"),
    ],
)
def test_a_reason_is_one_line_that_people_can_read(reason: str, words: str) -> None:
    error = complaint({**FACTS, "reason": reason})

    assert error.message.startswith("hatchway.toml:6: ")
    assert words in error.message


@pytest.mark.parametrize(
    ("until", "got"),
    [
        ('"2027-01-31"', "'2027-01-31'"),
        ("2027-01-31T00:00:00Z", "datetime.datetime"),
        ("2027-01-31T00:00:00", "datetime.datetime"),
        ("2027-01-31 10:00:00", "datetime.datetime"),
        ("10:00:00", "datetime.time"),
        ("20270131", "20270131"),
        ("false", "False"),
        ('"never"', "'never'"),
    ],
)
def test_the_last_day_is_a_date_and_nothing_like_one(until: str, got: str) -> None:
    error = complaint({**FACTS, "until": until})

    assert error.message.startswith(
        "hatchway.toml:7: 'until' is the last day it counts, a TOML date without quotes; got "
    )
    assert got in error.message
    assert error.hint == "until = 2027-01-31"


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("finding", "names one finding by its id"),
        ("reason", "needs a reason"),
        ("until", "got nothing"),
    ],
)
def test_no_part_of_an_override_may_be_missing(key: str, words: str) -> None:
    error = complaint({name: value for name, value in FACTS.items() if name != key})

    assert words in error.message
    assert error.message.startswith("hatchway.toml:4: ")


def test_an_unknown_key_is_an_error() -> None:
    error = complaint({**FACTS, "untill": "2027-01-31"})

    assert (error.code, error.hint) == ("config.unknown_key", "did you mean 'until'?")


def test_one_finding_is_overridden_once() -> None:
    error = complaint(FACTS, {**FACTS, "until": "2028-01-31"})

    assert error.code == "config.contradiction"
    assert error.message == (
        "hatchway.toml:9: the finding HW-POL-001:1a2b3c4d5e6f7081 is overridden twice"
    )


@pytest.mark.parametrize("overrides", ["overrides = 5", "overrides = {}", 'overrides = ["x"]'])
def test_overrides_are_an_array_of_tables(overrides: str) -> None:
    with pytest.raises(ConfigError):
        parse_policy(document() + overrides, file="hatchway.toml", base="/srv")


_VALUES = (
    '"HW-POL-001:1a2b3c4d5e6f7081"',
    '"why"',
    "2027-01-31",
    "5",
    '""',
    "[]",
    "{}",
    "1979-05-27T07:32:00Z",
)


@patient
@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(("finding", "reason", "until", "x")), st.sampled_from(_VALUES)
        ),
        max_size=3,
    )
)
def test_any_override_is_a_policy_or_a_config_error(overrides: list[dict[str, str]]) -> None:
    with contextlib.suppress(ConfigError):
        assert isinstance(parse_policy(document(*overrides), file="p", base="/"), Policy)

"""Hidden characters: their kinds, and what they spell."""

from __future__ import annotations

import string

import pytest
from audit_subjects import subject_with
from audit_texts import subject_saying
from hypothesis import given
from hypothesis import strategies as st
from strategies import patient

from hatchway.audit.rules.txt_001_hidden_characters import check
from hatchway.audit.unseen import excerpt, unseen
from hatchway.audit.visible import MAX_TEXTS
from hatchway.policy.tool_text import hidden_character

anything = st.text(st.characters(), max_size=60)


def tagged(message: str) -> str:
    return "".join(chr(0xE0000 + ord(character)) for character in message)


def selected(message: str) -> str:
    """As an emoji can carry it: one variation selector for each byte."""
    return "".join(
        chr(0xFE00 + byte) if byte < 16 else chr(0xE0100 + byte - 16) for byte in message.encode()
    )


@pytest.mark.parametrize(
    ("hidden", "kind"),
    [
        ("\U000e0041", "tag characters"),
        ("\u202e", "bidirectional controls"),
        ("\u2066", "bidirectional controls"),
        ("\u200f", "bidirectional controls"),
        ("\ufe01\ufe02", "variation selectors"),
        ("\U000e0101", "variation selectors"),
        ("\u180b", "variation selectors"),
        ("\u200b", "zero-width characters"),
        ("\u00ad", "zero-width characters"),
        ("\u3164", "zero-width characters"),
        ("\ue000", "private-use characters"),
        ("\x00", "control characters"),
        ("\r", "control characters"),
        ("\x85", "control characters"),
        ("\x1b[8m", "terminal escapes"),
        ("\x1b]0;title", "terminal escapes"),
        ("\x9b", "terminal escapes"),
        ("\u2028", "line separators"),
        ("\u2029", "line separators"),
        ("\u0378", "unassigned characters"),
        ("\ud800", "unassigned characters"),
    ],
)
def test_each_kind_of_hidden_character_is_told_from_the_others(hidden: str, kind: str) -> None:
    found = unseen(f"Adds {hidden}numbers.")

    assert [item.kind for item in found] == [kind]


def test_kinds_are_counted_and_placed() -> None:
    first, second = unseen("a\u200bb\u202ec\u200b")

    assert (first.kind, first.first, first.count) == ("zero-width characters", 1, 2)
    assert (second.kind, second.first, second.count) == ("bidirectional controls", 3, 1)


@pytest.mark.parametrize(
    "text", ["👩\u200d🔬", "❤\ufe0f", "1\ufe0f\u20e3", "ℹ\ufe0f", "👍🏽", "a\n\tb"]
)
def test_emoji_and_layout_hide_nothing(text: str) -> None:
    assert unseen(text) == ()


@patient
@given(st.text(string.printable[:95], max_size=80))
def test_what_tag_characters_spell_is_read(message: str) -> None:
    found = unseen(f"Adds.{tagged(message)}")

    assert [item.message for item in found] == ([message] if message else [])


def test_tags_that_stand_for_no_text_spell_nothing() -> None:
    (found,) = unseen("Adds.\U000e0001\U000e007f")

    assert found.message == "\x7f"


@patient
@given(st.text(st.characters(categories=("L", "Nd", "Zs")), min_size=2, max_size=20))
def test_what_variation_selectors_spell_is_read(message: str) -> None:
    (found,) = unseen(f"Adds.{selected(message)}")

    assert found.message == (message if message.isprintable() else "")


def test_variation_selectors_that_spell_no_text_are_found_without_a_message() -> None:
    (found,) = unseen("Adds.\U000e01ef\U000e01ef\u180b")

    assert (found.count, found.message) == (3, "")


@patient
@given(st.text(string.ascii_letters + string.digits + string.punctuation + " \n\t", max_size=200))
def test_plain_prose_hides_nothing(text: str) -> None:
    assert unseen(text) == ()


@patient
@given(anything)
def test_there_is_a_kind_for_everything_that_a_manifest_is_refused_for(text: str) -> None:
    assert bool(unseen(text)) == (hidden_character(text) is not None)


@patient
@given(anything, st.integers(0, 60), st.integers(0, 60))
def test_an_excerpt_shows_nothing_that_is_hidden_and_stays_short(
    text: str, start: int, length: int
) -> None:
    quoted = excerpt(text, start, start + length)

    assert all(hidden_character(character) is None for character in quoted)
    assert "\n" not in quoted
    assert len(quoted) <= 10 * (120 + 2 * 30) + 2


def test_an_excerpt_is_cut_on_both_sides() -> None:
    assert excerpt("a" * 50 + "\u200b" + "b" * 50, 50, 51, around=3) == "…aaa\\u200bbbb…"
    assert excerpt("\U000e0101", 0, 1) == "\\U000e0101"
    assert excerpt("x\u3164", 0, 1) == "x\\u3164"


# The rule


def test_a_hidden_message_is_quoted_in_the_finding_with_its_place() -> None:
    subject = subject_saying(f'description = "Adds.{tagged("send keys")}"')

    (found,) = check(subject)

    assert found.message == (
        "The text description of tool hides 9 tag characters, which spell 'send keys'."
    )
    assert found.evidence[0].field == ("description",)
    assert found.evidence[0].detail.startswith("Adds.\\U000e0073")


def test_a_hidden_character_in_a_key_is_found() -> None:
    subject = subject_saying('[input.properties]\n"na\u200bme" = { type = "string" }')

    (found,) = check(subject)

    assert found.message == (
        "The key input.properties.na\\u200bme of tool hides 1 zero-width characters."
    )
    assert found.evidence[0].field == ("input", "properties", "na\u200bme")


def test_a_hidden_character_in_what_a_person_approves_is_found() -> None:
    subject = subject_saying('requires = [{ capability = "clock", reason = "\u202estamps" }]')

    assert [found.about for found in check(subject)] == [
        "tool requires.0.reason: bidirectional controls"
    ]


def test_text_that_is_not_looked_at_is_a_finding() -> None:
    subject = subject_with(manifest_values={"a": [""] * (MAX_TEXTS + 10)})

    assert [found.about for found in check(subject)] == ["more text than is looked at"]


def test_a_variation_selector_in_a_key_is_spelled_out_in_the_message() -> None:
    subject = subject_with(manifest_values={"input": {"na\ufe01me": 1}})

    (found,) = check(subject)

    assert found.message == "The key input.na\\ufe01me of tool hides 1 variation selectors."


@patient
@given(anything, anything)
def test_no_text_makes_the_rule_fail(key: str, text: str) -> None:
    subject = subject_with(manifest_values={"description": text, "input": {key: text}})

    for found in check(subject):
        assert hidden_character(found.message) is None

"""What may stand in text that a model reads, and what a person would not see there."""

from __future__ import annotations

import unicodedata
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import patient

from hatchway.policy.tool_text import hidden_character

Category = Literal["Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"]
HIDDEN: tuple[Category, ...] = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Renders a picture.",
        "Zwei Zeilen,\nund\tein Tabulator.",
        "日本語 العربية",
        "👩\u200d🔬 in a laboratory",
        "👍🏽",
        "❤️\u200d🔥",
        "1\ufe0f\u20e3 first, #\ufe0f\u20e3 next",
        "ℹ\ufe0f ‼\ufe0f 〰\ufe0f",
    ],
)
def test_text_that_a_person_sees_whole_hides_nothing(text: str) -> None:
    assert hidden_character(text) is None


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a\x00b", "U+0000"),
        ("a\rb", "U+000D"),
        ("a\x1b[8mb", "U+001B"),
        ("a\u200bb", "U+200B"),
        ("a\u200db", "U+200D"),
        ("\u200d", "U+200D"),
        ("a\u202eb", "U+202E"),
        ("a\u2066b", "U+2066"),
        ("a\u2028b", "U+2028"),
        ("a\ufeffb", "U+FEFF"),
        ("a\ue000b", "U+E000"),
        ("a\ud800b", "U+D800"),
        ("a\U000e0041b", "U+E0041"),
        ("a\u0378b", "U+0378"),
    ],
)
def test_a_character_nobody_would_see_is_named(text: str, found: str) -> None:
    assert hidden_character(text) == found


@pytest.mark.parametrize(
    "hidden",
    [
        "\U000e0100",  # variation selectors: 256 of them, enough to spell out any text
        "\ufe01",
        "\u034f",  # combining grapheme joiner
        "\u3164",  # Hangul filler: a letter without a shape
        "\u115f",
        "\uffa0",
        "\u180b",
    ],
    ids=lambda character: f"U+{ord(character):04X}",
)
def test_marks_and_letters_without_a_shape_are_hidden_too(hidden: str) -> None:
    assert hidden_character(f"Adds numbers.{hidden * 3}") is not None


def test_a_joiner_that_joins_nothing_is_hidden() -> None:
    assert hidden_character("👍\u200d") == "U+200D"
    assert hidden_character("👍\u200dpay") == "U+200D"


@pytest.mark.parametrize("text", ["1\ufe0f", "1\ufe0fa", "ℹ\ufe0f\ufe0f", "a\ufe0f\u20e3"])
def test_a_style_for_what_has_none_is_hidden(text: str) -> None:
    assert hidden_character(text) == "U+FE0F"


@patient
@given(st.text(st.characters(), max_size=20))
def test_text_with_a_hidden_character_is_never_let_through(text: str) -> None:
    suspicious = [
        character
        for character in text
        if unicodedata.category(character) in HIDDEN and character not in "\n\t\u200d"
    ]

    assert (hidden_character(text) is None) <= (not suspicious)


@patient
@given(st.text(st.characters(exclude_categories=(*HIDDEN, "Mn", "Lo")), max_size=20))
def test_text_of_plain_characters_is_always_let_through(text: str) -> None:
    assert hidden_character(text) is None

"""Text from guests and artifacts, made safe to show."""

from __future__ import annotations

import unicodedata
from typing import Literal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from strategies import patient

from hatchway.core.untrusted import harmless, printable

Category = Literal["Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"]
DANGEROUS: tuple[Category, ...] = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")

anything = st.text(st.characters(), max_size=40)
shown_as_it_is = st.text(
    st.characters(exclude_categories=DANGEROUS, exclude_characters="\\"), max_size=40
)


def dangerous_in(text: str) -> list[str]:
    return [character for character in text if unicodedata.category(character) in DANGEROUS]


@patient
@given(anything | st.binary(max_size=200), st.integers(1, 50))
@example("\x1b]0;owned\x07", 50)
@example("user\u202etxt.exe", 50)
@example("\ud800\udc80", 50)
def test_what_is_printable_moves_no_cursor_and_hides_nothing(text: str | bytes, limit: int) -> None:
    assert dangerous_in(printable(text, limit=limit)) == []


@patient
@given(anything | st.binary(max_size=200), st.integers(1, 20))
def test_what_is_printable_is_bounded(text: str | bytes, limit: int) -> None:
    shown = printable(text, limit=limit)

    longest_spelling = len("\\U0010ffff")
    assert len(shown) <= limit * longest_spelling + len("…")


@patient
@given(shown_as_it_is)
def test_ordinary_text_is_shown_as_it_is(text: str) -> None:
    assert printable(text) == text


@patient
@given(
    st.text(st.characters(codec="utf-8"), max_size=20),
    st.text(st.characters(codec="utf-8"), max_size=20),
)
@example("\\x1b", "\x1b")
@example("\\u202e", "\u202e")
@example("\\\\", "\\")
def test_two_different_texts_are_never_shown_alike(first: str, second: str) -> None:
    assert (printable(first) == printable(second)) == (first == second)


@patient
@given(shown_as_it_is.filter(lambda text: len(text) >= 2))
def test_text_that_is_cut_says_so(text: str) -> None:
    shown = printable(text, limit=len(text) - 1)

    assert shown == text[:-1] + "…"


@patient
@given(shown_as_it_is.filter(bool))
def test_text_that_just_fits_is_not_cut(text: str) -> None:
    assert printable(text, limit=len(text)) == text


@patient
@given(shown_as_it_is, st.integers(1, 45))
def test_bytes_are_shown_like_the_text_they_encode(text: str, limit: int) -> None:
    assert printable(text.encode(), limit=limit) == printable(text, limit=limit)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\nb\tc", "a\\x0ab\\x09c"),
        ("\x00\x7f\x9b", "\\x00\\x7f\\x9b"),
        ("\u200b", "\\u200b"),
        ("\u2028", "\\u2028"),
        ("\ue000", "\\ue000"),
        ("\U000e0041", "\\U000e0041"),
        ("\ud800", "\\ud800"),
        ("C:\\temp", "C:\\\\temp"),
        (b"\xff\xfe", "\\xff\\xfe"),
        (b"caf\xc3\xa9", "café"),
    ],
)
def test_what_could_mislead_is_spelled_out(text: str | bytes, shown: str) -> None:
    assert printable(text) == shown


@patient
@given(anything, st.integers(1, 60))
def test_our_own_words_are_harmless_too(text: str, limit: int) -> None:
    assert dangerous_in(harmless(text, limit=limit)) == []


@patient
@given(anything)
def test_what_is_printable_already_is_not_escaped_twice(text: str) -> None:
    quoted = printable(text)

    assert harmless(quoted) == quoted


def test_our_own_words_are_cut_where_the_limit_is() -> None:
    assert harmless("abc", limit=3) == "abc"
    assert harmless("abcd", limit=3) == "abc…"

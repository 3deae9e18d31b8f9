"""Undoing the encodings in which software passes text on."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from spelled import HTML, JSON, SPELLINGS, URL
from strategies import patient

from hatchway.core.spellings import (
    encodings_undone,
    escapings_undone,
    squeezed,
    text_in,
    unescaped,
)

TEXT = 'it\'s a "text" <with> /all\\ 100% & more'
ascii_texts = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=20)


@pytest.mark.parametrize("name", [name for name in URL if name != "form"] + [*JSON, *HTML])
def test_every_escape_is_undone(name: str) -> None:
    spelled = SPELLINGS[name](TEXT.replace("\\", "")).encode()

    assert TEXT.replace("\\", "").encode() in unescaped(spelled)


@pytest.mark.parametrize(
    ("spelled", "meant"),
    [
        (b"a\\nb\\tc", b"a\nb\tc"),
        (b"\\\\\\\\server", b"\\server"),
        (b"one \\ alone", b"one \\ alone"),
        (b"%zz %4 % & &x; &#; \\", b"%zz %4 % & &x; &#; \\"),
        (b"&lt&lt;&sol;&lowbar;", b"&lt</_"),
        (b"%2541", b"A"),
        (b"&amp;#65;", b"A"),
        (b"caf%C3%A9 \\u00e9 &#233;", b"caf\x80\x80 \x80 \x80"),
        (b"\\u{1F600}", b"\x80"),
        (b"nothing to do", b"nothing to do"),
    ],
)
def test_what_is_no_escape_stays_and_what_is_not_ascii_is_told_apart(
    spelled: bytes, meant: bytes
) -> None:
    assert unescaped(spelled) == meant


def test_escapes_are_undone_one_layer_after_the_other() -> None:
    layers = [view.data for view in escapings_undone(b"%255Cu0041")]

    assert layers == [b"%255Cu0041", b"%5Cu0041", b"\\u0041", b"A"]


def test_layers_without_end_are_undone_three_times() -> None:
    layers = [view.data for view in escapings_undone(b"%2525252541")]

    assert layers[-1] == b"%2541"


@patient
@given(st.lists(st.sampled_from((*"ab1 ", "%41", "\\u0041", "&#65;", "\\\\", "\\n", "%2541"))))
def test_every_byte_is_led_back_to_the_escape_that_it_was(parts: list[str]) -> None:
    text = "".join(parts).encode()

    for view in escapings_undone(text):
        for at in range(len(view.data)):
            start, end = view.back(at, at + 1)
            alone = unescaped(text[start:end])
            assert alone == unescaped(view.data[at : at + 1])


@patient
@given(st.binary(max_size=60))
def test_letters_are_led_back_to_where_they_stood(data: bytes) -> None:
    view = squeezed(data)

    for at, letter in enumerate(view.data):
        start, end = view.back(at, at + 1)
        assert data[start:end].lower() == bytes((letter,))


@patient
@given(
    ascii_texts, ascii_texts, ascii_texts, st.sampled_from(("base64", "hex", "base64, in lines"))
)
def test_what_was_encoded_is_led_back_to_the_digits_that_spell_it(
    before: str, text: str, after: str, way: str
) -> None:
    spelled = (before + SPELLINGS[way]("." + text + ".") + after).encode()
    wanted = ("." + text + ".").encode()

    found = [
        (view, at)
        for view in encodings_undone(spelled)
        for at in range(len(view.data))
        if view.data.startswith(wanted, at)
    ]

    assert found
    for view, at in found:
        start, end = view.back(at, at + len(wanted))
        again = [each.data for each in encodings_undone(spelled[start:end])]
        assert any(wanted[1:-1] in data for data in again)


def test_nothing_can_be_read_where_there_are_no_digits() -> None:
    assert list(encodings_undone(b"... !!! ...")) == []


def test_stretches_of_text_are_found_among_other_bytes() -> None:
    data = b"\0\1hello there\xff\xfeabc\0and\tthat\n"

    view = text_in(data, 9)

    assert view is not None
    assert view.data == b"hello there\0and\tthat\n"
    assert data[slice(*view.back(0, 5))] == b"hello"
    assert data[slice(*view.back(12, 20))] == b"and\tthat"


def test_there_may_be_no_stretch_of_text() -> None:
    assert text_in(b"\0short\0", 6) is None
    assert text_in(b"", 1) is None


def test_a_stretch_of_text_may_be_followed_by_something_else() -> None:
    view = text_in(b"a whole sentence\0", 8)

    assert view is not None
    assert view.data == b"a whole sentence"

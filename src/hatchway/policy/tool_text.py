"""What may stand in text that a model reads."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_LAYOUT = frozenset("\n\t")
_WITHOUT_SHAPE = frozenset(
    [
        *range(0xFE00, 0xFE10),  # variation selectors
        *range(0xE0100, 0xE01F0),
        *range(0x180B, 0x1810),  # and Mongolian ones
        0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x3164, 0xFFA0,  # joiners and fillers
    ]
)  # fmt: skip
"""Marks and letters that Unicode says are not drawn (Default_Ignorable_Code_Point)."""
_EMOJI_STYLE = frozenset("\ufe0e\ufe0f")
_ZERO_WIDTH_JOINER = "\u200d"
_KEYCAP = "\u20e3"
_STYLED = frozenset("‼⁉〰ℹ")
"""Not symbols to Unicode, but emoji when a style follows (emoji-variation-sequences.txt)."""
_ON_A_KEY = frozenset("#*0123456789")


def hidden_character(text: str) -> str | None:
    """The first character of `text` that a person would not see, as ``U+XXXX``, or None."""
    first = next(hidden_positions(text), None)
    return None if first is None else f"U+{ord(text[first]):04X}"


def hidden_positions(text: str) -> Iterator[int]:
    """Where in `text` characters stand that a person would not see, from left to right.

    Control, format (bidi overrides, zero-width), private-use, surrogate and unassigned
    characters are hidden. Line feed and tab are not, nor is what emoji are composed of: a
    zero-width joiner between two symbols, and one choice of style after a symbol or a key.
    """
    for index, character in enumerate(text):
        if not _is_hidden(character):
            continue
        before, after = text[index - 1 : index], text[index + 1 : index + 2]
        if character == _ZERO_WIDTH_JOINER and _is_symbol(before) and _is_symbol(after):
            continue
        if character in _EMOJI_STYLE and _takes_a_style(before, after):
            continue
        yield index


def _is_hidden(character: str) -> bool:
    if character in _LAYOUT:
        return False
    return unicodedata.category(character) in _HIDDEN or ord(character) in _WITHOUT_SHAPE


def _is_symbol(character: str) -> bool:
    # So: emoji, Sk: skin tones, Sm: arrows.
    return bool(character) and (
        unicodedata.category(character) in ("So", "Sk", "Sm") or character in _EMOJI_STYLE
    )


def _takes_a_style(before: str, after: str) -> bool:
    """Whether a choice between text and emoji style may stand between these two."""
    if before in _EMOJI_STYLE:
        return False
    if before in _ON_A_KEY:
        return after == _KEYCAP
    return before in _STYLED or _is_symbol(before)

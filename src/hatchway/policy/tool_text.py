"""What may stand in text that a model reads."""

from __future__ import annotations

import unicodedata

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


def hidden_character(text: str) -> str | None:
    """The first character of `text` that a person would not see, as ``U+XXXX``, or None.

    Control, format (bidi overrides, zero-width), private-use, surrogate and unassigned
    characters are hidden. Line feed and tab are not, nor is a zero-width joiner between
    two symbols, which is how emoji are composed.
    """
    for index, character in enumerate(text):
        if not _is_hidden(character):
            continue
        before, after = text[index - 1 : index], text[index + 1 : index + 2]
        if character == _ZERO_WIDTH_JOINER and _is_symbol(before) and _is_symbol(after):
            continue
        if character in _EMOJI_STYLE and _is_symbol(before) and before not in _EMOJI_STYLE:
            continue
        return f"U+{ord(character):04X}"
    return None


def _is_hidden(character: str) -> bool:
    if character in _LAYOUT:
        return False
    return unicodedata.category(character) in _HIDDEN or ord(character) in _WITHOUT_SHAPE


def _is_symbol(character: str) -> bool:
    # So: emoji, Sk: skin tones, Sm: arrows.
    return bool(character) and (
        unicodedata.category(character) in ("So", "Sk", "Sm") or character in _EMOJI_STYLE
    )

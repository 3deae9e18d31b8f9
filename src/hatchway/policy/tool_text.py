"""What may stand in text that a model reads."""

from __future__ import annotations

import unicodedata

_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_LAYOUT = frozenset("\n\t")
_ZERO_WIDTH_JOINER = "\u200d"


def hidden_character(text: str) -> str | None:
    """The first character of `text` that a person would not see, as ``U+XXXX``, or None.

    Control, format (bidi overrides, zero-width), private-use, surrogate and unassigned
    characters are hidden. Line feed and tab are not, nor is a zero-width joiner between
    two symbols, which is how emoji are composed.
    """
    for index, character in enumerate(text):
        if character in _LAYOUT or unicodedata.category(character) not in _HIDDEN:
            continue
        if character == _ZERO_WIDTH_JOINER and index and _is_symbol(text[index - 1]):
            continue
        return f"U+{ord(character):04X}"
    return None


def _is_symbol(character: str) -> bool:
    # So: emoji, Sk: skin tones, Mn: variation selectors.
    return unicodedata.category(character) in ("So", "Sk", "Mn")

"""Text as a reader takes it in: look-alike letters, styles and hidden characters undone.

Source of the look-alikes: Unicode Technical Standard 39, confusables.txt, as far as letters
of other alphabets pass for ASCII ones in a usual font; a selection, not the whole list.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from hatchway.policy.tool_text import hidden_character

if TYPE_CHECKING:
    from collections.abc import Sequence

_LOOKALIKES = (
    # Cyrillic, small and capital
    "аa вb сc ԁd еe ёe ѓr ғf ԍg һh нh іi їi јj кk ӏl мm пn оo рp ԛq гr ѕs тt ѵv ԝw хx уy "
    "АA ВB СC ԀD ЕE НH ІI ЈJ КK МM ОO РP ЅS ТT ѴV ԜW ХX УY ӀI "
    # Greek
    "αa βb γy εe ηn ιi κk μu νv οo ρp σo τt υu χx ωw ϲc ϳj "
    "ΑA ΒB ΕE ΖZ ΗH ΙI ΚK ΜM ΝN ΟO ΡP ΤT ΥY ΧX "
    # Armenian
    "աw ցg հh յj ոn օo զq սu քp ՕO ՍU ՏS Լl "
    # Cherokee and Lisu capitals
    "ᎪA ᏴB ᏟC ᎠD ᎬE ᏀG ᎻH ᎫJ ᏦK ᏞL ᎷM ᏢP ᏒR ᏚS ᎢT ᏙV ᎳW ᏃZ "
    "ꓮA ꓐB ꓚC ꓓD ꓰE ꓝF ꓖG ꓧH ꓲI ꓙJ ꓗK ꓡL ꓟM ꓠN ꓳO ꓑP ꓣR ꓢS ꓔT ꓴU ꓦV ꓪW ꓫX ꓬY ꓜZ "
    # Latin letters of other shapes
    "ıi ɩi ɪi ɑa ɡg ɢg ʟl ʙb ʜh ɴn ʀr ʏy ᴀa ᴄc ᴅd ᴇe ᴊj ᴋk ᴍm ᴏo ᴘp ᴛt ᴜu ᴠv ᴡw ᴢz ꜰf ꜱs "
    "øo đd łl ħh ŧt ƒf ɛe ɔo ǀl ǃl "
    # Punctuation
    "‘' ’' ʼ' ＇' ‐- ‑- ‒- –- —- −- ⁄/ ∕/ ‹< ›> ꞉: ։: "
)
_SAME = {pair[0]: pair[1] for pair in _LOOKALIKES.split()}
_ENCLOSED = (0x1F1E6, 0x1F150, 0x1F170)
"""Regional indicators and negative letters: A to Z without a decomposition."""
_SILENT = frozenset('*`"“”„«»')
"""Marks of emphasis and quotation, with which a word reads the same."""
_LIKE_LETTERS = {"0": "o", "3": "e", "4": "a", "5": "s", "7": "t", "@": "a", "$": "s"}
_WORD = re.compile(r"[a-z0-9@$]{2,}")
_PAIRS = (("rn", "m"), ("vv", "w"))
_LONGEST_KEPT = 256
"""Characters of a name whose folding is remembered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Folded:
    """A text as it reads, in small letters, words one space or line feed apart.

    Attributes:
        origins: For each character, where in the original it comes from.
    """

    text: str
    origins: Sequence[int]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Where in the original that stands which stands here from `start` to `end`."""
        return self.origins[start], self.origins[end - 1] + 1


def fold(text: str) -> Folded:
    """`text` as a reader takes it in."""
    characters: list[str] = []
    origins: list[int] = []
    for index, character in enumerate(text):
        for shown in _read_as(character):
            if shown in " \n" and characters and characters[-1] in " \n":
                if shown == "\n":
                    characters[-1] = shown
                continue
            characters.append(shown)
            origins.append(index)
    return Folded(text="".join(characters), origins=origins)


def with_digits_as_letters(text: str) -> frozenset[str]:
    """`text`, already folded, with its digits read as letters, where that makes a difference.

    A 1 may be an i or an l, so there may be two readings. Each is as long as `text`.
    """
    as_i = _WORD.sub(lambda match: _spoken(match[0], "i"), text)
    as_l = _WORD.sub(lambda match: _spoken(match[0], "l"), text)
    return frozenset({as_i, as_l} - {text})


def fold_name(name: str) -> str:
    """`name` as a reader takes it in. Every tool is compared with the names of all others."""
    return _folded_name(name) if len(name) <= _LONGEST_KEPT else fold(name).text


def skeleton(name: str) -> str:
    """What `name` looks like: two names with one skeleton are easily taken for each other."""
    return _kept_skeleton(name) if len(name) <= _LONGEST_KEPT else _skeleton(name)


@lru_cache(maxsize=8192)
def _folded_name(name: str) -> str:
    return fold(name).text


@lru_cache(maxsize=8192)
def _kept_skeleton(name: str) -> str:
    return _skeleton(name)


def _skeleton(name: str) -> str:
    plain = "".join(shown for shown in fold(name).text if shown.isalnum() or not shown.isascii())
    plain = "".join(_LIKE_LETTERS.get(shown, shown) for shown in plain)
    for pair, letter in _PAIRS:
        plain = plain.replace(pair, letter)
    return plain.translate(str.maketrans("1i", "ll"))


def mixes_alphabets(name: str) -> bool:
    """Whether letters of another alphabet, or styled ones, stand for ASCII ones beside such."""
    return any(shown.isascii() and shown.isalpha() for shown in name) and any(
        not shown.isascii()
        and not unicodedata.name(shown, "").startswith("LATIN ")
        and (read := _read_as(shown)).isascii()
        and read.isalpha()
        for shown in name
    )


def _spoken(word: str, one: str) -> str:
    if not any(character.isalpha() for character in word) or word.isalpha():
        return word
    return "".join(_LIKE_LETTERS.get(shown, one if shown == "1" else shown) for shown in word)


@lru_cache(maxsize=4096)
def _read_as(character: str) -> str:
    """What one character reads as: nothing, itself, or plain letters."""
    if character in "\n\u2028\u2029":
        return "\n"
    if character.isspace() or character == "_":
        return " "
    if character in _SILENT or hidden_character(character):
        return ""
    parts = unicodedata.normalize("NFKD", _letter(character))
    small = "".join(_SAME.get(part, part) for part in parts).casefold()
    return "".join(part for part in small if not unicodedata.combining(part))


def _letter(character: str) -> str:
    point = ord(character)
    for first in _ENCLOSED:
        if first <= point < first + 26:
            return chr(point - first + ord("a"))
    return _SAME.get(character, character)

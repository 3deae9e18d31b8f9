"""What kinds of characters a person would not see in a text, and what they spell.

Which characters those are is decided in `hatchway.policy.tool_text`; here they are sorted
into kinds, and the messages that tag characters and variation selectors can carry are read.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Literal, TypeAlias

from hatchway.core.untrusted import printable
from hatchway.policy.tool_text import hidden_character, hidden_positions

Kind: TypeAlias = Literal[
    "tag characters", "bidirectional controls", "variation selectors", "terminal escapes",
    "control characters", "line separators", "private-use characters", "unassigned characters",
    "zero-width characters",
]  # fmt: skip

_TAGS = range(0xE0000, 0xE0080)
_SELECTORS = range(0xFE00, 0xFE10)
_MORE_SELECTORS = range(0xE0100, 0xE01F0)
_MONGOLIAN_SELECTORS = range(0x180B, 0x1810)
_BIDI = frozenset(
    {0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)}
)  # fmt: skip
_ESCAPES = frozenset("\x1b\x9b\x9d\x90\x9e\x9f")
"""ESC, and the C1 characters that start a sequence alone: CSI, OSC, DCS, PM, APC (ECMA-48)."""
_BY_CATEGORY: dict[str, Kind] = {
    "Cc": "control characters",
    "Zl": "line separators",
    "Zp": "line separators",
    "Co": "private-use characters",
    "Cn": "unassigned characters",
    "Cs": "unassigned characters",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Unseen:
    """The hidden characters of one kind in one text.

    Attributes:
        first: Where the first of them stands.
        count: How many there are.
        message: What they spell, if they are of a kind that spells; not escaped.
    """

    kind: Kind
    first: int
    count: int
    message: str = ""


def unseen(text: str) -> tuple[Unseen, ...]:
    """What is hidden in `text`, by kind, in the order of the first of each."""
    found: dict[Kind, list[int]] = {}
    for position in hidden_positions(text):
        found.setdefault(_kind(text[position]), []).append(position)
    return tuple(
        Unseen(
            kind=kind,
            first=positions[0],
            count=len(positions),
            message=_message(kind, [ord(text[position]) for position in positions]),
        )
        for kind, positions in found.items()
    )


def excerpt(text: str, start: int, end: int, *, around: int = 30) -> str:
    """What stands in `text` from `start` to `end` and a little around it, escaped and short."""
    end = min(end, start + 120)
    left, right = max(0, start - around), min(len(text), end + around)
    body = visibly(text[left:right], limit=right - left)
    return f"{'…' if left else ''}{body}{'…' if right < len(text) else ''}"


def visibly(text: str, *, limit: int = 256) -> str:
    """`text` on one line, with all that a person would not see spelled out.

    As `hatchway.core.untrusted.printable`, and also for marks and letters without a shape.
    """
    shown = "".join(_spelled(character) for character in text[:limit])
    return shown if len(text) <= limit else shown + "…"


def _spelled(character: str) -> str:
    # Marks and letters without a shape are of categories that `printable` lets pass.
    escaped = printable(character)
    if escaped == character and hidden_character(character):
        point = ord(character)
        return f"\\u{point:04x}" if point <= 0xFFFF else f"\\U{point:08x}"
    return escaped


def _kind(character: str) -> Kind:
    point = ord(character)
    if point in _TAGS:
        return "tag characters"
    if point in _SELECTORS or point in _MORE_SELECTORS or point in _MONGOLIAN_SELECTORS:
        return "variation selectors"
    if point in _BIDI:
        return "bidirectional controls"
    if character in _ESCAPES:
        return "terminal escapes"
    return _BY_CATEGORY.get(unicodedata.category(character), "zero-width characters")


def _message(kind: Kind, points: list[int]) -> str:
    """What the characters at `points` stand for, as far as they stand for text."""
    if kind == "tag characters":
        # Each mirrors an ASCII character (Unicode 16, section 23.9).
        return "".join(chr(point - 0xE0000) for point in points if point >= 0xE0020)
    if kind == "variation selectors":
        return _selected(points)
    return ""


def _selected(points: list[int]) -> str:
    """The bytes that 256 variation selectors can number, where they are text."""
    numbers = [
        point - (0xFE00 if point in _SELECTORS else 0xE0100 - 16)
        for point in points
        if point not in _MONGOLIAN_SELECTORS
    ]
    spelled = bytes(numbers).decode("utf-8", "replace")
    return spelled if spelled.isprintable() and "\ufffd" not in spelled else ""

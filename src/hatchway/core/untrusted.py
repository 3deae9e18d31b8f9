"""Text that a guest or an artifact chose, made safe to show and to store.

Such text ends up in terminals, logs and events. It is cut to a length, and every
character that could move a cursor, hide something or reorder the line is spelled out.
"""

from __future__ import annotations

import unicodedata

_SPELLED_OUT = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def printable(text: str | bytes, *, limit: int = 256) -> str:
    r"""`text` on one line, at most `limit` characters plus an ellipsis.

    Control, format (bidi, zero-width), surrogate, private-use and unassigned
    characters become ``\xNN``, ``\uNNNN`` or ``\UNNNNNNNN``; so does a backslash, so
    that what is shown can be told from what was escaped. Bytes that are not UTF-8
    become ``\xNN``.
    """
    if isinstance(text, bytes):
        # Four bytes a character at most: never decode more than can be shown.
        text = text[: 4 * limit + 4].decode("utf-8", "surrogateescape")
    shown: list[str] = []
    for character in text[: limit + 1]:
        if len(shown) == limit:
            shown.append("…")
            break
        shown.append(_spelled(character))
    return "".join(shown)


def shown(value: object, *, limit: int = 60) -> str:
    """The `repr` of parsed data on one line, whatever it is.

    Numbers of more digits than Python spells, and values nested deeper than it follows, are
    told by their kind only.
    """
    try:
        return printable(repr(value), limit=limit)
    except (ValueError, RecursionError):
        return f"a {type(value).__name__} too large to show"


def harmless(text: str, *, limit: int = 2000) -> str:
    """Our own words on one line, in which untrusted parts are `printable` already.

    The same as `printable` but for backslashes, which it leaves alone: escaping twice would
    make what is quoted unreadable.
    """
    shown = "".join(
        character if character == "\\" else _spelled(character) for character in text[:limit]
    )
    return shown if len(text) <= limit else shown + "…"


def _spelled(character: str) -> str:
    point = ord(character)
    if 0xDC80 <= point <= 0xDCFF:  # a byte that surrogateescape could not decode
        return f"\\x{point - 0xDC00:02x}"
    if character == "\\":
        return "\\\\"
    if unicodedata.category(character) not in _SPELLED_OUT:
        return character
    if point <= 0xFF:
        return f"\\x{point:02x}"
    return f"\\u{point:04x}" if point <= 0xFFFF else f"\\U{point:08x}"

"""Output of code and programs, made safe for a terminal.

A terminal obeys what is printed on it. What a guest printed may move the cursor over our own
words, hide a line or set the clipboard, so its control characters are spelled out.
"""

from __future__ import annotations

import sys
import unicodedata

from hatchway.cli.output import say

_KEPT = frozenset("\n\t")
_SPELLED_OUT = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def safe_for_terminal(data: bytes) -> bytes:
    """`data` with its control and format characters spelled out; lines and tabs stay."""
    return _safe(data.decode("utf-8", "backslashreplace")).encode()


def say_lines(text: str) -> None:
    """Lines of a guest's own, for people.

    On a terminal each is marked: without that, one could pass for an error or a hint of ours.
    """
    if not text:
        return
    shown = _safe(text.removesuffix("\n"))
    if sys.stderr.isatty():
        shown = "\n".join(f"| {line}" for line in shown.split("\n"))
    say(shown)


def _safe(text: str) -> str:
    if text.isascii() and text.replace("\n", "").replace("\t", "").isprintable():
        return text
    return "".join(
        character
        if character in _KEPT or unicodedata.category(character) not in _SPELLED_OUT
        else character.encode("unicode_escape").decode("ascii")
        for character in text
    )

"""Undoing the encodings in which software passes text on.

A server that echoes a header seldom echoes it as it was: it escapes it for JSON or HTML, puts it
into a URL, or encodes it in base64 or hex, alone or in the middle of something longer. Undoing all
of that, wherever it might have been done, finds what was encoded without knowing how.

Each function makes a `View`: other bytes, and the way back to where they were read.
"""

from __future__ import annotations

import binascii
import re
from bisect import bisect_right
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Span: TypeAlias = tuple[int, int]
"""Where something begins, and where it has ended."""

MAX_ESCAPINGS = 3
"""Escapings on top of each other that are undone: JSON in JSON in a URL."""


class View(NamedTuple):
    """Bytes that were made from others.

    Attributes:
        back: What a span of them was made from, as a span of the others.
    """

    data: bytes
    back: Callable[[int, int], Span]


def escapings_undone(data: bytes) -> Iterator[View]:
    r"""`data` as it is, and then without its escapes, one layer after the other.

    Escapes are those of URLs (`%2F`), JSON and its relatives (`\/`, `\u002f`, `\x2f`) and HTML
    (`&#47;`, `&#x2f;`, `&sol;`).
    """
    view = View(data, itself)
    yield view
    for _ in range(MAX_ESCAPINGS):
        if not (b"%" in view.data or b"\\" in view.data or b"&" in view.data):
            return
        further = _substituted(view.data, _ESCAPE, _meant)
        if len(further.data) == len(view.data):
            return
        view = _after(view, further)
        yield view


def unescaped(data: bytes) -> bytes:
    """`data` without any escapes."""
    *_, last = escapings_undone(data)
    return last.data


def squeezed(data: bytes) -> View:
    """The letters and digits of `data`, lower case.

    What stands between them vanishes: line breaks, spaces, characters without a width, and the
    zeros of UTF-16.
    """
    return View(data.translate(_LOWER, _NOT_LETTERS), _Places(data, _NO_LETTERS, _nothing).back)


def encodings_undone(data: bytes) -> Iterator[View]:
    """`data` read as base64 and as hex, from every character it might begin with.

    Whatever does not belong to such an alphabet is passed over, line breaks and padding too. Most
    of what comes out means nothing.
    """
    yield from _from_base64(data)
    yield from _from_hex(data)


def text_in(data: bytes, length: int) -> View | None:
    """The stretches of `data` that are ASCII text of at least `length` bytes; None without any."""
    kinds = data.translate(_KINDS)
    begin = kinds.find(b"a" * length)
    if begin < 0:
        return None
    made: list[int] = []
    read: list[int] = []
    parts: list[bytes] = []
    size = 0
    while begin >= 0:
        end = kinds.find(b" ", begin)
        parts.append(data[begin : end if end >= 0 else len(data)])
        made.append(size)
        read.append(begin)
        size += len(parts[-1]) + 1
        begin = kinds.find(b"a" * length, end) if end >= 0 else -1

    def back(start: int, end: int) -> Span:
        first, last = bisect_right(made, start) - 1, bisect_right(made, end - 1) - 1
        return start - made[first] + read[first], end - made[last] + read[last]

    return View(b"\0".join(parts), back)


# Escapes

_LETTERS = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t"}
_NAMES = {
    # What HTML calls the characters of ASCII.
    b"quot": b'"', b"apos": b"'", b"amp": b"&", b"lt": b"<", b"gt": b">", b"excl": b"!",
    b"num": b"#", b"dollar": b"$", b"percnt": b"%", b"lpar": b"(", b"rpar": b")", b"ast": b"*",
    b"plus": b"+", b"comma": b",", b"period": b".", b"sol": b"/", b"colon": b":", b"semi": b";",
    b"equals": b"=", b"quest": b"?", b"commat": b"@", b"lsqb": b"[", b"bsol": b"\\",
    b"rsqb": b"]", b"Hat": b"^", b"lowbar": b"_", b"grave": b"`", b"lcub": b"{", b"verbar": b"|",
    b"rcub": b"}",
}  # fmt: skip
_OTHER = b"\x80"
"""Stands for every character that is not ASCII, and so in no secret."""
_ESCAPE = re.compile(
    # Each begins with one of three characters, by which the regex engine finds them quickly. Of
    # backslashes any number: every time JSON is put into JSON, there are more.
    rb"%(?P<percent>[0-9A-Fa-f]{2})"
    rb"|\\\\*(?:u(?P<four>[0-9A-Fa-f]{4})|u\{0*(?P<braces>[0-9A-Fa-f]{1,6})\}"
    rb"|x(?P<two>[0-9A-Fa-f]{2})|(?P<letter>[bfnrt/\"'])|(?<=\\\\))"
    rb"|&(?:#(?:0*(?P<decimal>[0-9]{1,7})|[xX]0*(?P<hex>[0-9A-Fa-f]{1,6}));?"
    rb"|(?P<name>" + b"|".join(_NAMES) + rb");)",
)


def _meant(escape: re.Match[bytes]) -> bytes:
    """What an escape stands for."""
    kind, spelled = escape.lastgroup, escape[escape.lastgroup or 0]
    match kind:
        case None:
            return b"\\"
        case "letter":
            return _LETTERS.get(spelled, spelled)
        case "name":
            return _NAMES[spelled]
        case "decimal":
            return _character(int(spelled))
        case _:
            return _character(int(spelled, 16))


def _character(number: int) -> bytes:
    return bytes((number,)) if number < 0x80 else _OTHER


# Alphabets


def _all_but(alphabet: bytes) -> bytes:
    return bytes(byte for byte in range(256) if byte not in alphabet)


_DIGITS = b"0123456789"
_LOWER_CASE = b"abcdefghijklmnopqrstuvwxyz"
_BASE64 = _LOWER_CASE.upper() + _LOWER_CASE + _DIGITS + b"+/-_"
_LOWER = bytes(range(256)).lower()
_NOT_LETTERS = _all_but(_LOWER_CASE.upper() + _LOWER_CASE + _DIGITS)
_NO_LETTERS = re.compile(rb"[^A-Za-z0-9]+")
_STANDARD = bytes.maketrans(b"-_", b"+/")
_NOT_BASE64 = _all_but(_BASE64)
_NO_BASE64 = re.compile(rb"[^A-Za-z0-9+/_-]+")
_NOT_HEX = _all_but(_DIGITS + b"abcdefABCDEF")
_NO_HEX = re.compile(rb"[^0-9A-Fa-f]+")
_PREFIX = re.compile(rb"0[xX]")
_KINDS = bytes(97 if 32 <= byte < 127 or byte in b"\t\r\n" else 32 for byte in range(256))


def _from_base64(data: bytes) -> Iterator[View]:
    digits = View(data.translate(_STANDARD, _NOT_BASE64), _Places(data, _NO_BASE64, _nothing).back)
    for first in range(min(4, len(digits.data))):
        part = digits.data[first:]
        read = binascii.a2b_base64(part + b"A" * (-len(part) % 4))
        yield _after(digits, View(read, _Digits(first, len(digits.data), 8, 6).back))


def _from_hex(data: bytes) -> Iterator[View]:
    has_prefixes = b"0x" in data or b"0X" in data
    bare = _substituted(data, _PREFIX, _nothing) if has_prefixes else View(data, itself)
    kept = View(bare.data.translate(None, _NOT_HEX), _Places(bare.data, _NO_HEX, _nothing).back)
    digits = _after(bare, kept)
    for first in range(min(2, len(digits.data))):
        part = digits.data[first:]
        read = binascii.unhexlify(part[: len(part) & ~1])
        yield _after(digits, View(read, _Digits(first, len(digits.data), 8, 4).back))


# The way back


def itself(start: int, end: int) -> Span:
    """The way back to bytes that were not changed."""
    return start, end


def _nothing(_: re.Match[bytes]) -> bytes:
    return b""


def _after(view: View, further: View) -> View:
    """What `further`, made from `view`, is to that which `view` was made from."""
    return View(further.data, lambda start, end: view.back(*further.back(start, end)))


def _substituted(
    data: bytes, pattern: re.Pattern[bytes], meant: Callable[[re.Match[bytes]], bytes]
) -> View:
    return View(pattern.sub(meant, data), _Places(data, pattern, meant).back)


class _Digits(NamedTuple):
    """The way back from bytes to the digits that spell them."""

    first: int
    length: int
    bits: int
    bits_of_a_digit: int

    def back(self, start: int, end: int) -> Span:
        bits, each = self.bits, self.bits_of_a_digit
        return (
            self.first + start * bits // each,
            min(self.length, self.first - (-end * bits // each)),
        )


class _Places:
    """The way back from text in which a pattern was replaced by at most one byte each time."""

    __slots__ = ("_data", "_meant", "_pattern", "_places")

    def __init__(
        self,
        data: bytes,
        pattern: re.Pattern[bytes],
        meant: Callable[[re.Match[bytes]], bytes],
    ) -> None:
        self._data = data
        self._pattern = pattern
        self._meant = meant
        self._places: list[tuple[int, int, int]] | None = None

    def back(self, start: int, end: int) -> Span:
        # Nearly always nobody asks: where nothing was found, there is no way back.
        if self._places is None:
            self._places = list(self._all())
        return self._place(start)[0], self._place(end - 1)[1]

    def _place(self, at: int) -> Span:
        assert self._places is not None
        made, source, width = self._places[bisect_right(self._places, at, key=itemgetter(0)) - 1]
        return source + at - made, source + at - made + width

    def _all(self) -> Iterator[tuple[int, int, int]]:
        """Of each stretch: where it is, where it was, and how wide one byte of it was."""
        made = source = 0
        for found in self._pattern.finditer(self._data):
            if found.start() > source:
                yield made, source, 1
                made += found.start() - source
            if self._meant(found):
                yield made, found.start(), found.end() - found.start()
                made += 1
            source = found.end()
        yield made, source, 1

"""What gives a secret away, and so is looked for."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, NamedTuple

from hatchway.core.spellings import squeezed, unescaped

if TYPE_CHECKING:
    from collections.abc import Iterator

MIN_SECRET_BYTES = 8
"""Anything shorter would be found where it is not meant."""
_REACH = 48
"""Bytes of one byte of a secret, at most, however it is spelled."""


class Form(NamedTuple):
    """A text to look for.

    Attributes:
        name: Of the secret that it gives away.
        exact: The text, and other spellings that the letters do not tell.
        letters: Its letters and digits, lower case; empty where they are too few to go by.
        reach: The most bytes that it may be spelled with.
    """

    name: str
    exact: tuple[bytes, ...]
    letters: bytes
    reach: int

    @property
    def shortest(self) -> int:
        """The fewest bytes in which it may be found."""
        return min(map(len, filter(None, (*self.exact, self.letters))))


def forms_of(name: str, value: str) -> Iterator[Form]:
    """Every text that gives away the secret `value`: itself, and what it says in base64.

    Raises:
        ValueError: It is too short to be looked for, or not ASCII.
    """
    for text in _telling(value):
        yield _form(name, text)


def _telling(value: str) -> Iterator[str]:
    yield value
    try:
        said = base64.b64decode(value, validate=True).decode("ascii")
    except ValueError:
        return
    # A login, as the header of a Basic one has it: its password is as good as both.
    for text in (said, said.partition(":")[2]):
        if len(text) >= MIN_SECRET_BYTES and text.isprintable():
            yield text


def _form(name: str, text: str) -> Form:
    value = text.encode("ascii", "replace")
    if len(value) < MIN_SECRET_BYTES or not text.isascii():
        message = f"{name} is too short to be looked for, or not ASCII"
        raise ValueError(message)
    bare = unescaped(value)
    letters = squeezed(bare).data
    if len(letters) >= MIN_SECRET_BYTES:
        exact: tuple[bytes, ...] = (value,)
    else:
        letters = b""
        spellings = dict.fromkeys((value, bare, value.replace(b" ", b"+")))
        exact = tuple(each for each in spellings if len(each) >= MIN_SECRET_BYTES)
    return Form(name, exact, letters, _REACH * len(value) + 2 * MIN_SECRET_BYTES)

"""Looking for texts in the data of an artifact: linear, and bounded whatever is in it."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hatchway.audit.artifact import Artifact

Extent: TypeAlias = tuple[int, int]
"""First byte, and the byte after the last one, in the file."""

MOST_HITS = 2000
"""Places of one text that are looked at; a file full of prefixes must not cost more."""

_NEAR = 32
"""Segments no further apart than their headers are searched together: there may be many."""


def data_extents(artifact: Artifact) -> tuple[Extent, ...]:
    """Where the data segments of all modules lie, neighbours joined."""
    spans = sorted(
        (segment.offset, segment.offset + segment.size)
        for module in artifact.modules
        for segment in module.segments
    )
    joined: list[Extent] = []
    for start, end in spans:
        if joined and start - joined[-1][1] <= _NEAR:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return tuple(joined)


def places_of(data: bytes, text: bytes, extents: tuple[Extent, ...]) -> Iterator[int]:
    """Where `text` stands, the first `MOST_HITS` places."""
    left = MOST_HITS
    for start, end in extents:
        at = data.find(text, start, end)
        while at >= 0:
            yield at
            left -= 1
            if not left:
                return
            at = data.find(text, at + len(text), end)


LEAST_WORD = 20
"""Characters of a word that is long enough to be a token."""

MOST_WORDS = 200_000
"""Words that are looked at; real programs have up to 42 thousand."""

_LETTER, _GAP = b"a", b" "
_CLASSES = bytes(
    ord(_LETTER if chr(byte) in "-_" or (byte < 128 and chr(byte).isalnum()) else _GAP)
    for byte in range(256)
)


@dataclass(frozen=True, slots=True)
class Words:
    """The long words of some data, end to end, with gaps between them.

    They are a small part of it, so many texts can be looked for where looking through the data
    once for each would take too long: 21 MB hold half a megabyte of them.
    """

    text: bytes
    starts: tuple[int, ...]
    offsets: tuple[int, ...]

    def places_of(self, text: bytes) -> Iterator[int]:
        """Where `text` stands in the data, the first `MOST_HITS` places."""
        for at in places_of(self.text, text, ((0, len(self.text)),)):
            index = bisect_right(self.starts, at) - 1
            yield self.offsets[index] + at - self.starts[index]


def words_in(data: bytes, extents: tuple[Extent, ...]) -> Words:
    """The words of letters, digits, ``-`` and ``_`` that have `LEAST_WORD` of them or more."""
    words: list[bytes] = []
    starts: list[int] = []
    offsets: list[int] = []
    size = 0
    for start, end in extents:
        classes = data[start:end].translate(_CLASSES) + _GAP
        at = classes.find(_LETTER * LEAST_WORD)
        while at >= 0 and len(words) < MOST_WORDS:
            after = classes.index(_GAP, at)
            words.append(data[start + at : start + after])
            starts.append(size)
            offsets.append(start + at)
            size += after - at + 1
            at = classes.find(_LETTER * LEAST_WORD, after)
    return Words(_GAP.join(words), tuple(starts), tuple(offsets))

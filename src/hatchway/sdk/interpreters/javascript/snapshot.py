"""A module as it is once its start has run: its memory becomes the data it is born with.

What an interpreter does before it can run anything is the same every time. Doing it once, when
the interpreter is built, saves it in every call.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hatchway.sdk.interpreters.javascript.binary import (
    numbered,
    section,
    sections,
    signed,
    unsigned_at,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

_MEMORY, _EXPORT, _START, _CODE, _DATA, _DATA_COUNT = 5, 7, 8, 10, 11, 12
_PAGE_BYTES = 65_536
_GAP = re.compile(rb"\0{32,}")


def with_memory(module: bytes, memory: bytes) -> bytes:
    """The module with `memory` in place of its data, and nothing else changed.

    It needs exactly one memory of its own, and none of its globals may have changed since.
    """
    parts = [module[:8]]
    for kind, content in sections(module):
        if kind == _MEMORY:
            parts.append(section(kind, _at_least(content, len(memory) // _PAGE_BYTES)))
        elif kind == _DATA:
            parts.append(section(kind, _data(memory)))
        elif kind not in {0, _START, _DATA_COUNT}:
            parts.append(section(kind, content))
    return b"".join(parts)


def _at_least(content: bytes, pages: int) -> bytes:
    """The one memory's limits, its least size being `pages`."""
    flags = content[1]
    if content[0] != 1 or flags > 1:
        message = "expected one memory of 32 bits"
        raise ValueError(message)
    _, end = unsigned_at(content, 2)
    return content[:2] + numbered(pages) + content[end:]


def _data(memory: bytes) -> bytes:
    segments = [
        b"\0\x41" + signed(at) + b"\x0b" + numbered(len(piece)) + piece
        for at, piece in _pieces(memory)
    ]
    return numbered(len(segments)) + b"".join(segments)


def _pieces(memory: bytes) -> Iterator[tuple[int, bytes]]:
    """What of the memory is not zero."""
    at = 0
    for gap in _GAP.finditer(memory):
        if gap.start() > at:
            yield at, memory[at : gap.start()]
        at = gap.end()
    if at < len(memory):
        yield at, memory[at:]

"""As much of WebAssembly's binary format as putting sections together takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_HEADER_BYTES = 8


def sections(binary: bytes) -> Iterator[tuple[int, bytes]]:
    """The number and the content of each section of a module or a component."""
    at = _HEADER_BYTES
    while at < len(binary):
        size, start = unsigned_at(binary, at + 1)
        yield binary[at], binary[start : start + size]
        at = start + size


def section(kind: int, content: bytes) -> bytes:
    """A section as it is written."""
    return bytes([kind]) + numbered(len(content)) + content


def unsigned_at(binary: bytes, at: int) -> tuple[int, int]:
    """The LEB128 number at `at`, and where it ends."""
    number = shift = 0
    while True:
        byte = binary[at]
        number |= (byte & 0x7F) << shift
        at += 1
        shift += 7
        if byte < 0x80:
            return number, at


def numbered(number: int) -> bytes:
    """An unsigned number in LEB128."""
    written = bytearray()
    while number > 0x7F:
        written.append(number & 0x7F | 0x80)
        number >>= 7
    written.append(number)
    return bytes(written)


def signed(number: int) -> bytes:
    """A signed number that is not negative, in LEB128."""
    written = numbered(number)
    if not written[-1] & 0x40:
        return written
    return written[:-1] + bytes([written[-1] | 0x80, 0])

"""WebAssembly binaries, byte by byte, for what no assembler would write."""

from __future__ import annotations

MODULE = b"\0asm\1\0\0\0"
COMPONENT = b"\0asm\x0d\0\1\0"


def leb(value: int, *, padding: int = 0) -> bytes:
    """An unsigned LEB128 integer, optionally in more bytes than it needs.

    With one more it means the same as a signed integer.
    """
    groups = [value & 0x7F]
    while value := value >> 7:
        groups.append(value & 0x7F)
    groups += [0] * padding
    return bytes([*(group | 0x80 for group in groups[:-1]), groups[-1]])


def name(text: str | bytes) -> bytes:
    """A length and that much UTF-8."""
    encoded = text if isinstance(text, bytes) else text.encode()
    return leb(len(encoded)) + encoded


def many(*items: bytes) -> bytes:
    """A count and that many items."""
    return leb(len(items)) + b"".join(items)


def section(identifier: int, *content: bytes) -> bytes:
    """A section with its size."""
    joined = b"".join(content)
    return bytes([identifier]) + leb(len(joined)) + joined


def custom(title: str | bytes, payload: bytes = b"") -> bytes:
    """A custom section."""
    return section(0, name(title), payload)


def module(*sections: bytes) -> bytes:
    """A core module of these sections."""
    return MODULE + b"".join(sections)


def component(*sections: bytes) -> bytes:
    """A component of these sections."""
    return COMPONENT + b"".join(sections)


def sections_of(binary: bytes) -> list[tuple[int, bytes]]:
    """The sections at top level of a binary that is well formed."""
    found: list[tuple[int, bytes]] = []
    at = 8
    while at < len(binary):
        identifier, at = binary[at], at + 1
        size = shift = 0
        while binary[at] & 0x80:
            size |= (binary[at] & 0x7F) << shift
            shift, at = shift + 7, at + 1
        size, at = size | binary[at] << shift, at + 1
        found.append((identifier, binary[at : at + size]))
        at += size
    return found

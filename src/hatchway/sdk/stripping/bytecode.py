"""Reading and writing the component model's binary format, as far as stripping needs it.

What is not understood is refused and never guessed.

Source: the component model's Binary.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatchway.core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

HEADER = b"\0asm\x0d\0\1\0"
CUSTOM, CORE_MODULE, CORE_INSTANCE, COMPONENT, INSTANCE = 0, 1, 2, 4, 5
ALIAS, TYPE, CANON, IMPORT, EXPORT = 6, 7, 8, 10, 11

SORT_CORE, SORT_FUNCTION, SORT_TYPE, SORT_COMPONENT, SORT_INSTANCE = 0, 1, 3, 4, 5


class Reader:
    """A position in a part of some bytes."""

    __slots__ = ("at", "data", "end")

    def __init__(self, data: bytes, at: int = 0, end: int | None = None) -> None:
        self.data = data
        self.at = at
        self.end = len(data) if end is None else end

    @property
    def is_done(self) -> bool:
        """Whether nothing is left."""
        return self.at >= self.end

    def byte(self) -> int:
        """The next byte."""
        return self.take(1)[0]

    def take(self, count: int) -> bytes:
        """The next `count` bytes."""
        if count > self.end - self.at:
            raise refused("it ends in the middle of something")
        self.at += count
        return self.data[self.at - count : self.at]

    def unsigned(self) -> int:
        """An unsigned number of at most 32 bits, in LEB128."""
        number = 0
        for shift in range(0, 35, 7):
            byte = self.byte()
            number |= (byte & 0x7F) << shift
            if byte < 0x80 and not number >> 32:
                return number
        raise refused("a number does not fit in 32 bits")

    def name(self) -> str:
        """A length, and that many bytes of UTF-8."""
        try:
            return self.take(self.unsigned()).decode()
        except UnicodeDecodeError:
            raise refused("a name is not UTF-8") from None

    def extern_name(self) -> str:
        """The name of an import or an export."""
        if self.byte() > 1:
            raise refused("a name has attributes")
        return self.name()

    def is_there(self) -> bool:
        """A byte that says whether something follows."""
        value = self.byte()
        if value > 1:
            raise refused(f"{value:#x} stands where 0 or 1 must")
        return value == 1

    def expect(self, value: int) -> None:
        """Step over one byte."""
        if (found := self.byte()) != value:
            raise refused(f"{found:#x} stands where {value:#x} must")

    def count(self) -> range:
        """One number for each of the things that follow. Each takes a byte at least."""
        number = self.unsigned()
        if number > self.end - self.at:
            raise refused("it ends in the middle of something")
        return range(number)

    def part(self) -> Reader:
        """A reader of the next part, which this one steps over."""
        size = self.unsigned()
        if size > self.end - self.at:
            raise refused("a part is longer than the whole")
        self.at += size
        return Reader(self.data, self.at - size, self.at)

    def finish(self) -> None:
        """Make sure that nothing is left.

        Raises:
            ConfigError: Something is.
        """
        if not self.is_done:
            raise refused("a part is longer than what it lists")


def refused(why: str) -> ConfigError:
    """The complaint that a component is not of the shape that can be stripped."""
    message = f"the component's imports cannot be stripped: {why}"
    return ConfigError(message, code="config.build_failed")


def sections(reader: Reader) -> Iterator[tuple[int, Reader]]:
    """The number and the content of each section of a component, its header read already."""
    while not reader.is_done:
        number = reader.byte()
        yield number, reader.part()


def number(value: int) -> bytes:
    """An unsigned number in LEB128."""
    written = bytearray()
    while value > 0x7F:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    written.append(value)
    return bytes(written)


def signed(value: int) -> bytes:
    """A signed number that is not negative, in LEB128."""
    written = number(value)
    return written if not written[-1] & 0x40 else written[:-1] + bytes((written[-1] | 0x80, 0))


def text(value: str) -> bytes:
    """A name with its length."""
    spelled = value.encode()
    return number(len(spelled)) + spelled


def listed(items: Iterable[bytes]) -> bytes:
    """Several things with their number."""
    found = list(items)
    return number(len(found)) + b"".join(found)


def section(kind: int, content: bytes) -> bytes:
    """A section as it is written."""
    return bytes((kind,)) + number(len(content)) + content


def exported(name: str, sort: int, index: int) -> bytes:
    """An export of something that has an index, as what it is."""
    return b"\0" + text(name) + bytes((sort,)) + number(index) + b"\0"

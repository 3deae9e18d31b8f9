"""Reading WebAssembly's binary format, strictly and within bounds.

Every length is checked against what is left, every name must be UTF-8, every integer must
be encoded as the specification allows. What is not understood is an error, never skipped.

Source: WebAssembly core specification 3.0, section 5 (binary format).
"""

from __future__ import annotations

from hatchway.core.errors import AdmissionError

MAGIC = b"\0asm"
MAX_NAME_BYTES = 100_000


class MalformedError(AdmissionError):
    """The bytes are not a WebAssembly binary."""

    code = "admission.malformed"


class Reader:
    """A position in some bytes, and what may be read from there."""

    __slots__ = ("_data", "_end", "at")

    def __init__(self, data: bytes, at: int = 0, end: int | None = None) -> None:
        self._data = data
        self.at = at
        self._end = len(data) if end is None else end

    @property
    def is_done(self) -> bool:
        """Whether everything was read."""
        return self.at >= self._end

    def byte(self) -> int:
        """The next byte."""
        if self.at >= self._end:
            raise self.malformed("it ends in the middle of something")
        value = self._data[self.at]
        self.at += 1
        return value

    def u32(self) -> int:
        """An unsigned LEB128 integer of at most 32 bits, in at most five bytes."""
        value = 0
        for shift in range(0, 35, 7):
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            if not byte & 0x80:
                if value >> 32:
                    raise self.malformed("an integer does not fit in 32 bits")
                return value
        raise self.malformed("an integer is encoded in too many bytes")

    def take(self, count: int) -> bytes:
        """The next `count` bytes."""
        if count > self._end - self.at:
            raise self.malformed(f"{count} bytes are announced and {self._end - self.at} are left")
        data = self._data[self.at : self.at + count]
        self.at += count
        return data

    def section(self, size: int) -> Reader:
        """A reader of the next `size` bytes, which this one steps over."""
        if size > self._end - self.at:
            raise self.malformed(f"a section of {size} bytes runs past the end")
        inner = Reader(self._data, self.at, self.at + size)
        self.at += size
        return inner

    def rest(self) -> bytes:
        """Everything that is left."""
        return self.take(self._end - self.at)

    def name(self) -> str:
        """A length and that many bytes of UTF-8."""
        size = self.u32()
        if size > MAX_NAME_BYTES:
            raise self.malformed(f"a name has {size} bytes")
        try:
            return self.take(size).decode()
        except UnicodeDecodeError:
            raise self.malformed("a name is not UTF-8") from None

    def count(self) -> int:
        """How many items follow; each takes a byte at least."""
        number = self.u32()
        if number > self._end - self.at:
            raise self.malformed(f"{number} items are announced in {self._end - self.at} bytes")
        return number

    def malformed(self, why: str) -> MalformedError:
        """The complaint that `why`, with the place."""
        return MalformedError(f"not a valid WebAssembly binary: {why} (at byte {self.at:#x})")

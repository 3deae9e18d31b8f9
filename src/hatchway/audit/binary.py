"""Reading WebAssembly's binary format, strictly and within bounds.

Every length is checked against what is left, every name must be UTF-8, every integer must
be encoded as the specification allows. What is not understood is an error, never skipped.

Source: WebAssembly core specification 3.0, section 5 (binary format).
"""

from __future__ import annotations

from hatchway.core.errors import AdmissionError

MAGIC = b"\0asm"
MODULE_VERSION = b"\1\0\0\0"
COMPONENT_VERSION = b"\x0d\0\1\0"
MAX_NAME_BYTES = 100_000
MAX_KEPT = 500_000
"""Things of one artifact that are looked at one by one. The largest real ones have a hundred
thousand. Functions and the elements of tables are counted apart."""
MAX_ENTRIES = 4_000_000
"""Functions, bodies and elements of tables in one artifact. The largest real one has two
million."""
_BLOCK_BYTES = 1 << 16


class MalformedError(AdmissionError):
    """The bytes are not a WebAssembly binary."""

    code = "admission.malformed"


class Reader:
    """A position in some bytes, and what may be read from there."""

    __slots__ = ("_data", "_end", "_kept", "at")

    def __init__(
        self, data: bytes, at: int = 0, end: int | None = None, kept: list[int] | None = None
    ) -> None:
        self._data = data
        self.at = at
        self._end = len(data) if end is None else end
        # Two numbers that all readers of an artifact share: things, and entries.
        self._kept = [0, 0] if kept is None else kept

    @property
    def is_done(self) -> bool:
        """Whether everything was read."""
        return self.at >= self._end

    @property
    def left(self) -> int:
        """How many bytes there are still."""
        return self._end - self.at

    def byte(self) -> int:
        """The next byte."""
        if self.at >= self._end:
            raise self.malformed("it ends in the middle of something")
        value = self._data[self.at]
        self.at += 1
        return value

    def peek(self) -> int:
        """The next byte, which stays where it is."""
        value = self.byte()
        self.at -= 1
        return value

    def u32(self) -> int:
        """An unsigned LEB128 integer of at most 32 bits, in at most five bytes."""
        at = self.at
        # Nearly all integers of real binaries take one byte.
        if at < self._end and (value := self._data[at]) < 0x80:
            self.at = at + 1
            return value
        return self._unsigned(32)

    def u64(self) -> int:
        """An unsigned LEB128 integer of at most 64 bits, in at most ten bytes."""
        return self._unsigned(64)

    def s32(self) -> int:
        """A signed LEB128 integer of 32 bits."""
        return self._signed(32)

    def s33(self) -> int:
        """A signed LEB128 integer of 33 bits: a type's index, or below zero a type's code."""
        return self._signed(33)

    def s64(self) -> int:
        """A signed LEB128 integer of 64 bits."""
        return self._signed(64)

    def _unsigned(self, bits: int) -> int:
        value, _ = self._groups(bits)
        if value >> bits:
            raise self.malformed(f"an integer does not fit in {bits} bits")
        return value

    def _signed(self, bits: int) -> int:
        value, width = self._groups(bits)
        if value >> (width - 1):
            value -= 1 << width
        if not -1 << (bits - 1) <= value < 1 << (bits - 1):
            raise self.malformed(f"an integer does not fit in {bits} bits")
        return value

    def _groups(self, bits: int) -> tuple[int, int]:
        """The bits of a LEB128 integer, of at most so many, and how many there were."""
        data, at, end = self._data, self.at, self._end
        value = shift = 0
        while at < end:
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                self.at = at
                return value, shift
            if shift >= bits:
                self.at = at
                raise self.malformed("an integer is encoded in too many bytes")
        self.at = at
        raise self.malformed("it ends in the middle of something")

    def indices(self, count: int, *, below: int) -> list[int]:
        """`count` unsigned integers, all of them indices into a space of `below` things."""
        found: list[int] = []
        while len(found) < count:
            block = self._data[self.at : min(self.at + count - len(found), self._end)][
                :_BLOCK_BYTES
            ]
            if block and block.isascii():  # each takes one byte, and they can be read together
                found += block
                self.at += len(block)
            else:
                found += self._longer(min(_BLOCK_BYTES, count - len(found)))
        if found and max(found) >= below:
            raise self.malformed(f"index {max(found)} is used, and there are {below}")
        return found

    def _longer(self, count: int) -> list[int]:
        """`count` unsigned integers. Not `u32`: a large binary has half a million of them."""
        data, at, end = self._data, self.at, self._end
        found: list[int] = []
        for _ in range(count):
            value = shift = byte = 0
            while at < end and shift < 35 and (byte := data[at]) >= 0x80:
                value |= (byte & 0x7F) << shift
                shift += 7
                at += 1
            if at >= end or shift == 35:
                self.at = at
                raise self.malformed("an integer is cut short or encoded in too many bytes")
            found.append(value | byte << shift)
            at += 1
        self.at = at
        return found

    def entries(self, at_most: int | None = None) -> int:
        """How many functions or elements of a table follow, which are kept count of."""
        number = self.count(at_most)
        self._kept[1] += number
        if self._kept[1] > MAX_ENTRIES:
            raise self.malformed(f"it has more than {MAX_ENTRIES} functions and elements")
        return number

    def holds_only(self, count: int, allowed: bytes) -> bool:
        """Step over the next `count` bytes if all of them are `allowed`, and say whether."""
        block = self._data[self.at : min(self.at + count, self._end)]
        if len(block) < count or block.translate(None, allowed):
            return False
        self.at += count
        return True

    def index(self, below: int, what: str) -> int:
        """An index into a space of `below` things called `what`."""
        number = self.u32()
        if number >= below:
            raise self.malformed(f"{what} {number} is used, and there are {below}")
        return number

    def flag(self, what: str) -> bool:
        """A byte that is 0 or 1."""
        value = self.byte()
        if value > 1:
            raise self.malformed(f"{what} must be 0 or 1, not {value:#x}")
        return bool(value)

    def expect(self, value: int, what: str) -> None:
        """Step over the byte `value`."""
        if (found := self.byte()) != value:
            raise self.malformed(f"{what} must be {value:#x}, not {found:#x}")

    def step_over(self, count: int) -> int:
        """Step over `count` things that say their own size; the largest size."""
        data, at, end = self._data, self.at, self._end
        largest = 0
        for _ in range(count):
            # The same as `u32` and `skip`: a large binary has hundreds of thousands of these.
            if at < end and (size := data[at]) < 0x80:
                at += 1
            else:
                self.at = at
                size = self.u32()
                at = self.at
            if size > end - at:
                self.at = at
                self.skip(size)
            at += size
            if size > largest:  # noqa: PLR1730 - three times as fast as max()
                largest = size
        self.at = at
        return largest

    def take(self, count: int) -> bytes:
        """The next `count` bytes."""
        start = self.at
        self.skip(count)
        return self._data[start : self.at]

    def skip(self, count: int) -> None:
        """Step over `count` bytes without copying them."""
        if count > self._end - self.at:
            raise self.malformed(f"{count} bytes are announced and {self._end - self.at} are left")
        self.at += count

    def section(self, size: int) -> Reader:
        """A reader of the next `size` bytes, which this one steps over."""
        if size > self._end - self.at:
            raise self.malformed(f"a section of {size} bytes runs past the end")
        inner = Reader(self._data, self.at, self.at + size, self._kept)
        self.at += size
        return inner

    def rest(self) -> bytes:
        """Everything that is left."""
        return self.take(self._end - self.at)

    def end(self) -> None:
        """Make sure that everything was read.

        Raises:
            MalformedError: Something is left.
        """
        if self.at < self._end:
            raise self.malformed("a section is longer than what it lists")

    def name(self) -> str:
        """A length and that many bytes of UTF-8."""
        size = self.u32()
        if size > MAX_NAME_BYTES:
            raise self.malformed(f"a name has {size} bytes")
        try:
            return self.take(size).decode()
        except UnicodeDecodeError:
            raise self.malformed("a name is not UTF-8") from None

    def count(self, at_most: int | None = None) -> int:
        """How many items follow; each takes a byte at least."""
        number = self.u32()
        if number > self._end - self.at:
            raise self.malformed(f"{number} items are announced in {self._end - self.at} bytes")
        if at_most is not None and number > at_most:
            raise self.malformed(f"{number} items are announced where at most {at_most} may be")
        return number

    def keep(self, number: int = 1) -> None:
        """Count `number` things that are looked at one by one.

        Raises:
            MalformedError: The artifact has too many of them.
        """
        self._kept[0] += number
        if self._kept[0] > MAX_KEPT:
            raise self.malformed(f"it defines more than {MAX_KEPT} things")

    def items(self, at_most: int | None = None) -> range:
        """One number for each of the items that follow, which are kept count of."""
        number = self.count(at_most)
        self.keep(number)
        return range(number)

    def malformed(self, why: str) -> MalformedError:
        """The complaint that `why`, with the place."""
        return MalformedError(f"not a valid WebAssembly binary: {why} (at byte {self.at:#x})")

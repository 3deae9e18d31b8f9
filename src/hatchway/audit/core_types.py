"""The types of core WebAssembly, as far as a module's surface depends on them.

Source: WebAssembly core specification 3.0, section 5.3; the proposals for threads, custom
page sizes, stack switching, shared-everything threads and custom descriptors.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hatchway.audit import features

if TYPE_CHECKING:
    from hatchway.audit.binary import Reader

MAX_PARAMETERS = 1000
MAX_FIELDS = 10_000
_MAX_PAGE_EXPONENT = 63

NOT_A_FUNCTION, FUNCTION, PLAIN_FUNCTION, ANSWERING_FUNCTION = 0, 1, 2, 3
"""What is known of a type: whether it is a function's, one without parameters or results, and one
without parameters that gives back an i32."""

_NUMBERS = frozenset({0x7F, 0x7E, 0x7D, 0x7C, 0x7B})
_I32 = 0x7F
_FUNCTION, _EXTERNAL = 0x70, 0x6F
_ORDINARY = bytes([*_NUMBERS, _FUNCTION, _EXTERNAL])
_ABSTRACT: dict[int, str | None] = {
    _FUNCTION: None,
    _EXTERNAL: None,
    **dict.fromkeys((0x6E, 0x71, 0x72, 0x73, 0x6D, 0x6B, 0x6A, 0x6C), features.GC),
    **dict.fromkeys((0x69, 0x74), features.EXCEPTIONS),
    **dict.fromkeys((0x68, 0x75), features.STACK_SWITCHING),
}
"""Kinds of things a reference may lead to, with the proposal that brought them."""
_NULLABLE, _NOT_NULL, _SHARED, _EXACT = 0x63, 0x64, 0x65, 0x62


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How large a memory or table is, and may become; in pages or elements."""

    minimum: int
    maximum: int | None
    is_shared: bool
    is_64_bit: bool
    page_bytes: int


class CoreTypes:
    """A type index space, and the proposals that what was read needs.

    Attributes:
        kinds: One of the four constants above for each type.
        features: Collected while reading.
    """

    __slots__ = ("_bound", "features", "kinds")

    def __init__(self, found: set[str] | None = None) -> None:
        self.kinds = bytearray()
        self._bound = 0
        self.features: set[str] = set() if found is None else found

    def function(self, reader: Reader) -> int:
        """The index of a function type."""
        number = reader.index(len(self.kinds), "type")
        if self.kinds[number] == NOT_A_FUNCTION:
            raise reader.malformed(f"type {number} is used for a function and is none")
        return number

    def recursive(self, reader: Reader) -> None:
        """One type, or a group of types that may mention each other."""
        count = 1
        if reader.peek() == 0x4E:
            reader.byte()
            self.features.add(features.GC)
            count = len(reader.items())
        self._bound = len(self.kinds) + count
        for _ in range(count):
            self._sub(reader)

    def _sub(self, reader: Reader) -> None:
        """One type, possibly below another in a hierarchy."""
        code = reader.byte()
        if code in (0x4F, 0x50):
            self.features.add(features.GC)
            for _ in range(reader.count(1)):
                reader.index(self._bound, "type")
            code = reader.byte()
        if code == _SHARED:
            self.features.add(features.SHARED_EVERYTHING)
            code = reader.byte()
        for prefix in (0x4C, 0x4D):
            if code == prefix:
                self.features.add(features.CUSTOM_DESCRIPTORS)
                reader.index(self._bound, "type")
                code = reader.byte()
        self.kinds.append(self._composite(reader, code))

    def _composite(self, reader: Reader, code: int) -> int:
        if code == 0x60:
            parameters = self.values(reader, MAX_PARAMETERS)
            results = reader.count(MAX_PARAMETERS)
            is_one_i32 = results == 1 and reader.peek() == _I32
            self._values(reader, results)
            if parameters or (results and not is_one_i32):
                return FUNCTION
            return ANSWERING_FUNCTION if results else PLAIN_FUNCTION
        if code == 0x5F:
            for _ in reader.items(MAX_FIELDS):
                self._field(reader)
        elif code == 0x5E:
            self._field(reader)
        elif code == 0x5D:
            self.features.add(features.STACK_SWITCHING)
            self._concrete(reader)
            return NOT_A_FUNCTION
        else:
            raise reader.malformed(f"unknown kind of type {code:#x}")
        self.features.add(features.GC)
        return NOT_A_FUNCTION

    def _field(self, reader: Reader) -> None:
        if reader.peek() in (0x78, 0x77):
            reader.byte()
        else:
            self.value(reader)
        reader.flag("a field's mutability")

    def values(self, reader: Reader, at_most: int) -> int:
        """How many value types stood there, all of them read."""
        count = reader.count(at_most)
        self._values(reader, count)
        return count

    def _values(self, reader: Reader, count: int) -> None:
        if not reader.holds_only(count, _ORDINARY):
            reader.keep(count)
            for _ in range(count):
                self.value(reader)

    def value(self, reader: Reader) -> None:
        """A number, vector or reference type."""
        if reader.peek() in _NUMBERS:
            reader.byte()
        else:
            self.reference(reader)

    def reference(self, reader: Reader) -> None:
        """The type of a reference."""
        code = reader.peek()
        if code in (_NULLABLE, _NOT_NULL):
            reader.byte()
            if code == _NOT_NULL:
                self.features.add(features.FUNCTION_REFERENCES)
            self.heap(reader)
        else:
            self._abstract(reader)

    def heap(self, reader: Reader) -> None:
        """What a reference may lead to."""
        code = reader.peek()
        if code == _EXACT:
            reader.byte()
            self.features.add(features.CUSTOM_DESCRIPTORS)
            reader.index(self._bound, "type")
        elif code & 0xC0 == 0x40:  # one byte, and negative as a signed integer
            self._abstract(reader)
        else:
            self._concrete(reader)
            self.features.add(features.FUNCTION_REFERENCES)

    def _concrete(self, reader: Reader) -> None:
        if not 0 <= (number := reader.s33()) < self._bound:
            raise reader.malformed(f"type {number} is used, and there are {self._bound}")

    def _abstract(self, reader: Reader) -> None:
        code = reader.byte()
        if code == _SHARED:
            self.features.add(features.SHARED_EVERYTHING)
            code = reader.byte()
        if code not in _ABSTRACT:
            raise reader.malformed(f"unknown type {code:#x}")
        if (feature := _ABSTRACT[code]) is not None:
            self.features.add(feature)

    def table(self, reader: Reader) -> Limits:
        """The type of a table."""
        self.reference(reader)
        return self.limits(reader, 0b111)

    def memory(self, reader: Reader) -> Limits:
        """The type of a memory."""
        return self.limits(reader, 0b1111)

    def limits(self, reader: Reader, allowed: int) -> Limits:
        """A smallest and perhaps a largest size, under flags of which some are `allowed`."""
        flags = reader.byte()
        if flags & ~allowed:
            raise reader.malformed(f"unknown limits {flags:#x}")
        is_64_bit = bool(flags & 4)
        # Sizes are 64-bit integers in any case since WebAssembly 3.0.
        minimum = reader.u64()
        maximum = reader.u64() if flags & 1 else None
        if not is_64_bit and max(minimum, maximum or 0) >> 32:
            raise reader.malformed("a size does not fit in 32 bits")
        if maximum is not None and maximum < minimum:
            raise reader.malformed(f"the largest size {maximum} is below the smallest {minimum}")
        exponent = reader.u32() if flags & 8 else 16
        if exponent > _MAX_PAGE_EXPONENT:
            raise reader.malformed(f"a page has 2^{exponent} bytes")
        named = {2: features.THREADS, 4: features.MEMORY64, 8: features.CUSTOM_PAGE_SIZES}
        self.features.update(name for flag, name in named.items() if flags & flag)
        return Limits(
            minimum=minimum,
            maximum=maximum,
            is_shared=bool(flags & 2),
            is_64_bit=is_64_bit,
            page_bytes=1 << exponent,
        )

    def global_type(self, reader: Reader) -> None:
        """The type of a global."""
        self.value(reader)
        flags = reader.byte()
        if flags > 3:
            raise reader.malformed(f"unknown kind of global {flags:#x}")
        if flags & 2:
            self.features.add(features.SHARED_EVERYTHING)

    def tag(self, reader: Reader) -> None:
        """The type of an exception."""
        self.features.add(features.EXCEPTIONS)
        reader.expect(0, "the kind of a tag")
        self.function(reader)

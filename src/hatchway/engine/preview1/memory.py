"""A guest's linear memory, as host functions may touch it."""

from __future__ import annotations

import ctypes
import struct
from typing import TYPE_CHECKING

from hatchway.engine import capi
from hatchway.engine.files.nodes import Errno, FileFault
from hatchway.engine.settings import MEMORY_RESERVATION_BYTES

if TYPE_CHECKING:
    from hatchway.engine.guest import Guest


class Fault(FileFault):
    """The guest gave an address outside its memory."""

    def __init__(self) -> None:
        super().__init__(Errno.FAULT)


def memory_of(guest: Guest, caller: int) -> Memory:
    """The memory of the calling module; an empty one if it exports none."""
    address = capi.addressof(guest.scratch) + capi.SCRATCH_MEMORY
    found = capi.caller_export_get(caller, b"memory", 6, address)
    return _known(capi.caller_context(caller), address, found)


def memory_in(guest: Guest, context: int, instance: int) -> Memory:
    """The memory of the instance at that address; an empty one if it exports none."""
    address = capi.addressof(guest.scratch) + capi.SCRATCH_MEMORY
    found = capi.instance_export_get(context, instance, b"memory", 6, address)
    return _known(context, address, found)


def _known(context: int, address: int, found: bool) -> Memory:
    is_memory = found and _KIND.from_address(address).value == capi.EXTERN_MEMORY
    return Memory(context, address + capi.EXTERN_PAYLOAD if is_memory else 0)


class Memory:
    """The linear memory that a guest exports as `memory`.

    It never moves (the engine reserves its whole address space) and never shrinks, so it is
    looked up once per run, and its size again only when an access goes beyond the last known
    one. Every access is checked here; nothing else touches guest memory.
    """

    __slots__ = ("_context", "_memory", "_size", "_view")

    def __init__(self, context: int, memory: int) -> None:
        """The memory that wasmtime describes at address `memory`; an empty one at 0."""
        self._context = context
        self._memory = memory
        self._size = 0
        self._view = _EMPTY
        if memory:
            base = capi.memory_data(context, memory)
            # A view of all that is reserved: ctypes then needs one type for every size.
            self._view = memoryview(_RESERVATION.from_address(base)).cast("B")
            self.size()

    def size(self) -> int:
        """The size in bytes, as it is now."""
        if self._memory:
            self._size = capi.memory_data_size(self._context, self._memory)
        return self._size

    def require(self, at: int, count: int) -> None:
        """Check that `count` bytes from address `at` are inside.

        Raises:
            Fault: They are not.
        """
        end = at + count
        if end > self._size and end > self.size():
            raise Fault

    def read(self, at: int, count: int) -> bytes:
        """`count` bytes from address `at`.

        Raises:
            Fault: They are not all inside.
        """
        end = at + count
        if end > self._size and end > self.size():
            raise Fault
        return self._view[at:end].tobytes()

    def write(self, at: int, data: bytes) -> None:
        """Put `data` at address `at`.

        Raises:
            Fault: It does not all fit inside; nothing is written.
        """
        end = at + len(data)
        if end > self._size and end > self.size():
            raise Fault
        self._view[at:end] = data

    def put_u32(self, at: int, value: int) -> None:
        """Put a 32-bit number at address `at`.

        Raises:
            Fault: It does not fit inside.
        """
        if at + 4 > self._size and at + 4 > self.size():
            raise Fault
        _pack_u32(self._view, at, value)

    def vectors(self, at: int, count: int) -> tuple[list[tuple[int, int]], int]:
        """The (address, length) pairs of an iovec array, each inside, and their sum.

        Raises:
            Fault: The array, or what it points to, is not all inside.
        """
        self.require(at, 8 * count)
        total = 0
        pairs = [_unpack_pair(self._view, at + 8 * index) for index in range(count)]
        for start, length in pairs:
            end = start + length
            if end > self._size and end > self.size():
                raise Fault
            total += length
        return pairs, total


_EMPTY = memoryview(b"").cast("B")
_RESERVATION = ctypes.c_char * MEMORY_RESERVATION_BYTES
_KIND = ctypes.c_uint8
_unpack_pair = struct.Struct("<II").unpack_from
_pack_u32 = struct.Struct("<I").pack_into

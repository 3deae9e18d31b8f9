"""What one call's plug-in has besides its instance: the kernel, variables, the last response."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, NoReturn

from hatchway.core.errors import GuestTrappedError
from hatchway.engine import capi
from hatchway.engine.files.nodes import FileFault
from hatchway.engine.preview1.memory import Memory
from hatchway.engine.program import ended_early

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hatchway.core.errors import CallError
    from hatchway.engine.guest import Guest

MAX_VARIABLE_BYTES = 1 << 20
"""What all variables of a call may hold, as in Extism."""
MAX_TAKEN_BYTES = 1 << 20
"""Of one name, value or message that is handed over."""
_VARIABLE_BYTES = 48
"""What a variable counts besides its name and value."""

_FUNCTIONS = (b"alloc", b"free", b"length", b"input_set", b"output_offset", b"output_length",
              b"error_get")  # fmt: skip
_EXTERN_BYTES = ctypes.sizeof(capi.Extern)
_Room = ctypes.c_uint64 * ((_EXTERN_BYTES * (len(_FUNCTIONS) + 1) + 64) // 8)


class Plugin:
    """The host's side of one plug-in.

    Attributes:
        status: Of the last response; 0 before there was one.
        headers: Of the last response.
    """

    __slots__ = ("_at", "_context", "_guest", "_memory", "_places", "_room", "_variables",
                 "_variables_left", "headers", "status")  # fmt: skip

    def __init__(self, guest: Guest, context: int, kernel_at: int) -> None:
        """Find what the kernel's instance at address `kernel_at` exports."""
        self._guest = guest
        self._context = context
        self._room = _Room()
        self._at = capi.addressof(self._room)
        self._places: dict[bytes, int] = {}
        place = self._at + 64
        for name in _FUNCTIONS:
            found = capi.instance_export_get(context, kernel_at, name, len(name), place)
            assert found, name
            self._places[name] = place + capi.EXTERN_PAYLOAD
            place += _EXTERN_BYTES
        found = capi.instance_export_get(context, kernel_at, b"memory", 6, place)
        assert found
        self._memory = Memory(context, place + capi.EXTERN_PAYLOAD)
        self._variables: dict[bytes, bytes] = {}
        self._variables_left = MAX_VARIABLE_BYTES
        self.status = 0
        self.headers: Mapping[str, str] = {}

    # The kernel

    def give(self, data: bytes) -> int:
        """A new block that holds `data`; 0 for nothing.

        Raises:
            Stopped: There is no room for it.
        """
        if not data:
            return 0
        offset = self._kernel(b"alloc", len(data))
        if not offset:
            self.trap(f"there is no room for {len(data)} bytes in the memory it may use")
        self._write(offset, data)
        return offset

    def take(self, offset: int, what: str, *, most: int = MAX_TAKEN_BYTES) -> bytes:
        """The bytes of the block at `offset`, which is freed; nothing for 0.

        Raises:
            Stopped: No block begins there, or it has more than `most` bytes.
        """
        if not offset:
            return b""
        length = self._kernel(b"length", offset)
        if not length:
            self.trap(f"it gave an offset that is no block for {what}")
        if length > most:
            # Copying it would keep everybody else waiting.
            self.trap(f"it gave more than {most} bytes for {what}")
        data = self._read(offset, length)
        self._kernel(b"free", offset)
        return data

    def set_input(self, data: bytes) -> None:
        """Make `data` what the plug-in reads."""
        self._kernel(b"input_set", self.give(data), len(data))

    def output(self) -> bytes:
        """What the plug-in made its output; counted as such before it is copied."""
        length = self._kernel(b"output_length")
        self._guest.spend_output(length)
        return self._read(self._kernel(b"output_offset"), length) if length else b""

    def error(self) -> bytes | None:
        """What the plug-in says went wrong; None when it says nothing."""
        offset = self._kernel(b"error_get")
        length = self._kernel(b"length", offset) if offset else 0
        self._guest.spend_output(length)
        return self._read(offset, length) if length else None

    def memory_bytes(self) -> int:
        """The size of the kernel's memory."""
        return self._memory.size()

    def _kernel(self, name: bytes, *arguments: int) -> int:
        at = self._at
        for index, argument in enumerate(arguments):
            capi.write_pointer(at + index * capi.RAW_VALUE_BYTES, argument)
        capi.write_pointer(at + 48, 0)
        error = capi.func_call_unchecked(self._context, self._places[name], at, 2, at + 48)
        if error or (trap := capi.read_pointer(at + 48)):
            self._guest.end(_cause(self._guest, error, 0 if error else trap))
        return capi.read_pointer(at)

    def _read(self, offset: int, length: int) -> bytes:
        try:
            return self._memory.read(offset, length)
        except FileFault:
            self.trap("it gave an offset outside of its memory")

    def _write(self, offset: int, data: bytes) -> None:
        try:
            self._memory.write(offset, data)
        except FileFault:
            self.trap("it wrote over the lists of its own blocks")

    def trap(self, reason: str) -> NoReturn:
        """End the plug-in where it stands, as Extism does.

        Raises:
            Stopped: Always.
        """
        message = f"the plug-in cannot go on: {reason}"
        self._guest.end(GuestTrappedError(message, details={"trap": "host_function"}))

    # Variables

    def variable(self, name: bytes) -> bytes:
        """What the variable `name` holds; nothing if it was never set."""
        return self._variables.get(name, b"")

    def set_variable(self, name: bytes, value: bytes | None) -> None:
        """Set the variable `name`, or remove it.

        Raises:
            Stopped: All together would hold too much.
        """
        old = self._variables.pop(name, None)
        if old is not None:
            self._variables_left += len(name) + len(old) + _VARIABLE_BYTES
        if value is None:
            return
        self._variables_left -= len(name) + len(value) + _VARIABLE_BYTES
        if self._variables_left < 0:
            self.trap(f"its variables would hold more than {MAX_VARIABLE_BYTES} bytes")
        self._variables[name] = value


def _cause(guest: Guest, error: int | None, trap: int) -> CallError:
    ending = ended_early(guest, error, trap)
    assert ending.stop is not None
    return ending.stop

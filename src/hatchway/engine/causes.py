"""Why a guest stopped: from trap codes, fuel and our own flags, never from its words.

For core modules wasmtime gives a trap code. For components it gives only a message, in
which the names of guest functions stand unescaped above the cause; a guest can make those
lines say anything. So only the last line counts, it must be exactly one that wasmtime
itself produces for a trap code, and everything else is `unknown`. What the host ended
(deadline, cancellation, output, host calls, exit) is known from the `Guest` without any
text.
"""

from __future__ import annotations

import ctypes
import re
from functools import cache

from wasmtime import _ffi as ffi

from hatchway.core.errors import (
    CallError,
    DeadlineExceededError,
    FuelExhaustedError,
    GuestExitedError,
    GuestTrappedError,
    MemoryExceededError,
    OutputTooLargeError,
    OverloadedError,
)
from hatchway.core.untrusted import printable
from hatchway.engine import capi

MAX_FRAMES = 16
_FRAME_TEXT = 128

_NAMES = {
    "unreachable_code_reached": "unreachable",
    "memory_out_of_bounds": "out_of_bounds",
    "integer_division_by_zero": "divide_by_zero",
}
"""Shorter names than wasmtime's, for the traps people meet."""

# Whole lines of wasmtime, with numbers as the only part a guest chooses.
_TOO_MUCH_MEMORY = re.compile(
    r"memory minimum size of \d+ pages exceeds memory limits"
    r"|table minimum size of \d+ elements exceeds table limits"
    r"|resource limit exceeded: (?:instance|table|memory) count too high at \d+"
    r"|(?:memory|table) index \d+ has a minimum (?:byte|element) size of \d+"
    r" which exceeds the limit of \S+"
)
_POOL_FULL = re.compile(r"maximum concurrent .{1,60} limit of \d+ reached")
_SYSTEM_REFUSED = re.compile(r"[A-Z][\w ,/'-]{1,80} \(os error \d{1,3}\)")
"""Said after the types were compared, for want of memory or of a permission."""
_TOO_MUCH_DATA = (
    "too much data is being copied between the host and the guest: "
    "fuel allocated for hostcalls has been exhausted"
)


def trap_name(code: int) -> str:
    """The stable name of a trap code."""
    name = capi.TRAP_CODES.get(code, "unknown")
    return _NAMES.get(name, name)


def from_trap(trap: int) -> tuple[CallError, tuple[str, ...]]:
    """The cause and the frames of an owned trap, which is deleted."""
    try:
        code = ctypes.c_uint8()
        known = capi.trap_code(trap, capi.addressof(code))
        frames = ffi.wasm_frame_vec_t()
        capi.trap_trace(trap, capi.addressof(frames))
        return _trapped(trap_name(code.value) if known else "unknown"), _take_frames(frames)
    finally:
        capi.trap_delete(trap)


def from_error(error: int) -> tuple[CallError, tuple[str, ...]]:
    """The cause and the frames of an owned error, which is deleted."""
    frames = ffi.wasm_frame_vec_t()
    capi.error_wasm_trace(error, capi.addressof(frames))
    shown = _take_frames(frames)
    return from_last_line(capi.take_error_text(error)), shown


def from_last_line(text: str) -> CallError:
    """The cause that the last line of one of wasmtime's messages states."""
    line = text.rstrip("\n").rpartition("\n")[2].strip()
    # Behind one cause stands the bare line; behind several, each is numbered.
    line = re.sub(r"\A\d+: ", "", line)
    if (name := _trap_lines().get(line)) is not None:
        return _trapped(name)
    if _TOO_MUCH_MEMORY.fullmatch(line):
        return MemoryExceededError("the guest needs more memory at start than its limits allow")
    if line == _TOO_MUCH_DATA:
        return OutputTooLargeError("the guest passed more data to the host than one call may")
    if _POOL_FULL.fullmatch(line) or _SYSTEM_REFUSED.fullmatch(line):
        return OverloadedError("no room for another instance right now")
    return _trapped("unknown")


def exited(code: int) -> GuestExitedError:
    """The error of a command that ended with a status other than zero."""
    return GuestExitedError(f"the guest exited with status {code}", details={"exit_code": code})


def _trapped(name: str) -> CallError:
    if name == "out_of_fuel":
        return FuelExhaustedError("the guest used all its fuel")
    if name == "interrupt":
        return DeadlineExceededError("the guest did not finish in time")
    return GuestTrappedError(f"the guest trapped: {name}", details={"trap": name})


@cache
def _trap_lines() -> dict[str, str]:
    """What wasmtime prints for every trap code, asked of the library itself."""
    lines: dict[str, str] = {}
    for code in capi.TRAP_CODES:
        trap = ffi.wasmtime_trap_new_code(code)
        text = ffi.wasm_byte_vec_t()
        ffi.wasm_trap_message(trap, ctypes.byref(text))
        message = bytes(capi.string_at(text.data, text.size)).rstrip(b"\0").decode()
        ffi.wasm_byte_vec_delete(ctypes.byref(text))
        ffi.wasm_trap_delete(trap)
        lines[message] = trap_name(code)
    return lines


def _take_frames(frames: ffi.wasm_frame_vec_t) -> tuple[str, ...]:
    try:
        count = min(frames.size, MAX_FRAMES)
        return tuple(
            _frame(ctypes.addressof(frames.data[index].contents)) for index in range(count)
        )
    finally:
        capi.frame_vec_delete(capi.addressof(frames))


def _frame(frame: int) -> str:
    name = capi.frame_func_name(frame)
    offset = capi.frame_module_offset(frame)
    if name:
        vector = capi.ByteVec.from_address(name)
        shown = printable(capi.string_at(vector.data, vector.size), limit=_FRAME_TEXT)
    else:
        shown = f"function {capi.frame_func_index(frame)}"
    return f"{shown} at {offset:#x}"

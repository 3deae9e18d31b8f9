"""The kernel: an allocator, and where input, output and error lie, as a core module.

Blocks are 16-byte aligned and preceded by 16 bytes: a tag that only a live block has at that
place, the room, the length, and the next free block. Addresses below 1024 hold the lists of
free blocks and are out of a plug-in's reach; where input, output and error are is kept in
globals. A plug-in can still overwrite the 16 bytes of its blocks. It then has a wrong length, a
trap or an endless search, all its own.

An address outside of the memory reads as 0 and is not written to, and an end is never computed
by an addition that could wrap around.

`kernel.wat` is its source.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

SIGNATURES: dict[str, tuple[str, str]] = {
    "alloc": ("I", "I"),
    "free": ("I", ""),
    "length": ("I", "I"),
    "length_unsafe": ("I", "I"),
    "load_u8": ("I", "i"),
    "load_u64": ("I", "I"),
    "store_u8": ("Ii", ""),
    "store_u64": ("II", ""),
    "input_load_u8": ("I", "i"),
    "input_load_u64": ("I", "I"),
    "input_set": ("II", ""),
    "input_offset": ("", "I"),
    "input_length": ("", "I"),
    "output_set": ("II", ""),
    "output_offset": ("", "I"),
    "output_length": ("", "I"),
    "error_set": ("I", ""),
    "error_get": ("", "I"),
    "reset": ("", ""),
    "memory_bytes": ("", "I"),
}
"""Parameters and result of every function of the kernel: `i` is i32, `I` is i64."""


@cache
def kernel() -> bytes:
    """The kernel as a binary."""
    return Path(__file__).with_name("kernel.wasm").read_bytes()


@cache
def kernel_digest() -> str:
    """What the compiled cache knows it by."""
    return f"sha256:{hashlib.sha256(kernel()).hexdigest()}"

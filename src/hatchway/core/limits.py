"""What one call may consume."""

from __future__ import annotations

from dataclasses import dataclass

KIBIBYTE = 1024
MEBIBYTE = 1024 * KIBIBYTE
GIBIBYTE = 1024 * MEBIBYTE

FOUR_GIBIBYTES = 4 * GIBIBYTE
"""The whole address space of a 32-bit linear memory; no limit can usefully be larger."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The most one call may consume before it is stopped. Every limit is finite.

    Attributes:
        fuel: Wasm operations, as counted by wasmtime. The same across runs.
        deadline_seconds: Wall-clock time from instantiation to the result.
        memory_bytes: The size of a linear memory, at start and after growing, which answers
            -1 beyond it. A call has at most four memories; most have one.
        output_bytes: What the guest may write to stdout and stderr, or return.
        scratch_bytes: Files in the private workspace; 0 means there is none.
        table_elements: The largest table the guest may have.
        instances: Core instances one call may create (components have several).
        host_calls: How often the guest may call into the host.
        inner_calls: Calls of other tools that it, and those it calls, may make in all.
        inner_fuel: What all of those may use together.
    """

    fuel: int = 1_000_000_000
    deadline_seconds: float = 10.0
    memory_bytes: int = 64 * MEBIBYTE
    output_bytes: int = 1 * MEBIBYTE
    scratch_bytes: int = 0
    table_elements: int = 100_000
    instances: int = 100
    host_calls: int = 100_000
    inner_calls: int = 100
    inner_fuel: int = 10_000_000_000

"""One engine's configuration: what code may contain, and how instances get their memory.

Every switch that matters for isolation is set here explicitly, whatever wasmtime's default
is today. The compile child and the running process use the same switches; they are part of
the key of the compiled cache.
"""

from __future__ import annotations

import mmap
import platform
from dataclasses import dataclass
from typing import TYPE_CHECKING

import wasmtime
from wasmtime import _ffi as ffi

from hatchway.core.errors import ConfigError
from hatchway.core.limits import GIBIBYTE, KIBIBYTE, MEBIBYTE
from hatchway.engine import capi

if TYPE_CHECKING:
    from hatchway.core.surface import Compiler

SUPPORTED_WHEEL = "50."
"""The releases of the wasmtime wheel whose C API `capi` was read against."""

STACK_BYTES = 1536 * KIBIBYTE
"""Native stack of one guest. CPython as a guest raises its own error at 1,000 nested calls only
where they fit; four such guests, each called by the one before, fit into the 8 MiB of a thread."""
MEMORIES_PER_CALL = 4
TABLES_PER_CALL = 64

MEMORY_RESERVATION_BYTES = 4 * GIBIBYTE
"""Address space of one linear memory: all that a 32-bit address can name, so that an access
needs no bounds check to stay inside."""
MEMORY_GUARD_BYTES = 32 * MEBIBYTE
"""Unmapped space behind it, which catches an address plus a constant offset."""

MAX_TABLE_ELEMENTS = 1_000_000

# `wasmtime_strategy_enum`; the wheel's own setter knows no Winch.
_STRATEGIES: dict[Compiler, int] = {"cranelift": 1, "winch": 2}

_WINCH_MACHINES = frozenset({"x86_64", "AMD64"})

FEATURES: dict[str, bool] = {
    "consume_fuel": True,
    "epoch_interruption": True,
    "signals_based_traps": True,
    # `preview1.memory` relies on it.
    "memory_may_move": False,
    "wasm_relaxed_simd_deterministic": True,
    # Not needed by tools, or not limited by a store: off until somebody needs them.
    "wasm_threads": False,
    "shared_memory": False,
    "wasm_memory64": False,
    "wasm_exceptions": False,
    "wasm_function_references": False,
    "wasm_gc": False,
    "gc_support": False,
    "wasm_stack_switching": False,
    "wasm_component_model_async": False,
    # With it, wasmtime 50.0 traps in every host function that takes two borrowed handles.
    "concurrency_support": False,
    "wasm_custom_page_sizes": False,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSettings:
    """What an operator may choose about an engine.

    Attributes:
        concurrent_calls: Calls that may run at the same time; more are refused. As many again
            may be calls that those make of other tools.
        reservation_bytes: Address space for one linear memory.
        guard_bytes: Unmapped space behind it.
        table_elements: The largest table that the pool has room for.
    """

    concurrent_calls: int = 32
    reservation_bytes: int = MEMORY_RESERVATION_BYTES
    guard_bytes: int = MEMORY_GUARD_BYTES
    table_elements: int = MAX_TABLE_ELEMENTS

    @property
    def places(self) -> int:
        """Calls that may hold memory at once: those from outside, and those that they make."""
        return 2 * self.concurrent_calls

    def __post_init__(self) -> None:
        """Refuse what would weaken the walls between guests.

        Raises:
            ConfigError: Reservation or guard are smaller than what keeps memory apart.
        """
        if not 1 <= self.concurrent_calls <= 1000:
            message = f"concurrent_calls must be 1 to 1000, got {self.concurrent_calls}"
            raise ConfigError(message)
        if (
            self.reservation_bytes < MEMORY_RESERVATION_BYTES
            or self.guard_bytes < MEMORY_GUARD_BYTES
        ):
            message = (
                f"linear memories need {MEMORY_RESERVATION_BYTES} reserved and "
                f"{MEMORY_GUARD_BYTES} guard bytes, got {self.reservation_bytes} and "
                f"{self.guard_bytes}"
            )
            raise ConfigError(message, code="config.unsafe_engine")


def has_winch(machine: str | None = None) -> bool:
    """Whether Winch's code may run on this machine.

    On x86-64 only: there wasmtime supports it like Cranelift, and there our hostile guests were
    run on it.
    """
    return (machine or platform.machine()) in _WINCH_MACHINES


def fingerprint(compiler: Compiler) -> str:
    """What compiled code depends on besides the artifact; two engines that agree share code."""
    features = ",".join(f"{name}={value:d}" for name, value in sorted(FEATURES.items()))
    layout = f"stack={STACK_BYTES},memory={MEMORY_RESERVATION_BYTES}+{MEMORY_GUARD_BYTES}"
    machine = f"{platform.system()}-{platform.machine()}"
    return f"wasmtime={capi.WASMTIME_VERSION};{compiler};{machine};{layout};{features}"


def require_supported_wheel(version: str = capi.WASMTIME_VERSION) -> None:
    """Refuse a wheel whose C structures and WASI interfaces nobody compared with ours.

    Raises:
        ConfigError: `config.unsupported_wheel`.
    """
    if not version.startswith(SUPPORTED_WHEEL):
        message = f"Hatchway works with wasmtime {SUPPORTED_WHEEL}x, found {version}"
        hint = f"pip install 'wasmtime>={SUPPORTED_WHEEL}0,<51'"
        raise ConfigError(message, code="config.unsupported_wheel", hint=hint)


def base_config(settings: EngineSettings, compiler: Compiler) -> wasmtime.Config:
    """A configuration without an allocator; enough to compile with."""
    require_supported_wheel()
    config = wasmtime.Config()
    pointer = config.ptr()
    ffi.wasmtime_config_strategy_set(pointer, _STRATEGIES[compiler])
    for name, value in FEATURES.items():
        getattr(ffi, f"wasmtime_config_{name}_set")(pointer, value)
    ffi.wasmtime_config_max_wasm_stack_set(pointer, STACK_BYTES)
    ffi.wasmtime_config_memory_reservation_set(pointer, settings.reservation_bytes)
    ffi.wasmtime_config_memory_guard_size_set(pointer, settings.guard_bytes)
    return config


def new_engine(settings: EngineSettings, compiler: Compiler) -> tuple[wasmtime.Engine, bool]:
    """An engine to run with, and whether it takes instances from a pool.

    It loads the code of one compiler: wasmtime refuses the other's, which calls differently.

    The pool reserves address space for every memory at once. Where that does not fit,
    wasmtime would abort the process; so the space is tried out first, and an engine that
    maps memory on demand is the answer instead.
    """
    config = base_config(settings, compiler)
    pooled = _fits(_pool_bytes(settings))
    if pooled:
        _add_pool(config, settings)
    return wasmtime.Engine(config), pooled


def _pool_bytes(settings: EngineSettings) -> int:
    calls = settings.places
    slots = calls * MEMORIES_PER_CALL + 1
    tables = calls * TABLES_PER_CALL * settings.table_elements * 16
    return slots * (settings.reservation_bytes + settings.guard_bytes) + tables + GIBIBYTE


def _fits(size: int) -> bool:
    """Whether this process may reserve `size` bytes of address space right now."""
    try:
        mmap.mmap(
            -1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _NO_RESERVE, prot=0
        ).close()
    except (OSError, ValueError, OverflowError):
        return False
    return True


_NO_RESERVE = getattr(mmap, "MAP_NORESERVE", 0x4000 if platform.system() == "Linux" else 0)


def _add_pool(config: wasmtime.Config, settings: EngineSettings) -> None:
    calls = settings.places
    sizes = {
        "total_core_instances": calls * 1000,
        "total_component_instances": calls * 1000,
        "max_core_instances_per_component": 1000,
        "total_memories": calls * MEMORIES_PER_CALL,
        "max_memories_per_component": MEMORIES_PER_CALL,
        "max_memories_per_module": MEMORIES_PER_CALL,
        "total_tables": calls * TABLES_PER_CALL,
        "max_tables_per_component": TABLES_PER_CALL,
        "max_tables_per_module": TABLES_PER_CALL,
        "total_stacks": 0,
        "total_gc_heaps": 0,
        "max_memory_size": settings.reservation_bytes,
        "table_elements": settings.table_elements,
        "max_core_instance_size": MEBIBYTE,
        "max_component_instance_size": MEBIBYTE,
        # Kept mapped and wiped between calls, so that a small guest costs no page faults.
        "linear_memory_keep_resident": MEBIBYTE,
        "table_keep_resident": 64 * KIBIBYTE,
    }
    pool = ffi.wasmtime_pooling_allocation_config_new()
    try:
        for name, value in sizes.items():
            getattr(ffi, f"wasmtime_pooling_allocation_config_{name}_set")(pool, value)
        ffi.wasmtime_pooling_allocation_strategy_set(config.ptr(), pool)
    finally:
        ffi.wasmtime_pooling_allocation_config_delete(pool)

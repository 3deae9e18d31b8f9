"""wasmtime's C API, as far as the engine uses it: typed, and with the GIL in mind.

The wheel's own classes cost several times what a fresh sandbox costs (`bench/`), keep
exceptions of callbacks in one global that other threads read, and hide switches we need.
So the path of a call goes straight to the C functions, and this file is the one place that
knows their signatures. Names follow the C names without the prefix.

Two kinds of prototype:

* `_held` keeps the GIL. For functions that return in well under a microsecond and never run
  guest code. Releasing and retaking the GIL would cost more than the call.
* `_released` gives it up. For everything that may run guest code, free or map memory.
  Guest code must never run while the GIL is held: the ticker, the deadline and every other
  call would wait for the guest.

Pointers are plain integers. Ownership is stated where it is not obvious; it was read in
wasmtime's `crates/c-api/src`.
"""

from __future__ import annotations

import ctypes
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from wasmtime import _ffi as ffi

if TYPE_CHECKING:
    from collections.abc import Callable

WASMTIME_VERSION: str = version("wasmtime")

Pointer = ctypes.c_void_p
Size = ctypes.c_size_t
_U64 = ctypes.c_uint64
_I64 = ctypes.c_int64
_U32 = ctypes.c_uint32
_Bool = ctypes.c_bool
_Chars = ctypes.c_char_p

addressof = ctypes.addressof
memmove = ctypes.memmove
string_at = ctypes.string_at


def _held(name: str, result: Any, *arguments: Any) -> Callable[..., Any]:
    return ctypes.PYFUNCTYPE(result, *arguments)((f"{name}", ffi.dll))


def _released(name: str, result: Any, *arguments: Any) -> Callable[..., Any]:
    return ctypes.CFUNCTYPE(result, *arguments)((f"{name}", ffi.dll))


def pointer_of(managed: Any) -> int:
    """The C pointer inside one of the wheel's objects, which must outlive its use."""
    pointer = ctypes.cast(managed.ptr(), Pointer).value
    assert pointer is not None
    return pointer


# Stores. A store owns its instances, memories, host resources and epoch callback.
store_new = _held("wasmtime_store_new", Pointer, Pointer, Pointer, Pointer)
store_context = _held("wasmtime_store_context", Pointer, Pointer)
store_delete = _released("wasmtime_store_delete", None, Pointer)
store_limiter = _held("wasmtime_store_limiter", None, Pointer, _I64, _I64, _I64, _I64, _I64)
set_fuel = _held("wasmtime_context_set_fuel", Pointer, Pointer, _U64)
get_fuel = _held("wasmtime_context_get_fuel", Pointer, Pointer, Pointer)
set_epoch_deadline = _held("wasmtime_context_set_epoch_deadline", None, Pointer, _U64)
store_epoch_callback = _held(
    "wasmtime_store_epoch_deadline_callback", None, Pointer, Pointer, Pointer, Pointer
)
EpochCallback = ctypes.CFUNCTYPE(Size, Pointer, Pointer, Pointer, Pointer)
"""(context, data, out delta, out kind) -> error or NULL. The kind must stay "continue":
any other one aborts the process in a synchronous store."""
engine_clone = _held("wasmtime_engine_clone", Pointer, Pointer)
engine_increment_epoch = _held("wasmtime_engine_increment_epoch", None, Pointer)
engine_increment_epoch_address = ctypes.cast(ffi.dll.wasmtime_engine_increment_epoch, Pointer).value

# Core modules. On failure either the returned error or the trap is set, never both.
pre_instantiate = _released(
    "wasmtime_instance_pre_instantiate", Pointer, Pointer, Pointer, Pointer, Pointer
)
instance_export_get = _held(
    "wasmtime_instance_export_get", _Bool, Pointer, Pointer, _Chars, Size, Pointer
)
func_call = _released(
    "wasmtime_func_call", Pointer, Pointer, Pointer, Pointer, Size, Pointer, Size, Pointer
)
# Takes arguments and gives results in the same raw values.
func_call_unchecked = _released(
    "wasmtime_func_call_unchecked", Pointer, Pointer, Pointer, Pointer, Size, Pointer
)
define_func_unchecked = _held(
    "wasmtime_linker_define_func_unchecked",
    Pointer, Pointer, _Chars, Size, _Chars, Size, Pointer, Pointer, Pointer, Pointer,
)  # fmt: skip
linker_clone = _held("wasmtime_linker_clone", Pointer, Pointer)
linker_delete = _held("wasmtime_linker_delete", None, Pointer)
linker_define_instance = _held(
    "wasmtime_linker_define_instance", Pointer, Pointer, Pointer, _Chars, Size, Pointer
)
linker_instantiate = _released(
    "wasmtime_linker_instantiate", Pointer, Pointer, Pointer, Pointer, Pointer, Pointer
)
CoreCallback = ctypes.CFUNCTYPE(Pointer, Pointer, Pointer, Pointer, Size)
"""(env, caller, raw values in and out, count) -> trap or NULL."""
caller_export_get = _held("wasmtime_caller_export_get", _Bool, Pointer, _Chars, Size, Pointer)
caller_context = _held("wasmtime_caller_context", Pointer, Pointer)
memory_data = _held("wasmtime_memory_data", Pointer, Pointer, Pointer)
memory_data_size = _held("wasmtime_memory_data_size", Size, Pointer, Pointer)

RAW_VALUE_BYTES = 16
"""`sizeof(wasmtime_val_raw_t)`: every argument and result of an unchecked callback."""
Instance = ffi.wasmtime_instance_t
Extern = ffi.wasmtime_extern_t
EXTERN_PAYLOAD: int = ffi.wasmtime_extern_t.of.offset
EXTERN_FUNC: int = ffi.WASMTIME_EXTERN_FUNC.value
EXTERN_MEMORY: int = ffi.WASMTIME_EXTERN_MEMORY.value

# Traps and errors. Both are owned by whoever receives them.
trap_new = _held("wasmtime_trap_new", Pointer, _Chars, Size)
trap_delete = _held("wasm_trap_delete", None, Pointer)
trap_code = _held("wasmtime_trap_code", _Bool, Pointer, Pointer)
trap_trace = _held("wasm_trap_trace", None, Pointer, Pointer)
error_new = _held("wasmtime_error_new", Pointer, _Chars)
error_delete = _held("wasmtime_error_delete", None, Pointer)
error_message = _held("wasmtime_error_message", None, Pointer, Pointer)
error_exit_status = _held("wasmtime_error_exit_status", _Bool, Pointer, Pointer)
error_wasm_trace = _held("wasmtime_error_wasm_trace", None, Pointer, Pointer)
frame_func_name = _held("wasmtime_frame_func_name", Pointer, Pointer)
frame_func_index = _held("wasm_frame_func_index", _U32, Pointer)
frame_module_offset = _held("wasm_frame_module_offset", Size, Pointer)
frame_vec_delete = _held("wasm_frame_vec_delete", None, Pointer)
byte_vec_delete = _held("wasm_byte_vec_delete", None, Pointer)
byte_vec_new = _held("wasm_byte_vec_new", None, Pointer, Size, _Chars)
ByteVec = ffi.wasm_byte_vec_t
FrameVec = ffi.wasm_frame_vec_t

TRAP_CODES: dict[int, str] = {
    code.value: code.name.removeprefix("WASMTIME_TRAP_CODE_").lower().removeprefix("wasmtime_trap_")
    for code in ffi.wasmtime_trap_code_enum
}

# Components.
component_instantiate = _released(
    "wasmtime_component_linker_instantiate", Pointer, Pointer, Pointer, Pointer, Pointer
)
component_get_func = _held(
    "wasmtime_component_instance_get_func", _Bool, Pointer, Pointer, Pointer, Pointer
)
component_get_export_index = _held(
    "wasmtime_component_get_export_index", Pointer, Pointer, Pointer, _Chars, Size
)
component_func_call = _released(
    "wasmtime_component_func_call", Pointer, Pointer, Pointer, Pointer, Size, Pointer, Size
)
linker_root = _held("wasmtime_component_linker_root", Pointer, Pointer)
linker_add_instance = _held(
    "wasmtime_component_linker_instance_add_instance", Pointer, Pointer, _Chars, Size, Pointer
)
linker_add_func = _held(
    "wasmtime_component_linker_instance_add_func",
    Pointer, Pointer, _Chars, Size, Pointer, Pointer, Pointer,
)  # fmt: skip
linker_add_resource = _held(
    "wasmtime_component_linker_instance_add_resource",
    Pointer, Pointer, _Chars, Size, Pointer, Pointer, Pointer, Pointer,
)  # fmt: skip
linker_instance_delete = _held("wasmtime_component_linker_instance_delete", None, Pointer)
ComponentCallback = ctypes.CFUNCTYPE(Size, Pointer, Pointer, Pointer, Pointer, Size, Pointer, Size)
"""(env, context, function type, arguments, count, results, count) -> error or NULL.

Arguments are clones that wasmtime frees afterwards. Results start as `false` and are freed
by wasmtime too, so they are overwritten and never deleted here.
"""
ResourceDestructor = ctypes.CFUNCTYPE(Size, Pointer, Pointer, _U32)
resource_type_new_host = _held("wasmtime_component_resource_type_new_host", Pointer, _U32)
resource_host_new = _held("wasmtime_component_resource_host_new", Pointer, _Bool, _U32, _U32)
resource_host_to_any = _held(
    "wasmtime_component_resource_host_to_any", Pointer, Pointer, Pointer, Pointer
)
# Clears the borrow of a borrowed handle, and takes an owned one out of the store.
resource_any_to_host = _held(
    "wasmtime_component_resource_any_to_host", Pointer, Pointer, Pointer, Pointer
)
resource_host_rep = _held("wasmtime_component_resource_host_rep", _U32, Pointer)
resource_host_delete = _held("wasmtime_component_resource_host_delete", None, Pointer)
ComponentInstance = ffi.wasmtime_component_instance_t
ComponentFunc = ffi.wasmtime_component_func_t

# Component values: a kind byte, padding, and a payload.
Value = ffi.wasmtime_component_val_t
VALUE_BYTES: int = ctypes.sizeof(Value)
VALUE_PAYLOAD: int = Value.of.offset
KINDS: dict[str, int] = {
    name.removeprefix("WASMTIME_COMPONENT_").lower(): value.value
    for name, value in vars(ffi).items()
    if name.startswith("WASMTIME_COMPONENT_")
    and not name.startswith(("WASMTIME_COMPONENT_ITEM", "WASMTIME_COMPONENT_VALTYPE"))
}
RECORD_ENTRY_BYTES: int = ctypes.sizeof(ffi.wasmtime_component_valrecord_entry_t)
RECORD_ENTRY_VALUE: int = ffi.wasmtime_component_valrecord_entry_t.val.offset
value_clone = _held("wasmtime_component_val_clone", None, Pointer, Pointer)
value_delete = _held("wasmtime_component_val_delete", None, Pointer)
# Moves a value to the heap; for the payloads of variants, options and results.
value_new = _held("wasmtime_component_val_new", Pointer, Pointer)
list_new = _held("wasmtime_component_vallist_new_uninit", None, Pointer, Size)
tuple_new = _held("wasmtime_component_valtuple_new_uninit", None, Pointer, Size)
record_new = _held("wasmtime_component_valrecord_new_uninit", None, Pointer, Size)
flags_new = _held("wasmtime_component_valflags_new_uninit", None, Pointer, Size)

Scratch = _U64 * 20
"""Room for the small structures one run needs, allocated at once: one allocation instead of
five. The `SCRATCH_…` constants are byte offsets into it."""
SCRATCH_INSTANCE, SCRATCH_START, SCRATCH_TRAP, SCRATCH_FUEL, SCRATCH_MEMORY, SCRATCH_RESULT = (
    0, 32, 64, 72, 80, 112,
)  # fmt: skip
assert ctypes.sizeof(Instance) <= SCRATCH_START
assert ctypes.sizeof(ComponentInstance) <= SCRATCH_START
assert max(ctypes.sizeof(Extern), ctypes.sizeof(ComponentFunc)) <= SCRATCH_TRAP - SCRATCH_START
assert ctypes.sizeof(Extern) <= SCRATCH_RESULT - SCRATCH_MEMORY
assert ctypes.sizeof(Scratch) - SCRATCH_RESULT >= VALUE_BYTES


def read_pointer(address: int) -> int:
    """The pointer stored at `address`; 0 for NULL."""
    return _U64.from_address(address).value


def write_pointer(address: int, pointer: int) -> None:
    """Store `pointer` at `address`."""
    _U64.from_address(address).value = pointer


def take_error_text(error: int) -> str:
    """The message of an owned error, which is deleted."""
    text = ByteVec()
    error_message(error, addressof(text))
    try:
        return bytes(string_at(text.data, text.size)).decode("utf-8", "replace")
    finally:
        byte_vec_delete(addressof(text))
        error_delete(error)

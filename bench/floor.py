"""The least a fresh sandbox can cost from Python, straight on wasmtime's C API.

No policy, no events, no schemas, no checks of what the guest hands over: these functions
are unsound on purpose and exist only to be measured against. They use nothing of Hatchway,
so that a change there cannot move the floor.
"""

from __future__ import annotations

import ctypes
import struct
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import wasmtime
from wasmtime import _ffi as ffi
from wasmtime import component

if TYPE_CHECKING:
    from collections.abc import Callable

_P = ctypes.c_void_p
_SIZE = ctypes.c_size_t
_CHARS = ctypes.c_char_p


def _function(name: str, result: Any, *arguments: Any) -> Callable[..., Any]:
    return ctypes.CFUNCTYPE(result, *arguments)((name, ffi.dll))


def _address(managed: Any) -> int:
    address = ctypes.cast(managed.ptr(), _P).value
    assert address is not None
    return address


_store_new = _function("wasmtime_store_new", _P, _P, _P, _P)
_store_context = _function("wasmtime_store_context", _P, _P)
_store_delete = _function("wasmtime_store_delete", None, _P)
_store_limiter = _function("wasmtime_store_limiter", None, _P, *[ctypes.c_int64] * 5)
_set_fuel = _function("wasmtime_context_set_fuel", _P, _P, ctypes.c_uint64)
_set_deadline = _function("wasmtime_context_set_epoch_deadline", None, _P, ctypes.c_uint64)
_set_wasi = _function("wasmtime_context_set_wasi", _P, _P, _P)
_wasi_new = _function("wasi_config_new", _P)
_instantiate = _function("wasmtime_instance_pre_instantiate", _P, _P, _P, _P, _P)
_export_get = _function("wasmtime_instance_export_get", ctypes.c_bool, _P, _P, _CHARS, _SIZE, _P)
_call = _function("wasmtime_func_call", _P, _P, _P, _P, _SIZE, _P, _SIZE, _P)
_define = _function(
    "wasmtime_linker_define_func_unchecked", _P, _P, _CHARS, _SIZE, _CHARS, _SIZE, _P, _P, _P, _P
)
_caller_export = _function("wasmtime_caller_export_get", ctypes.c_bool, _P, _CHARS, _SIZE, _P)
_caller_context = _function("wasmtime_caller_context", _P, _P)
_memory_data = _function("wasmtime_memory_data", _P, _P, _P)
_component_instantiate = _function("wasmtime_component_linker_instantiate", _P, _P, _P, _P, _P)
_component_func = _function("wasmtime_component_instance_get_func", ctypes.c_bool, _P, _P, _P, _P)
_component_call = _function("wasmtime_component_func_call", _P, _P, _P, _P, _SIZE, _P, _SIZE)
_value_delete = _function("wasmtime_component_val_delete", None, _P)
_PAYLOAD = ffi.wasmtime_extern_t.of.offset

FUEL = 10**9
MEMORY_BYTES = 64 << 20
TEXT = '{"x":"' + "1" * 92 + '"}'
DATA = TEXT.encode()

COMMAND = """(module
  (import "wasi_snapshot_preview1" "fd_write" (func $w (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $r (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "_start")
    (i32.store (i32.const 0) (i32.const 100)) (i32.store (i32.const 4) (i32.const 1000))
    (drop (call $r (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
    (i32.store (i32.const 4) (i32.load (i32.const 8)))
    (drop (call $w (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))"""
"""Reads its input and writes it back."""

COMPONENT = """(component
  (core module $m
    (memory (export "memory") 1)
    (global $free (mut i32) (i32.const 1024))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (local i32)
      (local.set 4 (global.get $free))
      (global.set $free
        (i32.and (i32.add (i32.add (local.get 4) (local.get 3)) (i32.const 7)) (i32.const -8)))
      (local.get 4))
    (func (export "run") (param i32 i32) (result i32)
      (i32.store (i32.const 0) (local.get 0)) (i32.store (i32.const 4) (local.get 1))
      (i32.const 0)))
  (core instance $i (instantiate $m))
  (func (export "run") (param "text" string) (result string)
    (canon lift (core func $i "run") (memory (core memory $i "memory"))
      (realloc (core func $i "realloc")))))"""
"""Gives its argument back."""

COPY = """(module
  (import "wasi_snapshot_preview1" "path_open"
    (func $o (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $w (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $r (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 2)
  (data (i32.const 64) "in") (data (i32.const 72) "out")
  (func (export "_start")
    (i32.store (i32.const 0) (i32.const 1024)) (i32.store (i32.const 4) (i32.const 65536))
    (drop (call $o (i32.const 3) (i32.const 0) (i32.const 64) (i32.const 2)
      (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 16)))
    (drop (call $r (i32.load (i32.const 16)) (i32.const 0) (i32.const 1) (i32.const 8)))
    (i32.store (i32.const 4) (i32.load (i32.const 8)))
    (drop (call $o (i32.const 3) (i32.const 0) (i32.const 72) (i32.const 3)
      (i32.const 9) (i64.const 64) (i64.const 0) (i32.const 0) (i32.const 16)))
    (drop (call $w (i32.load (i32.const 16)) (i32.const 0) (i32.const 1) (i32.const 8)))))"""
"""Copies the file `in` of its first directory to `out`."""
FILE = bytes(range(256)) * 40
"""What is in it: 10 kB."""

SPIN = """(module (memory (export "memory") 1) (func (export "_start") (local i32)
  (loop $again
    (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (local.get 0)))
    (br_if $again
      (i32.lt_u (local.tee 0 (i32.add (local.get 0) (i32.const 1))) (i32.const 4000000))))))"""
"""Computes for a few milliseconds."""
LONG_SPIN = SPIN.replace("4000000", "40000000")
"""Computes for some forty."""


def engine() -> wasmtime.Engine:
    """An engine with fuel, epochs and a pool."""
    config = wasmtime.Config()
    config.consume_fuel = True
    config.epoch_interruption = True
    pool = ffi.wasmtime_pooling_allocation_config_new()
    for name, value in {
        "total_core_instances": 100,
        "total_component_instances": 100,
        "total_memories": 100,
        "total_tables": 100,
        "max_memory_size": MEMORY_BYTES,
        "linear_memory_keep_resident": 1 << 20,
        "table_keep_resident": 1 << 16,
    }.items():
        getattr(ffi, f"wasmtime_pooling_allocation_config_{name}_set")(pool, value)
    ffi.wasmtime_pooling_allocation_strategy_set(config.ptr(), pool)
    return wasmtime.Engine(config)


def command(text: str = COMMAND) -> Callable[[], None]:  # noqa: PLR0915 - in one piece, to be read beside the engine
    """A function that runs the WASI command once, its streams two Python callbacks."""
    own = engine()
    module = wasmtime.Module(own, text)
    linker = wasmtime.Linker(own)
    signature = wasmtime.FuncType([wasmtime.ValType.i32()] * 4, [wasmtime.ValType.i32()])
    prototype = ctypes.CFUNCTYPE(_P, _P, _P, _P, _SIZE)
    streams: dict[str, Any] = {}
    extern = ffi.wasmtime_extern_t()
    extern_at = ctypes.addressof(extern)

    def memory(caller: int) -> int:
        _caller_export(caller, b"memory", 6, extern_at)
        address: int = _memory_data(_caller_context(caller), extern_at + _PAYLOAD)
        return address

    def fd_write(_env: int, caller: int, values: int, _count: int) -> None:
        _fd, vectors, count, result = struct.unpack(
            "<i12xi12xi12xi12x", ctypes.string_at(values, 64)
        )
        base, total = memory(caller), 0
        for index in range(count):
            start, length = struct.unpack("<II", ctypes.string_at(base + vectors + 8 * index, 8))
            streams["out"].append(ctypes.string_at(base + start, length))
            total += length
        ctypes.memmove(base + result, struct.pack("<I", total), 4)
        ctypes.memmove(values, b"\0\0\0\0", 4)

    def fd_read(_env: int, caller: int, values: int, _count: int) -> None:
        _fd, vectors, _vectors, result = struct.unpack(
            "<i12xi12xi12xi12x", ctypes.string_at(values, 64)
        )
        base = memory(caller)
        start, length = struct.unpack("<II", ctypes.string_at(base + vectors, 8))
        data, streams["in"] = streams["in"][:length], streams["in"][length:]
        ctypes.memmove(base + start, data, len(data))
        ctypes.memmove(base + result, struct.pack("<I", len(data)), 4)
        ctypes.memmove(values, b"\0\0\0\0", 4)

    callbacks = {"fd_read": prototype(fd_read), "fd_write": prototype(fd_write)}
    for name, callback in callbacks.items():
        namespace = b"wasi_snapshot_preview1"
        pointer = ctypes.cast(callback, _P)
        _define(
            _address(linker), namespace, len(namespace), name.encode(), len(name),
            ctypes.cast(signature.ptr(), _P), pointer, None, None,
        )  # fmt: skip
    pre = linker.instantiate_pre(module)
    engine_at, pre_at = _address(own), _address(pre)
    instance, start, trap = ffi.wasmtime_instance_t(), ffi.wasmtime_extern_t(), _P()
    instance_at, start_at = ctypes.addressof(instance), ctypes.addressof(start)
    trap_at = ctypes.addressof(trap)
    keep = (own, module, linker, pre, callbacks, extern, instance, start)

    def run() -> None:
        assert keep
        streams["in"], streams["out"] = DATA, []
        store = _store_new(engine_at, None, None)
        context = _store_context(store)
        _set_fuel(context, FUEL)
        _set_deadline(context, 100)
        _store_limiter(store, MEMORY_BYTES, -1, -1, -1, -1)
        assert not _instantiate(pre_at, context, instance_at, trap_at)
        assert _export_get(context, instance_at, b"_start", 6, start_at)
        assert not _call(context, start_at + _PAYLOAD, None, 0, None, 0, trap_at)
        assert not trap.value
        _store_delete(store)
        assert text != COMMAND or b"".join(streams["out"]) == DATA

    return run


def component_echo() -> Callable[[], None]:
    """A function that calls the component once, through a linker with all of WASI 0.2."""
    from wasmtime.component._types import String

    own = engine()
    compiled = component.Component(own, bytes(wasmtime.wat2wasm(COMPONENT)))
    linker = component.Linker(own)
    linker.add_wasip2()
    index = compiled.get_export_index("run")
    engine_at, compiled_at, linker_at = _address(own), _address(compiled), _address(linker)
    index_at = _address(index)
    instance, function = ffi.wasmtime_component_instance_t(), ffi.wasmtime_component_func_t()
    argument, result = ffi.wasmtime_component_val_t(), ffi.wasmtime_component_val_t()
    string = String()
    instance_at, function_at = ctypes.addressof(instance), ctypes.addressof(function)
    argument_at, result_at = ctypes.addressof(argument), ctypes.addressof(result)
    keep = (own, compiled, linker, index, instance, function, result)

    def run() -> None:
        assert keep
        store = _store_new(engine_at, None, None)
        context = _store_context(store)
        _set_fuel(context, FUEL)
        _set_deadline(context, 100)
        _store_limiter(store, MEMORY_BYTES, -1, -1, -1, -1)
        _set_wasi(context, _wasi_new())
        assert not _component_instantiate(linker_at, context, compiled_at, instance_at)
        assert _component_func(instance_at, context, index_at, function_at)
        string.convert_to_c(None, TEXT, ctypes.pointer(argument))  # type: ignore[arg-type]  # as the wheel does
        assert not _component_call(function_at, context, argument_at, 1, result_at, 1)
        assert string.convert_from_c(result) == TEXT
        _value_delete(argument_at)
        _store_delete(store)

    return run


def interpreter(artifact: bytes, code: str) -> Callable[[], None]:
    """A function that runs `code` once in an interpreter, with all of WASI 0.2 and no tools."""
    from wasmtime.component._types import String

    own = engine()
    compiled = component.Component(own, artifact)
    linker = component.Linker(own)
    linker.add_wasip2()
    with linker.root() as root, root.add_instance("hatchway:tools/tools@0.1.0") as tools:
        for name in ("search", "describe", "call"):
            tools.add_func(name, lambda *_arguments: "")
    exported = compiled.get_export_index("hatchway:exec/code@0.1.0")
    index = compiled.get_export_index("run", exported)
    engine_at, compiled_at, linker_at = _address(own), _address(compiled), _address(linker)
    index_at = _address(index)
    instance, function = ffi.wasmtime_component_instance_t(), ffi.wasmtime_component_func_t()
    arguments, result = (ffi.wasmtime_component_val_t * 2)(), ffi.wasmtime_component_val_t()
    string = String()
    instance_at, function_at = ctypes.addressof(instance), ctypes.addressof(function)
    arguments_at, result_at = ctypes.addressof(arguments), ctypes.addressof(result)
    keep = (own, compiled, linker, index, instance, function, result)

    def run() -> None:
        assert keep
        store = _store_new(engine_at, None, None)
        context = _store_context(store)
        _set_fuel(context, 10 * FUEL)
        _set_deadline(context, 10_000)
        _store_limiter(store, MEMORY_BYTES, -1, -1, -1, -1)
        _set_wasi(context, _wasi_new())
        assert not _component_instantiate(linker_at, context, compiled_at, instance_at)
        assert _component_func(instance_at, context, index_at, function_at)
        for at, text in enumerate((code, "{}")):
            string.convert_to_c(None, text, ctypes.pointer(arguments[at]))  # type: ignore[arg-type]  # as above
        assert not _component_call(function_at, context, arguments_at, 2, result_at, 1)
        for argument in arguments:
            _value_delete(ctypes.addressof(argument))
        _value_delete(result_at)
        ctypes.memset(result_at, 0, ctypes.sizeof(result))  # the next call drops what is there
        _store_delete(store)

    return run


def files() -> Callable[[], object]:
    """A call with a directory of its own, one file in and one out, as the wheel would do it."""
    shared = engine()
    linker = wasmtime.Linker(shared)
    linker.define_wasi()
    module = wasmtime.Module(shared, bytes(wasmtime.wat2wasm(COPY)))
    memory = Path("/dev/shm")  # noqa: S108 - a file system in memory, where there is one
    top = memory if memory.is_dir() else None

    def call() -> bytes:
        with tempfile.TemporaryDirectory(dir=top) as name:
            directory = Path(name)
            (directory / "in").write_bytes(FILE)
            store = wasmtime.Store(shared)
            store.set_fuel(FUEL)
            store.set_epoch_deadline(10**6)
            store.set_limits(memory_size=MEMORY_BYTES)
            wasi = wasmtime.WasiConfig()
            wasi.preopen_dir(name, "/work")
            store.set_wasi(wasi)
            start = linker.instantiate(store, module).exports(store)["_start"]
            assert isinstance(start, wasmtime.Func)
            start(store)
            return (directory / "out").read_bytes()

    return call

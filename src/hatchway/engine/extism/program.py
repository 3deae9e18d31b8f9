"""A compiled plug-in, ready to be called any number of times."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING

import wasmtime

from hatchway.core.errors import AdmissionError, InternalError
from hatchway.core.sandbox import CommandInvocation
from hatchway.core.untrusted import printable
from hatchway.engine import capi
from hatchway.engine.extism import MODULE, binding, kernel
from hatchway.engine.extism.plugin import Plugin
from hatchway.engine.extism.types import callable_functions, is_of, type_of
from hatchway.engine.guest import Stopped
from hatchway.engine.module import FETCH, PREVIEW_1
from hatchway.engine.module import define as define_host
from hatchway.engine.preview1.memory import memory_in
from hatchway.engine.program import Ending, ended_early

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hatchway.core.sandbox import Invocation
    from hatchway.engine.guest import Guest, Running
    from hatchway.engine.module import CoreProgram

_NAMESPACE = MODULE.encode()
_Room = ctypes.c_uint64 * 20
_KERNEL, _INSTANCE, _TRAP, _FUNCTION, _VALUES = 0, 32, 64, 72, 104
"""Byte offsets into the room of one call: two instances, a trap, an export, raw values."""
assert ctypes.sizeof(capi.Instance) <= _INSTANCE - _KERNEL
assert ctypes.sizeof(capi.Extern) <= _VALUES - _FUNCTION

_HASKELL = "hs_init"


class ExtismProgram:
    """A plug-in linked against the denying host, waiting for a kernel of its own.

    The kernel belongs to the store of one call, so the last step of linking does too.
    """

    def __init__(
        self,
        engine: wasmtime.Engine,
        module: wasmtime.Module,
        running: Running,
        kernel_program: CoreProgram,
    ) -> None:
        """Check every import once; every run links and instantiates anew.

        Raises:
            AdmissionError: The module imports what this host does not provide.
        """
        linker = wasmtime.Linker(engine)
        kept = [_define_all(linker, module, running)]
        _require_linkable(engine, module, running)
        self._kernel = kernel_program.instantiable
        self._linker = capi.pointer_of(linker)
        self._module = capi.pointer_of(module)
        self._functions = frozenset(callable_functions(module))
        self._initialisers = tuple(_initialisers(module))
        self._keep = (engine, module, linker, kernel_program, kept)

    def enter(self, context: int, guest: Guest, invocation: Invocation) -> Ending:
        """Instantiate kernel and plug-in in a fresh store, and call one exported function."""
        assert isinstance(invocation, CommandInvocation)
        if invocation.function not in self._functions:
            # Calls are not checked by wasmtime: what is not known to fit must not be called.
            message = "the plug-in has no such function"
            raise InternalError(message)
        room = _Room()
        base = capi.addressof(room)
        trap_at = base + _TRAP
        linker = capi.linker_clone(self._linker)
        try:
            error = capi.pre_instantiate(self._kernel, context, base + _KERNEL, trap_at)
            if error or room[_TRAP // 8]:
                return ended_early(guest, error, room[_TRAP // 8])
            plugin = guest.plugin = Plugin(guest, context, base + _KERNEL)
            error = capi.linker_define_instance(
                linker, context, _NAMESPACE, len(_NAMESPACE), base + _KERNEL
            )
            assert not error
            error = capi.linker_instantiate(
                linker, context, self._module, base + _INSTANCE, trap_at
            )
            if error or room[_TRAP // 8]:
                return ended_early(guest, error, room[_TRAP // 8])
            guest.memory = memory_in(guest, context, base + _INSTANCE)
            return self._called(context, guest, plugin, room, invocation)
        except Stopped:
            return Ending(stop=guest.stop)
        finally:
            capi.linker_delete(linker)

    def _called(
        self,
        context: int,
        guest: Guest,
        plugin: Plugin,
        room: ctypes.Array[ctypes.c_uint64],
        invocation: CommandInvocation,
    ) -> Ending:
        for initialiser in self._initialisers:
            if (early := self._call(context, guest, room, initialiser)) is not None:
                return early
        plugin.set_input(invocation.stdin)
        assert invocation.function is not None
        early = self._call(context, guest, room, invocation.function.encode())
        if early is not None and (early.stop is not None or early.failed):
            return early
        # Read before anything else can use the place.
        status = 0 if early is not None else room[_VALUES // 8] & 0xFFFFFFFF
        said = plugin.error()
        if said is not None or status:
            words = f"the plug-in gave back {status}".encode() if said is None else said
            return Ending(value=words.decode("utf-8", "replace"), failed=True)
        answer = plugin.output()
        # What it printed is not its answer.
        guest.stderr[:0] = guest.stdout
        guest.stdout[:] = [answer]
        return Ending()

    def _call(
        self, context: int, guest: Guest, room: ctypes.Array[ctypes.c_uint64], name: bytes
    ) -> Ending | None:
        """Call an exported function; how the run ended, unless the function returned."""
        base = capi.addressof(room)
        found = capi.instance_export_get(
            context, base + _INSTANCE, name, len(name), base + _FUNCTION
        )
        assert found, name
        room[_VALUES // 8] = room[_VALUES // 8 + 2] = 0
        error = capi.func_call_unchecked(
            context, base + _FUNCTION + capi.EXTERN_PAYLOAD, base + _VALUES, 2, base + _TRAP
        )
        if error or room[_TRAP // 8]:
            return ended_early(guest, error, room[_TRAP // 8])
        return None

    def peak_memory_bytes(self, guest: Guest) -> int | None:
        """Both memories, which never shrink; None before there was an instance."""
        if guest.plugin is None or guest.memory is None:
            return None
        return guest.memory.size() + guest.plugin.memory_bytes()


def _initialisers(module: wasmtime.Module) -> Iterator[bytes]:
    """What has to be called once before anything else, as Extism finds it out."""
    exports = {item.name: item.type for item in module.exports}
    names = ("_initialize",) if _HASKELL in exports else ("__wasm_call_ctors", "_initialize")
    found = (name for name in names if is_of(exports.get(name), "", ""))
    if (first := next(found, None)) is not None:
        yield first.encode()
    if any(is_of(exports.get(_HASKELL), "ii", results) for results in ("", "i")):
        yield _HASKELL.encode()


def _define_all(
    linker: wasmtime.Linker, module: wasmtime.Module, running: Running
) -> list[list[object]]:
    """Define what does not belong to one call; what is returned must outlive the linker."""
    kept = [define_host(linker, module, running, host) for host in (PREVIEW_1, FETCH)]
    return [*kept, binding.define(linker, running)]


def _require_linkable(engine: wasmtime.Engine, module: wasmtime.Module, running: Running) -> None:
    """Link once against functions of the kernel's types; no code of the guest runs.

    Raises:
        AdmissionError: Something that the module imports is missing, or of another type.
    """
    linker = wasmtime.Linker(engine)
    kept = _define_all(linker, module, running)
    for name, (parameters, results) in kernel.SIGNATURES.items():
        linker.define_func(MODULE, name, type_of(parameters, results), _never)
    try:
        linker.instantiate_pre(module)
    except wasmtime.WasmtimeError as error:
        last_line = str(error).rstrip().rpartition("\n")[2].strip()
        message = f"the plug-in does not fit this host: {printable(last_line)}"
        raise AdmissionError(message, code="admission.missing_host") from error
    finally:
        del linker, kept


def _never(*_arguments: object) -> None:
    """The body of a function that is there to be compared."""
    raise AssertionError

"""A compiled core module, ready to be run any number of times."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, NamedTuple

import wasmtime

from hatchway.core.errors import AdmissionError, GuestTrappedError
from hatchway.core.sandbox import CommandInvocation
from hatchway.core.untrusted import printable
from hatchway.engine import capi, fetch, preview1
from hatchway.engine.fetch import module as fetching
from hatchway.engine.preview1 import binding, functions
from hatchway.engine.program import WELL, Ending, ended_early

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hatchway.core.sandbox import Invocation
    from hatchway.engine.guest import Guest, Running
    from hatchway.engine.preview1.functions import Body

START = "_start"
_TRAP = capi.SCRATCH_TRAP // 8


class CoreProgram:
    """A module linked against the denying preview 1 and `hatchway:egress/fetch` alone."""

    def __init__(self, engine: wasmtime.Engine, module: wasmtime.Module, running: Running) -> None:
        """Link once; every run instantiates anew.

        Raises:
            AdmissionError: The module imports what this host does not provide.
        """
        linker = wasmtime.Linker(engine)
        callbacks = [define(linker, module, running, host) for host in (PREVIEW_1, FETCH)]
        try:
            pre = linker.instantiate_pre(module)
        except wasmtime.WasmtimeError as error:
            last_line = str(error).rstrip().rpartition("\n")[2].strip()
            message = f"the module does not fit this host: {printable(last_line)}"
            raise AdmissionError(message, code="admission.missing_host") from error
        self.instantiable = self._pre = capi.pointer_of(pre)
        # Everything the linked module points to must live as long as it does.
        self._keep = (engine, module, linker, pre, callbacks)

    def enter(self, context: int, guest: Guest, invocation: Invocation) -> Ending:
        """Instantiate in a fresh store and run from `_start`."""
        assert isinstance(invocation, CommandInvocation)
        scratch = guest.scratch
        base = capi.addressof(scratch)
        instance_at, trap_at = base + capi.SCRATCH_INSTANCE, base + capi.SCRATCH_TRAP
        error = capi.pre_instantiate(self._pre, context, instance_at, trap_at)
        if error or scratch[_TRAP]:
            return ended_early(guest, error, scratch[_TRAP])
        start_at = base + capi.SCRATCH_START
        found = capi.instance_export_get(context, instance_at, b"_start", 6, start_at)
        if not found or capi.string_at(start_at, 1)[0] != capi.EXTERN_FUNC:
            missing = GuestTrappedError("the module has no _start", details={"trap": "unknown"})
            return Ending(stop=missing)
        function = start_at + capi.EXTERN_PAYLOAD
        error = capi.func_call(context, function, None, 0, None, 0, trap_at)
        if error or scratch[_TRAP]:
            return ended_early(guest, error, scratch[_TRAP])
        return WELL

    def peak_memory_bytes(self, guest: Guest) -> int | None:
        """The size of the linear memory, which never shrinks; None if no host call saw it."""
        return None if guest.memory is None else guest.memory.size()


class Host(NamedTuple):
    """Functions that modules import under one name."""

    namespace: str
    signatures: Mapping[str, str]
    bodies: Mapping[str, Body]


PREVIEW_1 = Host(preview1.MODULE, binding.SIGNATURES, functions.BODIES)
FETCH = Host(fetch.MODULE, fetching.SIGNATURES, fetching.BODIES)


def define(
    linker: wasmtime.Linker, module: wasmtime.Module, running: Running, host: Host
) -> list[object]:
    """Define what `module` imports of `host`; the callbacks must outlive the linker."""
    linker_pointer = capi.pointer_of(linker)
    namespace = host.namespace.encode()
    kinds = {"i": wasmtime.ValType.i32, "I": wasmtime.ValType.i64}
    kept: list[object] = []
    wanted = {item.name for item in module.imports if item.module == host.namespace}
    for name in sorted(host.signatures.keys() & wanted):
        parameters = [kinds[letter]() for letter in host.signatures[name]]
        results = [] if name == "proc_exit" else [wasmtime.ValType.i32()]
        signature = wasmtime.FuncType(parameters, results)
        callback = binding.callback(host.bodies[name], host.signatures[name], running)
        encoded = name.encode()
        error = capi.define_func_unchecked(
            linker_pointer,
            namespace,
            len(namespace),
            encoded,
            len(encoded),
            capi.pointer_of(signature),
            ctypes.cast(callback, ctypes.c_void_p),  # type: ignore[arg-type]  # a CFUNCTYPE
            None,
            None,
        )
        assert not error, name
        kept += [signature, callback]
    return kept

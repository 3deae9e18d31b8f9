"""How the functions outside of the kernel are attached to a linker."""

from __future__ import annotations

import ctypes
import struct
from typing import TYPE_CHECKING, Any

from hatchway.engine import capi
from hatchway.engine.extism import MODULE
from hatchway.engine.extism.functions import BODIES, SIGNATURES
from hatchway.engine.extism.types import type_of
from hatchway.engine.guest import Stopped

if TYPE_CHECKING:
    import wasmtime

    from hatchway.engine.extism.functions import Body
    from hatchway.engine.guest import Running

_HOST_STOP = b"stopped by the host"


def define(linker: wasmtime.Linker, running: Running) -> list[object]:
    """Define every function of the host; what is returned must outlive the linker."""
    linker_pointer = capi.pointer_of(linker)
    namespace = MODULE.encode()
    kept: list[object] = []
    for name, (parameters, result) in SIGNATURES.items():
        signature = type_of(parameters, result)
        callback = _callback(BODIES[name], len(parameters), running)
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


def _callback(body: Body, count: int, running: Running) -> object:
    """The C callback of one function; no exception leaves it, as in `preview1.binding`.

    All parameters are offsets. A result is written as 64 bits, which is right for an i32 too:
    of the raw value only as many bits are read as the type has.
    """
    layout = struct.Struct("<" + "Q8x" * count)
    unpack, place = layout.unpack_from, ctypes.c_char * layout.size
    answer, trap_new = ctypes.c_uint64.from_address, capi.trap_new

    def call(_env: int, _caller: int, values: int, _count: int) -> Any:
        guest = running.guest
        if guest is None or guest.plugin is None:  # no run: cannot happen, and must not pass
            return trap_new(_HOST_STOP, len(_HOST_STOP))
        try:
            guest.host_calls_left -= 1
            if guest.host_calls_left < 0:
                guest.end_for_host_calls()
            result = body(guest, guest.plugin, *unpack(place.from_address(values)))
        except Stopped:
            return trap_new(_HOST_STOP, len(_HOST_STOP))
        except BaseException as failure:  # noqa: BLE001 - the callback trampoline
            guest.failure = failure
            return trap_new(_HOST_STOP, len(_HOST_STOP))
        if result is not None:
            answer(values).value = result
        return None

    return capi.CoreCallback(call)

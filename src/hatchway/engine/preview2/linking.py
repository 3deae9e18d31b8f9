"""All of our WASI 0.2 in one linker, and the proof that its names are WASI's."""

from __future__ import annotations

import ctypes
from contextlib import contextmanager
from typing import TYPE_CHECKING

from wasmtime import component

from hatchway.core.errors import ConfigError, InternalError
from hatchway.engine import capi, fetch, tools
from hatchway.engine.fetch import component as fetching
from hatchway.engine.guest import Running
from hatchway.engine.http import interfaces as http
from hatchway.engine.preview2 import cli, clocks, filesystem, io, random, sockets
from hatchway.engine.preview2.binding import (
    DESCRIPTOR,
    DIRECTORY_ENTRY_STREAM,
    ERROR,
    INPUT_STREAM,
    OUTPUT_STREAM,
    POLLABLE,
    TERMINAL_INPUT,
    TERMINAL_OUTPUT,
    WASI_VERSION,
    Function,
    callback,
    nothing_to_free,
    releasing,
)
from hatchway.engine.tools import component as asking_tools

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import wasmtime

RESOURCES: dict[str, dict[str, int]] = {
    **io.RESOURCES,
    **filesystem.RESOURCES,
    **http.RESOURCES,
    **sockets.RESOURCES,
    "wasi:cli/terminal-input": {"terminal-input": TERMINAL_INPUT},
    "wasi:cli/terminal-output": {"terminal-output": TERMINAL_OUTPUT},
}

FUNCTIONS: dict[str, dict[str, Function]] = {
    **cli.FUNCTIONS,
    **clocks.FUNCTIONS,
    **filesystem.FUNCTIONS,
    **http.FUNCTIONS,
    **io.FUNCTIONS,
    **random.FUNCTIONS,
    **sockets.FUNCTIONS,
}

INTERFACES = frozenset(FUNCTIONS) | frozenset(RESOURCES)
"""Every interface of WASI that this host provides, without version."""


UNSTABLE = frozenset({"wasi:sockets/network#network-error-code", "wasi:cli/exit#exit-with-code"})
"""Functions WASI marks unstable; guests may import them, and wasmtime leaves them out."""


_HELD = (
    http.HELD
    | sockets.HELD
    | {
        DESCRIPTOR,
        DIRECTORY_ENTRY_STREAM,
        INPUT_STREAM,
        OUTPUT_STREAM,
        ERROR,
        POLLABLE,
    }
)
"""Resources behind whose handles something is held."""


class DenyingLinker:
    """A component linker that holds our WASI 0.2 and the interfaces of our own alone."""

    def __init__(self, engine: wasmtime.Engine, running: Running) -> None:
        self._linker = component.Linker(engine)
        self.pointer = capi.pointer_of(self._linker)
        self._kept: list[object] = [engine]
        self._release = releasing(running)
        for interface in sorted(INTERFACES):
            with _instance(self.pointer, interface) as instance:
                for name, resource in RESOURCES.get(interface, {}).items():
                    _require(self._add_resource(instance, name, resource), interface, name)
                self._add_functions(instance, interface, FUNCTIONS.get(interface, {}), running)
        for version, ours in (
            (fetch.VERSION, fetching.FUNCTIONS),
            (tools.VERSION, asking_tools.FUNCTIONS),
        ):
            for interface, functions in ours.items():
                with _instance(self.pointer, interface, version) as instance:
                    self._add_functions(instance, interface, functions, running)

    def _add_functions(
        self, instance: int, interface: str, functions: Mapping[str, Function], running: Running
    ) -> None:
        for name, function in functions.items():
            attached = callback(f"{interface}#{name}", function, running)
            _require(_add_function(instance, name, attached, self._kept), interface, name)

    def _add_resource(self, instance: int, name: str, resource: int) -> int | None:
        kind = component.ResourceType.host(resource)
        self._kept.append(kind)
        encoded = name.encode()
        destructor = ctypes.cast(
            self._release if resource in _HELD else nothing_to_free, ctypes.c_void_p
        )
        error: int | None = capi.linker_add_resource(
            instance, encoded, len(encoded), capi.pointer_of(kind), destructor, None, None
        )
        return error


@contextmanager
def _instance(linker: int, interface: str, version: str = "") -> Iterator[int]:
    """One interface of a linker, open for definitions."""
    root = capi.linker_root(linker)
    holder = ctypes.c_void_p()
    name = f"{interface}@{version or WASI_VERSION}".encode()
    try:
        error = capi.linker_add_instance(root, name, len(name), capi.addressof(holder))
        if error:
            raise InternalError(capi.take_error_text(error))
        assert holder.value is not None
        try:
            yield holder.value
        finally:
            capi.linker_instance_delete(holder)
    finally:
        capi.linker_instance_delete(root)


def _add_function(instance: int, name: str, function: object, kept: list[object]) -> int | None:
    kept.append(function)
    encoded = name.encode()
    pointer = ctypes.cast(function, ctypes.c_void_p)  # type: ignore[arg-type]  # a CFUNCTYPE
    error: int | None = capi.linker_add_func(instance, encoded, len(encoded), pointer, None, None)
    return error


def _require(error: int | None, interface: str, name: str) -> None:
    if error:
        message = f"cannot define {interface}#{name}: {capi.take_error_text(error)}"
        raise InternalError(message)


def require_known_wasi(engine: wasmtime.Engine) -> None:
    """Refuse a wheel whose own WASI 0.2 is not the one our tables were written for.

    wasmtime registers every interface at one exact version. Each of our functions is
    defined once more on top of wasmtime's own; it must be there already, under that
    version. A wheel that moved on would answer otherwise, and calls meant for a gate could
    reach the function behind it.

    Raises:
        ConfigError: `config.unsupported_wheel`, naming what differs.
    """
    native = component.Linker(engine)
    native.add_wasip2()
    native.add_wasi_http()
    pointer = capi.pointer_of(native)
    kept: list[object] = []
    for interface, functions in FUNCTIONS.items():
        with _instance(pointer, interface) as instance:
            for name, function in functions.items():
                error = _add_function(instance, name, callback(name, function, Running()), kept)
                text = capi.take_error_text(error) if error else ""
                if "defined twice" not in text and f"{interface}#{name}" not in UNSTABLE:
                    message = (
                        f"this wasmtime {capi.WASMTIME_VERSION} has no "
                        f"{interface}@{WASI_VERSION}#{name}"
                    )
                    hint = "install the wasmtime release that Hatchway asks for"
                    raise ConfigError(message, code="config.unsupported_wheel", hint=hint)

"""What a component says of the types of our functions, compared with what they are.

A host function that is attached through the C API has no type of its own: wasmtime calls it
with whatever the component says that it takes. Our bodies read values where WIT puts them, so
a component that said otherwise would make them read and write next to those values. None is
run before its types were compared with those of wasmtime's own WASI, and with the table below.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, TypeAlias

import wasmtime
from wasmtime import component as wit

from hatchway.core.limits import FOUR_GIBIBYTES
from hatchway.core.wit import EnumType, OptionType, Primitive, UnsupportedType
from hatchway.engine import causes, fetch, tools
from hatchway.engine.describe import TooLargeError, read_function
from hatchway.engine.fetch.component import FETCH
from hatchway.engine.preview2.binding import WASI_VERSION
from hatchway.engine.tools.component import SIGNATURES as TOOLS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hatchway.core.wit import WitType

Signature: TypeAlias = "tuple[tuple[WitType, ...], WitType | None]"
"""The types of the parameters, and of the result."""

_NETWORK_ERROR = EnumType((
    "unknown", "access-denied", "not-supported", "invalid-argument", "out-of-memory", "timeout",
    "concurrency-conflict", "not-in-progress", "would-block", "invalid-state", "new-socket-limit",
    "address-not-bindable", "address-in-use", "remote-unreachable", "connection-refused",
    "connection-reset", "connection-aborted", "datagram-too-large", "name-unresolvable",
    "temporary-resolver-failure", "permanent-resolver-failure",
))  # fmt: skip

SIGNATURES: dict[str, dict[str, Signature]] = {
    f"wasi:cli/exit@{WASI_VERSION}": {"exit-with-code": ((Primitive("u8"),), None)},
    f"wasi:sockets/network@{WASI_VERSION}": {
        "network-error-code": ((UnsupportedType("borrow"),), OptionType(_NETWORK_ERROR)),
    },
    f"{fetch.INTERFACE}@{fetch.VERSION}": {"fetch": FETCH},
    f"{tools.INTERFACE}@{tools.VERSION}": {**TOOLS},
}
"""Of the functions that wasmtime's own WASI leaves out."""

_KNOWN = {interface.partition("@")[0]: functions for interface, functions in SIGNATURES.items()}


class Reference:
    """A linker with wasmtime's own WASI, which knows its types. Nothing ever runs on it.

    Args:
        engine: Of the components that will be compared.
    """

    def __init__(self, engine: wasmtime.Engine) -> None:
        self._engine = engine
        self._linker = wit.Linker(engine)
        self._linker.add_wasip2()
        self._linker.add_wasi_http()
        with self._linker.root() as root:
            for interface, functions in SIGNATURES.items():
                with root.add_instance(interface) as instance:
                    for name in functions:
                        with suppress(wasmtime.WasmtimeError):  # its own, in this wheel
                            instance.add_func(name, _never)

    def misfit(self, component: wit.Component) -> str | None:
        """What is wrong with the types that `component` imports, or None if all of them fit.

        Types are compared before anything else happens. Then the fuel is out, so that no code
        of the guest runs; and were there any, its WASI would be empty.
        """
        for name, (expected, found) in _unknown_to_wasmtime(self._engine, component):
            if found != expected:
                return f"`{name}` has the wrong type"
        store = wasmtime.Store(self._engine)
        store.set_limits(memory_size=FOUR_GIBIBYTES)
        store.set_wasi(wasmtime.WasiConfig())
        store.set_wasi_http()
        store.set_fuel(0)
        try:
            self._linker.instantiate(store, component)
        except (wasmtime.WasmtimeError, wasmtime.Trap) as error:
            text = str(error)
            if causes.from_last_line(text).details.get("trap") == "unknown":
                return text
        return None


def _unknown_to_wasmtime(
    engine: wasmtime.Engine, component: wit.Component
) -> Iterator[tuple[str, tuple[Signature, Signature | None]]]:
    """The imports that only the table above knows: name, signature there, signature here."""
    for name, item in component.type.imports(engine).items():
        known = _KNOWN.get(name.partition("@")[0], {})
        if not known or not isinstance(item.ty, wit.ComponentInstanceType):
            continue
        for inner, part in item.ty.exports(engine).items():
            if inner in known:
                yield f"{name}#{inner}", (known[inner], _signature(part.ty))


def _signature(kind: object) -> Signature | None:
    """The signature of what is imported; None where it is nothing that could fit."""
    if not isinstance(kind, wit.FuncType):
        return None
    try:
        function = read_function("", kind)
    except TooLargeError:
        return None
    return tuple(part for _, part in function.parameters), function.result


def _never(*_arguments: object) -> None:
    """The body of a function that is there to be compared."""
    raise AssertionError

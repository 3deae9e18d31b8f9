"""A compiled component, ready to be run any number of times."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any

from hatchway.core.errors import AdmissionError, GuestTrappedError, InvalidArgumentsError
from hatchway.core.sandbox import CommandInvocation
from hatchway.core.untrusted import printable
from hatchway.core.wit import ResultType, WitFunction, takes_null
from hatchway.engine import capi
from hatchway.engine.guest import Stopped
from hatchway.engine.program import WELL, Ending, ended_early, exited
from hatchway.engine.values_from_json import lower
from hatchway.engine.values_to_json import lift, lift_result

if TYPE_CHECKING:
    import wasmtime

    from hatchway.core.sandbox import Invocation
    from hatchway.core.surface import Surface
    from hatchway.engine.guest import Guest
    from hatchway.engine.preview2.linking import DenyingLinker

RUN_INTERFACE = "wasi:cli/run"
RUN_TYPE = ResultType(None, None)


class ComponentProgram:
    """A component and the places of the functions it exports."""

    def __init__(
        self,
        component: wasmtime.component.Component,
        surface: Surface,
        linker: DenyingLinker,
    ) -> None:
        """Find every exported function once; every run instantiates anew.

        Raises:
            AdmissionError: One that `surface` names is not there.
        """
        self._component = capi.pointer_of(component)
        self._linker = linker.pointer
        self._functions: dict[str, tuple[WitFunction, int]] = {}
        self._keep: list[object] = [component, linker]
        for function in surface.functions:
            self._add(component, function)
        self._spelling = {_without_version(name): name for name in surface.imports}
        self._run = None
        for name in surface.exports:
            if name == RUN_INTERFACE or name.startswith(f"{RUN_INTERFACE}@"):
                run = WitFunction(name="run", interface=name, parameters=(), result=RUN_TYPE)
                self._run = run.qualified_name
                self._add(component, run)

    def _add(self, component: wasmtime.component.Component, function: WitFunction) -> None:
        parent = None
        if function.interface is not None:
            parent = component.get_export_index(function.interface)
        index = component.get_export_index(function.name, parent)
        if index is None:
            name = printable(repr(function.qualified_name))
            message = f"the compiled component does not export {name}, which it was said to"
            raise AdmissionError(message, code="admission.compiler_failed")
        self._keep += [parent, index]
        self._functions[function.qualified_name] = (function, capi.pointer_of(index))

    def enter(self, context: int, guest: Guest, invocation: Invocation) -> Ending:
        """Instantiate in a fresh store and call one exported function.

        Raises:
            InvalidArgumentsError: The arguments do not fit its type.
        """
        guest.spelling = self._spelling
        if isinstance(invocation, CommandInvocation):
            assert self._run is not None, "not a command"
            function, index = self._functions[self._run]
            arguments: Any = {}
        else:
            function, index = self._functions[invocation.function]
            arguments = invocation.arguments
        count = len(function.parameters)
        lowered = (capi.Value * max(count, 1))()
        lowered_at = ctypes.addressof(lowered)
        try:
            _lower_all(function, arguments, lowered_at)
            ending = self._call(context, guest, function, index, lowered_at)
        finally:
            for position in range(count):
                capi.value_delete(lowered_at + position * capi.VALUE_BYTES)
        if isinstance(invocation, CommandInvocation) and ending.failed:
            return exited(1)
        return ending

    def _call(
        self, context: int, guest: Guest, function: WitFunction, index: int, arguments_at: int
    ) -> Ending:
        base = capi.addressof(guest.scratch)
        instance_at, callee_at = base + capi.SCRATCH_INSTANCE, base + capi.SCRATCH_START
        error = capi.component_instantiate(self._linker, context, self._component, instance_at)
        if error:
            return ended_early(guest, error, None)
        if not capi.component_get_func(instance_at, context, index, callee_at):
            missing = GuestTrappedError("the component lost an export", details={"trap": "unknown"})
            return Ending(stop=missing)
        result_at = base + capi.SCRATCH_RESULT
        error = capi.component_func_call(
            callee_at,
            context,
            arguments_at,
            len(function.parameters),
            result_at,
            0 if function.result is None else 1,
        )
        if error:
            return ended_early(guest, error, None)
        if function.result is None:
            return WELL
        try:
            if isinstance(function.result, ResultType):
                is_ok, value = lift_result(function.result, result_at, guest.spend_output)
                return Ending(value=value, failed=not is_ok)
            return Ending(value=lift(function.result, result_at, guest.spend_output))
        except Stopped:
            return Ending(stop=guest.stop)
        finally:
            capi.value_delete(result_at)

    def peak_memory_bytes(self, guest: Guest) -> int | None:  # noqa: ARG002 - the protocol's
        """Always None: wasmtime shows nobody a component's memories."""
        return None


def _without_version(name: str) -> str:
    interface, _, function = name.partition("#")
    return f"{interface.partition('@')[0]}#{function}"


def _lower_all(function: WitFunction, arguments: Any, at: int) -> None:
    parameters = function.parameters
    for name in arguments:
        if not any(name == known for known, _ in parameters):
            known = ", ".join(parameter for parameter, _ in parameters) or "none"
            message = f"unknown argument {printable(repr(name), limit=80)}; known: {known}"
            raise InvalidArgumentsError(message, details={"path": "arguments"})
    for position, (name, kind) in enumerate(parameters):
        if name not in arguments and not takes_null(kind):
            message = f"the argument {name!r} is missing"
            raise InvalidArgumentsError(message, details={"path": name})
        lower(kind, arguments.get(name), at + position * capi.VALUE_BYTES, name)

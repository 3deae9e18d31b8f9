"""One engine for the code of one compiler, and the check that code links with what we offer."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import wasmtime
from wasmtime import component as wit

from hatchway.core.errors import AdmissionError
from hatchway.core.limits import FOUR_GIBIBYTES
from hatchway.core.untrusted import printable
from hatchway.engine import capi, causes
from hatchway.engine.component import ComponentProgram
from hatchway.engine.extism.program import ExtismProgram
from hatchway.engine.module import CoreProgram
from hatchway.engine.preview2.linking import DenyingLinker, require_known_wasi
from hatchway.engine.preview2.reference import Reference
from hatchway.engine.settings import new_engine

if TYPE_CHECKING:
    from hatchway.core.surface import Compiler, Surface
    from hatchway.engine.guest import Running
    from hatchway.engine.program import Program
    from hatchway.engine.settings import EngineSettings

_Kind = TypeVar("_Kind", wasmtime.Module, wit.Component)


class Machine:
    """An engine, the linker that belongs to it, and what types are compared with."""

    def __init__(self, settings: EngineSettings, compiler: Compiler, running: Running) -> None:
        self.compiler: Compiler = compiler
        self._running = running
        self._engine, self.is_pooled = new_engine(settings, compiler)
        # A second reference that is never given back: a tick may be on its way at any
        # time, also while the interpreter shuts down and frees everything else.
        self.pointer: int = capi.engine_clone(capi.pointer_of(self._engine))
        require_known_wasi(self._engine)
        self._linker = DenyingLinker(self._engine, running)
        self._reference = Reference(self._engine)

    def linked(self, surface: Surface, code: int | bytes, kernel: Program | None = None) -> Program:
        """The program in `code`, known to link and to mean our functions' types.

        Args:
            surface: What is said about it.
            code: Itself, or the descriptor of a sealed file that holds it.
            kernel: On the same engine; a plug-in for Extism needs one.

        Raises:
            AdmissionError: It does not fit this engine or this host.
        """
        try:
            if surface.kind == "module":
                module = self._deserialized(wasmtime.Module, code)
                if isinstance(kernel, CoreProgram):
                    return ExtismProgram(self._engine, module, self._running, kernel)
                return CoreProgram(self._engine, module, self._running)
            component = self._deserialized(wit.Component, code)
            self._require_linkable(component)
            if (misfit := self._reference.misfit(component)) is not None:
                raise _does_not_fit(misfit)
            return ComponentProgram(component, surface, self._linker)
        except wasmtime.WasmtimeError as error:
            cause = str(error).rstrip().rpartition("\n")[2].strip()
            message = f"the engine cannot hold the artifact: {printable(cause, limit=300)}"
            raise AdmissionError(message, code="admission.too_large") from error

    def _deserialized(self, kind: type[_Kind], code: int | bytes) -> _Kind:
        if isinstance(code, bytes):
            return kind.deserialize(self._engine, code)
        return kind.deserialize_file(self._engine, f"/dev/fd/{code}")

    def _require_linkable(self, component: wit.Component) -> None:
        """Instantiate without fuel: types and imports are checked, and no guest code runs."""
        store = capi.store_new(self.pointer, None, None)
        context = capi.store_context(store)
        instance = capi.ComponentInstance()
        try:
            capi.set_fuel(context, 0)
            capi.store_limiter(store, FOUR_GIBIBYTES, -1, -1, -1, -1)
            error = capi.component_instantiate(
                self._linker.pointer,
                context,
                capi.pointer_of(component),
                capi.addressof(instance),
            )
        finally:
            capi.store_delete(store)
        text = capi.take_error_text(error) if error else ""
        if error and causes.from_last_line(text).details.get("trap") == "unknown":
            raise _does_not_fit(text)


def _does_not_fit(text: str) -> AdmissionError:
    """The refusal of a component of which wasmtime says `text`."""
    lines = [line.strip() for line in text.splitlines()]
    told = [line for line in lines if line and line != "Caused by:"][:3]
    reason = "; ".join(printable(line, limit=200) for line in told)
    message = f"the component does not fit this host: {reason}"
    return AdmissionError(message, code="admission.missing_host")

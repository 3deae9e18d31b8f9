"""From an artifact to code that can run: the cache, the compile child, and one engine a compiler.

wasmtime loads the code of one compiler into one engine. Nearly everything is Cranelift's, so
its engine is there from the start; the one for Winch's code is made when such code is first
loaded, with the same walls, the same linker and the same clock.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, NamedTuple

import wasmtime
from wasmtime import component as wit

from hatchway.core.errors import AdmissionError
from hatchway.core.limits import FOUR_GIBIBYTES
from hatchway.core.untrusted import printable
from hatchway.engine import capi, causes
from hatchway.engine.cache import Description, sealed_copy
from hatchway.engine.compiling import compile_artifact
from hatchway.engine.component import ComponentProgram
from hatchway.engine.extism.kernel import kernel as kernel_bytes
from hatchway.engine.extism.kernel import kernel_digest
from hatchway.engine.extism.program import ExtismProgram
from hatchway.engine.module import CoreProgram
from hatchway.engine.preview2.linking import DenyingLinker, require_known_wasi
from hatchway.engine.preview2.reference import Reference
from hatchway.engine.settings import new_engine
from hatchway.engine.ticker import Ticker

if TYPE_CHECKING:
    from collections.abc import Callable

    from hatchway.core.surface import Compilation, Compiler, Surface
    from hatchway.engine.cache import CompiledCache
    from hatchway.engine.compiling import CompileBudgets
    from hatchway.engine.guest import Running
    from hatchway.engine.program import Program
    from hatchway.engine.settings import EngineSettings
    from hatchway.engine.ticker import TickerKind


class Loaded(NamedTuple):
    """A program that can be run any number of times.

    Attributes:
        program: It, linked.
        engine: The C pointer of the engine its stores must be made in.
        compiler: Which one made its code.
    """

    program: Program
    engine: int
    compiler: Compiler


Code = tuple[str, "Compiler | None"]
"""What code is asked for: an artifact's digest, and the compiler that was pinned."""


class Machine:
    """One engine for the code of one compiler, and the linker that belongs to it."""

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

    def linked(self, surface: Surface, sealed: int, kernel: Program | None = None) -> Program:
        """The program in the sealed file, known to link and to mean our functions' types.

        A plug-in for Extism needs a `kernel` on the same engine.

        Raises:
            AdmissionError: It does not fit this engine or this host.
        """
        path = f"/dev/fd/{sealed}"
        try:
            if surface.kind == "module":
                module = wasmtime.Module.deserialize_file(self._engine, path)
                if isinstance(kernel, CoreProgram):
                    return ExtismProgram(self._engine, module, self._running, kernel)
                return CoreProgram(self._engine, module, self._running)
            component = wit.Component.deserialize_file(self._engine, path)
            self._require_linkable(component)
            if (misfit := self._reference.misfit(component)) is not None:
                raise _does_not_fit(misfit)
            return ComponentProgram(component, surface, self._linker)
        except wasmtime.WasmtimeError as error:
            cause = str(error).rstrip().rpartition("\n")[2].strip()
            message = f"the engine cannot hold the artifact: {printable(cause, limit=300)}"
            raise AdmissionError(message, code="admission.too_large") from error

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


class Loader:
    """Finds, compiles and links the code of artifacts; each is built by one thread only.

    Args:
        artifacts: Gives the bytes of an artifact whose compiled code must be built again.
        cache: Where compiled code is kept; None keeps it in memory only.
        settings: The engines' configuration.
        budgets: What compiling may cost.
        running: Which guest runs on which thread.
        ticker: Which source of ticks to use; by default the best there is.
    """

    def __init__(
        self,
        *,
        artifacts: Callable[[str], bytes],
        cache: CompiledCache | None,
        settings: EngineSettings,
        budgets: CompileBudgets,
        running: Running,
        ticker: TickerKind | None,
    ) -> None:
        self.ready: dict[Code, Loaded] = {}
        self._settings = settings
        self._budgets = budgets
        self._artifacts = artifacts
        self._cache = cache
        self._running = running
        self._descriptions: dict[Code, Description] = {}
        self._building: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()
        first = Machine(settings, "cranelift", running)
        self.is_pooled = first.is_pooled
        self._machines: dict[Compiler, Machine] = {"cranelift": first}
        self.ticker = Ticker(first.pointer, kind=ticker)

    def load(self, code: Code, artifact: bytes | None = None) -> Loaded:
        """The program of `code`, which may have to be compiled.

        Raises:
            AdmissionError: It cannot be compiled or linked.
        """
        digest, pinned = code
        with self._lock:
            building = self._building.setdefault(digest, threading.Lock())
        with building:
            if (loaded := self.ready.get(code)) is None:
                loaded = self._cached(digest, pinned)
                if loaded is None:
                    data = self._artifacts(digest) if artifact is None else artifact
                    loaded = self._compiled(digest, pinned, data)
                self.ready[code] = loaded
            return loaded

    def description(self, code: Code) -> Description | None:
        """What is known of `code` without loading it."""
        known = self._descriptions.get(code)
        if known is not None or self._cache is None:
            return known
        for compiler in _candidates(code[1]):
            found = self._cache.description(code[0], compiler)
            if found is not None and _serves(found.compilation, code[1]):
                return found
        return None

    def _cached(self, digest: str, pinned: Compiler | None) -> Loaded | None:
        if self._cache is None:
            return None
        for compiler in _candidates(pinned):
            with self._cache.code(digest, compiler) as entry:
                if entry is None or not _serves(entry[0].compilation, pinned):
                    continue
                try:
                    return self._linked((digest, pinned), *entry)
                except AdmissionError:
                    # Compiled for another processor, perhaps; compiling anew settles it.
                    continue
        return None

    def _compiled(self, digest: str, pinned: Compiler | None, artifact: bytes) -> Loaded:
        compiled = compile_artifact(artifact, self._budgets, pinned)
        description = Description(compiled.surface, compiled.compilation)
        with compiled.code as code:
            with sealed_copy(code) as sealed:
                loaded = self._linked((digest, pinned), description, sealed)
            if self._cache is not None:
                self._cache.put(digest, description, code)
        return loaded

    def _linked(self, code: Code, description: Description, sealed: int) -> Loaded:
        machine = self._machine(description.compilation.compiler)
        made_by = description.compilation.compiler
        is_plugin = description.surface.is_plugin
        kernel = self.load((kernel_digest(), made_by), kernel_bytes()) if is_plugin else None
        program = machine.linked(description.surface, sealed, kernel and kernel.program)
        self._descriptions[code] = description
        return Loaded(program, machine.pointer, machine.compiler)

    def _machine(self, compiler: Compiler) -> Machine:
        with self._lock:
            machine = self._machines.get(compiler)
            if machine is None:
                machine = Machine(self._settings, compiler, self._running)
                self.ticker.also_tick(machine.pointer)
                self._machines[compiler] = machine
            return machine


def _candidates(pinned: Compiler | None) -> tuple[Compiler, ...]:
    """Whose code would do, the best first."""
    return ("cranelift", "winch") if pinned is None else (pinned,)


def _serves(compilation: Compilation, pinned: Compiler | None) -> bool:
    """Whether code that was made so is what a tool gets.

    Where nobody pinned Winch, its code is used only if Cranelift gave up on the artifact, not
    because another tool asked for it.
    """
    is_first = compilation.compiler == "cranelift" or compilation.given_up is not None
    return compilation.compiler == pinned or (pinned is None and is_first)

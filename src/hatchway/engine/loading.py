"""From compiled code to a program that can run: one engine for each compiler.

wasmtime loads the code of one compiler into one engine. Nearly everything is Cranelift's, so
its engine is there from the start; the one for Winch's code is made when such code is first
loaded, with the same walls, the same linker and the same clock.

Code is loaded for the first run that needs it here, never in order to look at it.
"""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, NamedTuple

from hatchway.core.errors import AdmissionError
from hatchway.engine.extism.kernel import kernel as kernel_bytes
from hatchway.engine.extism.kernel import kernel_digest
from hatchway.engine.machine import Machine
from hatchway.engine.supply import NoCodeError, Sealed
from hatchway.engine.ticker import Ticker

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hatchway.core.surface import Compiler
    from hatchway.engine.cache import Description
    from hatchway.engine.guest import Running
    from hatchway.engine.program import Program
    from hatchway.engine.settings import EngineSettings
    from hatchway.engine.supply import Code, Supply
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


class Loader:
    """Loads and links the code of artifacts; each is loaded by one thread only.

    Args:
        supply: Where the code comes from.
        settings: The engines' configuration.
        running: Which guest runs on which thread.
        ticker: Which source of ticks to use; by default the best there is.
    """

    def __init__(
        self,
        supply: Supply,
        *,
        settings: EngineSettings,
        running: Running,
        ticker: TickerKind | None,
    ) -> None:
        self.ready: dict[Code, Loaded] = {}
        self._supply = supply
        self._settings = settings
        self._running = running
        self._loading: dict[str, threading.Lock] = {}
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
        with self._lock:
            loading = self._loading.setdefault(code[0], threading.Lock())
        with loading:
            if (loaded := self.ready.get(code)) is None:
                try:
                    loaded = self._stored(code)
                except (NoCodeError, AdmissionError):
                    # None is there, or it was compiled for another processor, perhaps.
                    self._supply.compile(code, artifact)
                    loaded = self._stored(code)
                self.ready[code] = loaded
            return loaded

    def adopt(self, code: Code, description: Description, sealed: int) -> None:
        """Load code that another process compiled and checked, from a sealed descriptor.

        Raises:
            AdmissionError: It does not fit this engine or this host.
        """
        self.ready[code] = self._linked(Sealed(code, description, sealed))

    @contextlib.contextmanager
    def sealed(self, code: Code) -> Iterator[tuple[Sealed, ...]]:
        """All that a process must adopt to run `code`, in that order.

        Raises:
            AdmissionError: It must be compiled again, and that fails.
        """
        with contextlib.ExitStack() as stack:
            found = stack.enter_context(self._supply.sealed(code))
            if not found.description.surface.is_plugin:
                yield (found,)
                return
            of_kernel = (kernel_digest(), found.description.compilation.compiler)
            kernel = stack.enter_context(self._supply.sealed(of_kernel, kernel_bytes()))
            yield kernel, found

    def _stored(self, code: Code) -> Loaded:
        with self._supply.stored(code) as sealed:
            return self._linked(sealed)

    def _linked(self, sealed: Sealed) -> Loaded:
        surface, compilation = sealed.description
        machine = self._machine(compilation.compiler)
        kernel = None
        if surface.is_plugin:
            kernel = self.load((kernel_digest(), compilation.compiler), kernel_bytes()).program
        program = machine.linked(surface, sealed.descriptor, kernel)
        self._supply.loaded(sealed)
        return Loaded(program, machine.pointer, machine.compiler)

    def _machine(self, compiler: Compiler) -> Machine:
        with self._lock:
            machine = self._machines.get(compiler)
            if machine is None:
                machine = Machine(self._settings, compiler, self._running)
                self.ticker.also_tick(machine.pointer)
                self._machines[compiler] = machine
            return machine

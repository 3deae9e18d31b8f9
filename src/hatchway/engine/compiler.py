"""The child process that compiles one artifact, and may die of it.

Started by `compiling` with an empty environment, no standard input and hard limits. It
reads the artifact from one descriptor and writes compiled code and a report to two others.
Before it reads, it has everything that it will need, and gives up everything else: the
library is loaded, its engines are made, and `confinement` was called. Then it compiles, loads
what it made and links it, so that its parent need not.

Whatever it says about itself is only as good as its exit status, and whatever it does after it
has read is only as good as the artifact.
"""

from __future__ import annotations

import os
import resource
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, cast

import wasmtime
from wasmtime import component as wit

from hatchway.core.errors import AdmissionError
from hatchway.engine import report
from hatchway.engine.describe import describe_component, describe_module
from hatchway.engine.extism.kernel import kernel as kernel_bytes
from hatchway.engine.guest import Running
from hatchway.engine.machine import Machine
from hatchway.engine.settings import (
    MEMORY_GUARD_BYTES,
    MEMORY_RESERVATION_BYTES,
    EngineSettings,
    base_config,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from hatchway.core.surface import Compiler, Surface

REFUSED = 3
"""The compiler refuses the artifact."""
EXHAUSTED = 4
"""It needs more memory than there is."""
UNFIT = 5
"""Its code does not fit this host."""
UNCONFINED = 6
"""The process could not give up what it has, and read nothing."""

MAX_CODE_BYTES = 1 << 30
_NO_MEMORY = "(os error 12)"
_LARGEST_MEMORY = MEMORY_RESERVATION_BYTES + MEMORY_GUARD_BYTES


def main(arguments: list[str]) -> int:
    """Compile according to `arguments`; the exit status.

    They are the compiler, what confines this process or nothing, the descriptors of artifact,
    code and report, and the limits.
    """
    compiler, confinement = cast("Compiler", arguments[0]), arguments[1]
    source, code, said, cpu_seconds, memory_bytes = (int(argument) for argument in arguments[2:])
    workshop = Workshop(compiler)
    try:
        confine = _confinement(confinement) if confinement else None
        _limit(cpu_seconds, memory_bytes)
        if confine is not None:
            confine((source, code, said))
    except Exception as error:  # noqa: BLE001 - whatever it was, nothing is read
        _write(said, report.of_refusal(f"{type(error).__name__}: {error}"))
        return UNCONFINED
    return _serve(workshop, source, code, said)


def _serve(workshop: Workshop, source: int, code: int, said: int) -> int:
    try:
        with os.fdopen(source, "rb") as stream:
            artifact = stream.read()
        compiled, surface = _compile(workshop, artifact)
        workshop.require_fit(compiled, surface)
    except MemoryError:
        return EXHAUSTED
    except AdmissionError as error:
        _write(said, report.of_refusal(error.message, error.code))
        return UNFIT
    except Exception as error:  # noqa: BLE001 - becomes the refusal, whatever it was
        _write(said, report.of_refusal(str(error)))
        # What a guest can make this line say only gets the other compiler asked, too.
        return EXHAUSTED if str(error).rstrip().endswith(_NO_MEMORY) else REFUSED
    _write(code, compiled)
    _write(said, report.of_surface(surface))
    return 0


class Workshop:
    """An engine to compile with, and a machine to try the code on.

    No thread has been started when it is there: walls that hold for a thread and those that it
    starts hold for all of them.
    """

    def __init__(self, compiler: Compiler) -> None:
        settings = EngineSettings(concurrent_calls=1)
        self.engine = wasmtime.Engine(base_config(settings, compiler))
        self._machine = Machine(settings, compiler, Running())
        self._kernel = kernel_bytes()

    def compile(self, artifact: bytes) -> tuple[bytes, Surface]:
        """The code of `artifact`, and what it is from outside."""
        # Anything else would be read as text by the constructors below.
        if artifact[:4] != b"\0asm":
            message = "not a WebAssembly binary"
            raise ValueError(message)
        if artifact[4:8] == b"\1\0\0\0":
            module = wasmtime.Module(self.engine, artifact)
            return bytes(module.serialize()), describe_module(module)
        component = wit.Component(self.engine, artifact)
        return bytes(component.serialize()), describe_component(self.engine, component)

    def require_fit(self, compiled: bytes, surface: Surface) -> None:
        """Load the code as it will be loaded, and link it with what it asks for.

        Raises:
            AdmissionError: It does not fit this engine or this host.
        """
        kernel = None
        if surface.is_plugin:
            code, outside = self.compile(self._kernel)
            kernel = self._machine.linked(outside, code)
        self._machine.linked(surface, compiled, kernel)


def _compile(workshop: Workshop, artifact: bytes) -> tuple[bytes, Surface]:
    return workshop.compile(artifact)


def _confinement(name: str) -> Callable[[tuple[int, ...]], object]:
    """What `module:function` names; behind a second colon may stand the layers that it is given."""
    module, function, *layers = name.split(":")
    confine = getattr(import_module(module), function)
    wanted = (frozenset(filter(None, each.split(","))) for each in layers)
    return lambda descriptors: confine(descriptors, *wanted)


def _limit(cpu_seconds: int, memory_bytes: int) -> None:
    """Bound what comes on top of what this process has needed so far."""
    addresses, data = _held_bytes()
    _lower(resource.RLIMIT_CORE, 0)
    # One second between the signal that says why and the one that ends everything.
    _lower(resource.RLIMIT_CPU, cpu_seconds, grace=1)
    _lower(resource.RLIMIT_FSIZE, MAX_CODE_BYTES)
    # The machine has reserved a lot of addresses, which cost nothing; data is what costs. Where
    # a memory would exceed both limits, Linux lets it become data: only the second may be near.
    _lower(resource.RLIMIT_AS, addresses + memory_bytes + _LARGEST_MEMORY)
    _lower(resource.RLIMIT_DATA, data + memory_bytes)


def _lower(kind: int, most: int, *, grace: int = 0) -> None:
    """Set a limit, or leave the one that is lower already."""
    _, hard = resource.getrlimit(kind)
    bound = sys.maxsize if hard == resource.RLIM_INFINITY else hard
    resource.setrlimit(kind, (min(most, bound), min(most + grace, bound)))


def _held_bytes() -> tuple[int, int]:
    """Address space and data of this process; nothing where nobody says."""
    if sys.platform != "linux":
        return 0, 0
    pages = Path("/proc/self/statm").read_text().split()
    return int(pages[0]) * resource.getpagesize(), int(pages[5]) * resource.getpagesize()


def _write(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]

"""The child process that compiles one artifact, and may die of it.

Started by `compiling` with an empty environment, no standard input and hard limits. It
reads the artifact from one descriptor and writes compiled code and a description to two
others. Whatever it says about itself is only as good as its exit status: 0 for done, 3 for
an artifact it refuses, 4 for one that needs more memory than there is.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from hatchway.core.surface import Compiler

REFUSED = 3
EXHAUSTED = 4
MAX_CODE_BYTES = 1 << 30
_NO_MEMORY = "(os error 12)"


def main(arguments: list[str]) -> int:
    """Compile according to `arguments`: compiler, the three descriptors, then the limits."""
    compiler = cast("Compiler", arguments[0])
    source, code, meta, cpu_seconds, memory_bytes = (int(argument) for argument in arguments[1:])
    _limit(cpu_seconds, memory_bytes)
    try:
        with os.fdopen(source, "rb") as stream:
            artifact = stream.read()
        compiled, surface = _compile(artifact, compiler)
    except MemoryError:
        return EXHAUSTED
    except Exception as error:  # noqa: BLE001 - becomes the refusal, whatever it was
        _write(meta, json.dumps({"error": str(error)[-4000:]}).encode())
        # What a guest can make this line say only gets the other compiler asked, too.
        return EXHAUSTED if str(error).rstrip().endswith(_NO_MEMORY) else REFUSED
    _write(code, compiled)
    _write(meta, json.dumps({"surface": surface}).encode())
    return 0


def _limit(cpu_seconds: int, memory_bytes: int) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds + 1))
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_FSIZE, (MAX_CODE_BYTES, MAX_CODE_BYTES))


def _compile(artifact: bytes, compiler: Compiler) -> tuple[bytes, dict[str, object]]:
    # After the limits, so that loading the library is already under them.
    import wasmtime
    from wasmtime import component as wit

    from hatchway.engine.describe import describe_component, describe_module
    from hatchway.engine.settings import EngineSettings, base_config

    # Anything else would be read as text by the constructors below.
    if artifact[:4] != b"\0asm":
        message = "not a WebAssembly binary"
        raise ValueError(message)
    engine = wasmtime.Engine(base_config(EngineSettings(), compiler))
    if artifact[4:8] == b"\1\0\0\0":
        module = wasmtime.Module(engine, artifact)
        return bytes(module.serialize()), describe_module(module).to_json()
    component = wit.Component(engine, artifact)
    return bytes(component.serialize()), describe_component(engine, component).to_json()


def _write(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Compiling in a child process with limits, so that a compiler bomb ends with the child.

A few hundred kilobytes of valid Wasm can cost Cranelift minutes and gigabytes, and running
out of memory aborts the whole process. Nothing in this process compiles.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import wasmtime

import hatchway
from hatchway.core.errors import AdmissionError, InternalError
from hatchway.core.limits import GIBIBYTE
from hatchway.core.surface import Surface
from hatchway.core.untrusted import printable
from hatchway.engine.compiler import REFUSED

_BOOTSTRAP = """
import sys
sys.path[:0] = sys.argv[1:3]
from hatchway.engine.compiler import main
sys.exit(main(sys.argv[3:]))
"""

_MAX_META_BYTES = 16 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class CompileBudget:
    """What compiling one artifact may cost.

    Attributes:
        cpu_seconds: Of all the child's threads together.
        memory_bytes: Of address space.
        wall_seconds: Until the child is killed.
    """

    cpu_seconds: int = 120
    memory_bytes: int = 3 * GIBIBYTE
    wall_seconds: float = 180.0


@dataclass(slots=True)
class Compiled:
    """What the child produced.

    Attributes:
        surface: Its description of the artifact.
        code: An unlinked temporary file with the compiled code, at its start.
    """

    surface: Surface
    code: IO[bytes]


def compile_artifact(artifact: bytes, budget: CompileBudget) -> Compiled:
    """Compile `artifact` in a child.

    Raises:
        AdmissionError: It is not valid, uses features that are off, or exceeds the budget.
    """
    if artifact[:4] != b"\0asm":
        message = "not a WebAssembly binary: it does not start with \\0asm"
        raise AdmissionError(message, code="admission.not_wasm")
    code = tempfile.TemporaryFile()  # noqa: SIM115 - handed to the caller
    try:
        with tempfile.TemporaryFile() as source, tempfile.TemporaryFile() as meta:
            source.write(artifact)
            source.flush()
            source.seek(0)
            status = _run((source, code, meta), budget)
            meta.seek(0)
            report = meta.read(_MAX_META_BYTES)
        surface = _verdict(status, report, budget)
    except BaseException:
        code.close()
        raise
    code.seek(0)
    return Compiled(surface=surface, code=code)


def _run(files: tuple[IO[bytes], ...], budget: CompileBudget) -> int | None:
    """The child's exit status, negative for a signal; None when the wall time ran out."""
    descriptors = [stream.fileno() for stream in files]
    roots = [str(Path(module.__path__[0]).parent) for module in (hatchway, wasmtime)]
    limits = [str(budget.cpu_seconds), str(budget.memory_bytes)]
    child = subprocess.Popen(  # noqa: S603 - our own interpreter, fixed arguments
        # -I: no environment, no user site, and -P: nothing from the working directory.
        [sys.executable, "-I", "-P", "-c", _BOOTSTRAP, *roots, *map(str, descriptors), *limits],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={},
        cwd="/",
        close_fds=True,
        pass_fds=descriptors,
        start_new_session=True,
    )
    try:
        return child.wait(budget.wall_seconds)
    except subprocess.TimeoutExpired:
        return None
    finally:
        if child.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()


def _verdict(status: int | None, report: bytes, budget: CompileBudget) -> Surface:
    if status == 0:
        return Surface.from_json(json.loads(report)["surface"])
    if status == REFUSED:
        reason = str(json.loads(report)["error"])
        cause = reason.rstrip().rpartition("\n")[2].strip()
        message = f"the artifact is not valid here: {printable(cause, limit=400)}"
        raise AdmissionError(message, code="admission.invalid")
    if status is None:
        message = f"compiling took longer than {budget.wall_seconds:g} s"
    elif -status in (signal.SIGXCPU, signal.SIGKILL):
        message = f"compiling took more than {budget.cpu_seconds} CPU-seconds"
    elif status < 0:
        message = (
            f"the compiler ended with {signal.Signals(-status).name}; "
            f"it may use {budget.memory_bytes} bytes of memory"
        )
    else:
        message = f"the compile process failed with status {status}"
        raise InternalError(message, hint="hatchway doctor")
    raise AdmissionError(message, code="admission.compile_budget")

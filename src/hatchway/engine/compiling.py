"""Compiling in a child process with limits, so that a compiler bomb ends with the child.

A few hundred kilobytes of valid Wasm can cost Cranelift minutes and gigabytes, and running
out of memory aborts the whole process. Nothing in this process compiles.

An artifact that is too much for Cranelift goes to Winch, whose time grows with the artifact's
size and nothing else. What Cranelift refuses is refused: only a budget that was exceeded leads
to Winch.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING

import wasmtime

import hatchway
from hatchway.core.errors import AdmissionError, InternalError
from hatchway.core.limits import GIBIBYTE
from hatchway.core.surface import Compilation, Surface
from hatchway.core.untrusted import printable
from hatchway.engine.compiler import EXHAUSTED, REFUSED
from hatchway.engine.settings import has_winch

if TYPE_CHECKING:
    from hatchway.core.surface import Compiler

_BOOTSTRAP = """
import sys
sys.path[:0] = sys.argv[1:3]
from hatchway.engine.compiler import main
sys.exit(main(sys.argv[3:]))
"""

_MAX_META_BYTES = 16 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class CompileBudget:
    """What one compiler may take for one artifact.

    Attributes:
        cpu_seconds: Of all the child's threads together.
        memory_bytes: Of address space.
        wall_seconds: Until the child is killed.
    """

    cpu_seconds: int = 60
    memory_bytes: int = 3 * GIBIBYTE
    wall_seconds: float = 90.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CompileBudgets:
    """What compiling one artifact may cost: at most two and a half minutes, five when pinned.

    Attributes:
        cranelift: Before Winch is asked instead.
        winch: Whether it was pinned or is the second to try.
        pinned_cranelift: When nobody else will be asked: the operator chose to wait.
    """

    cranelift: CompileBudget = field(default_factory=CompileBudget)
    winch: CompileBudget = field(
        default_factory=lambda: CompileBudget(cpu_seconds=30, wall_seconds=60.0)
    )
    pinned_cranelift: CompileBudget = field(
        default_factory=lambda: CompileBudget(cpu_seconds=240, wall_seconds=300.0)
    )


@dataclass(slots=True)
class Compiled:
    """What the child produced.

    Attributes:
        surface: Its description of the artifact.
        compilation: Which compiler it was, and why not the first.
        code: An unlinked temporary file with the compiled code, at its start.
    """

    surface: Surface
    compilation: Compilation
    code: IO[bytes]


class _ExceededError(AdmissionError):
    """A compiler took more than its budget, or died of it."""

    code = "admission.compile_budget"


def compile_artifact(
    artifact: bytes, budgets: CompileBudgets, pinned: Compiler | None = None
) -> Compiled:
    """Compile `artifact` in a child: with the `pinned` compiler, else Cranelift, else Winch.

    Raises:
        AdmissionError: It is not valid, uses features that are off, or exceeds the budget.
    """
    if artifact[:4] != b"\0asm":
        message = "not a WebAssembly binary: it does not start with \\0asm"
        raise AdmissionError(message, code="admission.not_wasm")
    if pinned == "cranelift":
        return _compiled(artifact, "cranelift", budgets.pinned_cranelift)
    if pinned == "winch":
        return _compiled_by_winch(artifact, budgets.winch)
    try:
        return _compiled(artifact, "cranelift", budgets.cranelift)
    except _ExceededError as exceeded:
        given_up = exceeded.message
    try:
        compiled = _compiled_by_winch(artifact, budgets.winch)
    except AdmissionError as error:
        message = f"no compiler can take the artifact: {given_up}; {error.message}"
        hint = 'compiler = "cranelift" in its policy entry gives that one more time'
        raise AdmissionError(message, code=_ExceededError.code, hint=hint) from error
    return replace(compiled, compilation=Compilation(compiler="winch", given_up=given_up))


def _compiled_by_winch(artifact: bytes, budget: CompileBudget) -> Compiled:
    if not has_winch():
        message = "winch is used on x86-64 only"
        raise AdmissionError(message, code="admission.no_compiler")
    return _compiled(artifact, "winch", budget)


def _compiled(artifact: bytes, compiler: Compiler, budget: CompileBudget) -> Compiled:
    code = tempfile.TemporaryFile()  # noqa: SIM115 - handed to the caller
    try:
        with tempfile.TemporaryFile() as source, tempfile.TemporaryFile() as meta:
            source.write(artifact)
            source.flush()
            source.seek(0)
            status = _run(compiler, (source, code, meta), budget)
            meta.seek(0)
            report = meta.read(_MAX_META_BYTES)
        surface = _verdict(compiler, status, report, budget)
    except BaseException:
        code.close()
        raise
    code.seek(0)
    return Compiled(surface=surface, compilation=Compilation(compiler=compiler), code=code)


def _run(compiler: Compiler, files: tuple[IO[bytes], ...], budget: CompileBudget) -> int | None:
    """The child's exit status, negative for a signal; None when the wall time ran out."""
    descriptors = [stream.fileno() for stream in files]
    roots = [str(Path(module.__path__[0]).parent) for module in (hatchway, wasmtime)]
    arguments = [compiler, *descriptors, budget.cpu_seconds, budget.memory_bytes]
    child = subprocess.Popen(  # noqa: S603 - our own interpreter, fixed arguments
        # -I: no environment, no user site, and -P: nothing from the working directory.
        [sys.executable, "-I", "-P", "-c", _BOOTSTRAP, *roots, *map(str, arguments)],
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


def _verdict(
    compiler: Compiler, status: int | None, report: bytes, budget: CompileBudget
) -> Surface:
    if status == 0:
        return Surface.from_json(json.loads(report)["surface"])
    if status == REFUSED:
        raise _refusal(compiler, str(json.loads(report)["error"]))
    memory = f"it may use {budget.memory_bytes} bytes of memory"
    if status is None:
        message = f"{compiler} took longer than {budget.wall_seconds:g} s"
    elif -status in (signal.SIGXCPU, signal.SIGKILL):
        message = f"{compiler} took more than {budget.cpu_seconds} CPU-seconds"
    elif status < 0:
        message = f"{compiler} ended with {signal.Signals(-status).name}; {memory}"
    elif status == EXHAUSTED:
        message = f"{compiler} ran out of memory; {memory}"
    else:
        message = f"the compile process failed with status {status}"
        raise InternalError(message, hint="hatchway doctor")
    raise _ExceededError(message)


def _refusal(compiler: Compiler, reason: str) -> AdmissionError:
    cause = printable(reason.rstrip().rpartition("\n")[2].strip(), limit=400)
    if compiler == "cranelift":
        message = f"the artifact is not valid here: {cause}"
        return AdmissionError(message, code="admission.invalid")
    # Winch takes less than Cranelift does, tail calls for example are missing.
    message = f"winch does not take the artifact: {cause}"
    hint = 'cranelift takes more: remove compiler = "winch" from the policy'
    return AdmissionError(message, code="admission.invalid", hint=hint)

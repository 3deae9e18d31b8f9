"""Compiling in a child process with limits, so that a compiler bomb ends with the child.

A few hundred kilobytes of valid Wasm can cost Cranelift minutes and gigabytes, and running
out of memory aborts the whole process. Nothing in this process compiles. Nor does it load what
was compiled: the child does, to see whether it fits, and says what it found.

An artifact that makes the compiler do as it likes has a process without environment, files and
time to live. Where the child is confined it has neither network nor file system. What comes back
is a report, which is read strictly, and code, which is as trusted as the artifact.

An artifact that is too much for Cranelift goes to Winch, whose time grows with the artifact's
size and nothing else. What Cranelift refuses is refused: only a budget that was exceeded leads
to Winch.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING

import wasmtime

import hatchway
from hatchway.core.errors import AdmissionError, ConfigError, HatchwayError, InternalError
from hatchway.core.limits import GIBIBYTE
from hatchway.core.surface import Compilation
from hatchway.core.untrusted import harmless, printable
from hatchway.engine import report
from hatchway.engine.compiler import EXHAUSTED, MAX_CODE_BYTES, REFUSED, UNCONFINED, UNFIT
from hatchway.engine.sealing import fix_size, memory_file, seal
from hatchway.engine.settings import has_winch

if TYPE_CHECKING:
    from hatchway.core.surface import Compiler, Surface

_BOOTSTRAP = """
import sys
sys.path[:0] = sys.argv[1:3]
from hatchway.engine.compiler import main
sys.exit(main(sys.argv[3:]))
"""

_NO_THREAD_LOCALS = 127
"""How glibc ends a process that has no memory left for what belongs to a thread."""
_MAX_REFUSAL = 1000
_FIT_CODES = frozenset({"admission.missing_host", "admission.too_large"})
"""What the child may say of code that does not fit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CompileBudget:
    """What one compiler may take for one artifact.

    Attributes:
        cpu_seconds: Of all the child's threads together.
        memory_bytes: On top of what the child holds before it has seen the artifact.
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
        code: A file of no name with the compiled code, at its start, which nobody can change.
    """

    surface: Surface
    compilation: Compilation
    code: IO[bytes]


class _ExceededError(AdmissionError):
    """A compiler took more than its budget, or died of it."""

    code = "admission.compile_budget"


class _ChildFailedError(AdmissionError):
    """The child did what no compile child of ours does."""

    code = "admission.compiler_failed"


def compile_artifact(
    artifact: bytes,
    budgets: CompileBudgets,
    pinned: Compiler | None = None,
    confinement: str | None = None,
) -> Compiled:
    """Compile `artifact` in a child: with the `pinned` compiler, else Cranelift, else Winch.

    Args:
        artifact: Its bytes.
        budgets: What that may cost.
        pinned: The only compiler to ask.
        confinement: What the child calls before it reads, as `module:function`, or as
            `module:function:LAYER,LAYER`. It is given the descriptors that the child still needs,
            and takes everything else away.

    Raises:
        AdmissionError: It is not valid, uses features that are off, exceeds the budget, or
            does not fit this host.
        ConfigError: The child cannot be confined.
    """
    if artifact[:4] != b"\0asm":
        message = "not a WebAssembly binary: it does not start with \\0asm"
        raise AdmissionError(message, code="admission.not_wasm")
    if pinned == "cranelift":
        return _compiled(artifact, "cranelift", budgets.pinned_cranelift, confinement)
    if pinned == "winch":
        return _compiled_by_winch(artifact, budgets.winch, confinement)
    try:
        return _compiled(artifact, "cranelift", budgets.cranelift, confinement)
    except _ExceededError as exceeded:
        given_up = exceeded.message
    try:
        compiled = _compiled_by_winch(artifact, budgets.winch, confinement)
    except AdmissionError as error:
        message = f"no compiler can take the artifact: {given_up}; {error.message}"
        hint = 'compiler = "cranelift" in its policy entry gives that one more time'
        raise AdmissionError(message, code=_ExceededError.code, hint=hint) from error
    return replace(compiled, compilation=Compilation(compiler="winch", given_up=given_up))


def _compiled_by_winch(artifact: bytes, budget: CompileBudget, confinement: str | None) -> Compiled:
    if not has_winch():
        message = "winch is used on x86-64 only"
        raise AdmissionError(message, code="admission.no_compiler")
    return _compiled(artifact, "winch", budget, confinement)


def _compiled(
    artifact: bytes, compiler: Compiler, budget: CompileBudget, confinement: str | None
) -> Compiled:
    code = memory_file()
    try:
        with memory_file() as source, memory_file() as said:
            source.write(artifact)
            source.flush()
            seal(source)
            source.seek(0)
            fix_size(said, report.MAX_BYTES)
            status = _run(compiler, confinement, (source, code, said), budget)
            said.seek(0)
            words = said.read(report.MAX_BYTES).rstrip(b"\0")
        surface = _verdict(compiler, status, words, budget)
        _require_settled(code, compiler)
    except BaseException:
        code.close()
        raise
    return Compiled(surface=surface, compilation=Compilation(compiler=compiler), code=code)


def _require_settled(code: IO[bytes], compiler: Compiler) -> None:
    """Make sure that nobody changes `code` any more, and that it is of a size code may have."""
    try:
        seal(code)
    except OSError as error:
        message = f"the process that ran {compiler} keeps hold of the code that it made"
        raise _ChildFailedError(message) from error
    size = os.fstat(code.fileno()).st_size
    if not 0 < size <= MAX_CODE_BYTES:
        message = f"the process that ran {compiler} made {size} bytes of code"
        raise _ChildFailedError(message)
    code.seek(0)


def _run(
    compiler: Compiler,
    confinement: str | None,
    files: tuple[IO[bytes], ...],
    budget: CompileBudget,
) -> int | None:
    """The child's exit status, negative for a signal; None when the wall time ran out."""
    descriptors = [stream.fileno() for stream in files]
    roots = [str(Path(module.__path__[0]).parent) for module in (hatchway, wasmtime)]
    arguments = [
        compiler,
        confinement or "",
        *descriptors,
        budget.cpu_seconds,
        budget.memory_bytes,
    ]
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
        return _ended(child, budget.wall_seconds)
    finally:
        if child.returncode is None:
            # Before it is reaped, so that its number still names its group and nobody else's.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()


def _ended(child: subprocess.Popen[bytes], seconds: float) -> int | None:
    """How `child` ended, together with all that it left in its group; None if it did not."""
    try:
        handle = os.pidfd_open(child.pid)
    except (AttributeError, OSError):  # another system, or somebody forbids it
        with contextlib.suppress(subprocess.TimeoutExpired):
            return child.wait(seconds)
        return None
    try:
        waiting = select.poll()
        waiting.register(handle, select.POLLIN)
        if not waiting.poll(seconds * 1000):
            return None
    finally:
        os.close(handle)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
    return child.wait()


def _verdict(
    compiler: Compiler, status: int | None, words: bytes, budget: CompileBudget
) -> Surface:
    try:
        if status == 0:
            return report.surface_in(words)
        if status in (REFUSED, UNFIT, UNCONFINED):
            raise _told(compiler, status, *report.refusal_in(words))
    except report.NoReportError as error:
        message = f"the process that ran {compiler} said what no compile process says"
        raise _ChildFailedError(message) from error
    raise _died(compiler, status, budget)


def _died(compiler: Compiler, status: int | None, budget: CompileBudget) -> HatchwayError:
    """What it means that the child ended with `status` and without a word."""
    memory = f"it may use {budget.memory_bytes} bytes of memory"
    if status is None:
        message = f"{compiler} took longer than {budget.wall_seconds:g} s"
    elif -status in (signal.SIGXCPU, signal.SIGKILL):
        message = f"{compiler} took more than {budget.cpu_seconds} CPU-seconds"
    elif status < 0:
        message = f"{compiler} ended with {_signal_name(-status)}; {memory}"
    elif status in (EXHAUSTED, _NO_THREAD_LOCALS):
        message = f"{compiler} ran out of memory; {memory}"
    else:
        message = f"the compile process failed with status {status}"
        return InternalError(message, hint="hatchway doctor")
    return _ExceededError(message)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # one of those for real time, which have no names
        return f"signal {number}"


def _told(compiler: Compiler, status: int, code: str, text: str) -> HatchwayError:
    """What it means that the child ended with `status` and the words `text`.

    Raises:
        NoReportError: The child does not say that.
    """
    if status == UNCONFINED:
        reason = printable(text, limit=400)
        message = f"the compile process could not be confined: {reason}"
        return ConfigError(message, code="config.unconfined", hint="hatchway doctor")
    if status == REFUSED:
        return _refusal(compiler, text)
    if code not in _FIT_CODES:
        raise report.NoReportError
    # Our own words with the artifact's in them, which the child has escaped if it is itself.
    return AdmissionError(harmless(text, limit=_MAX_REFUSAL), code=code)


def _refusal(compiler: Compiler, reason: str) -> AdmissionError:
    cause = printable(reason.rstrip().rpartition("\n")[2].strip(), limit=400)
    if compiler == "cranelift":
        message = f"the artifact is not valid here: {cause}"
        return AdmissionError(message, code="admission.invalid")
    # Winch takes less than Cranelift does, tail calls for example are missing.
    message = f"winch does not take the artifact: {cause}"
    hint = 'cranelift takes more: remove compiler = "winch" from the policy'
    return AdmissionError(message, code="admission.invalid", hint=hint)

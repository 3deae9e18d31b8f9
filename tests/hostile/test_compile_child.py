"""A compiler that an artifact has taken over, and what it can still do to anybody.

The child of these tests runs Python of ours at the place where it would compile: after it was
confined, and with the artifact read.
"""

from __future__ import annotations

import ast
import os
import select
import socket
import sys
import textwrap
import time
from pathlib import Path

import pytest
from guests import command, grant, wasm

from hatchway.core.errors import AdmissionError, ConfigError, HatchwayError
from hatchway.core.sandbox import CommandInvocation
from hatchway.core.surface import Surface
from hatchway.engine import compiling, report
from hatchway.engine.compiler import MAX_CODE_BYTES
from hatchway.engine.compiling import CompileBudget, CompileBudgets, compile_artifact
from hatchway.engine.sandbox import EngineSandbox
from hatchway.registry.store import digest_of

SMALL = wasm(command(""))
CONFINED = "hatchway.workers.confinement.compiling:confine_compiler"
NOTHING = CommandInvocation(arguments=())
COMMAND = Surface(kind="module", imports=(), is_command=True, exports=("_start",))

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="the walls are Linux's")


@pytest.fixture(autouse=True)
def _every_compile_has_a_child(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hatchway.engine.supply.compile_artifact", compile_artifact)


def taken_over(attack: str) -> str:
    """A bootstrap whose child runs `attack` instead of compiling."""
    body = textwrap.indent(textwrap.dedent(attack), "    ")
    return compiling._BOOTSTRAP.replace(
        "from hatchway.engine.compiler import main\n",
        f"""
import ctypes, errno, mmap, os, resource, signal, socket, subprocess
from hatchway.engine import compiler, report
code, said = (int(number) for number in sys.argv[6:8])
def attack(*_arguments):
{body}
compiler._compile = attack
from hatchway.engine.compiler import main
""",
    )


def says(surface: bytes, code: str = "pass") -> str:
    """An attack that writes a report and code and is gone before anybody looks at them."""
    return f"os.write(said, {surface!r}); {code}; os._exit(0)"


def compiled_by(
    attack: str,
    monkeypatch: pytest.MonkeyPatch,
    *,
    confinement: str | None = None,
    budget: CompileBudget | None = None,
) -> compiling.Compiled:
    monkeypatch.setattr(compiling, "_BOOTSTRAP", taken_over(attack))
    budgets = CompileBudgets(pinned_cranelift=budget or CompileBudget(wall_seconds=30))
    return compile_artifact(SMALL, budgets, "cranelift", confinement)


# What it says and hands over


@pytest.mark.parametrize(
    ("attack", "code", "words"),
    [
        ("ctypes.string_at(0)", "admission.compile_budget", "ended with SIGSEGV"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "admission.compile_budget", "CPU-seconds"),
        ("os.kill(os.getpid(), 40)", "admission.compile_budget", "ended with signal 40"),
        ("os._exit(0)", "admission.compiler_failed", "said what no compile process says"),
        ("os._exit(5)", "admission.compiler_failed", "said what no compile process says"),
        ("os._exit(99)", "internal", "failed with status 99"),
        ("os.write(said, b'[' * (1 << 24)); os._exit(0)", "admission.compiler_failed", "says"),
        (says(report.of_surface(COMMAND)), "admission.compiler_failed", "0 bytes of code"),
        (
            "os.write(said, report.of_refusal('obey', 'config.invalid')); os._exit(5)",
            "admission.compiler_failed",
            "said what no compile process says",
        ),
    ],
    ids=["crash", "kill", "nameless", "mute", "mumble", "status", "noise", "empty", "order"],
)
def test_however_a_compiler_ends_the_artifact_is_refused(
    attack: str, code: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(HatchwayError, match=words) as refused:
        compiled_by(attack, monkeypatch)

    assert refused.value.code == code
    assert refused.value.message.isprintable()


def test_what_the_child_says_of_a_misfit_reaches_nobody_s_terminal_as_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    attack = """
    os.write(said, report.of_refusal("\\x1b[2Jclear" + "!" * 3000, "admission.missing_host"))
    os._exit(5)
    """

    with pytest.raises(AdmissionError) as refused:
        compiled_by(attack, monkeypatch)

    assert refused.value.message.startswith("\\x1b[2Jclear!")
    assert len(refused.value.message) < 1100


LYING = Surface(kind="component", imports=(), is_command=False)


@pytest.mark.parametrize(
    ("said", "code"),
    [(COMMAND, "b'not code'"), (LYING, "b'\\x7fELF' + bytes(5000)"), (COMMAND, "bytes(100)")],
    ids=["text", "elf", "zeros"],
)
def test_code_that_is_no_code_is_refused_by_the_first_run(
    said: Surface, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    attack = says(report.of_surface(said), f"os.write(code, {code})")
    monkeypatch.setattr(compiling, "_BOOTSTRAP", taken_over(attack))
    own = EngineSandbox(artifacts=lambda _: SMALL)
    own.prepare(SMALL, digest_of(SMALL))

    with pytest.raises(AdmissionError, match="the engine cannot hold the artifact"):
        own.run(digest_of(SMALL), NOTHING, grant())


def test_the_child_cannot_make_more_code_or_a_longer_report_than_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    attack = f"""
    found = []
    for descriptor, size in ((code, {MAX_CODE_BYTES + 1}), (said, {report.MAX_BYTES + 1})):
        try:
            os.ftruncate(descriptor, size)
            found.append("grown")
        except OSError as error:
            found.append(errno.errorcode[error.errno])
    raise ValueError(found)
    """

    with pytest.raises(AdmissionError, match=r"\['EFBIG', 'EPERM'\]"):
        compiled_by(attack, monkeypatch)


@on_linux
def test_code_that_somebody_could_still_change_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Only where nothing confines it can a process get away from its group."""
    attack = f"""
    os.ftruncate(code, 4096)
    held = mmap.mmap(code, 4096)
    child = os.fork()
    if child == 0:
        os.setsid()
        with open({str(tmp_path / "new")!r}, "w") as stream:
            stream.write(str(os.getpid()))
        os.rename({str(tmp_path / "new")!r}, {str(tmp_path / "pid")!r})
        signal.pause()
    while not os.path.exists({str(tmp_path / "pid")!r}):
        pass
    {says(report.of_surface(COMMAND))}
    """

    try:
        with pytest.raises(AdmissionError, match="keeps hold of the code") as refused:
            compiled_by(attack, monkeypatch)
    finally:
        os.kill(int((tmp_path / "pid").read_text()), 9)

    assert refused.value.code == "admission.compiler_failed"


# How long it lives


def test_nothing_that_the_child_started_outlives_its_compile(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fifo = tmp_path / "alive"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    attack = f"""
    held = os.open({str(fifo)!r}, os.O_WRONLY)
    os.write(held, b"x")
    if os.fork() == 0:
        signal.pause()
    raise ValueError("done")
    """

    with pytest.raises(AdmissionError, match="done"):
        compiled_by(attack, monkeypatch)

    assert os.read(reader, 1) == b"x"
    # Whoever holds the other end is gone, or this waits.
    ready, _, _ = select.select([reader], [], [], 30)
    assert ready
    assert os.read(reader, 1) == b""
    os.close(reader)


@on_linux
def test_a_confined_child_that_hangs_is_killed_with_the_process_that_waits_for_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    mark = f"mark-of-{tmp_path.name}-{os.getpid()}"

    with pytest.raises(AdmissionError, match="took longer than 2 s"):
        compiled_by(
            f"while True: pass  # {mark}",
            monkeypatch,
            confinement=CONFINED,
            budget=CompileBudget(wall_seconds=2, cpu_seconds=60),
        )

    until = time.monotonic() + 30
    while processes_with(mark) and time.monotonic() < until:
        os.sched_yield()
    assert processes_with(mark) == []


def processes_with(mark: str) -> list[str]:
    """The numbers of the processes on whose command line `mark` stands."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and mark.encode() in (entry / "cmdline").read_bytes():
                found.append(entry.name)
        except OSError:
            continue
    return found


# What it reaches

REACHES = {
    "read_a_file": "open(CANARY).read()",
    "list_home": "os.listdir(HOME)",
    "list_the_root": "os.listdir('/')",
    "see_whether_a_file_is_there": "os.stat(CANARY)",
    "write_a_file": "open(os.path.join(HOME, 'written'), 'w')",
    "write_a_file_in_tmp": "os.open('/tmp/x', os.O_CREAT | os.O_WRONLY)",
    "tcp": "socket.socket().connect(('127.0.0.1', PORT))",
    "udp": "socket.socket(socket.AF_INET, socket.SOCK_DGRAM)",
    "unix": "socket.socket(socket.AF_UNIX)",
    "netlink": "socket.socket(16, socket.SOCK_RAW)",
    "fork": "os.fork()",
    "run_a_program": "os.execv('/bin/true', ['true'])",
    "spawn": "subprocess.run([sys.executable, '-c', ''], check=True)",
    "signal_its_parent": "os.kill(PARENT, 0)",
    "signal_everybody": "os.kill(-1, 0)",
    "trace": "called(101, 16, PARENT, 0, 0)",
    "read_another_process": "called(310, PARENT, 0, 0, 0, 0, 0)",
    "inspect_another_process": "open(f'/proc/{PARENT}/environ', 'rb').read()",
    "leave_its_group": "os.setsid()",
    "raise_a_limit": "resource.setrlimit(resource.RLIMIT_CPU, (99999, 99999))",
    "take_back_privileges": "os.setuid(0)",
    "make_namespaces": "called(272, 0x10000000)",
    "mount": "called(165, 0, 0, 0, 0, 0)",
    "hide_memory_in_files": "os.memfd_create('x')",
    "load_a_kernel_program": "called(321, 0, 0, 0)",
}


@pytest.fixture(scope="module")
def reached(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What became of every attempt, all of which one child makes."""
    home = tmp_path_factory.mktemp("home")
    canary = home / "canary"
    canary.write_text("nobody may read this")
    attempts = "".join(f"\n    {name!r}: lambda: {text}," for name, text in REACHES.items())
    with socket.create_server(("127.0.0.1", 0)) as server:
        attack = f"""
        CANARY, HOME, PARENT = {str(canary)!r}, {str(home)!r}, {os.getpid()}
        PORT = {server.getsockname()[1]}
        syscall = ctypes.CDLL(None, use_errno=True).syscall
        def called(*numbers):
            if syscall(*numbers) < 0:
                raise OSError(ctypes.get_errno(), "refused")
        found = {{}}
        attempts = {{{attempts}
        }}
        for name, attempt in attempts.items():
            try:
                attempt()
                found[name] = "reached"
            except Exception as error:
                found[name] = type(error).__name__
        os.write(said, report.of_refusal(repr(found)))
        os._exit(compiler.REFUSED)
        """
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(compiling, "_refusal", lambda _, text: AdmissionError(text))
            with pytest.raises(AdmissionError) as refused:
                compiled_by(attack, patch, confinement=CONFINED)
    found: dict[str, str] = ast.literal_eval(refused.value.message)
    return {**found, "left": repr(sorted(home.iterdir()) == [canary])}


@on_linux
@pytest.mark.parametrize("attempt", REACHES)
def test_a_confined_compiler_reaches_nothing(attempt: str, reached: dict[str, str]) -> None:
    assert reached[attempt] in ("OSError", "PermissionError", "FileNotFoundError", "ValueError")
    assert reached["left"] == "True"


@on_linux
def test_a_confined_compiler_compiles(monkeypatch: pytest.MonkeyPatch) -> None:
    own = EngineSandbox(artifacts=lambda _: SMALL, confinement=lambda: CONFINED)

    assert own.run(digest_of(SMALL), NOTHING, grant()).stop is None


@pytest.mark.parametrize(
    "confinement", ["hatchway.nothing:confine", "hatchway.engine.compiler:nothing"]
)
def test_a_child_that_cannot_be_confined_reads_nothing(
    confinement: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigError, match="could not be confined") as refused:
        compiled_by("os._exit(99)", monkeypatch, confinement=confinement)

    assert refused.value.code == "config.unconfined"
    assert refused.value.hint == "hatchway doctor"

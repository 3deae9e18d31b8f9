"""The launcher outside and the worker inside end together, and in the same way."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from confined import run_confined

import hatchway
from hatchway.core.isolation import LAYERS
from hatchway.workers.confinement.compiling import confine_compiler
from hatchway.workers.confinement.confining import Confinement, ConfinementError, confine
from hatchway.workers.confinement.entering import enter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="walls are the Linux kernel's")

ROOT = str(Path(hatchway.__path__[0]).parent)
ENTERED = """
import sys, os, signal
sys.path.insert(0, sys.argv[1])
from hatchway.workers.confinement.entering import enter
"""
WAITING = (
    ENTERED
    + """
enter(frozenset({"namespaces"}))
os.write(1, b"inside")
signal.pause()
"""
)


def python(code: str, *, stdout: int = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-I", "-P", "-c", code, ROOT], stdin=subprocess.DEVNULL, stdout=stdout,
        env={}, cwd="/",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("ending", "status"),
    [
        ("os._exit(0)", 0),
        ("os._exit(37)", 37),
        ("raise ValueError", 1),
        ("import ctypes; ctypes.string_at(1)", -signal.SIGSEGV),
    ],
)
def test_the_launcher_ends_as_its_worker_does(ending: str, status: int) -> None:
    code = f"import os; os.dup2(os.open(os.devnull, 1), 2)\n{ENTERED}"

    child = python(f"{code}\nenter(frozenset({{'namespaces'}}))\n{ending}")

    assert child.wait(60) == status


def test_a_worker_that_is_killed_takes_its_launcher_along() -> None:
    with python(WAITING, stdout=subprocess.PIPE) as launcher, hung_up(launcher) as end:
        (inside,) = children(launcher.pid)

        os.kill(inside, signal.SIGKILL)

        assert launcher.wait(60) == -signal.SIGKILL
        assert end() == b""


def test_a_launcher_that_is_killed_takes_its_worker_along() -> None:
    with python(WAITING, stdout=subprocess.PIPE) as launcher, hung_up(launcher) as end:
        launcher.kill()

        # The worker was the last to hold the other end.
        assert end() == b""


def test_neither_outlives_the_server() -> None:
    starts = f"""
import subprocess, sys, signal
worker = [sys.executable, "-I", "-P", "-c", {WAITING!r}, sys.argv[1]]
subprocess.Popen(worker, stdin=subprocess.DEVNULL)
signal.pause()
"""
    with python(starts, stdout=subprocess.PIPE) as server, hung_up(server) as end:
        server.kill()

        assert end() == b""


def test_two_threads_are_one_too_many() -> None:
    code = """
import threading
stop = threading.Event()
thread = threading.Thread(target=stop.wait)
thread.start()
answer = [tried(confine, confinement), tried(enter, frozenset())]
stop.set()
"""
    imports = (
        "import threading\n"
        "from hatchway.workers.confinement.confining import confine\n"
        "from hatchway.workers.confinement.entering import enter"
    )

    outside = run_confined(code, [], imports=imports)["answer"]
    inside = run_confined(code, ["namespaces"], imports=imports)["answer"]

    assert outside == inside == ["ConfinementError", "ConfinementError"]


def test_nothing_changes_where_a_thread_is_running_already() -> None:
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait)
    thread.start()
    try:
        with pytest.raises(ConfinementError):
            enter(frozenset(LAYERS))
        with pytest.raises(ConfinementError):
            confine(
                Confinement(
                    layers=frozenset(LAYERS), directories=(), connect_port=None,
                    memory_bytes=0, file_bytes=0,
                )
            )  # fmt: skip
        with pytest.raises(ConfinementError):
            confine_compiler([])
    finally:
        stop.set()
        thread.join()


def test_a_compiler_keeps_its_descriptors_and_threads_and_nothing_else() -> None:
    imports = """
import threading
from hatchway.workers.confinement.compiling import confine_compiler
kept, other = os.pipe()
"""
    code = """
confine_compiler([0, 1, kept])
thread = threading.Thread(target=os.getpid)
thread.start()
thread.join()
answer = [
    tried(os.fstat, kept), tried(os.fstat, other), tried(open, "/proc/self/environ"),
    tried(os.fork), tried(socket.socket), tried(os.kill, 1, 9), tried(os.listdir, "/"),
]
"""

    found = run_confined(code, [], imports=imports)

    kept, other, *attempts = found["answer"]
    assert (kept, other) == ("done", "EBADF")
    assert "done" not in attempts


def test_the_status_of_a_compiler_is_seen_outside() -> None:
    code = """
import os, sys
sys.path.insert(0, sys.argv[1])
from hatchway.workers.confinement.compiling import confine_compiler
confine_compiler([1])
os.write(1, b"inside")
os._exit(3)
"""
    with python(code, stdout=subprocess.PIPE) as child:
        said, _ = child.communicate(timeout=60)

    assert (said, child.returncode) == (b"inside", 3)


def children(process: int) -> list[int]:
    found = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    return [int(each) for each in found]


@contextmanager
def hung_up(child: subprocess.Popen[bytes]) -> Iterator[Callable[[], bytes]]:
    """Waits until the worker is inside, and gives what waits until nobody holds its output."""
    assert child.stdout is not None
    assert child.stdout.read(6) == b"inside"
    yield child.stdout.read

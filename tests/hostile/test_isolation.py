"""Two calls have nothing in common, however they are mixed."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from components import ECHO, trapping
from guests import Pinned, call, command, grant, prepared, run, sandbox, stop_code, wasi, wasm
from strategies import often

from hatchway.core.call import Cancellation, Execution
from hatchway.core.errors import OverloadedError
from hatchway.core.limits import Limits
from hatchway.core.sandbox import CommandInvocation
from hatchway.engine.preview1.functions import BODIES
from hatchway.engine.sandbox import EngineSandbox
from hatchway.engine.settings import EngineSettings

if TYPE_CHECKING:
    from collections.abc import Callable

# Reads stdin to 1024, then writes what address 4096 held, and keeps stdin there.
CANARY = command(
    """
    (i32.store (i32.const 0) (i32.const 1024)) (i32.store (i32.const 4) (i32.const 64))
    (drop (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
    (i32.store (i32.const 0) (i32.const 4096)) (i32.store (i32.const 4) (i32.const 64))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
    (memory.copy (i32.const 4096) (i32.const 1024) (i32.const 64))
    (memory.fill (i32.const 70000) (i32.const 0x41) (i32.const 60000))
    (global.set $kept (i32.const 1))
    """,
    imports=wasi("fd_read") + wasi("fd_write"),
    declarations="(global $kept (mut i32) (i32.const 0))",
    memory="4",
)


@pytest.mark.claim("isolation.fresh")
def test_no_call_sees_what_another_left_in_memory() -> None:
    left_behind = [
        run(CANARY, stdin=f"tenant {number % 2} secret".encode()).stdout for number in range(500)
    ]

    assert set(left_behind) == {bytes(64)}


SPIN = command("(loop $again (br $again))")
ECHO_COMMAND = command(
    """
    (i32.store (i32.const 0) (i32.const 1024)) (i32.store (i32.const 4) (i32.const 1000))
    (drop (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
    (i32.store (i32.const 4) (i32.load (i32.const 8)))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
    """,
    imports=wasi("fd_read") + wasi("fd_write"),
)
DENIED = command(
    """
    (i32.store (i32.const 0) (i32.const 1024)) (i32.store (i32.const 4) (i32.const 16))
    (drop (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
    (drop (call $path_unlink_file (i32.const 3) (i32.const 1024) (i32.load (i32.const 8))))
    """,
    imports=wasi("fd_read") + wasi("path_unlink_file", "i32 i32 i32"),
)
TRAP = command("unreachable")
LITTLE_FUEL = grant(limits=Limits(fuel=5000))


def _echo(name: str) -> None:
    assert run(ECHO_COMMAND, stdin=name.encode()).stdout == name.encode()


def _echo_component(name: str) -> None:
    assert call(ECHO, "echo", {"text": name}).value == name


def _trap(_name: str) -> None:
    assert stop_code(run(TRAP)) == "guest.trapped"


def _trap_component(_name: str) -> None:
    assert stop_code(call(trapping("unreachable"), "go")) == "guest.trapped"


def _deny(name: str) -> None:
    (denial,) = run(DENIED, stdin=name.encode()).denials
    assert denial.attempted == f"/{name}"


def _burn(_name: str) -> None:
    assert stop_code(run(SPIN, granted=LITTLE_FUEL)) == "guest.fuel_exhausted"


MIX: tuple[Callable[[str], None], ...] = (
    _echo, _echo_component, _trap, _deny, _burn, _trap_component, _echo, _deny,
)  # fmt: skip


@pytest.mark.claim("isolation.fresh")
@pytest.mark.slow
def test_very_many_mixed_calls_on_eight_threads_each_get_their_own_answer() -> None:
    for step in MIX:
        step("warm")
    calls = often(12_500, gate=2_500)
    # 16 characters at most: the denial guest keeps no more of its name.

    def work(thread: int) -> int:
        for number in range(calls):
            MIX[(number + thread) % len(MIX)](f"{thread}.{number}")
        return calls

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(work, range(8))) == 8 * calls


def test_two_guests_are_in_the_middle_of_a_run_at_the_same_instant(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each waits inside a host call until the other is inside one too."""
    both = threading.Barrier(2, timeout=30)
    real = os.urandom

    def meet(count: int) -> bytes:
        both.wait()
        return real(count)

    monkeypatch.setattr(os, "urandom", meet)
    draw = command(
        "(drop (call $random_get (i32.const 0) (i32.const 8)))",
        imports=wasi("random_get", "i32 i32"),
    )
    granted = grant("random")
    prepared(draw)

    with ThreadPoolExecutor(2) as threads:
        first, second = threads.map(lambda _: run(draw, granted=granted), range(2))

    assert (first.stop, second.stop) == (None, None)


def test_python_goes_on_while_a_guest_runs() -> None:
    """The GIL is not held while guest code runs: this thread counts beside a spinning one."""
    prepared(SPIN)
    granted = grant(limits=Limits(fuel=(1 << 63) - 1, deadline_seconds=30))
    cancellation = Cancellation()
    ended: list[Execution] = []
    thread = threading.Thread(
        target=lambda: ended.append(run(SPIN, granted=granted, cancellation=cancellation))
    )

    thread.start()
    counted = sum(1 for _ in range(1_000_000))
    cancellation.request()
    thread.join(30)

    assert counted == 1_000_000
    assert stop_code(ended[0]) == "call.cancelled"


@pytest.mark.claim("limits.deadline")
def test_a_spin_beside_busy_python_threads_still_ends_at_its_deadline() -> None:
    granted = grant(limits=Limits(fuel=(1 << 63) - 1, deadline_seconds=0.2))
    prepared(SPIN)
    is_over = threading.Event()

    def be_busy() -> None:
        while not is_over.is_set():
            sum(range(10_000))

    busy = [threading.Thread(target=be_busy) for _ in range(4)]
    for thread in busy:
        thread.start()
    try:
        execution = run(SPIN, granted=granted)
    finally:
        is_over.set()
        for thread in busy:
            thread.join()

    assert stop_code(execution) == "guest.deadline_exceeded"


def test_a_withdrawn_call_stops_its_guest_and_no_other() -> None:
    granted = grant(limits=Limits(fuel=(1 << 63) - 1, deadline_seconds=1))
    first, second = Cancellation(), Cancellation()
    prepared(SPIN)
    first.request()

    with ThreadPoolExecutor(2) as threads:
        withdrawn = threads.submit(run, SPIN, granted=granted, cancellation=first)
        other = threads.submit(run, SPIN, granted=granted, cancellation=second)

        assert stop_code(withdrawn.result()) == "call.cancelled"
        assert stop_code(other.result()) == "guest.deadline_exceeded"


def test_a_sleeping_guest_is_stopped_when_its_call_is_withdrawn() -> None:
    text = command(
        """
        (i64.store (i32.const 24) (i64.const 0x7fffffffffffffff))
        (i32.store (i32.const 16) (i32.const 1))
        (drop (call $poll_oneoff (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 128)))
        """,
        imports=wasi("poll_oneoff"),
    )
    cancellation = Cancellation()
    timer = threading.Timer(0.1, cancellation.request)
    timer.start()

    execution = run(
        text, granted=grant(limits=Limits(deadline_seconds=60)), cancellation=cancellation
    )

    assert stop_code(execution) == "call.cancelled"


class _HostBugError(Exception):
    """Raised inside a host function, as a bug of ours would be."""


def test_an_exception_in_a_host_call_stays_with_its_own_call(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Four threads, hundreds of failing calls each: every failure arrives where it began."""
    calls = often(3000)
    local = threading.local()

    def broken(*_arguments: object) -> int:
        raise _HostBugError(local.name)

    monkeypatch.setitem(BODIES, "sched_yield", broken)
    own = EngineSandbox(artifacts=lambda _: b"")
    text = command("(drop (call $sched_yield))", imports=wasi("sched_yield", ""))
    own.prepare(wasm(text), "sha256:" + "1" * 64, Pinned.compiler)
    switch = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)

    def work(name: int) -> int:
        local.name = name
        right = 0
        for _ in range(calls):
            try:
                own.run("sha256:" + "1" * 64, CommandInvocation(arguments=()), grant())
            except _HostBugError as error:
                right += error.args[0] == name
        return right

    try:
        with ThreadPoolExecutor(4) as threads:
            assert list(threads.map(work, range(4))) == [calls] * 4
    finally:
        sys.setswitchinterval(switch)


def test_more_calls_at_once_than_allowed_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    has_begun, may_end = threading.Event(), threading.Event()

    def waits(*_arguments: object) -> int:
        has_begun.set()
        may_end.wait(30)
        return 0

    monkeypatch.setitem(BODIES, "sched_yield", waits)
    own = EngineSandbox(artifacts=lambda _: b"", settings=EngineSettings(concurrent_calls=1))
    text = command("(drop (call $sched_yield))", imports=wasi("sched_yield", ""))
    own.prepare(wasm(text), "sha256:" + "2" * 64, Pinned.compiler)

    def again() -> Execution:
        return own.run("sha256:" + "2" * 64, CommandInvocation(arguments=()), grant())

    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(again)
        assert has_begun.wait(30)
        try:
            with pytest.raises(OverloadedError) as refused:
                again()
        finally:
            may_end.set()
        running.result()

    assert refused.value.code == "call.overloaded"
    again()


_RSS = """
import sys
sys.path[:0] = sys.argv[1:]
from pathlib import Path
from components import ECHO, trapping
from guests import call, command, run, wasi
from test_isolation import DENIED, ECHO_COMMAND, TRAP

def pages():
    return int(Path("/proc/self/statm").read_text().split()[1])

def round_trip(number):
    run(ECHO_COMMAND, stdin=b"x" * 100)
    run(TRAP)
    run(DENIED, stdin=str(number).encode())
    call(ECHO, "echo", {"text": "y" * 100})
    call(trapping("unreachable"), "go")

for number in range(400):
    round_trip(number)
before = pages()
for number in range(2000):
    round_trip(number)
print((pages() - before) * 4096)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_ten_thousand_calls_leave_no_memory_behind() -> None:
    here = [path for path in sys.path if path.endswith(("support", "hostile"))]
    done = subprocess.run(
        [sys.executable, "-c", _RSS, *here, __file__.rpartition("/")[0]],
        capture_output=True,
        text=True,
        check=True,
    )

    grown = int(done.stdout)

    # Ten thousand calls; a leak of one 64-byte structure a call would be 640 kB.
    assert grown < 512 * 1024, f"{grown} bytes more after 10,000 calls"


def test_a_forked_child_refuses_to_run_guests_that_nothing_would_stop() -> None:
    script = """
import os, sys
sys.path[:0] = sys.argv[1:]
from guests import command, run
run(command(""))
child = os.fork()
if child == 0:
    try:
        run(command(""))
    except Exception as error:
        os._exit(7 if "fork" in str(error) else 1)
    os._exit(0)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    here = [path for path in sys.path if path.endswith("support")]
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script, *here],
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.strip() == "7"


def test_a_sandbox_with_a_thread_for_a_clock_stops_guests_too() -> None:
    own = EngineSandbox(artifacts=lambda _: b"", ticker="thread")
    own.prepare(wasm(SPIN), "sha256:" + "3" * 64, Pinned.compiler)
    granted = grant(limits=Limits(fuel=(1 << 63) - 1, deadline_seconds=0.1))

    execution = own.run("sha256:" + "3" * 64, CommandInvocation(arguments=()), granted)

    assert own.ticker.kind == "thread"
    assert stop_code(execution) == "guest.deadline_exceeded"
    assert sandbox().ticker.kind in ("timer", "thread")

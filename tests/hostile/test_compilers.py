"""What differs between the two compilers, and what two engines in one process could loosen."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import get_args

import pytest
from guests import Pinned, command, grant, run, sandbox, stop_code, trap, wasi, wasm

from hatchway.core.call import Cancellation
from hatchway.core.errors import OverloadedError
from hatchway.core.limits import Limits
from hatchway.core.sandbox import CommandInvocation
from hatchway.core.surface import Compiler
from hatchway.engine.preview1.functions import BODIES
from hatchway.engine.sandbox import EngineSandbox
from hatchway.engine.settings import EngineSettings, has_winch
from hatchway.registry.store import digest_of

pytestmark = pytest.mark.skipif(not has_winch(), reason="Winch is used on x86-64 only")

COMPILERS: tuple[Compiler, ...] = get_args(Compiler)
SPIN = command("(loop $again (br $again))")
NOTHING = CommandInvocation(arguments=())
ENDLESS = (1 << 63) - 1


@pytest.fixture(autouse=True)
def _unpin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Pinned, "compiler", None)


def test_the_compiler_that_is_pinned_is_the_one_whose_code_runs() -> None:
    used = []
    for Pinned.compiler in (*COMPILERS, None):
        used.append(run(SPIN, granted=grant(limits=Limits(fuel=1000))).compiler)

    assert used == ["cranelift", "winch", "cranelift"]


@pytest.mark.claim("limits.deadline")
def test_guests_of_both_compilers_end_at_their_deadlines_side_by_side() -> None:
    """The second engine is made while the clock of the first one ticks already."""
    own = EngineSandbox(artifacts=lambda _: wasm(SPIN))
    digest, limits = digest_of(wasm(SPIN)), Limits(fuel=ENDLESS, deadline_seconds=0.2)
    grants = []
    for Pinned.compiler in COMPILERS:
        grants.append(grant(limits=limits))

    with ThreadPoolExecutor(2) as threads:
        executions = list(threads.map(lambda granted: own.run(digest, NOTHING, granted), grants))

    assert [execution.compiler for execution in executions] == list(COMPILERS)
    assert [stop_code(execution) for execution in executions] == ["guest.deadline_exceeded"] * 2


def test_calls_of_both_compilers_count_against_one_bound() -> None:
    text = command("(drop (call $sched_yield))", imports=wasi("sched_yield", ""))
    own = EngineSandbox(artifacts=lambda _: wasm(text), settings=EngineSettings(concurrent_calls=1))
    digest, is_inside, may_go = digest_of(wasm(text)), threading.Event(), threading.Event()

    def wait(*_arguments: object) -> int:
        is_inside.set()
        assert may_go.wait(30)
        return 0

    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(1) as threads:
        patch.setitem(BODIES, "sched_yield", wait)
        for Pinned.compiler in COMPILERS:
            own.prepare(wasm(text), digest, Pinned.compiler)
        running = threads.submit(own.run, digest, NOTHING, grant())
        assert is_inside.wait(30)
        Pinned.compiler = "cranelift"
        try:
            with pytest.raises(OverloadedError):
                own.run(digest, NOTHING, grant())
        finally:
            may_go.set()
        assert running.result().compiler == "winch"


def test_an_engine_that_nobody_needs_is_not_made() -> None:
    own = EngineSandbox(artifacts=lambda _: wasm(SPIN))
    digest = digest_of(wasm(SPIN))

    own.prepare(wasm(SPIN), digest, "winch")
    before = list(own._loader._machines)
    Pinned.compiler = "winch"
    own.run(digest, NOTHING, grant(limits=Limits(fuel=1000)))

    assert before == ["cranelift"]
    assert list(own._loader._machines) == list(COMPILERS)


@pytest.mark.claim("isolation.memory")
def test_a_frame_larger_than_the_stack_does_not_reach_behind_it() -> None:
    """50,000 vectors make a frame of 800 kB, and the stack has 512 kB and a guard page."""
    Pinned.compiler = "winch"
    vectors = "(local v128)" * 49_000
    far = f"(func $far {vectors} (local.set 48999 (v128.const i64x2 1 1)) (call $far))"

    execution = run(command("(call $far)", declarations=far))

    assert trap(execution) == "stack_overflow"


@pytest.mark.claim("isolation.memory")
@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize(
    "access",
    [
        "(drop (i64.load offset=0xfffffff8 (i32.const -1)))",
        "(i64.store offset=0xffffffff (i32.const 0) (i64.const 1))",
        "(drop (v128.load offset=0xfffffff0 (i32.const 65536)))",
        "(i32.store8 (i32.const 65536) (i32.const 1))",
        "(memory.fill (i32.const 65530) (i32.const 1) (i32.const 7))",
        "(memory.copy (i32.const 0) (i32.const 65530) (i32.const 7))",
        "(drop (table.get $t (i32.const -1)))",
        "(table.set $t (i32.const 10) (ref.null func))",
        "(table.fill $t (i32.const 5) (ref.null func) (i32.const 6))",
    ],
)
def test_no_access_leaves_the_guest_whoever_compiled_it(access: str, compiler: Compiler) -> None:
    Pinned.compiler = compiler

    execution = run(command(access, declarations="(table $t 10 funcref)"))

    assert trap(execution) in ("out_of_bounds", "table_out_of_bounds")


@pytest.mark.parametrize(
    ("body", "per_compiler"),
    [
        ("nop", (1, 1)),
        ("(block (block (br_table 0 1 0 (i32.const 1))))", (3, 3)),
        # Winch does not count what a bulk instruction moves; the deadline bounds it.
        ("(memory.fill (i32.const 0) (i32.const 0) (i32.const 60000))", (60_005, 5)),
        ("(drop (memory.grow (i32.const 1)))", (4, 3)),
    ],
)
def test_both_compilers_count_fuel_alike_but_for_bulk_instructions(
    body: str, per_compiler: tuple[int, int]
) -> None:
    used = []
    for Pinned.compiler in COMPILERS:
        used.append(run(command(body)).usage.fuel)

    assert tuple(used) == per_compiler


@pytest.mark.claim("limits.deadline")
@pytest.mark.parametrize("compiler", COMPILERS)
def test_a_guest_that_only_copies_memory_ends_at_its_deadline(compiler: Compiler) -> None:
    Pinned.compiler = compiler
    body = """(loop $again
      (memory.copy (i32.const 0) (i32.const 1) (i32.const 1048000)) (br $again))"""
    limits = Limits(fuel=ENDLESS, deadline_seconds=0.05)

    execution = run(command(body, memory="16"), granted=grant(limits=limits))

    assert stop_code(execution) == "guest.deadline_exceeded"


def test_a_withdrawn_call_stops_a_guest_of_winch() -> None:
    Pinned.compiler = "winch"
    cancellation = Cancellation()
    granted = grant(limits=Limits(fuel=ENDLESS, deadline_seconds=30))

    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(run, SPIN, granted=granted, cancellation=cancellation)
        cancellation.request()
        execution = running.result()

    assert stop_code(execution) == "call.cancelled"
    assert sandbox().compilation(digest_of(wasm(SPIN)), "winch") is not None

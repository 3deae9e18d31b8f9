"""Every limit has a guest that runs into it, as a module and as a component."""

from __future__ import annotations

import pytest
from components import printing, returning_bytes, sleeping, trapping
from guests import call, command, grant, run, stop_code, trap, wasi

from hatchway.core.limits import MEBIBYTE, Limits

SPIN = "(loop $again (br $again))"
RECURSE = "(func $deeper (call $deeper))"
TABLE = "(table 1 funcref) (type $nothing (func))"

TRAPS = {
    "unreachable": ("unreachable", ""),
    "out_of_bounds": ("(drop (i32.load (i32.const 0x7fffffff)))", ""),
    "divide_by_zero": ("(drop (i32.div_s (i32.const 1) (i32.const 0)))", ""),
    "integer_overflow": ("(drop (i32.div_s (i32.const 0x80000000) (i32.const -1)))", ""),
    "bad_conversion_to_integer": ("(drop (i32.trunc_f32_s (f32.const nan)))", ""),
    "stack_overflow": ("(call $deeper)", RECURSE),
    "indirect_call_to_null": ("(call_indirect (type $nothing) (i32.const 0))", TABLE),
    "table_out_of_bounds": ("(call_indirect (type $nothing) (i32.const 9))", TABLE),
}


@pytest.mark.parametrize("name", TRAPS)
def test_a_modules_trap_is_named_after_its_cause(name: str) -> None:
    body, declarations = TRAPS[name]

    execution = run(command(body, declarations=declarations))

    assert (stop_code(execution), trap(execution)) == ("guest.trapped", name)


@pytest.mark.parametrize("name", TRAPS)
def test_a_components_trap_is_named_after_its_cause(name: str) -> None:
    body, declarations = TRAPS[name]

    execution = call(trapping(body, declarations=declarations), "go")

    assert (stop_code(execution), trap(execution)) == ("guest.trapped", name)


def test_a_trap_tells_where_the_guest_stood() -> None:
    execution = run(command("(call $inner)", declarations="(func $inner unreachable)"))

    assert execution.frames[0].startswith("inner at 0x")
    assert len(execution.frames) == 2


@pytest.mark.claim("limits.fuel")
def test_a_module_that_uses_up_its_fuel_is_stopped_for_that() -> None:
    execution = run(command(SPIN), granted=grant(limits=Limits(fuel=10_000)))

    assert stop_code(execution) == "guest.fuel_exhausted"
    assert execution.usage.fuel == 10_000


@pytest.mark.claim("limits.fuel")
def test_a_component_that_uses_up_its_fuel_is_stopped_for_that() -> None:
    execution = call(trapping(SPIN), "go", granted=grant(limits=Limits(fuel=10_000)))

    assert stop_code(execution) == "guest.fuel_exhausted"


ENDLESS = Limits(fuel=(1 << 63) - 1, deadline_seconds=0.05)


@pytest.mark.claim("limits.deadline")
def test_a_spinning_module_ends_at_its_deadline() -> None:
    execution = run(command(SPIN), granted=grant(limits=ENDLESS))

    assert stop_code(execution) == "guest.deadline_exceeded"
    assert execution.usage.fuel is None


@pytest.mark.claim("limits.deadline")
def test_a_spinning_component_ends_at_its_deadline() -> None:
    execution = call(trapping(SPIN), "go", granted=grant(limits=ENDLESS))

    assert stop_code(execution) == "guest.deadline_exceeded"


@pytest.mark.claim("limits.deadline")
def test_a_module_that_spins_while_it_is_instantiated_ends_at_its_deadline() -> None:
    text = f"""(module (memory (export "memory") 1)
      (func $spin {SPIN}) (start $spin) (func (export "_start")))"""

    execution = run(text, granted=grant(limits=ENDLESS))

    assert stop_code(execution) == "guest.deadline_exceeded"


@pytest.mark.claim("limits.deadline")
def test_a_sleeping_component_ends_at_its_deadline() -> None:
    execution = call(
        sleeping(), "sleep", {"nanoseconds": (1 << 64) - 1}, granted=grant(limits=ENDLESS)
    )

    assert stop_code(execution) == "guest.deadline_exceeded"


SLEEP_FOR_EVER = command(
    """
    (i64.store (i32.const 24) (i64.const 0x7fffffffffffffff))
    (i32.store (i32.const 16) (i32.const 1))
    (drop (call $poll_oneoff (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 128)))
    """,
    imports=wasi("poll_oneoff"),
)


@pytest.mark.claim("limits.deadline")
@pytest.mark.parametrize("clock", [(), ("clock",)])
def test_a_sleeping_module_ends_at_its_deadline(clock: tuple[str, ...]) -> None:
    execution = run(SLEEP_FOR_EVER, granted=grant(*clock, limits=ENDLESS))

    assert stop_code(execution) == "guest.deadline_exceeded"


@pytest.mark.claim("limits.memory")
def test_more_memory_at_start_than_allowed_is_refused_by_name() -> None:
    small = grant(limits=Limits(memory_bytes=MEBIBYTE))

    module = run(command("", memory="17"), granted=small)
    component = call(trapping("", memory="17"), "go", granted=small)

    assert stop_code(module) == stop_code(component) == "guest.memory_exceeded"


GROW = """
    (i32.store (i32.const 64) (memory.grow (i32.const 1000)))
    (i32.store (i32.const 0) (i32.const 64)) (i32.store (i32.const 4) (i32.const 4))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
"""


@pytest.mark.claim("limits.memory")
def test_growing_beyond_the_limit_answers_minus_one_and_the_guest_goes_on() -> None:
    small = grant(limits=Limits(memory_bytes=MEBIBYTE))

    execution = run(command(GROW, imports=wasi("fd_write")), granted=small)

    assert execution.stop is None
    assert execution.stdout == b"\xff\xff\xff\xff"


def test_growth_within_the_limit_shows_in_the_usage() -> None:
    execution = run(command(GROW, imports=wasi("fd_write")))

    assert execution.stdout == b"\x01\0\0\0"
    assert execution.usage.memory_bytes == 1001 * 65536


@pytest.mark.claim("limits.memory")
def test_more_table_elements_than_allowed_are_refused() -> None:
    small = grant(limits=Limits(table_elements=10))

    execution = run(command("", declarations="(table 11 funcref)"), granted=small)

    assert stop_code(execution) == "guest.memory_exceeded"


@pytest.mark.claim("limits.memory")
def test_a_table_does_not_grow_beyond_its_limit() -> None:
    grow = """
      (i32.store (i32.const 64) (table.grow (ref.null func) (i32.const 100)))
      (i32.store (i32.const 0) (i32.const 64)) (i32.store (i32.const 4) (i32.const 4))
      (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
    """
    text = command(grow, imports=wasi("fd_write"), declarations="(table 1 funcref)")

    execution = run(text, granted=grant(limits=Limits(table_elements=50)))

    assert execution.stdout == b"\xff\xff\xff\xff"


@pytest.mark.claim("limits.memory")
def test_more_core_instances_than_allowed_are_refused() -> None:
    many = "".join(f"(core instance $i{number} (instantiate $m))" for number in range(5))
    text = f"""(component (core module $m (func (export "go"))) {many}
      (func (export "go") (canon lift (core func $i0 "go"))))"""

    execution = call(text, "go", granted=grant(limits=Limits(instances=4)))

    assert stop_code(execution) == "guest.memory_exceeded"


@pytest.mark.claim("limits.memory")
def test_more_memories_than_a_call_may_have_are_refused() -> None:
    many = "".join(f"(core instance $i{number} (instantiate $m))" for number in range(5))
    text = f"""(component (core module $m (memory 1) (func (export "go"))) {many}
      (func (export "go") (canon lift (core func $i0 "go"))))"""

    with pytest.raises(Exception, match="memor"):
        call(text, "go")


PRINT_FOR_EVER = command(
    """
    (i32.store (i32.const 4) (i32.const 4096))
    (loop $again
      (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
      (br $again))
    """,
    imports=wasi("fd_write"),
)


@pytest.mark.claim("limits.output")
def test_output_beyond_the_limit_ends_a_module_and_is_not_kept() -> None:
    execution = run(PRINT_FOR_EVER, granted=grant(limits=Limits(output_bytes=10_000)))

    assert stop_code(execution) == "guest.output_too_large"
    assert len(execution.stdout) == 8192


@pytest.mark.claim("limits.output")
def test_output_beyond_the_limit_ends_a_component() -> None:
    execution = call(
        printing(), "print", {"count": 1 << 31}, granted=grant(limits=Limits(output_bytes=10_000))
    )

    assert stop_code(execution) == "guest.output_too_large"
    assert len(execution.stdout) == 8192


@pytest.mark.claim("limits.output")
def test_stderr_counts_as_output() -> None:
    text = PRINT_FOR_EVER.replace("(i32.const 1) (i32.const 0)", "(i32.const 2) (i32.const 0)")

    execution = run(text, granted=grant(limits=Limits(output_bytes=10_000)))

    assert stop_code(execution) == "guest.output_too_large"
    assert execution.stdout == b""


@pytest.mark.claim("limits.output")
@pytest.mark.parametrize("count", [100_000, 2 << 20, 60 << 20])
def test_a_result_beyond_the_limit_is_not_returned(count: int) -> None:
    granted = grant(limits=Limits(output_bytes=1000, memory_bytes=128 * MEBIBYTE))

    execution = call(returning_bytes(count), "go", granted=granted)

    assert stop_code(execution) == "guest.output_too_large"
    assert execution.value is None


def test_one_vector_cannot_promise_more_than_memory_holds() -> None:
    """1,024 vectors that all name the same 64 KiB are still only as much as they say."""
    vectors = "".join(f"(i32.store (i32.const {8 * n + 4}) (i32.const 65536))" for n in range(1024))
    body = f"""{vectors}
      (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1024) (i32.const 8192)))"""

    execution = run(command(body, imports=wasi("fd_write"), memory="2"))

    assert stop_code(execution) == "guest.output_too_large"
    assert execution.stdout == b""


@pytest.mark.claim("limits.host-calls")
def test_calling_the_host_too_often_ends_the_guest() -> None:
    body = "(loop $again (drop (call $sched_yield)) (br $again))"
    text = command(body, imports=wasi("sched_yield", ""))

    execution = run(text, granted=grant(limits=Limits(host_calls=100)))

    assert stop_code(execution) == "guest.host_calls_exceeded"


def test_exit_zero_is_a_good_end() -> None:
    text = command(
        "(call $proc_exit (i32.const 0))", imports=wasi("proc_exit", "i32", result=False)
    )

    execution = run(text)

    assert (execution.stop, execution.failed) == (None, False)


def test_any_other_exit_status_is_a_failure_with_its_status() -> None:
    text = command(
        "(call $proc_exit (i32.const 3))", imports=wasi("proc_exit", "i32", result=False)
    )

    execution = run(text)

    assert stop_code(execution) == "guest.exited"
    assert execution.stop is not None
    assert execution.stop.details == {"exit_code": 3}
    assert execution.failed


def test_nothing_after_the_end_counts() -> None:
    """A guest cannot answer for a stop: what the host decided first stays decided."""
    text = command(
        """
        (i32.store (i32.const 4) (i32.const 100))
        (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
        (call $proc_exit (i32.const 0))
        """,
        imports=wasi("fd_write") + wasi("proc_exit", "i32", result=False),
    )

    execution = run(text, granted=grant(limits=Limits(output_bytes=99)))

    assert stop_code(execution) == "guest.output_too_large"

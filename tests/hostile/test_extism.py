"""Plug-ins for Extism that try what a plug-in could try."""

from __future__ import annotations

import json

import pytest
from guests import grant, prepared, sandbox, stop_code, trap
from plugins import HOST, Script, ask, imported, saying

from hatchway.core.call import Cancellation
from hatchway.core.errors import InternalError
from hatchway.core.limits import Limits
from hatchway.core.sandbox import CommandInvocation
from hatchway.engine.extism.plugin import MAX_TAKEN_BYTES, MAX_VARIABLE_BYTES

BAD_OFFSETS = (1, 15, 1024, 1 << 16, (1 << 32) - 16, 1 << 32, (1 << 64) - 1, (1 << 63) + 1040)
TAKING = ("config_get", "var_get", "log_info", "log_debug", "http_request", "var_set")


def looping(body: str, *names: str) -> str:
    return f"""(module {imported(*names)} (memory (export "memory") 1)
      (func (export "f") (result i32) (loop $again {body} (br $again)) (i32.const 0)))"""


@pytest.mark.parametrize("offset", BAD_OFFSETS)
def test_an_offset_that_is_no_block_ends_the_plugin(offset: int) -> None:
    for name in TAKING:
        script = Script()
        script.do(name, offset, 0)

        assert trap(script.run().execution) == "host_function", name


@pytest.mark.parametrize("offset", [1, (1 << 64) - 1, 1 << 40])
def test_a_bad_second_block_ends_the_plugin(offset: int) -> None:
    for name, first in (("var_set", b"k"), ("http_request", b'{"url": "https://e.org"}')):
        script = Script()
        script.do(name, first, offset)

        assert trap(script.run().execution) == "host_function"


def test_a_block_that_was_handed_over_cannot_be_handed_over_again() -> None:
    script = Script()
    block = script.put(b"message")
    script.do("log_info", block)
    script.do("log_info", block)

    execution = script.run().execution

    assert trap(execution) == "host_function"
    assert execution.stderr == b"info: message\n"


@pytest.mark.parametrize("name", ["config_get", "var_get", "log_info", "log_debug"])
def test_a_block_too_large_for_what_it_is_for_is_not_even_copied(name: str) -> None:
    script = Script()
    script.do(name, b"x" * (MAX_TAKEN_BYTES + 1))

    assert trap(script.run().execution) == "host_function"


def test_freeing_twice_frees_once() -> None:
    script = Script()
    first = script.put(b"12345678")
    script.do("free", first)
    script.do("free", first)
    again, other = script.do("alloc", 8), script.do("alloc", 8)

    told = script.run()

    assert told[again] == told[first]
    assert told[other] != told[first]


@pytest.mark.parametrize("size", [1 << 30, 1 << 32, (1 << 64) - 1, 1 << 63])
def test_a_huge_block_is_not_there(size: int) -> None:
    script = Script()
    block = script.do("alloc", size)

    assert script.run()[block] == 0


def test_the_kernels_memory_ends_at_the_limit_of_the_call() -> None:
    script = Script()
    blocks = [script.do("alloc", 1 << 20) for _ in range(8)]

    told = script.run(granted=grant(limits=Limits(memory_bytes=4 << 20)))

    given = [told[block] for block in blocks]
    assert 0 in given
    assert given[:3] == sorted(set(given[:3]))
    assert told.execution.usage.memory_bytes is not None
    assert told.execution.usage.memory_bytes <= 2 * (4 << 20)


def test_input_that_does_not_fit_ends_the_call() -> None:
    limits = Limits(memory_bytes=1 << 20)

    execution = ask(saying(f=b""), "f", b"x" * (2 << 20), granted=grant(limits=limits))

    assert trap(execution) == "host_function"


@pytest.mark.parametrize(
    ("at", "count"),
    [(1 << 20, 8), (1040, 1 << 40), ((1 << 64) - 8, 16), (1040, (1 << 64) - 1), (8, 8)],
)
def test_an_output_outside_of_the_memory_is_no_output(at: int, count: int) -> None:
    script = Script()
    script.do("output_set", at, count)

    execution = script.run(tells=False).execution

    assert (execution.stdout, execution.stop) == (b"", None)


def test_output_counts_before_it_is_copied() -> None:
    script = Script()
    script.do("output_set", script.do("alloc", 1 << 20), 1 << 20)

    execution = script.run(
        tells=False, granted=grant(limits=Limits(output_bytes=1 << 16))
    ).execution

    assert stop_code(execution) == "guest.output_too_large"


def test_an_error_counts_as_output() -> None:
    script = Script()
    script.do("error_set", script.do("alloc", 1 << 20))

    execution = script.run(
        tells=False, granted=grant(limits=Limits(output_bytes=1 << 16))
    ).execution

    assert stop_code(execution) == "guest.output_too_large"


def test_logs_count_as_output() -> None:
    text = looping(
        "(call $log_info (call $alloc (i64.const 4096)))", "alloc", "log_info"
    )  # fmt: skip

    execution = ask(text, "f", granted=grant(limits=Limits(output_bytes=1 << 16)))

    assert stop_code(execution) == "guest.output_too_large"
    assert len(execution.stderr) <= 1 << 16


@pytest.mark.parametrize("length", [1 << 31, 0xFFFFFFFF])
def test_a_lie_about_a_length_reads_nothing_outside(length: int) -> None:
    script = Script()
    block = script.put(b"x" * 16)
    # The length of a block stands eight bytes before it.
    script.do("store_u64", script.beside(block, -8), length)
    script.do("log_info", block)

    execution = script.run().execution

    assert trap(execution) == "host_function"
    assert execution.stderr == b""


@pytest.mark.parametrize("link", [1, 8, 1040, 65_000, 0xFFFF_FFF0, 0xFFFF_FFFF])
def test_a_forged_list_of_blocks_harms_only_its_plugin(link: int) -> None:
    script = Script()
    block = script.do("alloc", 16)
    script.do("free", block)
    # Behind the length of a free block stands where the next one is.
    script.do("store_u64", script.beside(block, -8), link << 32)
    for _ in range(3):
        script.do("store_u64", script.do("alloc", 16), -1)

    execution = script.run().execution

    assert stop_code(execution) in (None, "guest.trapped")


def test_a_list_of_blocks_that_leads_into_itself_ends_with_the_fuel() -> None:
    text = f"""(module {imported("alloc", "free", "store_u64")} (memory (export "memory") 1)
      (func (export "f") (result i32) (local $block i64)
        (local.set $block (call $alloc (i64.const 3000)))
        (call $free (local.get $block))
        (call $store_u64 (i64.sub (local.get $block) (i64.const 8))
          (i64.shl (i64.sub (local.get $block) (i64.const 16)) (i64.const 32)))
        (drop (call $alloc (i64.const 9000)))
        (i32.const 0)))"""

    execution = ask(text, "f", granted=grant(limits=Limits(fuel=5_000_000)))

    assert stop_code(execution) == "guest.fuel_exhausted"


def test_an_error_wins_over_a_status_that_says_all_is_well() -> None:
    script = Script()
    script.do("output_set", script.put(b"fine"), 4)
    script.do("error_set", b"not at all")

    execution = script.run(tells=False, status=0).execution

    assert (execution.failed, execution.value, execution.stdout) == (True, "not at all", b"")


def test_an_endless_loop_ends_with_the_fuel_or_at_the_deadline() -> None:
    spent = ask(looping("", "alloc"), "f", granted=grant(limits=Limits(fuel=1_000_000)))
    late = ask(
        looping("", "alloc"),
        "f",
        granted=grant(limits=Limits(fuel=(1 << 63) - 1, deadline_seconds=0.2)),
    )

    assert stop_code(spent) == "guest.fuel_exhausted"
    assert stop_code(late) == "guest.deadline_exceeded"


def test_a_loop_in_the_kernel_ends_at_the_deadline() -> None:
    text = looping("(drop (call $alloc (i64.const 100000000000)))", "alloc")

    execution = ask(
        text, "f", granted=grant(limits=Limits(fuel=(1 << 63) - 1, deadline_seconds=0.2))
    )

    assert stop_code(execution) == "guest.deadline_exceeded"


def test_a_loop_that_is_cancelled_ends() -> None:
    cancellation = Cancellation()
    cancellation.request()
    invocation = CommandInvocation(arguments=(b"t",), function="f")
    limits = Limits(fuel=(1 << 63) - 1, deadline_seconds=60.0)

    execution = sandbox().run(
        prepared(looping("", "alloc")), invocation, grant(limits=limits), cancellation
    )

    assert stop_code(execution) == "call.cancelled"


def test_calls_of_the_host_are_counted() -> None:
    text = looping("(drop (call $get_log_level))", "get_log_level")

    execution = ask(text, "f", granted=grant(limits=Limits(host_calls=100)))

    assert stop_code(execution) == "guest.host_calls_exceeded"


def test_variables_hold_no_more_than_their_bound() -> None:
    script = Script()
    for number in range(3):
        block = script.do("alloc", MAX_VARIABLE_BYTES // 2 - 1000)
        script.do("var_set", b"%d" % number, block)

    assert trap(script.run().execution) == "host_function"


def test_many_empty_variables_are_bounded_too() -> None:
    text = f"""(module {imported("alloc", "store_u64", "var_set")} (memory (export "memory") 1)
      (func (export "f") (result i32) (local $n i64) (local $k i64)
        (loop $again
          (local.set $k (call $alloc (i64.const 8)))
          (call $store_u64 (local.get $k) (local.tee $n (i64.add (local.get $n) (i64.const 1))))
          (call $var_set (local.get $k) (call $alloc (i64.const 1)))
          (br $again))
        (i32.const 0)))"""

    execution = ask(text, "f")

    assert trap(execution) == "host_function"


def test_replacing_a_variable_does_not_use_up_the_room() -> None:
    script = Script()
    for _ in range(6):
        script.do("var_set", b"k", script.do("alloc", MAX_VARIABLE_BYTES // 2))

    assert script.run().execution.stop is None


def test_a_request_without_a_grant_is_denied_however_it_is_spelled() -> None:
    for url in ("https://e.org", "http://127.0.0.1:1", "file:///etc/passwd", "x", "//e.org"):
        script = Script()
        script.do("http_request", json.dumps({"url": url}).encode(), 0)

        execution = script.run().execution

        assert trap(execution) == "host_function"
        assert [denial.capability for denial in execution.denials] == ["net.http"]


def test_a_plugin_may_not_use_the_kernel_of_another_call() -> None:
    script = Script()
    script.do("store_u64", script.do("alloc", 8), 0x1122334455667788)
    script.run()
    later = Script()
    fresh = later.do("alloc", 8)
    found = later.do("load_u64", fresh)

    assert later.run()[found] == 0


def test_a_host_function_reached_through_a_table_is_checked_like_any_other() -> None:
    text = f"""(module {imported("log_info", "alloc")} (memory (export "memory") 1)
      (type $log (func (param i64)))
      (table 1 funcref) (elem (i32.const 0) $log_info)
      (func (export "f") (result i32)
        (call_indirect (type $log) (i64.const 12345) (i32.const 0)) (i32.const 0)))"""

    assert trap(ask(text, "f")) == "host_function"


def test_a_start_function_may_use_the_host_and_is_bounded() -> None:
    text = f"""(module {imported("log_info", "alloc")} (memory (export "memory") 1)
      (func $s (loop $again (call $log_info (call $alloc (i64.const 4000))) (br $again)))
      (start $s)
      (func (export "f") (result i32) (i32.const 0)))"""

    execution = ask(text, "f", granted=grant(limits=Limits(output_bytes=50_000)))

    assert stop_code(execution) == "guest.output_too_large"


def test_deep_recursion_ends_in_a_trap() -> None:
    text = f"""(module {imported("alloc")} (memory (export "memory") 1)
      (func $down (result i32) (i32.add (call $down) (i32.const 1)))
      (func (export "f") (result i32) (call $down)))"""

    assert trap(ask(text, "f")) == "stack_overflow"


def test_many_memories_and_instances_are_no_way_around_the_limits() -> None:
    text = f"""(module {imported("alloc")} (memory (export "memory") 200)
      (func (export "f") (result i32) (i32.const 0)))"""

    execution = ask(text, "f", granted=grant(limits=Limits(memory_bytes=1 << 20)))

    assert stop_code(execution) == "guest.memory_exceeded"


def test_when_no_instance_fits_the_kernel_is_refused_as_well() -> None:
    execution = ask(saying(f=b""), "f", granted=grant(limits=Limits(instances=1)))

    assert stop_code(execution) == "guest.memory_exceeded"


def test_what_the_plugin_exports_as_memory_is_no_way_into_the_host() -> None:
    text = f"""(module {imported("alloc", "log_info")}
      (func (export "memory") (result i32) (i32.const 0))
      (func (export "f") (result i32)
        (call $log_info (call $alloc (i64.const 1))) (i32.const 0)))"""

    execution = ask(text, "f")

    assert (execution.stop, execution.stderr) == (None, b"info: \0\n")
    assert HOST in sandbox().surface(prepared(text)).imports[0]


def test_files_need_a_grant_here_too() -> None:
    text = f"""(module {imported("alloc")}
      (import "wasi_snapshot_preview1" "path_open"
        (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
      (memory (export "memory") 1) (data (i32.const 0) "/etc/passwd")
      (func (export "f") (result i32)
        (call $open (i32.const 3) (i32.const 0) (i32.const 0) (i32.const 11) (i32.const 0)
          (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 32))))"""

    execution = ask(text, "f")

    assert execution.failed
    assert execution.value != "the plug-in gave back 0"


def test_an_unknown_function_is_never_called() -> None:
    invocation = CommandInvocation(arguments=(b"t",), function="__proto__")

    with pytest.raises(InternalError, match="no such function"):
        sandbox().run(prepared(saying(f=b"")), invocation, grant())

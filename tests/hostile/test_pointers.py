"""Every pointer and length a guest hands over is checked, whatever it is."""

from __future__ import annotations

import struct

import pytest
from guests import WASI, run
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import often

from hatchway.engine.preview1.binding import SIGNATURES

_WIDTH = {"i": "i32", "I": "i64"}


def calling(name: str) -> str:
    """A command that calls one host function with the arguments it reads from stdin.

    The numbers are read into the start of its only page; afterwards it writes the errno
    and the last eight bytes of its memory, which only an overrun could have changed.
    """
    signature = SIGNATURES[name]
    parameters = " ".join(_WIDTH[kind] for kind in signature)
    result = "" if name == "proc_exit" else "(result i32)"
    arguments = " ".join(
        f"({_WIDTH[kind]}.load (i32.const {64 + 8 * index}))"
        for index, kind in enumerate(signature)
    )
    called = f"(call $tested {arguments})"
    kept = called if name == "proc_exit" else f"(i32.store (i32.const 32) {called})"
    return f"""(module
      (import "{WASI}" "{name}" (func $tested (param {parameters}) {result}))
      (import "{WASI}" "fd_read" (func $in (param i32 i32 i32 i32) (result i32)))
      (import "{WASI}" "fd_write" (func $out (param i32 i32 i32 i32) (result i32)))
      (memory (export "memory") 1)
      (func (export "_start")
        (i32.store (i32.const 0) (i32.const 64)) (i32.store (i32.const 4) (i32.const 128))
        (drop (call $in (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 16)))
        {kept}
        (i32.store (i32.const 0) (i32.const 32)) (i32.store (i32.const 4) (i32.const 4))
        (drop (call $out (i32.const 2) (i32.const 0) (i32.const 1) (i32.const 16)))))"""


_EDGES = [0, 1, 8, 64, 65528, 65532, 65535, 65536, 65537, 1 << 31, (1 << 32) - 8, (1 << 32) - 1]
numbers = st.one_of(
    st.sampled_from(_EDGES),
    st.integers(0, 70_000),
    st.integers(0, (1 << 32) - 1),
    st.integers(0, 4),
)


@pytest.mark.claim("isolation.memory")
@pytest.mark.parametrize("name", sorted(SIGNATURES))
@settings(max_examples=often(60), deadline=None)
@given(values=st.lists(numbers, min_size=9, max_size=9))
def test_no_argument_of_a_host_function_reaches_outside_the_guest(
    name: str, values: list[int]
) -> None:
    if name == "poll_oneoff":
        values[2] %= 1025  # else most examples only show that many subscriptions are refused
    stdin = struct.pack("<9Q", *values)

    execution = run(calling(name), stdin=stdin)

    # Neither a crash of this process nor of the host's own code: the guest got an errno,
    # exited, or ran into one of its limits.
    assert execution.stop is None or execution.stop.code in {
        "guest.exited",
        "guest.output_too_large",
        "guest.deadline_exceeded",
    }


def _errno(name: str, *values: int) -> int:
    stdin = struct.pack(f"<{len(values)}Q", *values)
    (errno,) = struct.unpack("<I", run(calling(name), stdin=stdin).stderr)
    return int(errno)


FAULT = 21
INVALID = 28
BAD_FILE = 8


@pytest.mark.claim("isolation.memory")
def test_a_result_just_outside_is_a_fault_and_just_inside_is_not() -> None:
    assert _errno("clock_time_get", 0, 0, 65536 - 8) == 0
    assert _errno("clock_time_get", 0, 0, 65536 - 7) == FAULT
    assert _errno("clock_time_get", 0, 0, (1 << 32) - 4) == FAULT


@pytest.mark.claim("isolation.memory")
def test_a_length_that_would_wrap_around_is_a_fault() -> None:
    assert _errno("random_get", 16, (1 << 32) - 8) == FAULT
    assert _errno("random_get", (1 << 32) - 8, 16) == FAULT


def test_too_many_vectors_are_invalid_before_they_are_read() -> None:
    assert _errno("fd_write", 1, 0, 1025, 16) == INVALID
    assert _errno("fd_write", 1, 65528, 2, 16) == FAULT


def test_a_descriptor_nobody_opened_is_bad() -> None:
    for name in ("fd_close", "fd_sync", "fd_tell", "fd_prestat_get", "fd_fdstat_get"):
        assert _errno(name, 4, 0) == BAD_FILE
        assert _errno(name, (1 << 32) - 1, 0) == BAD_FILE


def test_a_closed_descriptor_stays_closed() -> None:
    text = f"""(module
      (import "{WASI}" "fd_close" (func $close (param i32) (result i32)))
      (import "{WASI}" "fd_write" (func $out (param i32 i32 i32 i32) (result i32)))
      (memory (export "memory") 1)
      (func (export "_start")
        (drop (call $close (i32.const 1)))
        (i32.store (i32.const 4) (i32.const 5))
        (i32.store (i32.const 32)
          (call $out (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 16)))
        (i32.store (i32.const 0) (i32.const 32)) (i32.store (i32.const 4) (i32.const 4))
        (drop (call $out (i32.const 2) (i32.const 0) (i32.const 1) (i32.const 16)))))"""

    execution = run(text)

    assert execution.stdout == b""
    assert struct.unpack("<I", execution.stderr) == (BAD_FILE,)


def test_a_module_without_a_memory_gets_faults_not_our_memory() -> None:
    text = f"""(module
      (import "{WASI}" "clock_time_get" (func $now (param i32 i64 i32) (result i32)))
      (import "{WASI}" "proc_exit" (func $exit (param i32)))
      (func (export "_start")
        (call $exit (call $now (i32.const 0) (i64.const 0) (i32.const 0)))))"""

    execution = run(text)

    assert execution.stop is not None
    assert execution.stop.details == {"exit_code": FAULT}


def test_something_else_exported_as_memory_is_no_memory() -> None:
    text = f"""(module
      (import "{WASI}" "clock_time_get" (func $now (param i32 i64 i32) (result i32)))
      (import "{WASI}" "proc_exit" (func $exit (param i32)))
      (global (export "memory") i32 (i32.const 0))
      (func (export "_start")
        (call $exit (call $now (i32.const 0) (i64.const 0) (i32.const 0)))))"""

    execution = run(text)

    assert execution.stop is not None
    assert execution.stop.details == {"exit_code": FAULT}


@pytest.mark.claim("isolation.memory")
def test_memory_that_grew_is_seen_at_its_new_size() -> None:
    text = f"""(module
      (import "{WASI}" "random_get" (func $random (param i32 i32) (result i32)))
      (import "{WASI}" "proc_exit" (func $exit (param i32)))
      (memory (export "memory") 1)
      (func (export "_start")
        (if (i32.ne (call $random (i32.const 65536) (i32.const 1)) (i32.const {FAULT}))
          (then unreachable))
        (drop (memory.grow (i32.const 1)))
        (if (call $random (i32.const 65536) (i32.const 65536)) (then unreachable))
        (if (i32.ne (call $random (i32.const 65537) (i32.const 65536)) (i32.const {FAULT}))
          (then unreachable))))"""

    execution = run(text)

    assert execution.stop is None

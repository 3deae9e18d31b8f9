"""A guest is started only where its stack fits into the thread's."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest
from guests import command, run

from hatchway.core.tools import MAX_TOOL_DEPTH
from hatchway.engine.settings import STACK_BYTES
from hatchway.engine.stacks import guests_in, stack_bytes

if TYPE_CHECKING:
    from collections.abc import Callable

MEBIBYTE = 1 << 20


def _in_a_thread(act: Callable[[], object], *, stack: int) -> BaseException | None:
    """What `act` raised in a thread with so many bytes of stack."""
    raised: list[BaseException] = []

    def work() -> None:
        try:
            act()
        except BaseException as error:
            raised.append(error)

    before = threading.stack_size(stack)
    try:
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    finally:
        threading.stack_size(before)
    return raised[0] if raised else None


def test_as_many_guests_as_may_call_each_other_fit_into_an_ordinary_thread() -> None:
    assert guests_in(8 * MEBIBYTE) == MAX_TOOL_DEPTH


def test_the_stack_of_a_thread_is_as_large_as_it_was_made() -> None:
    sizes: list[int | None] = []

    _in_a_thread(lambda: sizes.append(stack_bytes()), stack=48 * MEBIBYTE)

    assert sizes == [48 * MEBIBYTE]


# The C library gives a new thread the stack of one that has ended, even a larger one: only in a
# process of its own is the first thread's as small as it was asked for.
SMALL_THREAD = """
import threading
from guests import command, run
from hatchway.core.errors import OverloadedError

def work():
    try:
        run(command("nop"))
    except OverloadedError as error:
        print(error.hint)

threading.stack_size(STACK)
thread = threading.Thread(target=work)
thread.start()
thread.join()
"""


@pytest.mark.parametrize("stack", [STACK_BYTES // 2, STACK_BYTES])
def test_a_thread_with_too_little_stack_is_refused_before_the_guest_starts(stack: int) -> None:
    program = SMALL_THREAD.replace("STACK", str(stack))

    child = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert child.stdout == "make the threads that call tools with threading.stack_size(8 << 20)\n"


def test_a_guest_that_recurses_to_its_end_harms_no_thread_that_is_large_enough() -> None:
    endless = command("call $f", declarations="(func $f call $f)")
    codes: list[str] = []

    def work() -> None:
        stop = run(endless).stop
        assert stop is not None
        codes.append(str(stop.details["trap"]))

    raised = _in_a_thread(work, stack=2 * MEBIBYTE)

    assert (raised, codes) == (None, ["stack_overflow"])

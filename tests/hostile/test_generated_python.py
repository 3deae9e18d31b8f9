"""Python that a model wrote, and somebody told it what to write.

Each attack gets a precise answer, and the call after it finds everything as it was.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from generated import execute, failure_of, value_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hatchway.core.call import Execution

pytest.importorskip("componentize_py")

SMALL = 64 << 20


@pytest.fixture(autouse=True)
def _the_next_call_is_unharmed() -> Iterator[None]:
    yield
    assert value_of("import json, sys\nprint('fine')\n[json.dumps({'a': 1}), len(sys.path)]") == [
        '{"a": 1}',
        1,
    ]


def stop(execution: Execution) -> tuple[str, Any]:
    assert execution.stop is not None
    return execution.stop.code, execution.stop.details.get("trap")


def denied(execution: Execution) -> list[tuple[str, str]]:
    return [(each.capability, each.attempted) for each in execution.denials]


def test_a_file_of_the_host_is_denied_and_the_attempt_recorded() -> None:
    execution = execute("open('/etc/passwd').read()")

    assert execution.value["kind"] == "PermissionError"
    assert denied(execution) == [("fs.read", "/etc/passwd")]


def test_a_socket_is_denied_and_the_attempt_recorded() -> None:
    execution = execute("import socket\nsocket.create_connection(('192.0.2.1', 80))")
    raw = execute("import socket\nsocket.socket().connect(('192.0.2.1', 80))")

    assert execution.value["kind"] == "PermissionError"
    assert denied(execution) == [("net.dns", "192.0.2.1")]
    assert raw.failed
    assert denied(raw)[0][0] == "net.socket"


@pytest.mark.parametrize(
    "code",
    [
        "'x' * 10**9",
        "x = bytearray(2**31 - 1)",
        "x = []\nwhile True: x.append('y' * 100_000)",
        "x = []\nwhile True: x = [x]",
        "x = {}\nfor i in range(10**9): x[i] = str(i)",
        "def f():\n    x = []\n    while True: x.append(object())\nf()",
    ],
)
def test_more_memory_than_there_is_is_an_ordinary_exception(code: str) -> None:
    failure = failure_of(code, memory_bytes=SMALL)

    assert failure["kind"] == "MemoryError"
    assert failure["message"] == "there is no more memory: the limit of the call was reached"
    assert "MemoryError" in failure["traceback"]


def test_ten_gigabytes_are_more_than_an_address_can_name() -> None:
    assert failure_of("bytearray(10 * 2**30)")["kind"] == "OverflowError"


def test_an_endless_loop_ends_at_the_deadline() -> None:
    assert stop(execute("while True: pass", deadline_seconds=0.3))[0] == "guest.deadline_exceeded"


def test_a_regular_expression_that_never_ends_runs_out_of_fuel() -> None:
    code = "import re\nre.match(r'(a+)+$', 'a' * 40 + 'b')"

    assert stop(execute(code, fuel=10**9))[0] == "guest.fuel_exhausted"


@pytest.mark.parametrize(
    "code",
    [
        "def f(): f()\nf()",
        "class A:\n    def __getattr__(self, name): return self.more\nA().x",
        "class A:\n    def __repr__(self): return f'{self!r}'\nrepr(A())",
        "import functools\n@functools.cache\ndef f(n): return f(n + 1)\nf(0)",
        "def f(n): return sorted([n], key=lambda k: f(k + 1))\nf(0)",
        "def f(n): return any(f(n + 1) for _ in 'x')\nf(0)",
    ],
)
def test_endless_recursion_is_an_ordinary_exception(code: str) -> None:
    failure = failure_of(code)

    assert failure["kind"] == "RecursionError"
    assert len(failure["traceback"]) < 17_000


def test_recursion_without_a_limit_ends_in_a_trap() -> None:
    code = "x = []\nfor _ in range(100_000): x = [x]\nrepr(x)"

    assert stop(execute(code)) == ("guest.trapped", "stack_overflow")


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("import os\nos.fork()", "AttributeError"),
        ("import subprocess\nsubprocess.run(['ls'])", "OSError"),
        ("import threading\nthreading.Thread(target=print).start()", "RuntimeError"),
        ("import ctypes", "ModuleNotFoundError"),
        ("import os\nos.kill(1, 9)", "AttributeError"),
        ("import multiprocessing\nmultiprocessing.Pool()", "AttributeError"),
    ],
)
def test_there_are_no_processes_no_threads_and_no_native_code(code: str, kind: str) -> None:
    assert failure_of(code)["kind"] == kind


def test_a_gigabyte_of_output_ends_at_the_output_limit() -> None:
    lines = execute("while True: print('x' * 1000)")
    block = execute("import sys\nsys.stdout.write('x' * 30_000_000)")
    bare = execute("import os\nwhile True: os.write(1, b'x' * 4096)")

    for execution in (lines, block, bare):
        assert stop(execution)[0] == "guest.output_too_large"
        assert 900_000 < len(execution.stdout) <= 1 << 20


def test_a_value_larger_than_the_output_limit_is_refused_before_it_is_copied() -> None:
    assert stop(execute("'x' * 20_000_000"))[0] == "guest.output_too_large"


def test_empty_writes_run_into_the_limit_of_host_calls() -> None:
    code = "import os\nwhile True: os.write(1, b'')\n"

    assert stop(execute(code, host_calls=5000, deadline_seconds=20.0))[0] in (
        "guest.host_calls_exceeded",
        "guest.deadline_exceeded",
    )


def test_leaving_the_process_at_once_is_an_exit() -> None:
    assert stop(execute("import os\nprint('x')\nos._exit(3)"))[0] == "guest.exited"
    assert stop(execute("import os\nos.abort()")) == ("guest.trapped", "unreachable")


def test_values_that_lie_about_themselves_are_told_as_what_they_are() -> None:
    code = """
class Liar(Exception):
    def __repr__(self): raise SystemExit(0)
    __str__ = __hash__ = __eq__ = __iter__ = __len__ = __repr__
    @property
    def __class__(self): raise MemoryError
class Number(int):
    def __repr__(self): return "}{"
    __str__ = __int__ = __index__ = __repr__
class Text(str):
    def __str__(self): return '", "forged": "'
    __repr__ = encode = __str__
[Liar(), Number(7), Text("x"), {Text("k"): Number(1)}]
"""
    value = value_of(code)

    assert value[1:] == [7, "x", {"k": 1}]
    assert value[0] == "<Liar object>"


@pytest.mark.parametrize(
    "code",
    [
        "class E(Exception):\n    def __str__(self): raise E\nraise E",
        "class E(Exception):\n    def __str__(self): return 'x' * 50_000_000\nraise E",
        "class M(type):\n    __name__ = property(lambda self: 1 / 0)\n"
        "class E(Exception, metaclass=M): pass\nraise E",
        "class E(BaseException):\n    __traceback__ = property(lambda self: 1 / 0)\nraise E",
        "e = ValueError('x' * 10**6)\nfor _ in range(2000):\n    n = ValueError('y')\n"
        "    n.__cause__ = e\n    e = n\nraise e",
        "raise ValueError('\\ud800\\x00\\x1b[31m')",
        "e = ValueError('loop')\nf = ValueError('loop')\ne.__cause__ = f\nf.__cause__ = e\nraise e",
        "raise ExceptionGroup('g', [ValueError(n) for n in range(10_000)])",
    ],
)
def test_exceptions_that_resist_being_told_are_told_in_bounds(code: str) -> None:
    failure = failure_of(code)

    assert failure["kind"]
    assert len(failure["message"]) < 5000
    assert len(failure["traceback"]) < 17_000


def test_what_the_code_does_to_python_is_its_own_affair() -> None:
    code = """
import builtins, gc, io, json, linecache, os, sys, traceback
print("before")
for name in ("len", "isinstance", "str", "repr", "type", "print", "bytes", "sorted", "list"):
    setattr(builtins, name, None)
sys.stdout = sys.stderr = None
sys.modules.clear()
sys.meta_path.clear()
sys.setrecursionlimit(50)
json.dumps = traceback.TracebackException = linecache.cache = None
sys.settrace(lambda *given: 1 / 0)
{"answer": [1, {2, 3}]}
"""
    execution = execute(code)

    assert not execution.failed, execution.value
    assert execution.value == '{"answer":[1,[2,3]]}'
    assert execution.stdout == b"before\n"


def test_code_without_streams_has_its_value_still() -> None:
    assert value_of("import os, sys\nsys.stdout.close()\nos.close(1)\nos.close(2)\n5") == 5


def test_destructors_that_raise_and_callbacks_that_fail_change_nothing() -> None:
    execution = execute(
        "import atexit\nclass A:\n    def __del__(self): raise ValueError('gone')\n"
        "a = A()\ndel a\natexit.register(lambda: 1 / 0)\n7"
    )

    assert execution.value == "7"
    assert b"ValueError: gone" in execution.stderr
    assert execution.denials == ()


def test_deep_and_circular_values_end_where_they_are_too_deep() -> None:
    deep = value_of("x = []\nfor _ in range(300): x = [x]\nx")
    around = value_of("x = {}\nx['x'] = x\nx")

    assert _innermost(deep) == _innermost(around) == ("…", 60)


def _innermost(value: Any) -> tuple[Any, int]:
    depth = 0
    while isinstance(value, list | dict):
        value = value[0] if isinstance(value, list) else value["x"]
        depth += 1
    return value, depth


def test_a_full_scratch_space_is_an_ordinary_error() -> None:
    failure = failure_of(
        "with open('big', 'wb') as file:\n    while True: file.write(b'x' * 65536)"
    )

    assert failure["kind"] == "OSError"


def test_without_scratch_space_there_is_no_file_to_write() -> None:
    execution = execute("open('a.txt', 'w')", scratch_bytes=0)

    assert execution.value["kind"] == "PermissionError"
    assert denied(execution) == [("fs.write", "/a.txt")]

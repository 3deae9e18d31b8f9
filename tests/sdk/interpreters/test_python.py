"""What generated Python can do and what comes of it, in the real interpreter."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from generated import execute, failure_of, value_of

from hatchway.core.tools import ToolAnswer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

pytest.importorskip("componentize_py")


def test_the_value_of_the_last_expression_is_the_answer() -> None:
    assert value_of("x = 20\nx + n", {"n": 22}) == 42
    assert value_of("x = 1") is None
    assert value_of("None") is None


def test_values_that_json_has_no_word_for_become_the_nearest_that_it_has() -> None:
    code = """
import collections, dataclasses, datetime, decimal, enum, fractions, pathlib
@dataclasses.dataclass
class Point:
    x: int
    y: object
class Colour(enum.Enum):
    RED = "red"
Pair = collections.namedtuple("Pair", "a b")
[
    datetime.datetime(2020, 1, 2, 3), datetime.date(2020, 1, 2), datetime.timedelta(minutes=1),
    decimal.Decimal("1.50"), fractions.Fraction(1, 3), pathlib.PurePath("a/b"),
    {3, 1, 2}, (1, 2), b"abc", Point(1, None), Colour.RED, Pair(1, 2), range(3),
    float("nan"), float("-inf"), 1j, 10**30, True, {1: 2, (1, 2): 3, None: 4}, "\\ud800",
]
"""

    assert value_of(code) == [
        "2020-01-02T03:00:00", "2020-01-02", 60.0, "1.50", "1/3", "a/b", [1, 2, 3], [1, 2], "YWJj",
        {"x": 1, "y": None}, "red", {"a": 1, "b": 2}, [0, 1, 2], "nan", "-inf", "1j", 10**30, True,
        {"1": 2, "(1, 2)": 3, "null": 4}, "\\ud800",
    ]  # fmt: skip


def test_a_traceback_shows_the_lines_of_the_code_and_no_others() -> None:
    failure = failure_of("import json\n\ndef load(text):\n    return json.loads(text)\n\nload('{')")

    assert failure["kind"] == "JSONDecodeError"
    assert failure["traceback"] == (
        "Traceback (most recent call last):\n"
        '  File "code.py", line 6, in <module>\n'
        "    load('{')\n"
        "    ~~~~^^^^^\n"
        '  File "code.py", line 4, in load\n'
        "    return json.loads(text)\n"
        "           ~~~~~~~~~~^^^^^^\n"
        "json.decoder.JSONDecodeError: Expecting property name enclosed in double quotes: "
        "line 1 column 2 (char 1)\n"
    )


def test_chained_exceptions_and_syntax_errors_are_told_as_python_tells_them() -> None:
    chained = failure_of(
        "try:\n    {}['a']\nexcept KeyError as e:\n    raise ValueError('b') from e"
    )
    syntax = failure_of("x = (1,")

    assert "KeyError: 'a'\n\nThe above exception was the direct cause of" in chained["traceback"]
    assert syntax["traceback"] == (
        "  File \"code.py\", line 1\n    x = (1,\n        ^\nSyntaxError: '(' was never closed\n"
    )


def test_leaving_with_zero_is_success_and_with_words_is_a_failure() -> None:
    assert value_of("import sys\nsys.exit(0)") is None
    assert failure_of("import sys\nsys.exit('no data')")["message"] == "no data"
    assert failure_of("exit(3)")["message"] == "3"


def test_files_come_along_and_come_back_also_those_that_were_never_closed() -> None:
    execution = execute(
        "import helper\nout = open('out.txt', 'w')\nout.write(helper.double(open('in').read()))",
        files={"in": b"ab", "helper.py": b"def double(text):\n    return text * 2\n"},
        wanted=("out.*",),
    )

    assert not execution.failed
    assert dict(execution.files) == {"out.txt": b"abab"}
    assert execution.denials == ()


def test_what_the_code_prints_is_collected_and_little_of_it_costs_few_calls() -> None:
    execution = execute("import sys\nfor n in range(20_000): print(n)\nprint('!', file=sys.stderr)")

    assert execution.stdout == "".join(f"{n}\n" for n in range(20_000)).encode()
    assert execution.stderr == b"!\n"
    assert execute("for n in range(20_000): print(n)", host_calls=20_000).stop is None


def test_what_was_printed_before_a_limit_ended_the_code_is_there() -> None:
    execution = execute("print('one')\nprint('two')\nwhile True: pass", fuel=2 * 10**8)

    assert execution.stop is not None
    assert execution.stop.code == "guest.fuel_exhausted"
    assert execution.stdout == b"one\ntwo\n"


LIBRARY = """
import array, asyncio, base64, bisect, calendar, cmath, collections, colorsys, configparser, copy
import csv, dataclasses, datetime, decimal, difflib, doctest, email.mime.text, enum, fractions
import functools, gzip, hashlib, heapq, html.parser, http.cookies, imaplib, inspect, io, ipaddress
import itertools, json.tool, logging.handlers, math, mimetypes, operator, optparse, pathlib, pdb
import pickle, plistlib, pprint, profile, pydoc, queue, random, re, sched, secrets, shelve, shlex
import shutil, sqlite3, statistics, string, struct, tarfile, tempfile, textwrap, timeit, tomllib
import turtle as missing
"""


def test_the_standard_library_is_there_also_what_is_imported_rarely() -> None:
    code = LIBRARY.replace("import turtle as missing\n", "")

    assert value_of(f"{code}\nimport unittest, uuid, wave, xml.etree.ElementTree, xmlrpc.client\n1")
    assert value_of("import zoneinfo, datetime as d\nz = zoneinfo.ZoneInfo('Asia/Tokyo')\n"
                    "d.datetime(2024, 1, 1, tzinfo=z).utcoffset()") == 9 * 3600  # fmt: skip
    assert value_of("import sqlite3\nsqlite3.connect(':memory:').execute('select 6*7').fetchall()")
    assert value_of("import hashlib\nhashlib.sha256(b'').hexdigest()[:8]") == "e3b0c442"


@pytest.mark.parametrize(
    ("module", "reason"),
    [
        ("ssl", "ssl: there is no TLS in here"),
        ("ctypes", "ctypes: it needs native code"),
        ("turtle", "there is no screen here"),
        ("numpy", "numpy: it is not in the standard library, and nothing can be installed here"),
    ],
)
def test_a_module_that_is_not_there_is_missed_with_the_reason(module: str, reason: str) -> None:
    failure = failure_of(f"import {module}")

    assert failure["kind"] == "ModuleNotFoundError"
    assert reason in failure["traceback"]


def test_coroutines_run_with_timers_and_what_never_happens_is_a_failure() -> None:
    pause = "import asyncio\nasync def f(n):\n    await asyncio.sleep(0.001)\n    return n\n"

    assert value_of(f"{pause}asyncio.run(f(1))") == 1
    assert value_of(f"{pause}await asyncio.gather(f(1), f(2))") == [1, 2]
    assert value_of(f"{pause}await asyncio.to_thread(lambda: 3)") == 3
    assert "can never happen" in failure_of(f"{pause}await asyncio.Future()")["message"]


def test_nothing_of_one_run_is_there_in_the_next() -> None:
    traces = """
import builtins, json, os, random, sys
def left():
    return [hasattr(builtins, "mark"), hasattr(json, "mark"), "mark" in sys.modules,
            "MARK" in os.environ, "mark" in globals(), os.path.exists("mark"), sys.path[1:]]
before = left()
mark = builtins.mark = json.mark = sys.modules["mark"] = 1
os.environ["MARK"] = "1"; open("mark", "w").close(); sys.path.append("/x"); random.seed(1)
[before, random.random()]
"""
    first, second = value_of(traces), value_of(traces)

    assert first == second
    assert first[0] == [False, False, False, False, False, False, []]


def test_chance_is_constant_without_the_grant_and_real_with_it() -> None:
    code = "import random, uuid\n[random.random(), str(uuid.uuid4())]"

    assert value_of(code) == value_of(code)
    assert value_of(code, None, "random") != value_of(code, None, "random")


def test_time_stands_at_its_virtual_beginning_without_the_grant_and_goes_on() -> None:
    code = "import time, datetime\na = time.time()\n[datetime.date.today(), time.time() > a]"

    assert value_of(code) == ["2000-01-01", True]
    assert value_of(code, None, "clock")[0] > "2025"


class _Tools:
    """Two tools that answer."""

    def search(self, query: str, most: int) -> Sequence[Mapping[str, Any]]:
        return [{"name": "math.add", "description": f"Adds; {query} {most}"}]

    def describe(self, name: str) -> ToolAnswer:
        number = {"type": "integer"}
        schema = {"type": "object", "properties": {"a": number, "b": number}, "required": ["a"]}
        return ToolAnswer(
            value={"name": name, "description": "Adds.", "input": schema, "output": number}
        )

    def call(self, name: str, arguments: Mapping[str, Any]) -> ToolAnswer:
        if name == "math.add":
            return ToolAnswer(value=arguments["a"] + arguments["b"])
        return ToolAnswer(code="capability.denied", message=f"{name} was not granted")


def test_other_tools_are_functions_of_a_module() -> None:
    code = """
import tools
try:
    tools.weather(city="Bern")
except tools.ToolError as error:
    refused = [error.code, error.message]
[tools.math.add(a=1, b=2), tools.call("math.add", {"a": 3}, b=4), tools.search("x", 5), refused]
"""

    assert value_of(code, tools=_Tools()) == [
        3,
        7,
        [{"name": "math.add", "description": "Adds; x 5"}],
        ["capability.denied", "weather was not granted"],
    ]


def test_stubs_tell_a_model_what_the_tools_take() -> None:
    assert value_of("import tools\ntools.stubs()", tools=_Tools()) == (
        'def math.add(*, a: int, b: int = ...) -> int:\n    "Adds."'
    )


def test_without_tools_every_call_of_one_is_a_denial() -> None:
    execution = execute("import tools\ntools.weather(city='Bern')")

    assert execution.value["kind"] == "ToolError"
    assert [(each.capability, each.attempted) for each in execution.denials] == [
        ("tool", "weather")
    ]


def test_inputs_of_every_kind_are_variables() -> None:
    inputs = {"rows": [{"a": 1.5}, None], "text": "é\u2028", "flag": True}

    assert value_of("[rows, text, flag]", inputs) == [inputs["rows"], inputs["text"], True]
    assert json.loads(execute("1").value) == 1

"""What a program in JavaScript gets, and what comes back of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from javascript import javascript, limited

from hatchway.core.tools import ToolAnswer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

VALUES = {
    "1 + 1": 2,
    "'text'": "text",
    "null": None,
    "undefined": None,
    "const a = 1": None,
    "if (true) { 7 }": 7,
    "({a: [1, {b: true}]})": {"a": [1, {"b": True}]},
    "[NaN, Infinity, undefined]": [None, None, None],
    "new Date(0)": "1970-01-01T00:00:00.000Z",
    "10n": 10,
    "2n ** 70n": "1180591620717411303424",
    "new Set([1, 2])": [1, 2],
    "new Map([['a', 1]])": {"a": 1},
    "new Map([['__proto__', 1]])": {"__proto__": 1},
    "new Map([[1, 2]])": [[1, 2]],
    "new Uint8Array([1, 255])": [1, 255],
    "new Float64Array([0.5])": [0.5],
    "new Uint8Array([3]).buffer": [3],
    "/x+/g": "/x+/g",
    "new TypeError('no')": "TypeError: no",
    "Symbol('s')": "Symbol(s)",
    "(function named() {})": "[Function: named]",
    "(() => { const o = {}; o.o = o; return o })()": "{ o: { o: { o: [Object] } } }",
    "'\\ud800x'": "\ufffdx",
    "undeclared = 5; undeclared": 5,
    "class A { #p = 1; get p() { return this.#p } } new A().p": 1,
    "new TextDecoder().decode(new TextEncoder().encode('é€😀'))": "é€😀",
}


@pytest.mark.parametrize("code", VALUES)
def test_the_last_expressions_value_comes_back_as_json(code: str) -> None:
    ran = javascript(code)

    assert (ran.value, ran.kind, ran.stop) == (VALUES[code], "", "")


def test_every_input_is_a_variable_that_a_program_may_declare_again() -> None:
    ran = javascript("const rows = [...globalThis.rows, n]; rows", {"rows": [1, 2], "n": 3})

    assert ran.value == [1, 2, 3]


def test_what_is_printed_goes_where_a_console_sends_it() -> None:
    ran = javascript(
        "console.log('a', 1, {b: [true, 'c']}, new Map([[1, null]]));"
        "console.info(-0, 1n, undefined, () => 1);"
        "console.warn('careful'); console.error(new Error('bad').message); console.assert(1 > 2)"
    )

    assert ran.stdout == (
        'a 1 { b: [ true, "c" ] } Map(1) { 1 => null }\n-0 1n undefined [Function: (anonymous)]\n'
    )
    assert ran.stderr == "careful\nbad\nAssertion failed:\n"


def test_promises_are_awaited_wherever_they_stand() -> None:
    ran = javascript("const x = await Promise.resolve(20); (async () => x + 1)()")

    assert ran.value == 21


def test_timers_run_in_order_before_a_program_has_ended() -> None:
    ran = javascript(
        "setTimeout(() => console.log('second'), 2); setTimeout(() => console.log('first'), 1);"
        "let n = 0; const id = setInterval(() => { if (++n === 3) clearInterval(id) }, 1);"
        "clearTimeout(setTimeout(() => console.log('never'), 1));"
        "await new Promise(done => setTimeout(done, 20, 'x')); n"
    )

    assert (ran.stdout, ran.value) == ("first\nsecond\n", 3)


FAILURES = {
    "function f(o) {\n  return o.x.y\n}\nf({})": (
        "TypeError",
        "cannot read property 'y' of undefined",
        "TypeError: cannot read property 'y' of undefined\n"
        "    at f (code.js:2:10)\n"
        "    at <eval> (code.js:4:1)\n"
        "2 |   return o.x.y",
    ),
    "1 +\n +* 2": (
        "SyntaxError",
        "unexpected token in expression: '*'",
        "SyntaxError: unexpected token in expression: '*'\n    at code.js:2:3\n2 |  +* 2",
    ),
    "throw new Error('out', {cause: new RangeError('in')})": (
        "Error",
        "out",
        "Error: out\n    at <eval> (code.js:1:36)\n"
        "1 | throw new Error('out', {cause: new RangeError('in')})\n"
        "caused by RangeError: in\n    at <eval> (code.js:1:36)",
    ),
    "class Mine extends Error {}\nthrow new Mine('m')": (
        "Mine",
        "m",
        "Mine: m\n    at Mine (code.js:1:1)\n    at <eval> (code.js:2:11)\n"
        "1 | class Mine extends Error {}",
    ),
    "throw {a: 1}": ("Error", "Uncaught { a: 1 }", ""),
    "Promise.reject(new Error('lost')); 1": (
        "Error",
        "lost",
        "Error: lost\n    at <eval> (code.js:1:20)\n1 | Promise.reject(new Error('lost')); 1",
    ),
    "setTimeout(() => { throw new Error('late') }, 1); 1": (
        "Error",
        "late",
        "Error: late\n    at <anonymous> (code.js:1:30)\n"
        "1 | setTimeout(() => { throw new Error('late') }, 1); 1",
    ),
    "queueMicrotask(() => { throw new Error('soon') }); 1": (
        "Error",
        "soon",
        "Error: soon\n    at <anonymous> (code.js:1:34)\n"
        "1 | queueMicrotask(() => { throw new Error('soon') }); 1",
    ),
    "await new Promise(() => {})": (
        "Error",
        "the program waits for a promise that nothing will settle",
        "",
    ),
}


@pytest.mark.parametrize("code", FAILURES)
def test_a_failure_names_the_programs_own_lines(code: str) -> None:
    ran = javascript(code)

    assert (ran.kind, ran.message, ran.traceback) == FAILURES[code]


@pytest.mark.parametrize("code", ["import fs from 'fs'", "require('fs')", "await import('fs')"])
def test_modules_are_refused_with_a_word_about_what_there_is(code: str) -> None:
    ran = javascript(code)

    assert ran.message.endswith(
        "modules cannot be imported here; there are only the language itself, `files` and `tools`"
    )


def test_nothing_of_one_run_is_there_in_the_next() -> None:
    javascript("globalThis.left = 1; Array.prototype.left = 2; console.log = null")

    ran = javascript("console.log(typeof left); [].left")

    assert (ran.stdout, ran.value) == ("undefined\n", None)


CHANCE = "[Math.random(), crypto.randomUUID(), crypto.getRandomValues(new Uint8Array(4))]"


def test_chance_is_a_constant_until_it_is_granted() -> None:
    first, second = javascript(CHANCE), javascript(CHANCE)

    assert first.value == second.value
    assert first.whole.gated.random > 0


def test_granted_chance_differs_from_run_to_run_and_stays_in_its_bounds() -> None:
    granted = limited("random")

    runs = [javascript(CHANCE, granted=granted).value for _ in range(3)]

    assert len({str(run) for run in runs}) == 3
    assert all(0 <= number < 1 for number, _, _ in runs)
    assert all(uuid[14] == "4" and uuid[19] in "89ab" for _, uuid, _ in runs)


def test_the_clock_is_the_calls_and_not_that_of_the_build() -> None:
    virtual = javascript("new Date().getFullYear()")
    real = javascript("new Date().getFullYear()", granted=limited("clock"))

    assert virtual.value == 2000
    assert real.value > 2000


def test_files_of_the_workspace_are_read_written_listed_and_removed() -> None:
    ran = javascript(
        "files.write('out.txt', files.read('in.txt').toUpperCase());"
        "files.write('/work/raw.bin', new Uint8Array([0, 255]));"
        "files.remove('in.txt');"
        "[files.list().sort(), files.readBytes('raw.bin')]",
        granted=limited(scratch_bytes=1 << 20),
        files={"in.txt": "grün".encode()},
        wanted=("*",),
    )

    assert ran.value == [["out.txt", "raw.bin"], [0, 255]]
    assert ran.whole.files == {"out.txt": "GRÜN".encode(), "raw.bin": b"\x00\xff"}


def test_files_of_many_pieces_are_whole() -> None:
    ran = javascript(
        "files.write('big', 'abcdefg'.repeat(20000)); const text = files.read('big');"
        "[text.length, text === 'abcdefg'.repeat(20000)]",
        granted=limited(scratch_bytes=1 << 20),
    )

    assert ran.value == [140_000, True]


def test_a_file_that_is_not_there_is_an_error_with_a_code() -> None:
    code = "try { files.read('nope') } catch (e) { [e.name, e.code, e.path] }"

    ran = javascript(code, granted=limited(scratch_bytes=1 << 20))

    assert ran.value == ["FileError", "no-entry", "nope"]


class _Catalog:
    """One tool that gives its arguments back, and none else."""

    def search(self, query: str, most: int) -> Sequence[Mapping[str, Any]]:
        return [{"name": "echo.say", "description": query}][:most]

    def describe(self, name: str) -> ToolAnswer:
        return ToolAnswer(value={"name": name})

    def call(self, name: str, arguments: Mapping[str, Any]) -> ToolAnswer:
        if name.partition(".")[0] != "echo":
            return ToolAnswer(code="call.unknown_tool", message=f"there is no {name}")
        return ToolAnswer(value={"name": name, "arguments": dict(arguments)})


def test_tools_are_functions_by_their_names() -> None:
    ran = javascript(
        "[tools.search('sa', 3), tools.describe('echo.say').name, tools.echo.say({n: 1}),"
        " await tools.echo({}), tools.call('echo.say', {text: 'ü'})]",
        tools=_Catalog(),
    )

    assert ran.value == [
        [{"name": "echo.say", "description": "sa"}],
        "echo.say",
        {"name": "echo.say", "arguments": {"n": 1}},
        {"name": "echo", "arguments": {}},
        {"name": "echo.say", "arguments": {"text": "ü"}},
    ]


def test_a_tool_that_fails_throws_an_error_with_its_code() -> None:
    ran = javascript(
        "try { tools.other.go({}) } catch (e) { [e instanceof ToolError, e.code, e.message] }",
        tools=_Catalog(),
    )

    assert ran.value == [True, "call.unknown_tool", "there is no other.go"]


def test_arguments_that_are_no_object_never_reach_a_tool() -> None:
    ran = javascript("tools.echo.say([1])", tools=_Catalog())

    assert (ran.kind, ran.message) == (
        "TypeError",
        "the arguments of echo.say must be one object, {name: value}",
    )


def test_what_was_printed_before_a_stop_is_not_lost() -> None:
    ran = javascript(
        "for (let n = 0; n < 5000; n++) console.log(n); for (;;);",
        granted=limited(fuel=500_000_000),
    )

    assert ran.stop == "guest.fuel_exhausted"
    assert ran.stdout.endswith("\n4998\n4999\n")


def test_many_lines_do_not_use_up_the_calls_of_the_host() -> None:
    ran = javascript(
        "for (let n = 0; n < 20000; n++) console.log(n)",
        granted=limited(host_calls=1000),
    )

    assert (ran.stop, ran.stdout.count("\n")) == ("", 20_000)

"""Programs that try to get more out of the JavaScript interpreter than they were granted.

Each has a precise outcome, and the next program notices nothing.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from javascript import javascript, limited

if TYPE_CHECKING:
    from collections.abc import Iterator

ENDLESS = {
    "a loop": "for (;;);",
    "microtasks": "(function again() { Promise.resolve().then(again) })(); 1",
    "timers": "(function again() { setTimeout(again) })(); 1",
    "a regular expression": "/(a+)+$/.test('a'.repeat(40) + 'b')",
    "caught errors": "for (;;) try { for (;;) new ArrayBuffer(1e7) } catch {}",
    "a getter of the answer": "({ get a() { for (;;); } })",
    "toJSON": "({ toJSON() { for (;;); } })",
    "a message": "throw Object.defineProperty(new Error(), 'message', { get() { for (;;); } })",
    "a thenable": "await { then(done) { done(this) } }",
}


@pytest.fixture(autouse=True)
def _the_next_program_is_unharmed() -> Iterator[None]:
    yield

    assert javascript("[typeof left, 1 + 1]").value == ["undefined", 2]


@pytest.mark.parametrize("name", ENDLESS)
def test_what_never_ends_is_stopped_by_its_fuel(name: str) -> None:
    ran = javascript(ENDLESS[name], granted=limited(fuel=200_000_000, host_calls=10_000_000))

    assert ran.stop == "guest.fuel_exhausted"


def test_a_loop_ends_at_its_deadline() -> None:
    ran = javascript("for (;;);", granted=limited(fuel=10**15, deadline_seconds=0.2))

    assert ran.stop == "guest.deadline_exceeded"


ALLOCATIONS = {
    "new ArrayBuffer(10e9)": "RangeError",
    "const a = []; for (;;) a.push(new ArrayBuffer(1e7))": "InternalError",
    "'x'.repeat(2 ** 29)": "InternalError",
    "new Array(1e9).fill(1)": "InternalError",
    "Math.max(...new Array(1e6).fill(1))": "RangeError",
    "2n ** (2n ** 30n)": "RangeError",
}


@pytest.mark.parametrize("code", ALLOCATIONS)
def test_memory_that_is_not_there_is_an_error_of_the_program(code: str) -> None:
    granted = limited(fuel=10**11, memory_bytes=32 << 20)

    ran = javascript(code, granted=granted)

    assert (ran.stop, ran.kind) == ("", ALLOCATIONS[code])


RECURSIONS = {
    "a function": "function f() { f() } f()",
    "a getter": "const o = { get x() { return this.x } }; o.x",
    "a proxy": "const p = new Proxy({}, { get(t, k, self) { return self[k] } }); p.x",
    "toString": "const o = { toString() { return '' + o } }; '' + o",
    "an iterator": "const o = { [Symbol.iterator]() { return [...o] } }; [...o]",
    "a replacement": "function f() { return 'a'.replace(/a/g, f) } f()",
    "eval": "globalThis.g = () => eval('g()'); g()",
}


@pytest.mark.parametrize("name", RECURSIONS)
def test_recursion_without_end_is_an_error_of_the_program(name: str) -> None:
    ran = javascript(RECURSIONS[name])

    assert (ran.stop, ran.kind, ran.message) == (
        "",
        "RangeError",
        "Maximum call stack size exceeded",
    )


DEEP = {
    "a deep text": "JSON.parse('['.repeat(1e5))",
    "a deep program": "eval('('.repeat(1e5))",
    "a deep value": "let a = []; for (let n = 0; n < 1e5; n++) a = [a]; a",
}


@pytest.mark.parametrize("name", DEEP)
def test_what_is_too_deep_for_the_engine_itself_is_a_trap(name: str) -> None:
    ran = javascript(DEEP[name], granted=limited(fuel=10**10))

    assert ran.stop == "guest.trapped"
    assert ran.whole.stop is not None
    assert ran.whole.stop.details["trap"] == "stack_overflow"


def test_a_gigabyte_of_output_stops_at_its_limit_and_keeps_what_was_before() -> None:
    ran = javascript(
        "console.log('first'); const s = 'x'.repeat(1e6); for (;;) console.log(s)",
        granted=limited(output_bytes=100_000),
    )

    assert ran.stop == "guest.output_too_large"
    assert ran.stdout.startswith("first\nxxx")
    assert len(ran.stdout) <= 100_000


TAMPERED = {
    "JSON.stringify = JSON.parse = () => 'forged'; ({ a: 1 })": {"a": 1},
    "globalThis.JSON = globalThis.String = globalThis.Reflect = null; ({ a: 1 })": {"a": 1},
    "Promise.prototype.then = () => 'forged'; await Promise.resolve(5)": 5,
    "globalThis.Promise = null; (async () => 6)()": 6,
    "Array.prototype[Symbol.iterator] = null; Array.prototype.push = null; [1]": [1],
    "Map.prototype.forEach = Map.prototype.get = null; new Map([['a', 1]])": {"a": 1},
    "Function.prototype.call = Function.prototype.apply = null; new Set([1])": [1],
    "Object.defineProperty(Object.prototype, 'get', { get() { throw 1 } }); new Set([1])": [1],
    "Object.setPrototypeOf(globalThis, new Proxy({}, { get() { throw 1 } })); 7": 7,
    "for (const k of Reflect.ownKeys(globalThis)) try { delete globalThis[k] } catch {} ; 8": 8,
    "Object.freeze(globalThis); 9": 9,
    "Object.prototype.toJSON = () => 'their own'; ({ a: 1 })": "their own",
    "new Proxy({}, { ownKeys() { throw 1 }, get() { throw 2 } })": "[object]",
    "({ toJSON() { throw 1 }, toString() { throw 2 } })": (
        "{ toJSON: [Function: toJSON], toString: [Function: toString] }"
    ),
    "({ get a() { throw 1 } })": "[object Object]",
    "new (class { get [Symbol.toStringTag]() { throw 1 } get a() { return 1 } })": {},
}


@pytest.mark.parametrize("code", TAMPERED)
def test_a_world_turned_upside_down_still_gives_the_programs_own_answer(code: str) -> None:
    ran = javascript(code)

    assert (ran.value, ran.kind, ran.stop) == (TAMPERED[code], "", "")


THROWN = {
    "Error.prepareStackTrace = () => { throw 1 }; null.x": "TypeError",
    "Error.prepareStackTrace = () => ({}); null.x": "TypeError",
    "throw new Proxy(new Error('x'), { get() { throw 1 }, getPrototypeOf() { throw 2 } })": "Error",
    "throw Object.defineProperty(new Error('m'), 'stack', { get() { throw 1 } })": "Error",
    "throw { toString() { throw 1 } }": "Error",
    "throw Object.create(Error.prototype, { message: { get() { throw 1 } } })": "Error",
    "throw new Error('a'.repeat(1e6))": "Error",
    "const e = new Error('c'); e.cause = e; throw e": "Error",
    "throw Symbol('s')": "Error",
    "throw new Error('\\ud800')": "Error",
}


@pytest.mark.parametrize("code", THROWN)
def test_whatever_is_thrown_is_a_failure_of_bounded_size(code: str) -> None:
    ran = javascript(code)

    assert (ran.kind, ran.stop) == (THROWN[code], "")
    assert len(ran.message) < 5000
    assert len(ran.traceback) < 10_000


def test_lone_surrogates_leave_as_replacement_characters() -> None:
    ran = javascript(
        "console.log('\\udc00'); try { tools.call('\\ud800', {}) } catch {}"
        "({ '\\ud800': '\\ud800' })"
    )

    assert ran.stdout == "\ufffd\n"
    assert list(ran.value.values()) == ["\ufffd"]


ABSENT = "fetch XMLHttpRequest WebSocket process Deno require WebAssembly Worker Atomics std os"


def test_neither_network_nor_processes_nor_other_engines_are_there() -> None:
    ran = javascript(f"'{ABSENT}'.split(' ').filter(name => name in globalThis)")

    assert ran.value == []


@pytest.mark.parametrize("path", ["/etc/passwd", "../../etc/passwd", "/work/../etc/passwd"])
def test_files_outside_the_workspace_are_denied_and_recorded(path: str) -> None:
    ran = javascript(f"files.read({path!r})", granted=limited(scratch_bytes=1 << 20))

    assert (ran.kind, ran.message.partition(":")[0]) == ("FileError", "access")
    assert len(ran.denials) == 1
    assert ran.denials[0].endswith("/etc/passwd")


def test_a_program_cannot_write_more_than_its_scratch_space() -> None:
    ran = javascript(
        "for (let n = 0;; n++) files.write('f' + n, 'x'.repeat(100000))",
        granted=limited(scratch_bytes=1 << 20, fuel=10**10),
    )

    assert (ran.kind, ran.message.partition(":")[0]) == ("FileError", "quota")


def test_tools_that_were_not_granted_are_denied_and_recorded() -> None:
    ran = javascript("tools.mail.send({to: 'x'})")

    assert (ran.kind, ran.denials) == ("ToolError", ["tool mail.send"])


def test_two_programs_side_by_side_do_not_see_each_other() -> None:
    code = "let n = 0; for (let i = 0; i < 2e5; i++) n += mine; globalThis.seen = [mine, n]; seen"
    answers: dict[int, object] = {}

    def run(mine: int) -> None:
        answers[mine] = javascript(code, {"mine": mine}).value

    threads = [threading.Thread(target=run, args=(mine,)) for mine in (1, 2, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert answers == {mine: [mine, mine * 200_000] for mine in (1, 2, 3)}

"""Plug-ins for Extism: one that makes the calls of a script, and small ones in text form."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from guests import grant, prepared, sandbox

from hatchway.core.sandbox import CommandInvocation
from hatchway.engine.extism import functions, kernel

if TYPE_CHECKING:
    from hatchway.core.call import Cancellation, Execution
    from hatchway.core.egress import Ticket
    from hatchway.core.grant import Grant

HOST = "extism:host/env"

SIGNATURES = {**kernel.SIGNATURES, **functions.SIGNATURES}
_NAMES = sorted(SIGNATURES)
_PUT, _ADD = len(_NAMES), len(_NAMES) + 1
_STEP = struct.Struct("<7Q")
_HEADER = struct.Struct("<3Q")
_WORDS = {"i": "i32", "I": "i64"}


def imported(*names: str) -> str:
    """The (import …) forms of functions of the host, each under its own name."""
    return "\n".join(f'(import "{HOST}" "{name}" (func ${name} {_type(name)}))' for name in names)


def _type(name: str) -> str:
    parameters, result = SIGNATURES[name]
    words = " ".join(_WORDS[letter] for letter in parameters)
    return f"(param {words})" + (f" (result {_WORDS[result]})" if result else "")


def _call(name: str) -> str:
    parameters, result = SIGNATURES[name]
    given = " ".join(
        f"(local.get $a{index})" if letter == "I" else f"(i32.wrap_i64 (local.get $a{index}))"
        for index, letter in enumerate(parameters)
    )
    call = f"(call ${name} {given})"
    if not result:
        return f"(block (result i64) {call} (i64.const 0))"
    return call if result == "I" else f"(i64.extend_i32_u {call})"


def _dispatched() -> str:
    text = f"""(if (result i64) (i64.eq (local.get $number) (i64.const {_PUT}))
      (then (call $put (local.get $a0) (local.get $a1)))
      (else (i64.add (local.get $a0) (local.get $a1))))"""
    for number, name in enumerate(_NAMES):
        text = f"""(if (result i64) (i64.eq (local.get $number) (i64.const {number}))
          (then {_call(name)}) (else {text}))"""
    return text


SCRIPTED = f"""(module
  {imported(*_NAMES)}
  (memory (export "memory") 1)
  (func $put (param $from i64) (param $count i64) (result i64)
    (local $to i64) (local $done i64)
    (local.set $to (call $alloc (local.get $count)))
    (loop $next
      (if (i64.lt_u (local.get $done) (local.get $count)) (then
        (call $store_u8 (i64.add (local.get $to) (local.get $done))
          (call $input_load_u8 (i64.add (local.get $from) (local.get $done))))
        (local.set $done (i64.add (local.get $done) (i64.const 1)))
        (br $next))))
    (local.get $to))
  (func $argument (param $at i64) (result i64)
    (if (result i64) (i64.eqz (call $input_load_u64 (local.get $at)))
      (then (call $input_load_u64 (i64.add (local.get $at) (i64.const 8))))
      (else (i64.load (i32.shl (i32.wrap_i64
        (call $input_load_u64 (i64.add (local.get $at) (i64.const 8)))) (i32.const 3))))))
  (func $step (param $number i64) (param $a0 i64) (param $a1 i64) (param $a2 i64) (result i64)
    {_dispatched()})
  (func (export "run") (result i32)
    (local $count i64) (local $index i64) (local $at i64) (local $mode i64) (local $status i32)
    (local.set $count (call $input_load_u64 (i64.const 0)))
    (local.set $mode (call $input_load_u64 (i64.const 8)))
    (local.set $status (i32.wrap_i64 (call $input_load_u64 (i64.const 16))))
    (local.set $at (i64.const {_HEADER.size}))
    (loop $next
      (if (i64.lt_u (local.get $index) (local.get $count)) (then
        (i64.store (i32.shl (i32.wrap_i64 (local.get $index)) (i32.const 3))
          (call $step
            (call $input_load_u64 (local.get $at))
            (call $argument (i64.add (local.get $at) (i64.const 8)))
            (call $argument (i64.add (local.get $at) (i64.const 24)))
            (call $argument (i64.add (local.get $at) (i64.const 40)))))
        (local.set $at (i64.add (local.get $at) (i64.const {_STEP.size})))
        (local.set $index (i64.add (local.get $index) (i64.const 1)))
        (br $next))))
    (if (i64.eqz (local.get $mode)) (then (return (local.get $status))))
    (local.set $at (call $alloc (i64.shl (local.get $count) (i64.const 3))))
    (call $output_set (local.get $at) (i64.shl (local.get $count) (i64.const 3)))
    (local.set $index (i64.const 0))
    (loop $tell
      (if (i64.lt_u (local.get $index) (local.get $count)) (then
        (call $store_u64
          (i64.add (local.get $at) (i64.shl (local.get $index) (i64.const 3)))
          (i64.load (i32.shl (i32.wrap_i64 (local.get $index)) (i32.const 3))))
        (local.set $index (i64.add (local.get $index) (i64.const 1)))
        (br $tell))))
    (local.get $status)))"""


@dataclass(frozen=True)
class Result:
    """What a step of a script gave back, for the steps behind it."""

    index: int


@dataclass(frozen=True)
class Told:
    """What a script came to.

    Attributes:
        results: What every step gave back, if that was asked for and the run ended well.
    """

    execution: Execution
    results: tuple[int, ...]

    def __getitem__(self, step: Result) -> int:
        return self.results[step.index]


class Script:
    """Calls of the host's functions, one after the other, by one plug-in."""

    def __init__(self) -> None:
        self._steps: list[tuple[int, tuple[int | Result, ...]]] = []
        self._texts: list[tuple[int, bytes]] = []

    def put(self, text: bytes) -> Result:
        """A new block that holds `text`."""
        self._texts.append((len(self._steps), text))
        return self._add(_PUT, (0, len(text)))

    def do(self, name: str, *arguments: int | bytes | Result) -> Result:
        """Call a function; texts are put into blocks before."""
        given = tuple(self.put(item) if isinstance(item, bytes) else item for item in arguments)
        return self._add(_NAMES.index(name), given)

    def beside(self, block: Result, bytes_: int) -> Result:
        """The address so many bytes behind the beginning of a block."""
        return self._add(_ADD, (block, bytes_))

    def show(self, block: Result) -> Result:
        """Make the whole of a block the output."""
        return self.do("output_set", block, self.do("length", block))

    def _add(self, number: int, arguments: tuple[int | Result, ...]) -> Result:
        self._steps.append((number, arguments))
        return Result(len(self._steps) - 1)

    def data(self, *, tells: bool, status: int = 0) -> bytes:
        """The script as the plug-in reads it."""
        at = _HEADER.size + _STEP.size * len(self._steps)
        places = {}
        for index, text in self._texts:
            places[index] = at
            at += len(text)
        packed = _HEADER.pack(len(self._steps), tells, status)
        for index, (number, given) in enumerate(self._steps):
            values = (places[index], *given[1:]) if index in places else given
            pairs = [
                part
                for value in (*values, 0, 0, 0)[:3]
                for part in ((1, value.index) if isinstance(value, Result) else (0, value))
            ]
            packed += _STEP.pack(number, *(part & 0xFFFFFFFFFFFFFFFF for part in pairs))
        return packed + b"".join(text for _, text in self._texts)

    def run(
        self,
        *allow: str,
        granted: Grant | None = None,
        ticket: Ticket | None = None,
        tells: bool = True,
        status: int = 0,
        cancellation: Cancellation | None = None,
    ) -> Told:
        """Run it; `tells` makes the results of all steps the output."""
        execution = sandbox().run(
            prepared(SCRIPTED),
            CommandInvocation(
                arguments=(b"t",), stdin=self.data(tells=tells, status=status), function="run"
            ),
            granted or grant(*allow),
            cancellation,
            ticket,
        )
        data = execution.stdout if tells and execution.stop is None else b""
        results = struct.unpack(f"<{len(data) // 8}Q", data[: len(data) // 8 * 8])
        return Told(execution, results)


def ask(text: str, function: str, data: bytes = b"", *, granted: Grant | None = None) -> Execution:
    """Call a function of a plug-in in text form."""
    invocation = CommandInvocation(arguments=(b"t",), stdin=data, function=function)
    return sandbox().run(prepared(text), invocation, granted or grant())


def saying(**functions: bytes) -> str:
    """The text of a plug-in whose functions each give back a constant."""
    data, bodies, at = "", "", 0
    for name, text in functions.items():
        escaped = "".join(f"\\{byte:02x}" for byte in text)
        data += f'(data (i32.const {at}) "{escaped}")'
        bodies += f"""(func (export "{name}") (result i32)
            (call $say (i32.const {at}) (i32.const {len(text)})) (i32.const 0))"""
        at += len(text)
    return f"""(module
      {imported("alloc", "store_u8", "output_set")}
      (memory (export "memory") {1 + (at >> 16)})
      {data}
      (func $say (param $from i32) (param $count i32)
        (local $to i64) (local $done i32)
        (local.set $to (call $alloc (i64.extend_i32_u (local.get $count))))
        (loop $next
          (if (i32.lt_u (local.get $done) (local.get $count)) (then
            (call $store_u8
              (i64.add (local.get $to) (i64.extend_i32_u (local.get $done)))
              (i32.load8_u (i32.add (local.get $from) (local.get $done))))
            (local.set $done (i32.add (local.get $done) (i32.const 1)))
            (br $next))))
        (call $output_set (local.get $to) (i64.extend_i32_u (local.get $count))))
      {bodies})"""


ECHO = f"""(module
  {imported("alloc", "length", "input_length", "input_load_u8", "store_u8", "output_set")}
  (memory (export "memory") 1)
  (func (export "echo") (result i32)
    (local $count i64) (local $to i64) (local $done i64)
    (local.set $count (call $input_length))
    (local.set $to (call $alloc (local.get $count)))
    (loop $next
      (if (i64.lt_u (local.get $done) (local.get $count)) (then
        (call $store_u8 (i64.add (local.get $to) (local.get $done))
          (call $input_load_u8 (local.get $done)))
        (local.set $done (i64.add (local.get $done) (i64.const 1)))
        (br $next))))
    (call $output_set (local.get $to) (local.get $count))
    (i32.const 0)))"""
"""Gives back what it is given."""

"""Two guests that fetch: a command that makes the calls of a script, and a component."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from guests import WASI, grant, prepared, sandbox

from hatchway.core.sandbox import CommandInvocation, FunctionInvocation
from hatchway.engine.fetch.module import SIGNATURES

if TYPE_CHECKING:
    from hatchway.core.call import Cancellation, Execution
    from hatchway.core.egress import Ticket
    from hatchway.core.grant import Grant

FIRST = 17
"""The number of the first request of a run; each gets the next."""
RESULTS = 1024
"""Where a script may have results put; up to `ERRNOS` is told afterwards."""
ERRNOS = 1 << 16
INPUT = 1 << 17
PAGES = 16
MEMORY_BYTES = PAGES << 16

_NAMES = sorted(SIGNATURES)


def _dispatched() -> str:
    """The call of the function whose number stands at $at, with the arguments behind it."""
    text = "(i32.const -1)"
    for number, name in enumerate(_NAMES):
        arguments = " ".join(
            f"(i32.load offset={4 + 4 * index} (local.get $at))"
            for index in range(len(SIGNATURES[name]))
        )
        text = f"""(if (result i32) (i32.eq (i32.load (local.get $at)) (i32.const {number}))
          (then (call ${name} {arguments})) (else {text}))"""
    return text


def _imports() -> str:
    return "\n".join(
        f'(import "hatchway_fetch_0_1" "{name}" (func ${name} '
        f"(param {'i32 ' * len(kinds)}) (result i32)))"
        for name, kinds in sorted(SIGNATURES.items())
    )


COMMAND = f"""(module
  {_imports()}
  (import "{WASI}" "fd_read" (func $in (param i32 i32 i32 i32) (result i32)))
  (import "{WASI}" "fd_write" (func $out (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") {PAGES})
  (func (export "_start") (local $at i32) (local $left i32) (local $to i32)
    (i32.store (i32.const 0) (i32.const {INPUT}))
    (i32.store (i32.const 4) (i32.const {MEMORY_BYTES - INPUT}))
    (drop (call $in (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
    (local.set $left (i32.load (i32.const {INPUT})))
    (local.set $at (i32.const {INPUT + 4}))
    (local.set $to (i32.const {ERRNOS}))
    (loop $next
      (if (local.get $left) (then
        (i32.store (local.get $to) {_dispatched()})
        (local.set $to (i32.add (local.get $to) (i32.const 4)))
        (local.set $at (i32.add (local.get $at) (i32.const 20)))
        (local.set $left (i32.sub (local.get $left) (i32.const 1)))
        (br $next))))
    (i32.store (i32.const 0) (i32.const 0))
    (i32.store (i32.const 4) (local.get $to))
    (drop (call $out (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))"""


@dataclass(frozen=True)
class Told:
    """What a script came to.

    Attributes:
        errnos: What every call answered, in order.
        memory: The first 64 KiB of the guest's memory.
    """

    execution: Execution
    errnos: list[int]
    memory: bytes

    def number(self, at: int) -> int:
        return int(struct.unpack_from("<I", self.memory, at)[0])


class Script:
    """Calls, and the data that they point to."""

    def __init__(self) -> None:
        self._calls: list[tuple[int, ...]] = []
        self._data = b""
        self._room = 0

    def do(self, function: str, *arguments: int | bytes) -> int:
        """Add a call; bytes stand for their address and their length."""
        numbers: list[int] = [_NAMES.index(function)]
        for argument in arguments:
            if isinstance(argument, int):
                numbers.append(argument & 0xFFFFFFFF)
            else:
                at = self._data.find(argument)
                if at < 0:
                    at = len(self._data)
                    self._data += argument
                numbers += [-1 - at, len(argument)]
        self._calls.append((*numbers, *[0] * (5 - len(numbers))))
        return len(self._calls) - 1

    def run(
        self,
        ticket: Ticket | None,
        granted: Grant | None = None,
        cancellation: Cancellation | None = None,
    ) -> Told:
        data_at = INPUT + 4 + 20 * len(self._calls)
        stdin = struct.pack("<I", len(self._calls))
        for call in self._calls:
            placed = [data_at - 1 - number if number < 0 else number for number in call]
            stdin += struct.pack("<5I", *placed)
        invocation = CommandInvocation(arguments=(b"guest",), stdin=stdin + self._data)
        execution = sandbox().run(
            prepared(COMMAND), invocation, granted or grant(), cancellation, ticket
        )
        errnos = [item for (item,) in struct.iter_unpack("<I", execution.stdout[ERRNOS:])]
        return Told(execution, errnos, execution.stdout[:ERRNOS])


REQUEST = """(record (field "method" string) (field "url" string)
      (field "headers" (list (tuple string string))) (field "body" (list u8))
      (field "redirects" u8))"""
RESPONSE = """(record (field "status" u16) (field "url" string)
      (field "headers" (list (tuple string string))) (field "body" (list u8)))"""
ERROR = """(variant (case "denied") (case "timeout") (case "too-large")
      (case "unreachable" string) (case "invalid" string))"""


def component(version: str = "0.1.0", *, pages: int = 1, most: int = 1024) -> str:
    """A component whose function `go` is `fetch`, by way of its memory of `most` pages."""
    return f"""(component
  (import "hatchway:egress/fetch@{version}" (instance $host
    (type $request' {REQUEST}) (export "request" (type $request (eq $request')))
    (type $response' {RESPONSE}) (export "response" (type $response (eq $response')))
    (type $error' {ERROR}) (export "error" (type $error (eq $error')))
    (export "fetch" (func (param "request" $request) (result (result $response (error $error)))))))
  (alias export $host "request" (type $request))
  (alias export $host "response" (type $response))
  (alias export $host "error" (type $error))
  (alias export $host "fetch" (func $fetch))
  (core module $libc
    (memory (export "memory") {pages} {most})
    (global $free (mut i32) (i32.const 1024))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (local i32 i32)
      (local.set 4 (i32.and (i32.add (global.get $free) (i32.const 7)) (i32.const -8)))
      (global.set $free (i32.add (local.get 4) (local.get 3)))
      (local.set 5 (i32.sub
        (i32.shr_u (i32.add (global.get $free) (i32.const 65535)) (i32.const 16)) (memory.size)))
      (if (i32.gt_s (local.get 5) (i32.const 0)) (then
        (if (i32.eq (memory.grow (local.get 5)) (i32.const -1)) (then unreachable))))
      (local.get 4)))
  (core instance $l (instantiate $libc))
  (alias core export $l "memory" (core memory $memory))
  (alias core export $l "realloc" (core func $realloc))
  (core func $fetch' (canon lower (func $fetch) (memory $memory) (realloc $realloc)))
  (core module $m
    (import "h" "fetch" (func $fetch (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))
    (func (export "go") (param i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
      (call $fetch (local.get 0) (local.get 1) (local.get 2) (local.get 3) (local.get 4)
        (local.get 5) (local.get 6) (local.get 7) (local.get 8) (i32.const 64))
      (i32.const 64)))
  (core instance $i (instantiate $m (with "h" (instance (export "fetch" (func $fetch'))))))
  (export $request2 "request" (type $request))
  (export $response2 "response" (type $response))
  (export $error2 "error" (type $error))
  (func (export "go") (param "request" $request2)
    (result (result $response2 (error $error2)))
    (canon lift (core func $i "go") (memory $memory) (realloc $realloc))))"""


def fetched(
    url: str,
    *,
    ticket: Ticket | None,
    granted: Grant | None = None,
    guest: str | None = None,
    **parts: Any,
) -> Execution:
    """What the component got; `parts` are more fields of the request, in their JSON form."""
    request = {"method": "GET", "url": url, "headers": [], "body": "", "redirects": 0, **parts}
    invocation = FunctionInvocation(function="go", arguments={"request": request})
    digest = prepared(component() if guest is None else guest)
    return sandbox().run(digest, invocation, granted or grant(), None, ticket)

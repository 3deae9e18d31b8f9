"""Components that call other tools, and a runtime over a catalog of small guests."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from guests import TESTER, command, prepared, sandbox, wasi

from hatchway.core.call import ToolCall
from hatchway.core.limits import Limits
from hatchway.policy.document import Policy, ToolPolicy
from hatchway.policy.grammar import parse_capability
from hatchway.runtime.catalog import Catalog, catalog_of
from hatchway.runtime.runtime import Runtime
from hatchway.runtime.toolset import tools_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hatchway.core.call import Cancellation, Outcome
    from hatchway.core.egress import Egress
    from hatchway.core.events import Event
    from hatchway.core.tool import Tool

CALL = """(export "call" (func (param "name" string) (param "arguments" string)
      (result (result string (error $failure)))))"""
DESCRIBE = """(export "describe" (func (param "name" string)
      (result (result string (error $failure)))))"""
SEARCH = """(export "search" (func (param "query" string) (param "most" u32) (result string)))"""
FAILURE = '(record (field "code" string) (field "message" string))'

_REALLOC = """(func (export "realloc") (param i32 i32 i32 i32) (result i32) (local i32 i32)
      (local.set 4 (i32.and (i32.add (global.get $free) (i32.const 7)) (i32.const -8)))
      (global.set $free (i32.add (local.get 4) (local.get 3)))
      (local.set 5 (i32.sub
        (i32.shr_u (i32.add (global.get $free) (i32.const 65535)) (i32.const 16)) (memory.size)))
      (if (i32.gt_s (local.get 5) (i32.const 0)) (then
        (if (i32.eq (memory.grow (local.get 5)) (i32.const -1)) (then unreachable))))
      (local.get 4))"""


@cache
def caller(version: str = "0.1.0", *, failure: str = FAILURE, functions: str = "") -> str:
    """A component that passes on what it is asked to.

    `call`, `describe` and `search` are those of the interface. `twice` calls one tool and then
    another; `again` calls one tool so many times and gives back the last answer; `deep` uses so
    much of its stack and then calls. All take and give text as it is.
    """
    return f"""(component
  (import "hatchway:tools/tools@{version}" (instance $host
    (type $failure' {failure}) (export "failure" (type $failure (eq $failure')))
    {functions or SEARCH + DESCRIBE + CALL}))
  (alias export $host "failure" (type $failure))
  (alias export $host "search" (func $search))
  (alias export $host "describe" (func $describe))
  (alias export $host "call" (func $call))
  (core module $libc (memory (export "memory") 1) (global $free (mut i32) (i32.const 1024))
    {_REALLOC})
  (core instance $l (instantiate $libc))
  (alias core export $l "memory" (core memory $memory))
  (alias core export $l "realloc" (core func $realloc))
  (core func $search' (canon lower (func $search) (memory $memory) (realloc $realloc)))
  (core func $describe' (canon lower (func $describe) (memory $memory) (realloc $realloc)))
  (core func $call' (canon lower (func $call) (memory $memory) (realloc $realloc)))
  (core module $m
    (import "h" "search" (func $search (param i32 i32 i32 i32)))
    (import "h" "describe" (func $describe (param i32 i32 i32)))
    (import "h" "call" (func $call (param i32 i32 i32 i32 i32)))
    (func (export "search") (param i32 i32 i32) (result i32)
      (call $search (local.get 0) (local.get 1) (local.get 2) (i32.const 64)) (i32.const 64))
    (func (export "describe") (param i32 i32) (result i32)
      (call $describe (local.get 0) (local.get 1) (i32.const 64)) (i32.const 64))
    (func (export "call") (param i32 i32 i32 i32) (result i32)
      (call $call (local.get 0) (local.get 1) (local.get 2) (local.get 3) (i32.const 64))
      (i32.const 64))
    (func (export "twice") (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
      (call $call (local.get 0) (local.get 1) (local.get 2) (local.get 3) (i32.const 64))
      (call $call (local.get 4) (local.get 5) (local.get 6) (local.get 7) (i32.const 64))
      (i32.const 64))
    (func (export "again") (param i32 i32 i32 i32 i32) (result i32)
      (loop $on
        (call $call (local.get 0) (local.get 1) (local.get 2) (local.get 3) (i32.const 64))
        (local.set 4 (i32.sub (local.get 4) (i32.const 1)))
        (br_if $on (i32.gt_s (local.get 4) (i32.const 0))))
      (i32.const 64))
    (func $sink (param i32 i32 i32 i32 i32) (result i32)
      (if (result i32) (i32.eqz (local.get 4))
        (then (call $call (local.get 0) (local.get 1) (local.get 2) (local.get 3) (i32.const 64))
          (i32.const 64))
        (else (i32.add (i32.const 0) (call $sink (local.get 0) (local.get 1) (local.get 2)
          (local.get 3) (i32.sub (local.get 4) (i32.const 1)))))))
    (export "deep" (func $sink)))
  (core instance $i (instantiate $m (with "h" (instance
    (export "search" (func $search')) (export "describe" (func $describe'))
    (export "call" (func $call'))))))
  (export $failure2 "failure" (type $failure))
  (type $answer (result string (error $failure2)))
  (func (export "search") (param "query" string) (param "most" u32) (result string)
    (canon lift (core func $i "search") (memory $memory) (realloc $realloc)))
  (func (export "describe") (param "name" string) (result $answer)
    (canon lift (core func $i "describe") (memory $memory) (realloc $realloc)))
  (func (export "call") (param "name" string) (param "arguments" string) (result $answer)
    (canon lift (core func $i "call") (memory $memory) (realloc $realloc)))
  (func (export "twice") (param "name" string) (param "arguments" string)
    (param "name2" string) (param "arguments2" string) (result $answer)
    (canon lift (core func $i "twice") (memory $memory) (realloc $realloc)))
  (func (export "again") (param "name" string) (param "arguments" string) (param "times" u32)
    (result $answer) (canon lift (core func $i "again") (memory $memory) (realloc $realloc)))
  (func (export "deep") (param "name" string) (param "arguments" string) (param "frames" u32)
    (result $answer) (canon lift (core func $i "deep") (memory $memory) (realloc $realloc))))"""


MATHS = f"""(component
  (core module $m (memory (export "memory") 1) (global $free (mut i32) (i32.const 1024))
    {_REALLOC}
    (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
    (func (export "trap") (result i32) unreachable)
    (func (export "spin") (result i32) (loop $on (br $on)) (i32.const 0))
    (func (export "eat") (result i32)
      (loop $on (br_if $on (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))) unreachable)
    (func (export "echo") (param i32 i32) (result i32)
      (i32.store (i32.const 16) (local.get 0)) (i32.store (i32.const 20) (local.get 1))
      (i32.const 16)))
  (core instance $i (instantiate $m))
  (alias core export $i "memory" (core memory $memory))
  (alias core export $i "realloc" (core func $realloc))
  (func (export "add") (param "a" s32) (param "b" s32) (result s32)
    (canon lift (core func $i "add")))
  (func (export "trap") (result s32) (canon lift (core func $i "trap")))
  (func (export "spin") (result s32) (canon lift (core func $i "spin")))
  (func (export "eat") (result s32) (canon lift (core func $i "eat")))
  (func (export "echo") (param "text" string) (result string)
    (canon lift (core func $i "echo") (memory $memory) (realloc $realloc))))"""
"""A component with an honest sum, an echo, and three ways to end badly."""

CAT = command(
    """
    (if (call $path_open (i32.const 3) (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 0)
          (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 32))
      (then (call $proc_exit (i32.const 1))))
    (drop (call $fd_read (i32.load (i32.const 32)) (i32.const 0) (i32.const 1) (i32.const 8)))
    (i32.store (i32.const 4) (i32.load (i32.const 8)))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))""",
    imports=wasi("path_open", "i32 i32 i32 i32 i32 i64 i64 i32 i32")
    + wasi("fd_read")
    + wasi("fd_write")
    + wasi("proc_exit", "i32", result=False),
    declarations='(data (i32.const 0) "\\00\\01\\00\\00\\00\\04\\00\\00")(data (i32.const 64) "f")',
)
"""A command that prints the file `f` of its one directory."""


@dataclass(kw_only=True)
class Workshop:
    """A runtime over guests in text form, and the events it wrote.

    Attributes:
        guests: Text by the name of the entry.
        entries: What the policy says of each, as keywords of `ToolPolicy`.
        policy: More keywords of the policy.
        on_event: Told about every event, on the thread of its call.
    """

    guests: Mapping[str, str]
    entries: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    policy: Mapping[str, Any] = field(default_factory=dict)
    egress: Egress | None = None
    events: list[Event] = field(default_factory=list)
    on_event: Callable[[Event], object] | None = None

    def __post_init__(self) -> None:
        """Admit everything."""
        self.runtime = Runtime(self.catalog(), sandbox(), self, self.egress)

    def emit(self, event: Event) -> None:
        """Keep what is put on record."""
        self.events.append(event)
        if self.on_event is not None:
            self.on_event(event)

    def catalog(self, **changed: Mapping[str, Any]) -> Catalog:
        """The catalog, with `changed` entries."""
        tools: dict[str, Tool] = {}
        entries: dict[str, ToolPolicy] = {}
        for name, text in self.guests.items():
            digest = prepared(text)
            for tool in tools_of(name, digest, sandbox().surface(digest), None).tools:
                tools[tool.name] = tool
            facts = {"allow": (), "limits": Limits(), **self.entries.get(name, {})}
            entries[name] = _entry(name, {**facts, **changed.get(name, {})})
        return catalog_of(Policy(tools=entries, **self.policy), tools)

    def call(
        self, tool: str, cancellation: Cancellation | None = None, **arguments: Any
    ) -> Outcome:
        """One call from outside."""
        call = ToolCall(
            call_id=self.runtime.new_call_id(), principal=TESTER, tool=tool, arguments=arguments
        )
        return self.runtime.call(call, cancellation)

    def ends(self) -> list[tuple[str | None, str, str | None, int]]:
        """Every terminal event: tool, name, code and depth."""
        return [
            (event.tool, event.name, event.code, event.depth)
            for event in self.events
            if event.name.startswith("call.")
        ]


def _entry(name: str, facts: Mapping[str, Any]) -> ToolPolicy:
    allow = tuple(
        parse_capability(item, side="allowed") if isinstance(item, str) else item
        for item in facts["allow"]
    )
    return ToolPolicy(name=name, source=f"{name}.wasm", **{**facts, "allow": allow})


def spelled(**arguments: Any) -> str:
    """Arguments of an inner call, as a guest spells them."""
    return json.dumps(arguments)


def nested(name: str, levels: int, last: str, arguments: str) -> dict[str, Any]:
    """The arguments of `name`'s `call`, so that it calls itself `levels` times and then `last`."""
    inner: dict[str, Any] = {"name": last, "arguments": arguments}
    for _ in range(levels):
        inner = {"name": f"{name}.call", "arguments": json.dumps(inner)}
    return inner


_KINDS = '(record (field "kind" string) (field "message" string) (field "traceback" string))'
_RUN = """(param "code" string) (param "inputs" string)
      (result (result (option string) (error {})))"""
INTERPRETER = f"""(component
  (import "hatchway:tools/tools@0.1.0" (instance $host
    (type $failure' {FAILURE}) (export "failure" (type $failure (eq $failure')))
    {CALL}))
  (alias export $host "call" (func $call))
  (core module $libc (memory (export "memory") 1) (global $free (mut i32) (i32.const 1024))
    {_REALLOC})
  (core instance $l (instantiate $libc))
  (alias core export $l "memory" (core memory $memory))
  (alias core export $l "realloc" (core func $realloc))
  (core func $call' (canon lower (func $call) (memory $memory) (realloc $realloc)))
  (core module $m
    (import "h" "call" (func $call (param i32 i32 i32 i32 i32)))
    (import "l" "memory" (memory 1))
    (func (export "run") (param i32 i32 i32 i32) (result i32)
      (call $call (local.get 0) (local.get 1) (local.get 2) (local.get 3) (i32.const 64))
      (if (i32.load8_u (i32.const 64))
        (then
          (i32.store8 (i32.const 128) (i32.const 1))
          (i64.store (i32.const 132) (i64.load (i32.const 68)))
          (i64.store (i32.const 140) (i64.load (i32.const 76))))
        (else
          (i32.store (i32.const 132) (i32.const 1))
          (i64.store (i32.const 136) (i64.load (i32.const 68)))))
      (i32.const 128)))
  (core instance $i (instantiate $m
    (with "h" (instance (export "call" (func $call')))) (with "l" (instance $l))))
  (type $kinds {_KINDS})
  (func $run {_RUN.format("$kinds")}
    (canon lift (core func $i "run") (memory $memory) (realloc $realloc)))
  (component $shim
    (type $kinds' {_KINDS})
    (import "kinds" (type $kinds (eq $kinds')))
    (import "run" (func $run {_RUN.format("$kinds")}))
    (export $failure "failure" (type $kinds))
    (export "run" (func $run) (func {_RUN.format("$failure")})))
  (instance $code (instantiate $shim (with "kinds" (type $kinds)) (with "run" (func $run))))
  (export "hatchway:exec/code@0.1.0" (instance $code)))"""
"""An interpreter of a language whose programs are the name of a tool; the inputs are its arguments.

Its value is what the tool gave back, and its exception why that failed.
"""

"""What a large catalog costs: listing a thousand tools, searching them, and keeping them.

    python bench/catalog.py [--json] [--tools N]

All of the tools are admitted: ten functions in each of a hundred components, through the same
path as `hatchway add`. `list (server)` is what a server does over its pipes, from the line of a
request to the line of the answer; that is ours, and judged. `list (both)` is the same for a client
of the MCP SDK in the same process: what is above the first is the client's half, which checks every
tool. `search` and `list (discovery)` are of both halves. `inner` is what one call of a tool by a
tool adds to the call that makes it, and `call` a call of the same tool from outside. `cpu` is
processor time, which a busy machine does not lengthen much.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import anyio
import wasmtime
from mcp import Client, types
from measuring import quantile

from hatchway.compose import open_application
from hatchway.core.call import Principal, ToolCall
from hatchway.serve.door import Doorkeeper
from hatchway.serve.stdio import LineReader, serve_stdio

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from hatchway.compose import Application
    from hatchway.runtime.runtime import Runtime

CALLER = Principal(tenant="local", subject="bench", door="library")
FUNCTIONS = 10
QUERIES = ("convert metres", "report", "ledger-7.total", "sum of invoices", "zebra", "parse da")
SUBJECTS = ("invoice", "ledger", "report", "calendar", "weather", "metre", "text", "image",
            "archive", "route")  # fmt: skip
VERBS = ("sum", "convert", "parse", "list", "compare", "render", "split", "join", "rank", "check")
MOST_MS = {"list (server)": 50.0, "search": 20.0}
"""What is promised, and makes this program fail; the client's half of a list is not ours."""


def component(subject: str) -> bytes:
    """Ten functions about one subject."""
    exports = "".join(
        f'(func (export "{verb}-{subject}") (param "first-{subject}" s32) (param "other" s32) '
        '(result s32) (canon lift (core func $i "add")))'
        for verb in VERBS
    )
    return bytes(
        wasmtime.wat2wasm(f"""(component
      (core module $m (func (export "add") (param i32 i32) (result i32)
        (i32.add (local.get 0) (local.get 1))))
      (core instance $i (instantiate $m)) {exports})""")
    )


GLUE = """(component
  (import "hatchway:tools/tools@0.1.0" (instance $host
    (type $f' (record (field "code" string) (field "message" string)))
    (export "failure" (type $f (eq $f')))
    (export "call" (func (param "name" string) (param "arguments" string)
      (result (result string (error $f)))))))
  (alias export $host "call" (func $call))
  (core module $libc (memory (export "memory") 1) (global $free (mut i32) (i32.const 1024))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (local i32)
      (local.set 4 (i32.and (i32.add (global.get $free) (i32.const 7)) (i32.const -8)))
      (global.set $free (i32.add (local.get 4) (local.get 3))) (local.get 4)))
  (core instance $l (instantiate $libc))
  (alias core export $l "memory" (core memory $memory))
  (alias core export $l "realloc" (core func $realloc))
  (core func $call' (canon lower (func $call) (memory $memory) (realloc $realloc)))
  (core module $m
    (import "h" "call" (func $call (param i32 i32 i32 i32 i32)))
    (func (export "again") (param i32 i32 i32 i32 i32)
      (loop $on
        (if (i32.le_s (local.get 4) (i32.const 0)) (then (return)))
        (call $call (local.get 0) (local.get 1) (local.get 2) (local.get 3) (i32.const 64))
        (local.set 4 (i32.sub (local.get 4) (i32.const 1)))
        (br $on))))
  (core instance $i (instantiate $m (with "h" (instance (export "call" (func $call'))))))
  (func (export "again") (param "name" string) (param "arguments" string) (param "times" u32)
    (canon lift (core func $i "again") (memory $memory) (realloc $realloc))))"""
"""Calls one tool so many times."""


def admit(application: Application, directory: Path, tools: int) -> None:
    """Admit so many tools, and one that calls them."""
    for number in range(tools // FUNCTIONS):
        subject = SUBJECTS[number % len(SUBJECTS)]
        name = f"{subject}-{number}"
        file = directory / f"{name}.wasm"
        # No two components are the same, or one would be compiled for all of them.
        file.write_bytes(component(f"{subject}-{number}"))
        application.keeper.admit(name, str(file), [])
    glue = directory / "glue.wasm"
    glue.write_bytes(bytes(wasmtime.wat2wasm(GLUE)))
    application.keeper.admit("glue", str(glue), ["tool=invoice-0"])


def resident_bytes() -> int:
    """Memory of this process that is really there."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


class Took(NamedTuple):
    """How long something took, in milliseconds."""

    wall: float
    cpu: float


def now() -> Took:
    """Two clocks at once."""
    return Took(time.perf_counter() * 1e3, time.process_time() * 1e3)


def since(began: Took) -> Took:
    """What went by on both."""
    ended = now()
    return Took(ended.wall - began.wall, ended.cpu - began.cpu)


def timed(runs: int, work: Callable[[], object]) -> list[Took]:
    """Each run."""
    took = []
    for _ in range(runs):
        began = now()
        work()
        took.append(since(began))
    return took


async def timed_requests(runs: int, ask: Callable[[], Awaitable[object]]) -> list[Took]:
    """Each request."""
    took = []
    for _ in range(runs):
        began = now()
        await ask()
        took.append(since(began))
    return took


def keeper_of(runtime: Runtime, *, has_discovery: bool = False) -> Doorkeeper:
    """A door to `runtime`."""
    return Doorkeeper(
        runtime,
        at_once=4,
        on_rejected=lambda *_: None,
        on_lost_thread=lambda *_: None,
        has_discovery=has_discovery,
    )


def served(runtime: Runtime, *, has_discovery: bool) -> Any:
    """A client of a server over `runtime`."""
    keeper = keeper_of(runtime, has_discovery=has_discovery)
    return Client(keeper.server("stdio"), mode="auto")


class Pipes:
    """Both ends of what a client over standard input and output holds."""

    def __init__(self) -> None:
        self.input, self._to = os.pipe()
        self._from, self.output = os.pipe()
        self._reader = LineReader(self._from)

    def send(self, method: str, params: dict[str, Any], number: int | None = None) -> None:
        """One message."""
        message: dict[str, Any] = {"jsonrpc": "2.0", "method": method, "params": params}
        if number is not None:
            message["id"] = number
        os.write(self._to, json.dumps(message).encode() + b"\n")

    async def ask(self, method: str, params: dict[str, Any]) -> str:
        """One request, and its answer as it comes."""
        self.send(method, params, 1)
        return await anext(self._reader)

    def hang_up(self) -> None:
        """No more requests."""
        os.close(self._to)


async def server_half(runtime: Runtime) -> list[Took]:
    """Lists as a server sends them, without anybody who understands them."""
    pipes: Any = Pipes()
    async with anyio.create_task_group() as group:
        group.start_soon(serve_stdio, keeper_of(runtime).server("stdio"), pipes)
        await pipes.ask(
            "initialize",
            {
                "protocolVersion": types.LATEST_PROTOCOL_VERSION,
                "capabilities": {},
                "clientInfo": {"name": "bench", "version": "1"},
            },
        )
        pipes.send("notifications/initialized", {})
        took = await timed_requests(30, lambda: pipes.ask("tools/list", {}))
        pipes.hang_up()
    return took


async def measured(runtime: Runtime) -> dict[str, list[Took]]:
    """What clients wait for."""
    rows: dict[str, list[Took]] = {"list (server)": await server_half(runtime)}
    async with served(runtime, has_discovery=False) as client:
        rows["list (both)"] = await timed_requests(30, client.session.list_tools)
    async with served(runtime, has_discovery=True) as client:
        rows["list (discovery)"] = await timed_requests(30, client.session.list_tools)
        for query in QUERIES:
            arguments = {"query": query, "limit": 50}
            rows.setdefault("search", []).extend(
                await timed_requests(10, lambda: client.call_tool("search_tools", arguments))  # noqa: B023 - awaited at once
            )
    return rows


def called(runtime: Runtime, tool: str, arguments: dict[str, Any]) -> None:
    """One call, which has to go well."""
    call = ToolCall(call_id=runtime.new_call_id(), principal=CALLER, tool=tool, arguments=arguments)
    outcome = runtime.call(call)
    assert not outcome.is_error, outcome


def inner(runtime: Runtime) -> dict[str, list[Took]]:
    """A call from outside, and one from inside another call."""
    name = "invoice-0.sum-invoice-0"
    asked = {"first-invoice-0": 1, "other": 2}
    again = {"name": name, "arguments": json.dumps(asked), "times": 0}
    rows: dict[str, list[Took]] = {"call": [], "inner": []}
    called(runtime, "glue.again", again)
    for _ in range(40):
        rows["call"] += timed(25, lambda: called(runtime, name, asked))
        (without,) = timed(1, lambda: called(runtime, "glue.again", again))
        (with_calls,) = timed(1, lambda: called(runtime, "glue.again", {**again, "times": 25}))
        inside = Took(*((one - none) / 25 for one, none in zip(with_calls, without, strict=True)))
        rows["inner"].append(inside)
    return rows


def report(tools: int) -> dict[str, Any]:
    """Everything, in a home of its own."""
    home = Path(os.environ["HOME"])
    application = open_application(start=home)
    admit(application, home, tools)
    # A server starts with what was admitted, and not with what admitting left behind.
    done = subprocess.run(
        [sys.executable, __file__, "--of", str(home)], check=True, stdout=subprocess.PIPE, text=True
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def row(took: list[Took]) -> dict[str, float]:
    """One line of the table."""
    wall, cpu = sorted(each.wall for each in took), sorted(each.cpu for each in took)
    return {
        "p50_ms": round(quantile(wall, 0.5), 3),
        "p99_ms": round(quantile(wall, 0.99), 3),
        "cpu_ms": round(quantile(cpu, 0.5), 3),
    }


def serve(home: Path) -> dict[str, Any]:
    """What a process that serves the catalog of `home` measures."""
    application = open_application(start=home)
    before = resident_bytes()
    began = time.perf_counter()
    runtime = application.runtime()
    loaded_ms = (time.perf_counter() - began) * 1e3
    rows = anyio.run(measured, runtime) | inner(runtime)
    return {
        "tools": len(runtime.catalog.entries),
        "load_ms": round(loaded_ms, 1),
        "memory_bytes": resident_bytes() - before,
        "rows": {name: row(took) for name, took in rows.items()},
    }


def main() -> int:
    """Measure, print, and say whether the figures are what was promised."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--tools", type=int, default=1000)
    parser.add_argument("--of", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.of is not None:
        sys.stdout.write(json.dumps(serve(options.of)))
        return 0
    with tempfile.TemporaryDirectory() as home:
        os.environ.update(
            {"HOME": home}
            | {
                f"XDG_{kind}_HOME": f"{home}/{kind.lower()}"
                for kind in ("CONFIG", "DATA", "STATE", "CACHE")
            }
        )
        found = report(options.tools)
    if options.json:
        sys.stdout.write(json.dumps(found) + "\n")
    else:
        _print(found)
    return 0 if all(found["rows"][name]["p50_ms"] <= most for name, most in MOST_MS.items()) else 1


def _print(found: dict[str, Any]) -> None:
    lines = [
        f"{found['tools']} tools, loaded in {found['load_ms']} ms, "
        f"{found['memory_bytes'] / 1e6:.1f} MB with indexes",
        f"{'ms':<18} {'p50':>9} {'p99':>9} {'cpu':>9}",
        *(
            f"{name:<18} {each['p50_ms']:>9.3f} {each['p99_ms']:>9.3f} {each['cpu_ms']:>9.3f}"
            for name, each in found["rows"].items()
        ),
        *(f"promised: {name} within {most:g} ms" for name, most in MOST_MS.items()),
        "list (both) holds the half of the SDK's client, which no server can shorten",
    ]
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    sys.exit(main())

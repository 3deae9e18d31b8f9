"""The speed table: every row against its floor, measured in the same run.

    python bench/engine.py [--json] [--quick] [--row NAME]

`command` and `component` run through the engine alone; `call` adds policy, schemas and the
event; `threads` compares two threads with two processes; `mcp` goes through a real server
and back. A row that does not hold makes the exit status 1.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import floor
import wasmtime
from measuring import Row, in_turns, machine, quantile

from hatchway.compose import open_application
from hatchway.core.call import Principal, ToolCall
from hatchway.core.limits import Limits
from hatchway.core.manifest import ToolManifest
from hatchway.core.sandbox import CommandInvocation, FunctionInvocation
from hatchway.core.tool import Tool
from hatchway.engine.sandbox import EngineSandbox
from hatchway.policy.decide import decide
from hatchway.policy.document import Policy, ToolPolicy
from hatchway.registry.store import digest_of
from hatchway.runtime.interpreters import ready
from hatchway.runtime.settings import Directories, directories

if TYPE_CHECKING:
    from collections.abc import Callable

    from hatchway.core.grant import Grant

CALLER = Principal(tenant="local", subject="bench", door="library")
ARGUMENTS = {"x": "1" * 92}
MANIFEST = """
name = "echo"
description = "Echo the arguments."
abi = "json"
[input]
type = "object"
required = ["x"]
additionalProperties = false
properties = { x = { type = "string" } }
[output]
type = "object"
required = ["x"]
additionalProperties = false
properties = { x = { type = "string" } }
"""


def wasm(text: str) -> bytes:
    return bytes(wasmtime.wat2wasm(text))


def granted(limits: Limits | None = None) -> Grant:
    tool = Tool(
        name="bench",
        owner="bench",
        digest="sha256:" + "0" * 64,
        manifest=ToolManifest(name=None),
        input_schema={},
        output_schema=None,
    )
    entry = ToolPolicy(name="bench", source="bench.wasm", limits=limits or Limits())
    return decide(tool, Policy(tools={"bench": entry}), CALLER)


def sandbox() -> EngineSandbox:
    return EngineSandbox(artifacts=lambda _: b"")


def command_row(rounds: int) -> Row:
    engine, artifact, grant = sandbox(), wasm(floor.COMMAND), granted()
    digest = digest_of(artifact)
    engine.prepare(artifact, digest)
    invocation = CommandInvocation(arguments=(b"echo",), stdin=floor.DATA)
    assert engine.run(digest, invocation, grant).stdout == floor.DATA
    return _ratio_row(
        "command", floor.command(), lambda: engine.run(digest, invocation, grant), rounds, 1.5
    )


def component_row(rounds: int) -> Row:
    engine, artifact, grant = sandbox(), wasm(floor.COMPONENT), granted()
    digest = digest_of(artifact)
    engine.prepare(artifact, digest)
    invocation = FunctionInvocation(function="run", arguments={"text": floor.TEXT})
    assert engine.run(digest, invocation, grant).value == floor.TEXT
    return _ratio_row(
        "component",
        floor.component_echo(),
        lambda: engine.run(digest, invocation, grant),
        rounds,
        1.5,
    )


def exec_row(rounds: int, language: str = "python") -> Row:
    """Generated code in a fresh interpreter, against the same component without gates."""
    artifact = ready(language, directories=directories(), tell=print).read_bytes()
    code = _CODE[language]
    engine, digest = sandbox(), digest_of(artifact)
    engine.prepare(artifact, digest)
    invocation = FunctionInvocation(
        function="hatchway:exec/code@0.1.0#run", arguments={"code": code, "inputs": "{}"}
    )
    grant = granted(Limits(fuel=10 * floor.FUEL))
    assert engine.run(digest, invocation, grant).value == _VALUE
    return _ratio_row(
        "exec" if language == "python" else f"exec-{language}",
        floor.interpreter(artifact, code),
        lambda: engine.run(digest, invocation, grant),
        rounds,
        1.25,
    )


_CODE = {
    "python": """import json
rows = [{"name": f"row {number}", "size": number * number} for number in range(100)]
print(json.dumps(rows[:3]))
sum(row["size"] for row in rows)
""",
    "javascript": """
const rows = Array.from({length: 100}, (_, at) => ({name: `row ${at}`, size: at * at}));
console.log(JSON.stringify(rows.slice(0, 3)));
rows.reduce((sum, row) => sum + row.size, 0)
""",
}
_VALUE = "328350"


def files_row(rounds: int) -> Row:
    """A call with a workspace, one file of 10 kB in and one out, against the wheel's own WASI."""
    engine, artifact = sandbox(), wasm(floor.COPY)
    grant = granted(Limits(scratch_bytes=1 << 20))
    digest = digest_of(artifact)
    engine.prepare(artifact, digest)
    invocation = CommandInvocation(arguments=(b"copy",), files={"in": floor.FILE}, wanted=("out",))
    lowest = floor.files()
    assert lowest() == engine.run(digest, invocation, grant).files["out"] == floor.FILE
    return _ratio_row("files", lowest, lambda: engine.run(digest, invocation, grant), rounds, 2.0)


def _ratio_row(
    job: str, lowest: Callable[[], object], ours: Callable[[], object], rounds: int, most: float
) -> Row:
    base, times = in_turns(lowest, ours, rounds=rounds)
    ratio = quantile(times, 0.5) / quantile(base, 0.5)
    return Row(
        job,
        quantile(base, 0.5),
        quantile(times, 0.5),
        quantile(times, 0.99),
        ratio,
        len(times),
        f"at most {most} x",
        ratio <= most,
    )


def call_row(rounds: int) -> Row:
    """`Runtime.call` against the engine alone, both with the same artifact and arguments."""
    with tempfile.TemporaryDirectory() as directory:
        home = Path(directory)
        (home / "echo.wasm").write_bytes(wasm(floor.COMMAND))
        (home / "echo.tool.toml").write_text(MANIFEST)
        application = open_application(
            start=home,
            own=Directories(config=home / "c", data=home / "d", state=home / "s", cache=home / "k"),
        )
        admitted = application.keeper.admit("echo", str(home / "echo.wasm"), [])
        runtime, engine = application.runtime(), application.sandbox
        grant, digest = granted(), admitted.lock.digest
        invocation = CommandInvocation(arguments=(b"echo",), stdin=floor.DATA)

        def call() -> None:
            request = ToolCall(
                call_id=runtime.new_call_id(), principal=CALLER, tool="echo", arguments=ARGUMENTS
            )
            assert not runtime.call(request).is_error

        base, times = in_turns(lambda: engine.run(digest, invocation, grant), call, rounds=rounds)
    lowest, middle = quantile(base, 0.5), quantile(times, 0.5)
    return Row(
        "call",
        lowest,
        middle,
        quantile(times, 0.99),
        middle / lowest,
        len(times),
        "at most 60 us more",
        middle - lowest <= 60,
    )


SPIN_LIMITS = Limits(fuel=10**15, deadline_seconds=60)


def threads_row(seconds: float) -> Row:
    """Guests finished by two threads here, against two processes that do nothing else."""
    engine, artifact, grant = sandbox(), wasm(floor.SPIN), granted(SPIN_LIMITS)
    digest = digest_of(artifact)
    engine.prepare(artifact, digest)
    invocation = CommandInvocation(arguments=(b"spin",))
    alone, together = 0.0, 0.0
    for _ in range(3):
        alone += sum(_in_processes(seconds / 3))
        together += sum(_in_threads(lambda: engine.run(digest, invocation, grant), seconds / 3))
    ratio = together / alone
    return Row(
        "threads",
        2e6 * seconds / alone,
        2e6 * seconds / together,
        2e6 * seconds / together,
        ratio,
        int(together),
        "at least 0.95 x",
        ratio >= 0.95,
    )


def _in_threads(run: Callable[[], object], seconds: float) -> list[int]:
    counts = [0, 0]
    gate = threading.Barrier(2)

    def work(number: int) -> None:
        run()
        gate.wait()
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            run()
            counts[number] += 1

    threads = [threading.Thread(target=work, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return counts


_PROCESS = """
import sys, time
sys.path.insert(0, sys.argv[1])
import floor
floor.FUEL = 10**15
run = floor.command(getattr(floor, sys.argv[3]))
run()
print("ready", flush=True)
sys.stdin.readline()
end = time.perf_counter() + float(sys.argv[2])
count = 0
while time.perf_counter() < end:
    run()
    count += 1
print(count)
"""


def _in_processes(seconds: float, guest: str = "SPIN") -> list[int]:
    here = str(Path(__file__).parent)
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", _PROCESS, here, str(seconds), guest],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    for process in processes:
        assert process.stdout is not None
        process.stdout.readline()
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    return [int(process.communicate()[0]) for process in processes]


def mcp_row(rounds: int) -> Row:
    """A call through `hatchway serve` and back, against a native tool of the same SDK."""
    with tempfile.TemporaryDirectory() as directory:
        home = Path(directory)
        environment = {
            **os.environ,
            **{
                f"XDG_{kind}_HOME": str(home / kind)
                for kind in ("CONFIG", "DATA", "STATE", "CACHE")
            },
        }
        (home / "echo.wasm").write_bytes(wasm(floor.COMMAND))
        (home / "echo.tool.toml").write_text(MANIFEST)
        hatchway = [sys.executable, "-m", "hatchway"]
        subprocess.run(
            [*hatchway, "add", str(home / "echo.wasm"), "--yes"],
            env=environment, check=True, capture_output=True,
        )  # fmt: skip
        native = [sys.executable, str(Path(__file__).with_name("native_server.py"))]
        with (
            _Server(native, environment) as plain,
            _Server([*hatchway, "serve"], environment) as ours,
        ):
            base, times = in_turns(plain.call, ours.call, rounds=rounds, block=10)
    ratio = quantile(times, 0.5) / quantile(base, 0.5)
    return Row(
        "mcp",
        quantile(base, 0.5),
        quantile(times, 0.5),
        quantile(times, 0.99),
        ratio,
        len(times),
        "at most 1.1 x",
        ratio <= 1.1,
    )


class _Server:
    """A server process, spoken to in bare JSON lines so that the client costs nothing."""

    def __init__(self, command: list[str], environment: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self._number = 0

    def __enter__(self) -> _Server:
        information = {"name": "bench", "version": "1"}
        self._ask(
            "initialize",
            {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": information},
        )
        self._send({"jsonrpc": "2.0", "method": "notifications/initialized"})
        return self

    def __exit__(self, *_error: object) -> None:
        self._process.terminate()
        self._process.communicate()

    def call(self) -> None:
        answer = self._ask("tools/call", {"name": "echo", "arguments": ARGUMENTS})
        assert answer["result"]["structuredContent"] == ARGUMENTS

    def _ask(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        self._number += 1
        self._send({"jsonrpc": "2.0", "id": self._number, "method": method, "params": params})
        assert self._process.stdout is not None
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def _send(self, message: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(message).encode() + b"\n")
        self._process.stdin.flush()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--quick", action="store_true", help="a tenth of the rounds")
    parser.add_argument("--row", action="append", help="only this row; may be repeated")
    options = parser.parse_args()
    scale = 0.1 if options.quick else 1.0
    rows: dict[str, Callable[[], Row]] = {
        "command": lambda: command_row(int(60 * scale)),
        "component": lambda: component_row(int(60 * scale)),
        "call": lambda: call_row(int(40 * scale)),
        "files": lambda: files_row(int(30 * scale)),
        "exec": lambda: exec_row(int(20 * scale)),
        "exec-javascript": lambda: exec_row(int(60 * scale), "javascript"),
        "threads": lambda: threads_row(12 * scale),
        "mcp": lambda: mcp_row(int(150 * scale)),
    }
    measured = [rows[name]() for name in options.row or rows]
    if options.json:
        print(json.dumps({"machine": machine(), "rows": [row.to_json() for row in measured]}))
    else:
        print(f"{'job':<10} {'floor us':>10} {'p50 us':>10} {'p99 us':>10} {'ratio':>6}  must be")
        for row in measured:
            verdict = "" if row.holds else "  DOES NOT HOLD"
            print(
                f"{row.job:<10} {row.floor_us:>10.1f} {row.p50_us:>10.1f} {row.p99_us:>10.1f} "
                f"{row.ratio:>6.2f}  {row.must}{verdict}"
            )
    return 0 if all(row.holds for row in measured) else 1


if __name__ == "__main__":
    sys.exit(main())

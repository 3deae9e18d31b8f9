"""What the network costs a guest, against a client that asks the same server directly.

    python bench/egress.py [--json] [--quick]

`request` is a whole call that makes one small request, less the same call without it, against
`http.client` on a kept connection. `download` and `upload` stream 100 MB and report how much
memory that took at most. `fleet` is fifty calls at once, each with a request that the server
answers when all have arrived; `queue` the same with a limit of sixteen requests at once.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import wasmtime
from measuring import Row, in_turns, machine, quantile

from hatchway.compose import open_application
from hatchway.core.call import Principal, ToolCall
from hatchway.engine.settings import EngineSettings
from hatchway.runtime.settings import Directories

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hatchway.core.call import Outcome
    from hatchway.runtime.runtime import Runtime

CALLER = Principal(tenant="local", subject="bench", door="library")
MEGABYTE = 1_000_000
STREAMED = 100 * MEGABYTE
MOST_MORE_US = 6000
MOST_MORE_MEMORY = 20 * MEGABYTE
CALLS = 50
AT_ONCE = 16
DESCRIPTORS_OF_A_CALL = 3
"""The guest's end, the broker's end of the same connection, and the one to the server."""
_FETCH = "hatchway_fetch_0_1"


def guest(url: str, upload_bytes: int = 0) -> bytes:
    """A command that asks `url`, sends `upload_bytes`, and takes whatever comes back."""
    method = "POST" if upload_bytes else "GET"
    headers = [["content-length", str(upload_bytes)]] if upload_bytes else []
    asked = json.dumps({"method": method, "url": url, "headers": headers})
    escaped = asked.replace('"', "\\22")
    names = {
        "open": "i32 i32 i32",
        "write": "i32 i32 i32 i32",
        "send": "i32 i32",
        "read": "i32 i32 i32 i32",
    }
    imports = "\n".join(
        f'(import "{_FETCH}" "{name}" (func ${name} (param {parameters}) (result i32)))'
        for name, parameters in names.items()
    )
    block = 1 << 16
    return bytes(
        wasmtime.wat2wasm(f"""(module
          {imports}
          (memory (export "memory") 8)
          (data (i32.const 1024) "{escaped}")
          (func $sure (param i32) (if (local.get 0) (then unreachable)))
          (func (export "_start") (local $left i32)
            (call $sure (call $open (i32.const 1024) (i32.const {len(asked)}) (i32.const 0)))
            (local.set $left (i32.const {upload_bytes}))
            (loop $more
              (if (local.get $left) (then
                (call $sure (call $write (i32.load (i32.const 0)) (i32.const {block})
                  (select (local.get $left) (i32.const {block})
                    (i32.lt_u (local.get $left) (i32.const {block})))
                  (i32.const 8)))
                (local.set $left (i32.sub (local.get $left) (i32.load (i32.const 8))))
                (br $more))))
            (call $sure (call $send (i32.load (i32.const 0)) (i32.const 4)))
            (loop $more
              (call $sure (call $read (i32.load (i32.const 0)) (i32.const {block})
                (i32.const {4 * block}) (i32.const 8)))
              (br_if $more (i32.load (i32.const 8))))))""")
    )


@dataclass(frozen=True)
class World:
    """A server, and a runtime with tools that ask it."""

    port: int
    runtime: Runtime

    def call(self, tool: str) -> Outcome:
        """One call."""
        request = ToolCall(
            call_id=self.runtime.new_call_id(), principal=CALLER, tool=tool, arguments={}
        )
        outcome = self.runtime.call(request)
        assert not outcome.is_error, outcome
        return outcome


@contextlib.contextmanager
def server() -> Iterator[int]:
    """The server's port."""
    program = str(Path(__file__).with_name("web_server.py"))
    process = subprocess.Popen(
        [sys.executable, program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        yield int(process.stdout.readline())
    finally:
        process.terminate()
        process.communicate()


@contextlib.contextmanager
def world() -> Iterator[World]:
    """Every tool of the table, admitted."""
    with server() as port, tempfile.TemporaryDirectory() as directory:
        home = Path(directory)
        origin = f"http://localhost:{port}"
        nothing = bytes(
            wasmtime.wat2wasm('(module (memory (export "memory") 8) (func (export "_start")))')
        )
        artifacts = {
            "nothing": nothing,
            "small": guest(f"{origin}/small"),
            "download": guest(f"{origin}/bytes/{STREAMED}"),
            "upload": guest(f"{origin}/small", STREAMED),
            "fleet": guest(f"{origin}/hold/{CALLS}"),
            "queue": guest(f"{origin}/hold/{CALLS}"),
        }
        policy = ["version = 1"]
        for name, artifact in artifacts.items():
            (home / f"{name}.wasm").write_bytes(artifact)
            at_once = AT_ONCE if name == "queue" else CALLS
            policy += [
                f'[tools.{name}]\nsource = "{home}/{name}.wasm"',
                f'allow = ["net.http={origin};internal"]' if name != "nothing" else "",
                f'[tools.{name}.limits]\nfuel = 100_000_000_000\ndeadline = "120s"',
                f'[tools.{name}.egress]\nrequest = "1GiB"\nresponse = "1GiB"',
                f"concurrent = {at_once}\nper_minute = 1_000_000",
            ]
        own = Directories(config=home / "c", data=home / "d", state=home / "s", cache=home / "k")
        own.config.mkdir()
        (own.config / "hatchway.toml").write_text("\n".join(policy) + "\n")
        settings = EngineSettings(concurrent_calls=CALLS)
        application = open_application(start=home, own=own, engine_settings=settings)
        runtime, _ = application.live(lambda _: None)
        yield World(port, runtime)


def request_row(world: World, rounds: int) -> Row:
    """One small request, in a call, against one that is made directly."""
    connection = http.client.HTTPConnection("127.0.0.1", world.port)

    def direct() -> None:
        connection.request("GET", "/small")
        connection.getresponse().read()

    empty, _ = in_turns(lambda: world.call("nothing"), direct, rounds=rounds, block=20)
    base, times = in_turns(direct, lambda: world.call("small"), rounds=rounds, block=20)
    lowest = quantile(base, 0.5)
    middle = quantile(times, 0.5) - quantile(empty, 0.5)
    return Row(
        job="request",
        floor_us=lowest,
        p50_us=middle,
        p99_us=quantile(times, 0.99) - quantile(empty, 0.5),
        ratio=middle / lowest,
        runs=len(times),
        must=f"at most {MOST_MORE_US} us more",
        holds=middle - lowest <= MOST_MORE_US,
    )


def stream_row(world: World, tool: str) -> tuple[Row, float]:
    """100 MB, and the megabytes of memory that it took at most."""
    world.call("small")
    base = _direct_stream(world.port, tool)
    # What was allocated and freed before this must not count for it.
    Path("/proc/self/clear_refs").write_text("5")
    before = _memory("VmRSS")
    began = time.perf_counter_ns()
    world.call(tool)
    took = (time.perf_counter_ns() - began) / 1000
    more = (_memory("VmHWM") - before) / MEGABYTE
    row = Row(
        job=tool,
        floor_us=base,
        p50_us=took,
        p99_us=took,
        ratio=took / base,
        runs=1,
        must=f"{more:.1f} MB more memory, at most {MOST_MORE_MEMORY // MEGABYTE}",
        holds=more <= MOST_MORE_MEMORY / MEGABYTE,
    )
    return row, more


def _direct_stream(port: int, tool: str) -> float:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    began = time.perf_counter_ns()
    if tool == "upload":
        block = bytes(1 << 16)
        parts = (block[: min(1 << 16, STREAMED - at)] for at in range(0, STREAMED, 1 << 16))
        connection.request("POST", "/small", parts, {"content-length": str(STREAMED)})
    else:
        connection.request("GET", f"/bytes/{STREAMED}")
    answer = connection.getresponse()
    while answer.read(1 << 18):
        pass
    return (time.perf_counter_ns() - began) / 1000


def _memory(field: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024
    raise AssertionError(field)


def fleet_row(world: World, tool: str, most_at_once: int) -> tuple[Row, dict[str, int]]:
    """Fifty calls at once: all answered, and what they held meanwhile."""
    threads_before, descriptors_before = threading.active_count(), _descriptors()
    answered: list[float] = []
    refused: list[str] = []
    peak = {"threads": 0, "descriptors": 0}

    def ask() -> None:
        began = time.perf_counter_ns()
        try:
            world.call(tool)
            answered.append((time.perf_counter_ns() - began) / 1000)
        except AssertionError as error:
            refused.append(str(error))

    callers = [threading.Thread(target=ask) for _ in range(CALLS)]
    for caller in callers:
        caller.start()
    while any(caller.is_alive() for caller in callers):
        peak["threads"] = max(peak["threads"], threading.active_count() - threads_before - CALLS)
        peak["descriptors"] = max(peak["descriptors"], _descriptors() - descriptors_before)
        time.sleep(0.005)
    connection = http.client.HTTPConnection("127.0.0.1", world.port)
    connection.request("GET", "/peak")
    seen = int(connection.getresponse().read())
    answered.sort()
    held = {**peak, "at_once": seen, "answered": len(answered), "refused": len(refused)}
    row = Row(
        job=tool,
        floor_us=0,
        p50_us=quantile(answered, 0.5),
        p99_us=quantile(answered, 0.99),
        ratio=0,
        runs=len(answered),
        must=", ".join(f"{name} {count}" for name, count in held.items()),
        holds=seen <= most_at_once
        and len(answered) + len(refused) == CALLS
        and (tool == "queue" or len(answered) == CALLS)
        and peak["descriptors"] <= DESCRIPTORS_OF_A_CALL * CALLS + 16,
    )
    return row, held


def _descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def main() -> int:
    """Print the rows; 1 when one does not hold."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    with world() as made:
        rows = [request_row(made, rounds=3 if options.quick else 15)]
        rows += [stream_row(made, tool)[0] for tool in ("download", "upload")]
        rows.append(fleet_row(made, "fleet", CALLS)[0])
        rows.append(fleet_row(made, "queue", AT_ONCE)[0])
    if options.json:
        print(json.dumps({"machine": machine(), "rows": [row.to_json() for row in rows]}))
    else:
        for row in rows:
            print(
                f"{row.job:<9} floor {row.floor_us / 1000:8.2f} ms  p50 {row.p50_us / 1000:8.2f} ms"
                f"  p99 {row.p99_us / 1000:8.2f} ms  {row.must}"
                f"{'' if row.holds else '  DOES NOT HOLD'}"
            )
    return int(not all(row.holds for row in rows))


if __name__ == "__main__":
    sys.exit(main())

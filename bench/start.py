"""Server start and idle memory with fifty admitted tools, against a bare SDK server.

    python bench/start.py [--json] [--tools 50] [--kilobytes 200]

Start is the time from launching the process to its answer to `tools/list`. Memory is what
the process holds by itself (RSS without pages shared with others) a moment after that.
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
from typing import Any

import wasmtime
from engine import MANIFEST, _Server
from measuring import machine

RUNS = 7
MOST_MORE_MS = 300
MOST_MORE_MB = 60


def artifact(number: int, kilobytes: int) -> bytes:
    """A command of about `kilobytes` of code that no other number gives."""
    one = "(local.set 0 (i32.xor (i32.rotl (local.get 0) (i32.const 5)) (i32.const {}))) "
    per_function = 40
    functions = []
    for index in range(kilobytes * 1024 // (per_function * 13)):
        body = "".join(
            one.format((number * 7919 + index * 104729 + step) % 2**31)
            for step in range(per_function)
        )
        functions.append(f"(func (param i32) (result i32) {body} (local.get 0))")
    return bytes(
        wasmtime.wat2wasm(
            f"""(module (memory (export "memory") 1) {"".join(functions)}
            (func (export "_start")))"""
        )
    )


def admit(home: Path, environment: dict[str, str], count: int, kilobytes: int) -> int:
    """Admit `count` tools; their mean size in bytes."""
    config = home / "CONFIG" / "hatchway"
    config.mkdir(parents=True)
    lines = ["version = 1"]
    total = 0
    for number in range(count):
        file = home / f"tool{number}.wasm"
        content = artifact(number, kilobytes)
        total += len(content)
        file.write_bytes(content)
        file.with_suffix(".tool.toml").write_text(MANIFEST.replace('"echo"', f'"tool{number}"'))
        lines.append(f'[tools.tool{number}]\nsource = "{file}"')
    (config / "hatchway.toml").write_text("\n".join(lines) + "\n")
    # The user's own policy admits what it names; after this everything is compiled.
    subprocess.run(
        [sys.executable, "-m", "hatchway", "list"],
        env=environment, check=True, capture_output=True,
    )  # fmt: skip
    return total // count


def start(command: list[str], environment: dict[str, str], expected: int) -> tuple[float, float]:
    """Milliseconds to the first answered list, and megabytes held afterwards."""
    began = time.perf_counter()
    with _Server(command, environment) as server:
        listed = server._ask("tools/list", {})
        took = (time.perf_counter() - began) * 1000
        assert len(listed["result"]["tools"]) == expected
        status = Path(f"/proc/{server._process.pid}/status").read_text()
    fields = dict(line.split(":", 1) for line in status.splitlines())
    held = int(fields["RssAnon"].split()[0]) + int(fields["RssShmem"].split()[0])
    return took, held / 1024


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--tools", type=int, default=50)
    parser.add_argument("--kilobytes", type=int, default=200)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        home = Path(directory)
        environment = {
            **os.environ,
            **{
                f"XDG_{kind}_HOME": str(home / kind)
                for kind in ("CONFIG", "DATA", "STATE", "CACHE")
            },
        }
        size = admit(home, environment, options.tools, options.kilobytes)
        native = [sys.executable, str(Path(__file__).with_name("native_server.py"))]
        ours = [sys.executable, "-m", "hatchway", "serve"]
        bare, full = [], []
        for _ in range(RUNS):
            bare.append(start(native, environment, 1))
            full.append(start(ours, environment, options.tools))
    report = _report(bare, full, options.tools, size)
    if options.json:
        print(json.dumps({"machine": machine(), **report}))
    else:
        for name, value in report.items():
            print(f"{name:<24} {value}")
    return 0 if report["holds"] else 1


def _report(
    bare: list[tuple[float, float]], full: list[tuple[float, float]], tools: int, size: int
) -> dict[str, Any]:
    def median(runs: list[tuple[float, float]], field: int) -> float:
        return sorted(run[field] for run in runs)[len(runs) // 2]

    more_ms = median(full, 0) - median(bare, 0)
    more_mb = median(full, 1) - median(bare, 1)
    return {
        "tools": tools,
        "bytes_each": size,
        "bare_start_ms": round(median(bare, 0)),
        "start_ms": round(median(full, 0)),
        "more_ms": round(more_ms),
        "bare_memory_mb": round(median(bare, 1), 1),
        "memory_mb": round(median(full, 1), 1),
        "more_mb": round(more_mb, 1),
        "holds": more_ms <= MOST_MORE_MS and more_mb <= MOST_MORE_MB,
    }


if __name__ == "__main__":
    sys.exit(main())

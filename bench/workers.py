"""What a worker costs: a tiny call, two busy guests, a start, and ten thousand calls.

    python bench/workers.py [--json] [--quick] [--row NAME]

`worker` is a tiny command through a worker, against the same one on a thread of this process;
`worker-one-core` is the same where both share a core; `worker-threads` is two workers with busy
guests, against two plain processes that each run an engine; `start` is from nothing to a worker
that waits, and on to its first answer; `leaks` is what ten thousand calls leave behind in this
process and in the worker.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import floor
from engine import SPIN_LIMITS, _in_processes, granted, wasm
from measuring import Row, machine, quantile

from hatchway.compose.isolating import ENTRY, roots
from hatchway.core.sandbox import CommandInvocation
from hatchway.engine.sandbox import EngineSandbox
from hatchway.registry.store import digest_of
from hatchway.workers.process import Start, Worker
from hatchway.workers.sandbox import WorkerSandbox
from hatchway.workers.watching import Watcher

if TYPE_CHECKING:
    from collections.abc import Callable

    from hatchway.core.grant import Grant

START = Start(entry=ENTRY, roots=roots())


class Both:
    """One artifact, ready to run in this process and in workers."""

    def __init__(self, text: str, *, calls: int = 1_000_000) -> None:
        artifact = wasm(text)
        self.digest = digest_of(artifact)
        self.engine = EngineSandbox(artifacts=lambda _: artifact)
        self.engine.prepare(artifact, self.digest)
        self.workers = WorkerSandbox(
            codes=self.engine, start=START, calls=calls, at_most=4, watcher=Watcher()
        )

    def __enter__(self) -> Both:
        return self

    def __exit__(self, *_error: object) -> None:
        self.workers.close()

    def runs(
        self, invocation: CommandInvocation, grant: Grant
    ) -> tuple[Callable[[], Any], Callable[[], Any]]:
        """A call in a thread, and the same call in a worker."""

        def in_thread() -> Any:
            return self.engine.run(self.digest, invocation, grant)

        def in_worker() -> Any:
            return self.workers.run(self.digest, invocation, grant)

        in_worker()  # the worker gets the code before this engine lets go of it
        return in_thread, in_worker


def worker_row(rounds: int) -> Row:
    """The difference is that of neighbours: the median of blocks that followed each other."""
    with Both(floor.COMMAND) as both:
        in_thread, in_worker = both.runs(
            CommandInvocation(arguments=(b"echo",), stdin=floor.DATA), granted()
        )
        assert in_worker().stdout == in_thread().stdout == floor.DATA
        differences, ratios, base, times = [], [], [], []
        for _ in range(rounds):
            first, second = _block(in_thread), _block(in_worker)
            differences.append(quantile(second, 0.5) - quantile(first, 0.5))
            ratios.append(quantile(second, 0.5) / quantile(first, 0.5))
            base += first
            times += second
    for kept in (differences, ratios, base, times):
        kept.sort()
    more = quantile(differences, 0.5)
    return Row(
        "worker", quantile(base, 0.5), quantile(times, 0.5), quantile(times, 0.99),
        quantile(ratios, 0.5), len(times), f"at most 150 us more ({more:.0f})", more <= 150,
    )  # fmt: skip


def worker_one_core_row(rounds: int) -> Row:
    """The same where no processor rests: what is left is what Hatchway itself adds.

    Waking a processor that rests can be half of the row above, on a virtual machine above all.
    """
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        return replace(worker_row(rounds), job="worker-one-core")
    finally:
        os.sched_setaffinity(0, before)


def _block(call: Callable[[], object], count: int = 100) -> list[float]:
    times = []
    for _ in range(count):
        began = time.perf_counter_ns()
        call()
        times.append((time.perf_counter_ns() - began) / 1000)
    return sorted(times)


def worker_threads_row(seconds: float) -> Row:
    """Guests finished by two workers, against two processes that do nothing else.

    The ratio is the median of pairs, and who begins changes from pair to pair.
    """
    ratios, alone, together = [], 0.0, 0.0
    rounds = 10
    with Both(floor.LONG_SPIN) as both:
        _, run = both.runs(CommandInvocation(arguments=(b"spin",)), granted(SPIN_LIMITS))
        kinds = {
            "processes": lambda: sum(_in_processes(seconds / rounds, "LONG_SPIN")),
            "workers": lambda: sum(_in_two_threads(run, seconds / rounds)),
        }
        for number in range(rounds):
            names = list(kinds) if number % 2 else list(reversed(kinds))
            found = {name: kinds[name]() for name in names}
            first, second = found["processes"], found["workers"]
            alone, together = alone + first, together + second
            ratios.append(second / first)
    ratio = quantile(sorted(ratios), 0.5)
    return Row(
        "worker-threads", 2e6 * seconds / alone, 2e6 * seconds / together,
        2e6 * seconds / together, ratio, int(together), "at least 0.95 x", ratio >= 0.95,
    )  # fmt: skip


def _in_two_threads(run: Callable[[], object], seconds: float) -> list[int]:
    counts = [0, 0]
    gate = threading.Barrier(2)

    def work(number: int) -> None:
        gate.wait()
        run()  # both at once, so that each has a worker of its own
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


def start_row(rounds: int) -> Row:
    """From nothing to a spare worker; the floor is a Python that imports nothing."""
    base, times = [], []
    for _ in range(rounds):
        began = time.perf_counter()
        subprocess.run([sys.executable, "-I", "-P", "-c", ""], check=True, env={})
        base.append((time.perf_counter() - began) * 1e6)
        began = time.perf_counter()
        worker = Worker.start(START)
        times.append((time.perf_counter() - began) * 1e6)
        worker.end()
    base.sort()
    times.sort()
    middle = quantile(times, 0.5)
    return Row(
        "start", quantile(base, 0.5), middle, times[-1], middle / quantile(base, 0.5),
        rounds, "under 0.5 s", middle < 500_000,
    )  # fmt: skip


def leaks(count: int) -> dict[str, Any]:
    """Memory and descriptors of this process and of its one worker, along `count` calls."""
    with Both(floor.COMMAND) as both:
        _, run = both.runs(CommandInvocation(arguments=(b"echo",), stdin=floor.DATA), granted())
        found = []
        for number in range(count + 1):
            if number % (count // 5) == 0:
                (worker,) = next(iter(both.workers._pool._state.idle.values()))
                inside = Path(f"/proc/{worker.pid}/task/{worker.pid}/children").read_text().split()
                found.append(
                    {
                        "calls": number,
                        "server_kib": _resident("self"),
                        "worker_kib": _resident((inside or [str(worker.pid)])[0]),
                        "server_descriptors": _descriptors("self"),
                        "worker_descriptors": _descriptors((inside or [str(worker.pid)])[0]),
                    }
                )
            run()
    return {"leaks": found}


def _resident(process: str) -> int:
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


def _descriptors(process: str) -> int:
    return len(list(Path(f"/proc/{process}/fd").iterdir()))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--quick", action="store_true", help="a tenth of the rounds")
    parser.add_argument("--row", action="append", help="only this row; may be repeated")
    options = parser.parse_args()
    scale = 0.1 if options.quick else 1.0
    rows: dict[str, Callable[[], Row]] = {
        "worker": lambda: worker_row(int(60 * scale)),
        "worker-one-core": lambda: worker_one_core_row(int(60 * scale)),
        "worker-threads": lambda: worker_threads_row(15 * scale),
        "start": lambda: start_row(max(int(20 * scale), 3)),
    }
    chosen = options.row or [*rows, "leaks"]
    measured = [rows[name]() for name in chosen if name in rows]
    left = leaks(int(10_000 * scale)) if "leaks" in chosen else {}
    if options.json:
        print(
            json.dumps({"machine": machine(), "rows": [row.to_json() for row in measured], **left})
        )
        return 0 if all(row.holds for row in measured) else 1
    print(f"{'job':<15} {'floor us':>10} {'p50 us':>10} {'p99 us':>10} {'ratio':>6}  must be")
    for row in measured:
        verdict = "" if row.holds else "  DOES NOT HOLD"
        print(
            f"{row.job:<15} {row.floor_us:>10.1f} {row.p50_us:>10.1f} {row.p99_us:>10.1f} "
            f"{row.ratio:>6.2f}  {row.must}{verdict}"
        )
    for each in left.get("leaks", ()):
        print("  ".join(f"{name} {value}" for name, value in each.items()))
    return 0 if all(row.holds for row in measured) else 1


if __name__ == "__main__":
    sys.exit(main())

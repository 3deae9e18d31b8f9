"""Running one line of generated Python, beside the other ways to do it.

    python bench/exec.py [--json] [--quick] [--install DIR] [--peers DIR]

The floor is our interpreter straight on the C API: no gates, no policy, no events. Everything
else runs the same line in turns with it, and must print the same. What is not installed is
named, with what would install it; `--install` does, for those that are packages of Python
or npm, and `--peers` finds them there again.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import floor
from measuring import machine, quantile
from peers import ANSWER, CODE, Absent, install, peers

from hatchway import Sandbox
from hatchway.runtime.interpreters import ready
from hatchway.runtime.settings import directories

if TYPE_CHECKING:
    from collections.abc import Callable

    from peers import Peer

ROUNDS = 20
MOST = 1.25


@dataclass
class Way:
    """One way to run the line.

    Attributes:
        once: Runs it, and gives the microseconds that took.
        times: What it took so far.
    """

    name: str
    isolation: str
    fresh: bool
    runs: int
    once: Callable[[], float]
    times: list[float] = field(default_factory=list)


def timed(call: Callable[[], object]) -> Callable[[], float]:
    """`call`, which then says how many microseconds it took."""

    def once() -> float:
        began = time.perf_counter_ns()
        call()
        return (time.perf_counter_ns() - began) / 1000

    return once


def ours() -> list[Way]:
    """The floor, and what a program gets from `hatchway.Sandbox`."""
    artifact = ready("python", directories=directories(), tell=_tell).read_bytes()
    box = Sandbox(events=False)
    outcome = box.python(CODE)
    assert outcome.stdout.strip() == ANSWER, outcome
    return [
        Way("floor", "wasm, nothing gated", True, 400, timed(floor.interpreter(artifact, CODE))),
        Way("hatchway", "wasm, default-deny", True, 400, timed(lambda: box.python(CODE))),
    ]


def measured(ways: list[Way]) -> None:
    """Let every way run as often as it should, in turns."""
    for turn in range(ROUNDS):
        for way in ways:
            # So that all of them are spread over the whole run, also those with few runs.
            due = way.runs * (turn + 1) // ROUNDS - way.runs * turn // ROUNDS
            way.times += [way.once() for _ in range(due)]
    for way in ways:
        way.times.sort()


def main() -> int:
    """Measure, print, and say with the exit status whether our own row holds."""
    parser = argparse.ArgumentParser(prog="bench/exec.py", description=__doc__)
    parser.add_argument("--json", action="store_true", help="for other programs")
    parser.add_argument("--quick", action="store_true", help="a tenth of the runs")
    parser.add_argument("--peers", type=Path, metavar="DIR", help="where --install put them")
    parser.add_argument("--install", type=Path, metavar="DIR", help="put the packages here first")
    options = parser.parse_args()
    if options.install is not None:
        install(options.install)
    place = options.peers or options.install
    ways, absent, started = ours(), {}, []
    with tempfile.TemporaryDirectory() as scratch:
        for peer in peers(None if place is None else place.resolve()):
            started.append(peer)
            try:
                ways.append(_way(peer, Path(scratch)))
            except Absent as why:
                absent[peer.name] = str(why)
        if options.quick:
            for way in ways:
                way.runs = max(1, way.runs // 10)
        try:
            measured(ways)
        finally:
            for peer in started:
                peer.stop()
    lowest, own = (quantile(way.times, 0.5) for way in ways[:2])
    if options.json:
        print(json.dumps({"machine": machine(), "rows": [_row(way, lowest) for way in ways]}))
    else:
        _print(ways, absent, lowest)
    return 0 if own <= MOST * lowest else 1


def _way(peer: Peer, scratch: Path) -> Way:
    own = scratch / peer.name.replace(" ", "-")
    own.mkdir()
    return Way(peer.name, peer.isolation, peer.fresh, peer.runs, peer.start(own))


def _row(way: Way, lowest: float) -> dict[str, object]:
    p50 = quantile(way.times, 0.5)
    return {
        "job": way.name,
        "isolation": way.isolation,
        "fresh": way.fresh,
        "floor_us": round(lowest, 2),
        "p50_us": round(p50, 2),
        "p99_us": round(quantile(way.times, 0.99), 2),
        "ratio": round(p50 / lowest, 3),
        "runs": len(way.times),
    }


def _print(ways: list[Way], absent: dict[str, str], lowest: float) -> None:
    print(f"{CODE}\n")
    print(f"{'':18}{'p50':>12}{'p99':>12}{'x floor':>9}  {'runs':>5}  isolation")
    for way in ways:
        p50, p99 = (quantile(way.times, part) / 1000 for part in (0.5, 0.99))
        state = "" if way.fresh else ", not fresh"
        print(
            f"{way.name:18}{p50:9.2f} ms{p99:9.2f} ms{p50 * 1000 / lowest:9.2f}"
            f"  {len(way.times):5}  {way.isolation}{state}"
        )
    for name, why in absent.items():
        print(f"{name:18}{'—':>9}   {why}")
    holds = quantile(ways[1].times, 0.5) <= MOST * lowest
    print(f"\nhatchway at most {MOST} x the floor: {'holds' if holds else 'DOES NOT HOLD'}")


def _tell(words: str) -> None:
    print(words, file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())

"""Timing two things in turns, so that whatever the machine does, it does to both."""

from __future__ import annotations

import os
import platform
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

BLOCK = 100
"""Calls in a row before it is the other one's turn."""


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        must: What DESIGN asks of it, in words.
        holds: Whether it does.
    """

    job: str
    floor_us: float
    p50_us: float
    p99_us: float
    ratio: float
    runs: int
    must: str
    holds: bool

    def to_json(self) -> dict[str, Any]:
        """The shape other programs read."""
        return {
            "job": self.job,
            "floor_us": round(self.floor_us, 2),
            "p50_us": round(self.p50_us, 2),
            "p99_us": round(self.p99_us, 2),
            "ratio": round(self.ratio, 3),
            "runs": self.runs,
        }


def in_turns(
    first: Callable[[], object], second: Callable[[], object], *, rounds: int, block: int = BLOCK
) -> tuple[list[float], list[float]]:
    """The times of every call of both, in microseconds, each sorted."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(2 * block):
        first()
        second()
    for _ in range(rounds):
        for kept, call in zip(times, (first, second), strict=True):
            for _ in range(block):
                began = time.perf_counter_ns()
                call()
                kept.append((time.perf_counter_ns() - began) / 1000)
    for kept in times:
        kept.sort()
    return times


def quantile(times: list[float], part: float) -> float:
    """The value below which `part` of the sorted `times` lie."""
    return times[min(int(len(times) * part), len(times) - 1)]


def machine() -> dict[str, Any]:
    """What the figures were taken on."""
    return {
        "system": f"{platform.system()} {platform.release()}",
        "processor": platform.machine(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
    }

"""HW-POL-003: fuel and deadlines so large that they bound nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatchway.audit.finding import Found, Rule
from hatchway.audit.grants import limit_evidence

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hatchway.audit.subject import Subject

MOST_FUEL = 100_000_000_000
"""Some ten seconds to three minutes of computing on one core, depending on the work."""

MOST_SECONDS = 60.0
"""MCP clients give up after a minute by default."""


def _check(subject: Subject) -> Iterator[Found]:
    entry = subject.entry
    if entry is None:
        return
    fuel, seconds = entry.limits.fuel, entry.limits.deadline_seconds
    of_fuel = limit_evidence(entry, "fuel", str(fuel))
    of_time = limit_evidence(entry, "deadline", f"{seconds:g}s")
    if fuel > MOST_FUEL and seconds > MOST_SECONDS:
        yield Found(
            message=f"Neither fuel ({fuel}) nor the deadline ({seconds:g}s) bounds a call.",
            about="fuel and deadline",
            evidence=(of_fuel, of_time),
        )
    elif fuel > MOST_FUEL:
        yield Found(
            message=f"Fuel of {fuel} bounds nothing; only the deadline is left.",
            about="fuel",
            evidence=(of_fuel,),
            severity="medium",
            remediation=f"fuel = {MOST_FUEL:_} or less in the limits",
        )
    elif seconds > MOST_SECONDS:
        yield Found(
            message=f"A call may take {seconds:g}s, longer than anybody waits for it.",
            about="deadline",
            evidence=(of_time,),
            severity="medium",
            remediation=f'deadline = "{MOST_SECONDS:g}s" or less in the limits',
        )


RULE = Rule(
    id="HW-POL-003",
    title="CPU limits that bound nothing",
    severity="high",
    confidence="high",
    axis="isolation",
    detects="Compares the policy's `fuel` with 100,000,000,000 and its `deadline` with 60 s. Both "
    "above is high, one of them is medium.",
    why="Fuel ends a guest that computes, the deadline also ends one that waits. With both out of "
    "reach a single call holds a core or a thread for as long as it likes, and a model in a loop "
    "makes many of them.",
    remediation='Set `fuel = 100_000_000_000` or less and `deadline = "60s"` or less under '
    "`[tools.NAME.limits]`; the defaults are 1,000,000,000 and 10 s.",
    cwe=(400, 835),
    rubric=(3,),
    check=_check,
    limits="A policy without fuel or without a deadline cannot be written: both have defaults, "
    "finite ranges, and no way to switch them off. How much work one unit of fuel stands for "
    "depends on the machine. Time spent in the host is not fuel; the deadline and `host_calls` "
    "bound it.",
)

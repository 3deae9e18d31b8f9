"""HW-POL-001: how much memory a call may have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatchway.audit.finding import Evidence, Found, Rule
from hatchway.audit.grants import limit_evidence
from hatchway.core.capability import spell_bytes
from hatchway.core.limits import GIBIBYTE, MEBIBYTE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hatchway.audit.finding import Severity
    from hatchway.audit.subject import Subject

CEILINGS: tuple[tuple[int, Severity], ...] = ((GIBIBYTE, "high"), (256 * MEBIBYTE, "medium"))
"""More than this for one call, and how much that weighs."""

MOST_MEMORIES = 4
"""What the engine lets one call have."""


def _check(subject: Subject) -> Iterator[Found]:
    entry = subject.entry
    if entry is None:
        return
    memories = [
        memory
        for module in subject.artifact.modules
        for memory in module.memories
        if not memory.is_imported
    ]
    limit = entry.limits.memory_bytes
    evidence = limit_evidence(entry, "memory", spell_bytes(limit))
    count = min(MOST_MEMORIES, max(1, len(memories)))
    for ceiling, severity in CEILINGS:
        if limit * count > ceiling:
            yield _above(limit, count, ceiling, severity, evidence)
            break
    needed = max((memory.minimum_bytes for memory in memories), default=0)
    if needed > limit:
        yield _below(limit, needed, evidence)


def _above(limit: int, count: int, ceiling: int, severity: Severity, evidence: Evidence) -> Found:
    each = "" if count == 1 else f" in each of {count} memories"
    return Found(
        message=f"One call may use {spell_bytes(limit)}{each}, more than {spell_bytes(ceiling)}.",
        about=f"memory above {spell_bytes(ceiling)}",
        evidence=(evidence,),
        remediation=f'memory = "{spell_bytes(CEILINGS[-1][0] // count)}" or less in the limits',
        severity=severity,
    )


def _below(limit: int, needed: int, evidence: Evidence) -> Found:
    enough = f"{-(-needed // MEBIBYTE)}MiB"
    return Found(
        message=f"A memory has {spell_bytes(needed)} at start, and the limit is "
        f"{spell_bytes(limit)}: no call can begin.",
        about="memory below what it has at start",
        evidence=(
            evidence,
            Evidence(kind="binary", detail=f"a memory of {spell_bytes(needed)} at start"),
        ),
        remediation=f'memory = "{enough}" in the limits, or a build that starts with less',
    )


RULE = Rule(
    id="HW-POL-001",
    title="Memory limit above a ceiling, or too small to start",
    severity="high",
    confidence="high",
    axis="isolation",
    detects="Compares the policy's `memory` with two ceilings and with what the artifact's "
    "memories have at start. A call that may use more than 256 MiB is medium, more than 1 GiB is "
    "high. The limit is for one linear memory, so it counts once for each memory that the "
    "artifact declares, four times at most. A limit below the start size is high: no call can "
    "begin, and the next person will raise the limit without thought.",
    why="Memory is what runs out first. A few calls at once that each take a gibibyte end the "
    "server, or whatever else the machine does, and no fuel or deadline is in their way.",
    remediation='Set `memory = "256MiB"` or less under `[tools.NAME.limits]`; the default is '
    "64 MiB.",
    cwe=(770, 789),
    rubric=(2,),
    check=_check,
    limits="A policy without any memory limit cannot be written: every limit has a default and "
    "none can be switched off. A component may instantiate one of its modules several times; "
    "then it has more memories than it declares, still four at most. What the host itself uses "
    "for a call (output, scratch space) has limits of its own: HW-POL-004.",
)

"""The one published formula that turns findings into a grade.

Every axis starts at 100. Each finding takes away what its severity weighs; all findings of
one rule together take away at most twice what the heaviest of them does. An axis with a
critical finding has at most 39. The score is that of the lowest axis.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from hatchway.audit.finding import AXES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from hatchway.audit.finding import Axis, Finding, Severity

Letter: TypeAlias = Literal["A", "B", "C", "D", "F"]

DEDUCTIONS: dict[Severity, int] = {"info": 0, "low": 3, "medium": 8, "high": 25, "critical": 0}
"""What one finding takes away from its axis. A critical one bounds the axis instead."""

REPEATS = 2
"""How many times the heaviest finding of a rule all of them together may weigh."""

MOST_WITH_A_CRITICAL = 39
"""The most that an axis with a critical finding can have."""

LETTERS: tuple[tuple[int, Letter], ...] = ((90, "A"), (80, "B"), (70, "C"), (60, "D"), (0, "F"))
"""The least score for each letter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grade:
    """How an artifact fares.

    Attributes:
        axes: From 0 to 100, for each of the six.
        score: Of the lowest axis.
        blocked: A critical finding stands, and nobody overrode it.
    """

    axes: Mapping[Axis, int]
    score: int
    letter: Letter
    blocked: bool


NOTHING_KNOWN = Grade(axes=dict.fromkeys(AXES, 0), score=0, letter="F", blocked=True)
"""For an artifact that cannot be read: nothing speaks for it on any axis."""


def grade_of(findings: Iterable[Finding]) -> Grade:
    """The grade that `findings` make together; those that are overridden weigh nothing."""
    standing = [finding for finding in findings if finding.override is None]
    axes = {axis: _score(item for item in standing if item.rule.axis == axis) for axis in AXES}
    score = min(axes.values())
    return Grade(
        axes=axes,
        score=score,
        letter=letter_of(score),
        blocked=any(finding.severity == "critical" for finding in standing),
    )


def letter_of(score: int) -> Letter:
    """The letter for a score from 0 to 100."""
    return next(letter for least, letter in LETTERS if score >= least)


def _score(findings: Iterable[Finding]) -> int:
    """Of one axis."""
    by_rule: dict[str, list[int]] = defaultdict(list)
    most = 100
    for finding in findings:
        by_rule[finding.rule.id].append(DEDUCTIONS[finding.severity])
        if finding.severity == "critical":
            most = MOST_WITH_A_CRITICAL
    deducted = sum(min(sum(each), REPEATS * max(each)) for each in by_rule.values())
    return max(0, min(most, 100 - deducted))

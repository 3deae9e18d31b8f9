"""Apply every rule to one subject and say what follows: findings, overrides, a grade.

A function of its arguments and of nothing else; today's date is one of them.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from hatchway.audit.finding import SEVERITIES, Evidence, Finding, Found
from hatchway.audit.grade import NOTHING_KNOWN, grade_of
from hatchway.audit.report import Report, order_of
from hatchway.audit.rules import RULES, RULES_VERSION
from hatchway.core.untrusted import harmless

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date

    from hatchway.audit.finding import Rule, Severity
    from hatchway.audit.subject import Subject
    from hatchway.policy.overrides import Override

MOST_LISTED = 50
"""Findings of one rule that are listed one by one."""

MOST_KEPT = 1000
"""Findings of one rule that are compared at all; what comes later is only counted."""

MOST_EVIDENCE = 20
"""Pieces of evidence with one finding."""

LONGEST_OVERRIDE = timedelta(days=366)
"""How far ahead the last day of an override may lie."""

_THE_REST = "~ all that is not listed"


def audit(
    subject: Subject,
    *,
    overrides: Iterable[Override] = (),
    today: date,
    rules: Iterable[Rule] = RULES,
) -> Report:
    """The report on `subject`.

    Args:
        subject: The artifact and all that is said about it.
        overrides: What somebody decided to live with.
        today: For the last days of overrides.
        rules: What to look for.
    """
    found = [finding for rule in rules for finding in _findings(rule, subject)]
    decisions = _decisions(found, tuple(overrides), today)
    findings = [
        replace(finding, override=decisions.active.get(_name_of(finding))) for finding in found
    ]
    grade = grade_of(findings)
    return Report(
        tool=subject.name,
        digest=subject.artifact.digest,
        kind=subject.artifact.kind,
        grade=grade.letter,
        score=grade.score,
        blocked=grade.blocked,
        axes=grade.axes,
        findings=tuple(sorted(findings, key=order_of)),
        expired=decisions.expired,
        too_long=decisions.too_long,
        unmatched=decisions.unmatched,
        rules=RULES_VERSION,
        trust=subject.trust,
    )


def malformed_report(
    name: str,
    digest: str,
    *,
    rule: Rule,
    found: Found,
    overrides: Iterable[Override] = (),
) -> Report:
    """The report on an artifact that cannot be read. No override changes it.

    Args:
        name: The policy entry, or the artifact's stem.
        digest: Of the bytes.
        rule: What speaks of such artifacts.
        found: What is wrong with this one.
        overrides: They are all named as without effect.
    """
    return Report(
        tool=name,
        digest=digest,
        kind=None,
        grade=NOTHING_KNOWN.letter,
        score=NOTHING_KNOWN.score,
        blocked=NOTHING_KNOWN.blocked,
        axes=NOTHING_KNOWN.axes,
        findings=(_finding(rule, name, found),),
        unmatched=tuple(sorted(overrides, key=lambda override: override.finding)),
        rules=RULES_VERSION,
    )


# What a rule finds


def _findings(rule: Rule, subject: Subject) -> list[Finding]:
    """The findings of one rule: none twice, and a bounded number of them."""
    if rule.check is None:
        return []
    kept: dict[str, Found] = {}
    uncounted: list[Severity] = []
    number = 0
    for found in rule.check(subject):
        if found.about in kept:
            kept[found.about] = _together(rule, kept[found.about], found)
        elif len(kept) < MOST_KEPT:
            kept[found.about] = found
        else:
            number += 1
            uncounted = [_heaviest((*uncounted, found.severity or rule.severity))]
    findings = sorted(
        (_finding(rule, subject.name, found) for found in kept.values()), key=order_of
    )
    rest = findings[MOST_LISTED:]
    if not rest:
        return findings
    severity = _heaviest((*uncounted, *(finding.severity for finding in rest)))
    last = _rest(rule, number + len(rest), severity)
    return [*findings[:MOST_LISTED], _finding(rule, subject.name, last)]


def _heaviest(severities: Iterable[Severity]) -> Severity:
    return max(severities, key=SEVERITIES.index)


def _together(rule: Rule, one: Found, other: Found) -> Found:
    """Two that have one name: the heavier one, so that no name stands for less than it hides."""
    severities = (one.severity or rule.severity, other.severity or rule.severity)
    heavier = one if severities[0] == _heaviest(severities) else other
    lighter = other if heavier is one else one
    return replace(
        heavier,
        evidence=_bounded((*heavier.evidence, *lighter.evidence)),
        is_final=one.is_final or other.is_final,
    )


def _bounded(evidence: Sequence[Evidence]) -> tuple[Evidence, ...]:
    return tuple(evidence[:MOST_EVIDENCE])


def _rest(rule: Rule, count: int, severity: Severity) -> Found:
    message = f"{count} more findings of {rule.id} are not listed."
    return Found(
        message=message,
        about=_THE_REST,
        evidence=(Evidence(kind="binary", detail=message),),
        severity=severity,
        confidence="high",
    )


def _finding(rule: Rule, tool: str, found: Found) -> Finding:
    severity = found.severity or rule.severity
    assert SEVERITIES.index(severity) <= SEVERITIES.index(rule.severity), rule.id
    evidence = [
        replace(item, detail=harmless(item.detail, limit=400)) for item in _bounded(found.evidence)
    ]
    return Finding(
        rule=rule,
        tool=tool,
        message=harmless(found.message, limit=1000),
        about=found.about,
        severity=severity,
        confidence=found.confidence or rule.confidence,
        evidence=tuple(evidence),
        remediation=harmless(found.remediation or rule.remediation, limit=1000),
        is_final=found.is_final,
    )


# What somebody decided to live with


@dataclass(frozen=True, slots=True, kw_only=True)
class _Decisions:
    active: dict[tuple[str, str], Override]
    expired: tuple[Override, ...]
    too_long: tuple[Override, ...]
    unmatched: tuple[Override, ...]


def _name_of(finding: Finding) -> tuple[str, str]:
    return (finding.rule.id, finding.about)


def _decisions(
    findings: Iterable[Finding], overrides: tuple[Override, ...], today: date
) -> _Decisions:
    in_order = sorted(overrides, key=lambda override: (override.finding, override.until))
    expired = tuple(item for item in in_order if item.until < today)
    too_long = tuple(item for item in in_order if item.until - today > LONGEST_OVERRIDE)
    counting = [item for item in in_order if item not in expired and item not in too_long]
    by_id = _overridable(findings)
    return _Decisions(
        active={_name_of(by_id[item.finding]): item for item in counting if item.finding in by_id},
        expired=expired,
        too_long=too_long,
        unmatched=tuple(item for item in counting if item.finding not in by_id),
    )


def _overridable(findings: Iterable[Finding]) -> dict[str, Finding]:
    """The findings that an override can name.

    What is final stays. Nobody can have decided about what is not listed. And an id is short:
    where two findings share one, whoever made the second may have wanted it that way, so it
    names neither.
    """
    named = [finding for finding in findings if finding.about != _THE_REST]
    times = Counter(finding.id for finding in named)
    return {
        finding.id: finding for finding in named if times[finding.id] == 1 and not finding.is_final
    }

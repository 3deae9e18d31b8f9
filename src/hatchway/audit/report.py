"""What an audit says in the end, as a value and as JSON."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from hatchway.audit.finding import SEVERITIES
from hatchway.core.untrusted import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hatchway.audit.finding import Axis, Evidence, Finding
    from hatchway.audit.grade import Letter
    from hatchway.policy.overrides import Override
    from hatchway.policy.positions import KeyPath
    from hatchway.policy.trust import Verdict

_PLAIN_KEY = re.compile(r"[A-Za-z0-9_-]{1,128}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The outcome of one audit; the same for the same subject, overrides, rules and day.

    Attributes:
        tool: The policy entry, or the artifact's stem.
        digest: Of the artifact.
        kind: None when the artifact cannot be read.
        grade: A letter for the score.
        score: Of the lowest axis.
        blocked: A critical finding stands, and nobody overrode it.
        axes: From 0 to 100, for each of the six.
        findings: The most severe first. Those that are overridden are here too.
        expired: Overrides whose last day is over.
        too_long: Overrides that reach further ahead than one may; they do not count yet.
        unmatched: Overrides of something that was not found, or that cannot be overridden.
        rules: The version of the rules.
        trust: Whether it is signed as the policy asks; None when nobody looked.
    """

    tool: str
    digest: str
    kind: Literal["module", "component"] | None
    grade: Letter
    score: int
    blocked: bool
    axes: Mapping[Axis, int]
    findings: tuple[Finding, ...]
    expired: tuple[Override, ...] = ()
    too_long: tuple[Override, ...] = ()
    unmatched: tuple[Override, ...] = ()
    rules: str
    trust: Verdict | None = None

    @property
    def standing(self) -> tuple[Finding, ...]:
        """The findings that weigh."""
        return tuple(finding for finding in self.findings if finding.override is None)

    @property
    def overridden(self) -> tuple[Finding, ...]:
        """The findings that somebody decided to live with."""
        return tuple(finding for finding in self.findings if finding.override is not None)

    def to_json(self) -> dict[str, Any]:
        """The report for programs: sorted, diffable, and without any time."""
        return {
            "tool": printable(self.tool),
            "digest": self.digest,
            "kind": self.kind,
            "grade": self.grade,
            "score": self.score,
            "blocked": self.blocked,
            "axes": dict(self.axes),
            "rules": self.rules,
            "findings": [_finding(finding) for finding in self.findings],
            "overrides": {
                "expired": [_override(override) for override in self.expired],
                "too_long": [_override(override) for override in self.too_long],
                "unmatched": [_override(override) for override in self.unmatched],
            },
        }


def order_of(finding: Finding) -> tuple[int, str, str]:
    """What findings are sorted by: the most severe first, then by rule and subject."""
    return (-SEVERITIES.index(finding.severity), finding.rule.id, finding.about)


def spell_field(path: KeyPath) -> str:
    """A place in a document, as in `tools.render.allow[1]` or `input.properties["a b"]`."""
    spelled = ""
    for part in path:
        if isinstance(part, int):
            spelled += f"[{part}]"
        elif _PLAIN_KEY.fullmatch(part):
            spelled += f".{part}" if spelled else part
        else:
            quoted = printable(part, limit=128).replace('"', '\\"')
            spelled += f'["{quoted}"]'
    return spelled


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "id": finding.id,
        "rule": finding.rule.id,
        "title": finding.rule.title,
        "severity": finding.severity,
        "confidence": finding.confidence,
        "axis": finding.rule.axis,
        "message": finding.message,
        "evidence": [_evidence(item) for item in finding.evidence],
        "cwe": [f"CWE-{number}" for number in finding.rule.cwe],
        "owasp": list(finding.rule.owasp),
        "remediation": finding.remediation,
        "fingerprint": finding.fingerprint,
        "override": None if finding.override is None else _override(finding.override),
    }


def _evidence(item: Evidence) -> dict[str, Any]:
    return {
        "kind": item.kind,
        "detail": item.detail,
        "offset": item.offset,
        "field": None if item.field is None else spell_field(item.field),
    }


def _override(override: Override) -> dict[str, str]:
    return {
        "finding": override.finding,
        "reason": override.reason,
        "until": override.until.isoformat(),
    }

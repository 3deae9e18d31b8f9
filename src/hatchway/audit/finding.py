"""Rules, and what they find."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from hatchway.audit.subject import Subject
    from hatchway.policy.overrides import Override
    from hatchway.policy.positions import KeyPath

Severity: TypeAlias = Literal["info", "low", "medium", "high", "critical"]
Confidence: TypeAlias = Literal["low", "medium", "high"]
Axis: TypeAlias = Literal["capabilities", "isolation", "provenance", "secrets", "text", "format"]
EvidenceKind: TypeAlias = Literal["binary", "import", "manifest", "policy", "text", "engine"]

SEVERITIES: tuple[Severity, ...] = ("info", "low", "medium", "high", "critical")
"""From the least to the most."""

AXES: dict[Axis, str] = {
    "capabilities": "what it can ask for, against what it says it is for",
    "isolation": "what the policy lets it touch and use",
    "provenance": "where it comes from",
    "secrets": "what it carries that should be kept",
    "text": "what a model is told",
    "format": "how the artifact is made",
}
"""The six things that are graded."""

_ID_DIGITS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Where a finding can be looked up.

    Attributes:
        kind: Which of the compared sides it is about; `import` is a part of the binary.
        detail: What stands there; printable.
        offset: Its first byte in the artifact.
        field: Its place in the manifest, in the policy or in a tool's visible fields, for
            example ``("requires", 0, "capability")`` or ``("tools", "render", "allow", 1)``.
    """

    kind: EvidenceKind
    detail: str
    offset: int | None = None
    field: KeyPath | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One thing that a rule found.

    Attributes:
        message: One sentence that names the tool's part and what is wrong with it; printable.
        about: What it is about, without versions, offsets or digests: the same for the same
            weakness in the next release. Tells two findings of one rule apart.
        evidence: At least one.
        remediation: The exact change to make here; None for the rule's own words.
        severity: When it is not the rule's own; never more than that.
        confidence: When it is not the rule's own.
        is_final: No override changes it.
    """

    message: str
    about: str
    evidence: tuple[Evidence, ...]
    remediation: str | None = None
    severity: Severity | None = None
    confidence: Confidence | None = None
    is_final: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Something that is looked for.

    Attributes:
        id: Stable: `HW-CAP-001`.
        title: A few words.
        severity: The most that a finding of it weighs.
        confidence: How sure a finding of it is.
        axis: Which of the six grades it lowers.
        detects: What is compared with what, in plain words (Markdown).
        why: What an attacker or an accident would make of it.
        remediation: What to change.
        cwe: Numbers of the Common Weakness Enumeration.
        owasp: Of the OWASP MCP Top 10: `MCP02`.
        rubric: Which of the six checks of the audit rubric it is part of.
        check: Finds it in a subject. None for what a policy of ours cannot even express.
        impossible: Why it cannot occur here, and the test that shows it; for rules without
            a check.
        limits: What it cannot see, said openly.
    """

    id: str
    title: str
    severity: Severity
    confidence: Confidence
    axis: Axis
    detects: str
    why: str
    remediation: str
    cwe: tuple[int, ...] = ()
    owasp: tuple[str, ...] = ()
    rubric: tuple[int, ...] = ()
    check: Callable[[Subject], Iterable[Found]] | None = None
    impossible: str | None = None
    limits: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something a rule found in one tool.

    Attributes:
        tool: The policy entry, or the artifact's stem.
        override: The decision to live with it, while it counts.
        is_final: No override changes it.
    """

    rule: Rule
    tool: str
    message: str
    about: str
    severity: Severity
    confidence: Confidence
    evidence: tuple[Evidence, ...]
    remediation: str
    override: Override | None = None
    is_final: bool = False

    @property
    def fingerprint(self) -> str:
        """The same for the same weakness in the next release; hexadecimal SHA-256."""
        return _fingerprint(self.rule.id, self.tool, self.about)

    @property
    def id(self) -> str:
        """What a person names it by: the rule and 64 bits of the fingerprint.

        Fewer would let whoever ships the next release look for a weakness with the same name.
        """
        return f"{self.rule.id}:{self.fingerprint[:_ID_DIGITS]}"


def finding_id(rule: str, tool: str, about: str) -> str:
    """The id of a finding of `rule` about something in `tool`, whether it was found or not."""
    return f"{rule}:{_fingerprint(rule, tool, about)[:_ID_DIGITS]}"


def _fingerprint(rule: str, tool: str, about: str) -> str:
    parts = f"{rule}\0{tool}\0{about}"
    return hashlib.sha256(parts.encode("utf-8", "surrogatepass")).hexdigest()

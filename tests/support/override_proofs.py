"""For every key of an override, two policies about which an audit says different things."""

from __future__ import annotations

from datetime import date

from audit_subjects import subject_with

from hatchway.audit.evaluate import audit
from hatchway.policy.document import parse_policy

RISKY = """\
version = 1
[tools.NAME]
source = "g.wasm"
[tools.NAME.limits]
memory = "2GiB"
"""
"""A policy about which the audit finds something."""


def audit_outcome(text: str) -> object:
    """What an audit says about the tool, with what its policy decided to live with."""
    entry = parse_policy(text, file="hatchway.toml", base="/").tools["NAME"]
    report = audit(subject_with(entry), overrides=entry.overrides, today=date(2026, 11, 20))
    return report.to_json()


def accepting(finding: str = "", *, reason: str = "known", until: str = "2026-12-01") -> str:
    """The risky policy of somebody who accepts a finding; the one there is, if none is named."""
    entry = parse_policy(RISKY, file="hatchway.toml", base="/").tools["NAME"]
    findings = audit(subject_with(entry), today=date.min).findings
    (present,) = [each for each in findings if each.rule.id == "HW-POL-001"]
    return (
        f"{RISKY}[[tools.NAME.overrides]]\n"
        f'finding = "{finding or present.id}"\nreason = "{reason}"\nuntil = {until}\n'
    )


AUDIT_PROOFS: dict[str, tuple[str, str]] = {
    "tools.NAME.overrides": (RISKY, accepting()),
    "tools.NAME.overrides.finding": (accepting("HW-POL-001:0000000000000000"), accepting()),
    "tools.NAME.overrides.reason": (accepting(), accepting(reason="agreed with Ada")),
    "tools.NAME.overrides.until": (accepting(), accepting(until="2026-11-19")),
}

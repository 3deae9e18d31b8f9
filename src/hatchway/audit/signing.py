"""The finding that follows from a verdict about signatures, if one does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatchway.audit.finding import Evidence, Found, finding_id

if TYPE_CHECKING:
    from hatchway.policy.trust import Outcome, Verdict

_RULES: dict[Outcome, str] = {
    "no_rule": "HW-PRV-001",
    "rule_over": "HW-PRV-001",
    "unsigned": "HW-PRV-001",
    "manifest_beside": "HW-PRV-001",
    "invalid": "HW-PRV-002",
    "wrong_signer": "HW-PRV-002",
    "signer_over": "HW-PRV-002",
    "revoked": "HW-PRV-002",
}
"""Nothing is found about a bad grade: what makes it bad is found already."""

SIGNING_RULES = frozenset(_RULES.values())


def found_in(verdict: Verdict | None, rule: str) -> tuple[Found, ...]:
    """What the rule `rule` finds when the policy says `verdict`."""
    if verdict is None or _RULES.get(verdict.outcome) != rule:
        return ()
    evidence = Evidence(kind="policy", detail=verdict.message, field=("trust",))
    # Where nobody is refused it must not block by its weight alone.
    is_reported = verdict.mode == "report" and not verdict.is_final
    words = ' This is a report: [trust] has mode = "report".' if is_reported else ""
    return (
        Found(
            message=f"It {verdict.message}.{words}",
            about=_about(verdict),
            evidence=(evidence,),
            severity="high" if is_reported else None,
            is_final=verdict.is_final,
        ),
    )


def finding_of(verdict: Verdict, tool: str) -> str | None:
    """The id of the finding about a tool under `verdict`; None when nothing is found."""
    rule = _RULES.get(verdict.outcome)
    return None if rule is None else finding_id(rule, tool, _about(verdict))


def _about(verdict: Verdict) -> str:
    """With the digest, unlike elsewhere: who accepts these bytes accepts no others."""
    return f"{verdict.outcome} {verdict.digest}"

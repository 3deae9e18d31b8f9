"""HW-PRV-001: nobody whom the operator trusts for this signed these bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatchway.audit.finding import Found, Rule
from hatchway.audit.signing import found_in

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hatchway.audit.subject import Subject


def check(subject: Subject) -> Iterable[Found]:
    """One finding when the policy asks for signatures and these bytes have too few."""
    return found_in(subject.trust, "HW-PRV-001")


RULE = Rule(
    id="HW-PRV-001",
    title="Not signed as the policy asks",
    severity="high",
    confidence="high",
    axis="provenance",
    detects=(
        "An artifact under a policy with `[[trust.rules]]` that lacks a signature the most "
        "specific rule asks for, that comes from a place no rule is about, or whose rule is over. "
        "So is one with a manifest that is not the one inside it, because no signature covers "
        'that, unless the rule says `manifest = "beside"`.'
    ),
    why=(
        "A registry, a web server or a directory hands out what somebody put there. Only a "
        "signature says that it was somebody the operator trusts."
    ),
    remediation=(
        "Have it signed by the signers the rule names (`hatchway sign`), or write a rule for the "
        "place it comes from."
    ),
    cwe=(345, 347),
    owasp=("MCP04",),
    check=check,
    limits=(
        "Without `[[trust.rules]]` nobody is asked to sign, and nothing is found. A signature "
        "says who signed, not that what was signed is good. An id of a finding of this rule is "
        "for one digest: the next release has another."
    ),
)

"""HW-PRV-002: there is a signature, and it is not right."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatchway.audit.finding import Found, Rule
from hatchway.audit.signing import found_in

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hatchway.audit.subject import Subject


def check(subject: Subject) -> Iterable[Found]:
    """One finding when too few signatures count and one that does not count is there."""
    return found_in(subject.trust, "HW-PRV-002")


RULE = Rule(
    id="HW-PRV-002",
    title="Signed wrongly, or by somebody else",
    severity="critical",
    confidence="high",
    axis="provenance",
    detects=(
        "An artifact that lacks a signature the policy asks for, and carries one that does not "
        "verify, that is over other bytes, that is by somebody whom the rule does not name, or by "
        "somebody whose last day is over. And any artifact that `revoked` names, by its digest or "
        "by one of its signers."
    ),
    why=(
        "A signature that is there and wrong is rarely an oversight. It is what a changed "
        "artifact, a stolen key or a replayed old version looks like."
    ),
    remediation=(
        "Do not use it. Ask the publisher which signature is right, and get the artifact anew."
    ),
    cwe=(295, 347),
    owasp=("MCP04",),
    check=check,
    limits=(
        "A key's signature has no time that anybody vouches for: whoever has the key can sign as "
        "of last year, so a key's last day is compared with today. What was revoked cannot be "
        "overridden, and nothing else changes that."
    ),
)

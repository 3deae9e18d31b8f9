"""HW-PRV-004: it is not what was approved any more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatchway.audit.finding import Evidence, Found, Rule

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hatchway.audit.subject import Subject


def check(subject: Subject) -> Iterable[Found]:
    """One finding for all that differs: a person approves it as a whole, or not."""
    if not subject.drift:
        return
    count = len(subject.drift)
    more = f", and {count - 1} more" if count > 1 else ""
    yield Found(
        message=f"It is not what was approved: {subject.drift[0]}{more}.",
        about=f"drift {subject.artifact.digest}",
        evidence=tuple(
            Evidence(kind="policy", detail=f"hatchway.lock: {each}") for each in subject.drift
        ),
        remediation=f"Look at what changed: hatchway update {subject.name}",
        is_final=True,
    )


RULE = Rule(
    id="HW-PRV-004",
    title="Not what was approved",
    severity="critical",
    confidence="high",
    axis="provenance",
    detects=(
        "The functions an artifact can ask for, what its author asks for, the text a model sees, "
        "and its signers, against `hatchway.lock`. Something more, something else, or another "
        "signer is a change that a person must approve."
    ),
    why=(
        "A tool that is good when it is looked at and bad a week later is the oldest trick of "
        "packages. The change is the moment to look again."
    ),
    remediation="`hatchway update NAME` shows the change in words and asks.",
    cwe=(494,),
    owasp=("MCP03", "MCP04"),
    check=check,
    limits=(
        "It is not overridden but approved, with `hatchway update`. The same functions can be "
        "used for something else: a change inside the code is new bytes, and HW-PRV-003 says so."
    ),
)

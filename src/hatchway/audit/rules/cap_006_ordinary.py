"""HW-CAP-006: what every language runtime imports, and nobody granted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatchway.audit.capabilities import CAPABILITIES, GATED
from hatchway.audit.claims import every_grant, import_evidence, served_by, uses
from hatchway.audit.finding import Found, Rule

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hatchway.audit.subject import Subject


def check(subject: Subject) -> Iterable[Found]:
    """One finding for all of them."""
    given = {name for capability, _ in every_grant(subject) for name in served_by(capability)}
    behind = [use for use in uses(subject) if use.capability in GATED - given]
    if not behind:
        return
    names = [name for name in CAPABILITIES if name in {use.capability for use in behind}]
    yield Found(
        message=(
            f"It imports functions for {', '.join(names)}, as most programs do. None is granted, "
            "so it sees an empty environment, a constant clock and constant random bytes."
        ),
        about="ordinary",
        evidence=import_evidence(behind),
    )


RULE = Rule(
    id="HW-CAP-006",
    title="Ordinary imports without a grant",
    severity="info",
    confidence="high",
    axis="capabilities",
    detects=(
        "Functions for variables, clocks and random bytes that are imported and not granted. "
        "Standard libraries import them whether the program uses them or not."
    ),
    why=(
        "Nothing is wrong. A program that makes keys, or stamps dates, would do it with "
        "constants, and its output should not be relied upon."
    ),
    remediation=(
        "Nothing to do. If the tool needs one: `hatchway grant NAME clock`, `random` or `env=NAME`."
    ),
    check=check,
)

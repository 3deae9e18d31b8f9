"""HW-BIN-007: imports that are neither WASI's nor Hatchway's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatchway.audit.capabilities import HOST
from hatchway.audit.claims import import_evidence, uses
from hatchway.audit.finding import Found, Rule

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hatchway.audit.capabilities import Use
    from hatchway.audit.subject import Subject


def check(subject: Subject) -> Iterable[Found]:
    """One finding for each unknown namespace."""
    unknown: dict[str, list[Use]] = {}
    for use in uses(subject):
        if use.capability is not None and use.capability.startswith(HOST):
            unknown.setdefault(use.capability.removeprefix(HOST), []).append(use)
    for namespace, found in sorted(unknown.items()):
        yield Found(
            message=(
                f"It imports {len(found)} from {namespace!r}, which no host of Hatchway's provides."
            ),
            about=namespace,
            evidence=import_evidence(found),
        )


RULE = Rule(
    id="HW-BIN-007",
    title="Unknown host functions",
    severity="medium",
    confidence="high",
    axis="format",
    detects=(
        "Every import that is not a function of WASI preview 1, WASI 0.2 or 0.3, or Hatchway. "
        "One finding for each namespace."
    ),
    why=(
        "Nobody can say what such a function would do. The tool was written for a host that "
        "gives more than this one, and tested nowhere else."
    ),
    remediation=(
        "Ask the publisher for a build that needs WASI only; for your own code, remove what "
        "imports it."
    ),
    cwe=(829,),
    owasp=("MCP04",),
    check=check,
    limits="Only what the artifact itself asks for: imports between modules inside are not here.",
)

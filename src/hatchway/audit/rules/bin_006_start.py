"""HW-BIN-006: code that runs before any call, with functions of the host at hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatchway.audit.claims import import_evidence, uses
from hatchway.audit.finding import Evidence, Found, Rule

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hatchway.audit.subject import Subject


def check(subject: Subject) -> Iterable[Found]:
    """Start functions at top level; those of inner modules as information."""
    artifact = subject.artifact
    if artifact.runs_at_start and artifact.imports:
        yield Found(
            message=(
                "A start function runs while the tool is being instantiated, before it is "
                "called, and can already use what the host provides."
            ),
            about="start",
            evidence=(
                Evidence(kind="binary", detail="a start function at top level"),
                *import_evidence(uses(subject)),
            ),
        )
    inner = [each for each in artifact.modules if each.path and each.start_function is not None]
    if inner:
        yield Found(
            message=f"{len(inner)} of the modules inside run a start function of their own.",
            about="inner start",
            evidence=tuple(
                Evidence(
                    kind="binary",
                    detail=f"module {'.'.join(map(str, module.path))} has a start function",
                    offset=module.offset,
                )
                for module in inner[:4]
            ),
            severity="info",
        )


RULE = Rule(
    id="HW-BIN-006",
    title="Runs before it is called",
    severity="medium",
    confidence="high",
    axis="format",
    detects=(
        "A start function or start section at top level, in an artifact that imports functions "
        "of the host. Start functions of modules inside a component are information: toolchains "
        "set up their memory there."
    ),
    why=(
        "Code that runs at instantiation acts before arguments are known, so nothing a caller "
        "says can keep it from acting."
    ),
    remediation=(
        "Move the work into `_start` or into the exported functions; with Rust and C that is "
        "what happens unless a start function is asked for."
    ),
    cwe=(913,),
    owasp=("MCP05",),
    check=check,
    limits="What the start function does is not followed; it runs under the grant of the call.",
)

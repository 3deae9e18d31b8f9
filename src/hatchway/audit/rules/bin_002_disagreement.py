"""HW-BIN-002: the scanner and the engine read different imports."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatchway.audit.claims import MAX_SHOWN
from hatchway.audit.finding import Evidence, Found, Rule
from hatchway.core.untrusted import printable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hatchway.audit.finding import EvidenceKind
    from hatchway.audit.subject import Subject


def check(subject: Subject) -> Iterable[Found]:
    """The difference between what was read here and what the engine compiled."""
    if subject.engine_imports is None:
        return
    read, compiled = set(subject.artifact.surface.imports), set(subject.engine_imports)
    if read == compiled:
        return
    evidence = (
        *_missing("engine", "only the engine found", compiled - read),
        *_missing("binary", "only the scanner found", read - compiled),
    )
    yield Found(
        message=(
            f"The scanner reads {len(read)} imports and the engine {len(compiled)}, and they "
            f"differ in {len(read ^ compiled)}: one of the two can be led astray by this file."
        ),
        about="imports",
        evidence=evidence,
    )


def _missing(kind: EvidenceKind, words: str, names: set[str]) -> tuple[Evidence, ...]:
    shown = tuple(
        Evidence(kind=kind, detail=f"{words} {printable(name)}")
        for name in sorted(names)[:MAX_SHOWN]
    )
    rest = len(names) - len(shown)
    more = (Evidence(kind=kind, detail=f"{words} {rest} more"),) if rest else ()
    return (*shown, *more)


RULE = Rule(
    id="HW-BIN-002",
    title="Scanner and engine disagree",
    severity="critical",
    confidence="high",
    axis="format",
    detects=(
        "The list of imports that was read from the bytes is compared with the one that the "
        "engine tells after compiling, name by name."
    ),
    why=(
        "Every other finding rests on the imports. A file that two readers understand "
        "differently was made to be judged by one and run by the other."
    ),
    remediation="Do not use this artifact, and report it to Hatchway: one of two readers is wrong.",
    cwe=(436,),
    owasp=("MCP04",),
    check=check,
    limits="It needs the artifact to be compiled; `hatchway add` does that, `audit FILE` does not.",
)

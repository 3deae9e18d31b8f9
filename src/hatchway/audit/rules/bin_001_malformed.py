"""HW-BIN-001: bytes that cannot be read as WebAssembly."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatchway.audit.finding import Evidence, Found, Rule
from hatchway.core.untrusted import harmless

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hatchway.audit.subject import Subject
    from hatchway.core.errors import HatchwayError


def check(_subject: Subject) -> Iterable[Found]:
    """Nothing: what was parsed is well formed. `from_error` makes the finding."""
    return ()


def from_error(error: HatchwayError) -> Found:
    """The finding for bytes that the strict reader refused with `error`."""
    said = harmless(error.message)
    return Found(
        message=f"Nothing about the artifact is known, because it cannot be read: {said}.",
        about="malformed",
        evidence=(Evidence(kind="binary", detail=said),),
    )


RULE = Rule(
    id="HW-BIN-001",
    title="Not readable as WebAssembly",
    severity="critical",
    confidence="high",
    axis="format",
    detects=(
        "The bytes are read strictly: lengths, order of sections, UTF-8 names, integer "
        "encodings, nesting. Whatever is unknown or left over is an error; nothing is skipped."
    ),
    why=(
        "A scanner that skips what it does not understand reports a clean artifact, while the "
        "engine runs the part that was skipped."
    ),
    remediation=(
        "Build the artifact again with a current toolchain, and compare its digest with the "
        "publisher's: a download that was cut off looks like this too."
    ),
    cwe=(20, 1286),
    owasp=("MCP04",),
    check=check,
    limits="The code inside functions is validated by the engine when it compiles, not here.",
)

"""HW-CAP-005: functions that write, in a tool that says it only reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatchway.audit.claims import (
    MAX_SHOWN,
    every_grant,
    every_want,
    import_evidence,
    tool_fields,
    uses,
    uses_workspace,
)
from hatchway.audit.finding import Evidence, Found, Rule
from hatchway.core.capability import FileAccess

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hatchway.audit.subject import Subject


def check(subject: Subject) -> Iterable[Found]:
    """The claim, the functions against it, and how much they prove."""
    claims = tuple(
        Evidence(
            kind="manifest",
            detail="readOnlyHint = true",
            field=(*path, "annotations", "readOnlyHint"),
        )
        for tool, path in tool_fields(subject)
        if tool.annotations.read_only is True
    )
    writing = [use for use in uses(subject) if use.capability == "fs.write"]
    if not claims or not writing:
        return
    proof = [use for use in writing if use.certainty == "does"]
    if proof and not _only_in_workspace(subject):
        yield Found(
            message="It says that it only reads, and imports functions that change files.",
            about="fs.write",
            evidence=(*claims[:MAX_SHOWN], *import_evidence(proof)),
        )
        return
    yield Found(
        message=(
            "It says that it only reads. That is enforced by the grant: it cannot be proved from "
            "the binary, which could write where it is allowed to."
        ),
        about="fs.write",
        evidence=(*claims[:MAX_SHOWN], *import_evidence(proof or writing)),
        remediation="Nothing to do, as long as no fs.write is granted.",
        severity="info",
        confidence="low",
    )


def _only_in_workspace(subject: Subject) -> bool:
    """Whether a call's own private directory is the only place it means to write to."""
    claims = (*every_want(subject), *every_grant(subject))
    writes = any(isinstance(item, FileAccess) and item.access == "write" for item, _ in claims)
    return uses_workspace(subject) and not writes


RULE = Rule(
    id="HW-CAP-005",
    title="Writes, and says it only reads",
    severity="medium",
    confidence="medium",
    axis="capabilities",
    detects=(
        "`readOnlyHint = true` beside functions that do nothing but change files. It is "
        "information when the function could also serve reading (`path_open`, `open-at`), or "
        "when the tool writes into its workspace only."
    ),
    why="Clients run tools without asking a person when the annotation says that they only read.",
    remediation=(
        "Set readOnlyHint = false in [annotations], or remove the code that imports these "
        "functions."
    ),
    cwe=(732,),
    owasp=("MCP02",),
    check=check,
    limits="The annotations that a client sees are computed from the grants, not from this claim.",
)

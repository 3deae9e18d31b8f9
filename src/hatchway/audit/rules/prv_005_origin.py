"""HW-PRV-005: nothing says what the binary was made from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatchway.audit.finding import Evidence, Found, Rule

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hatchway.audit.subject import Subject

_SECTIONS: dict[str, tuple[str, ...]] = {
    "source": ("source", "registry-metadata"),
    "revision": ("revision", "registry-metadata"),
    "licences": ("licenses", "registry-metadata"),
    "parts": (".dep-v0", "sbom", "cyclonedx"),
}
"""Custom sections that answer a question about origin, as `wasm-tools metadata`, `wkg`,
`cargo auditable` and SBOM tools write them."""


def check(subject: Subject) -> Iterable[Found]:
    """One finding that lists what is missing."""
    names = {section.name for section in subject.artifact.all_customs}
    missing = [what for what, sections in _SECTIONS.items() if not names & set(sections)]
    if not subject.artifact.producers:
        missing.insert(0, "producers")
    if not missing:
        return
    is_traceable = "source" not in missing and "revision" not in missing
    yield Found(
        message=f"It does not say where it comes from; missing: {', '.join(missing)}.",
        about="origin",
        evidence=(Evidence(kind="binary", detail=f"no custom section for {', '.join(missing)}"),),
        severity="info" if is_traceable else None,
    )


RULE = Rule(
    id="HW-PRV-005",
    title="Origin unknown",
    severity="low",
    confidence="high",
    axis="provenance",
    detects=(
        "Custom sections that tell the toolchain (`producers`), the source and its revision, "
        "the licences, and the parts it was built from (an SBOM). It is information when source "
        "and revision are there."
    ),
    why=(
        "When a weakness in a library becomes known, nobody can tell whether this artifact "
        "contains it."
    ),
    remediation=(
        "`wasm-tools metadata add FILE --source URL --revision COMMIT --licenses SPDX -o FILE`."
    ),
    cwe=(1104,),
    owasp=("MCP04",),
    check=check,
    limits="Whoever built the artifact wrote these sections: they are claims.",
)

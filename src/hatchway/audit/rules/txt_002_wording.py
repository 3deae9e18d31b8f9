"""HW-TXT-002: wording that speaks to the model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatchway.audit.finding import Found, Rule
from hatchway.audit.unseen import excerpt
from hatchway.audit.visible import visible_texts
from hatchway.audit.wording import wording

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hatchway.audit.subject import Subject


def check(subject: Subject) -> Iterable[Found]:
    """Every text a model reads, once for each pattern that it matches."""
    for item in visible_texts(subject).items:
        if item.reader != "model":
            continue
        for match in wording(item.text):
            pattern = match.pattern
            yield Found(
                message=f"{item.described} {pattern.what}: {pattern.why}.",
                about=f"{item.about}: {pattern.id}",
                evidence=(item.evidence(excerpt(item.text, match.start, match.end)),),
                severity=pattern.severity,
            )


RULE = Rule(
    id="HW-TXT-002",
    title="Instructions in a description",
    severity="high",
    confidence="medium",
    axis="text",
    detects=(
        "Wording that overrides, conceals, coerces or exfiltrates; tags and markers that forge a "
        "conversation's format; comments, long base64 and numeric escapes. Each text is read as a "
        "model reads it: without hidden characters, emphasis and styles, with look-alike letters "
        "of other alphabets and digits for letters undone."
    ),
    why=(
        "Descriptions are put before a model together with the person's words. What commands "
        "there may be obeyed, whether or not the tool is ever called."
    ),
    remediation="Say what the tool does, and leave out what its reader should do, hide or send.",
    cwe=(74, 1427),
    owasp=("MCP03", "MCP06"),
    check=check,
    limits=(
        "It finds published attacks and their near relatives. Poison in ordinary words passes: "
        "docs/audits/text-checks.md has the figures. Only English is looked at. Take findings as "
        "indicators, and the lack of them as nothing at all; what holds is that a tool cannot do "
        "what it was not granted."
    ),
)

"""HW-TXT-001: characters that a person would not see."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatchway.audit.finding import Evidence, Found, Rule
from hatchway.audit.unseen import excerpt, unseen, visibly
from hatchway.audit.visible import MAX_DEPTH, MAX_TEXTS, visible_texts

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hatchway.audit.subject import Subject
    from hatchway.audit.unseen import Unseen
    from hatchway.audit.visible import VisibleText

_MESSAGE_SHOWN = 160


def check(subject: Subject) -> Iterable[Found]:
    """Every text with a hidden character, once for each kind, and what could not be read."""
    texts = visible_texts(subject)
    for item in texts.items:
        for hidden in unseen(item.text):
            yield _found(item, hidden)
    if not texts.is_complete:
        bounds = f"{MAX_TEXTS} texts, {MAX_DEPTH} levels"
        yield Found(
            message=f"The manifest holds more than is looked at ({bounds}), so some is unread.",
            about="more text than is looked at",
            evidence=(Evidence(kind="text", detail=f"beyond {bounds}"),),
            remediation="Describe the tools with less text.",
        )


def _found(item: VisibleText, hidden: Unseen) -> Found:
    spelled = ""
    if hidden.message:
        spelled = f", which spell '{visibly(hidden.message, limit=_MESSAGE_SHOWN)}'"
    return Found(
        message=f"{item.described} hides {hidden.count} {hidden.kind}{spelled}.",
        about=f"{item.about}: {hidden.kind}",
        evidence=(item.evidence(excerpt(item.text, hidden.first, hidden.first + hidden.count)),),
    )


RULE = Rule(
    id="HW-TXT-001",
    title="Hidden characters in text",
    severity="critical",
    confidence="high",
    axis="text",
    detects=(
        "Tag characters, bidirectional controls, variation selectors, zero-width, private-use, "
        "unassigned and control characters, terminal escapes, and line or paragraph separators, "
        "in any name, description, key or constant that a model reads, and in what a person "
        "reads before approving. What tag characters and variation selectors spell is shown. "
        "Emoji may be composed and styled as Unicode has it."
    ),
    why=(
        "A model reads characters that no person sees. Text that differs for the two was made "
        "to pass a review."
    ),
    remediation="Remove the characters. A manifest that has them is refused when it is added.",
    cwe=(116, 150, 451),
    owasp=("MCP03",),
    check=check,
    limits=(
        "Joiners that Persian and the scripts of India need between letters are refused too. "
        "What a tool answers is read when it answers, and not here."
    ),
)

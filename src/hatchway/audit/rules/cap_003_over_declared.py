"""HW-CAP-003: wanted by the manifest, and of no use to the binary."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatchway.audit.claims import every_want, served_by, usable
from hatchway.audit.finding import Found, Rule
from hatchway.audit.grants import spelled

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hatchway.audit.finding import Evidence
    from hatchway.audit.subject import Subject


def check(subject: Subject) -> Iterable[Found]:
    """Each capability without a function that could use it."""
    able = usable(subject)
    places: dict[str, list[Evidence]] = {}
    for capability, evidence in every_want(subject):
        if not served_by(capability) & able:
            places.setdefault(spelled(capability), []).append(evidence)
    for name, where in places.items():
        yield Found(
            message=f"The manifest wants {name}, and the binary imports nothing that could use it.",
            about=name,
            evidence=tuple(where),
            remediation=f'Remove the entry with capability = "{name}" from tool.toml.',
        )


RULE = Rule(
    id="HW-CAP-003",
    title="Wants more than it can use",
    severity="medium",
    confidence="high",
    axis="capabilities",
    detects=(
        "Every capability that the manifest requires or lists as optional is looked for among "
        "the imported functions."
    ),
    why=(
        "A grant that does nothing today is used by the next version without anybody being "
        "asked again."
    ),
    remediation="Remove from the manifest what the binary cannot use.",
    cwe=(250,),
    owasp=("MCP02",),
    check=check,
)

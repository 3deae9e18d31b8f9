"""HW-CAP-007: allowed by the policy, and of no use to the binary."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from hatchway.audit.claims import every_grant, served_by, usable
from hatchway.audit.finding import Found, Rule
from hatchway.audit.grants import spelled
from hatchway.core.untrusted import printable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hatchway.audit.subject import Subject
    from hatchway.core.capability import Capability


def check(subject: Subject) -> Iterable[Found]:
    """Each grant without a function that could use it."""
    able = usable(subject)
    for capability, evidence in every_grant(subject):
        if not served_by(capability) & able:
            name = spelled(capability)
            yield Found(
                message=f"The policy allows {name}, and the binary has no function to use it with.",
                about=name,
                evidence=(evidence,),
                remediation=_remediation(subject, capability, name),
            )


def _remediation(subject: Subject, capability: Capability, name: str) -> str:
    if name != str(capability):  # it holds a value that must not be shown
        return f"Remove {name} from `allow` in hatchway.toml."
    return f"hatchway revoke {printable(subject.name)} {shlex.quote(name)}"


RULE = Rule(
    id="HW-CAP-007",
    title="Power that nothing uses",
    severity="medium",
    confidence="high",
    axis="capabilities",
    detects="Every entry of `allow` is looked for among the functions that the binary imports.",
    why=(
        "Power that nothing uses is kept for whatever comes next: an update of the tool gets it "
        "without a question."
    ),
    remediation="Remove the entry from `allow`.",
    cwe=(250, 272),
    owasp=("MCP02",),
    check=check,
)

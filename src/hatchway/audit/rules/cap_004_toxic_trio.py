"""HW-CAP-004: private data, untrusted input and a way out, in one tool."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hatchway.audit.claims import every_grant, every_want, is_network, served_by, usable
from hatchway.audit.finding import Evidence, Found, Rule
from hatchway.core.capability import EnvironmentVariable, FileAccess, HttpAccess
from hatchway.core.untrusted import printable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hatchway.audit.subject import Subject
    from hatchway.core.capability import Capability

_SECRET_NAME = re.compile(
    r"TOKEN|SECRET|PASSW|CREDENTIAL|(?:^|_)(?:API|ACCESS|PRIVATE)?_?KEY(?:_|$)"
)


def check(subject: Subject) -> Iterable[Found]:
    """One finding when all three legs stand."""
    able = usable(subject)
    claims = [
        (capability, evidence)
        for capability, evidence in (*every_want(subject), *every_grant(subject))
        if served_by(capability) & able
    ]
    legs = _legs(claims)
    if legs is None:
        return
    private, outward = legs
    yield Found(
        message=(
            "One tool can read private data, take in text that nobody vouches for, and send to "
            "the network: an instruction hidden in that text can carry the data out."
        ),
        about="private data, untrusted input, way out",
        evidence=(private, outward, _untrusted(subject)),
        remediation=(
            "Split it into a tool that reads and a tool that sends, or remove one of "
            f"{private.detail!r} and {outward.detail!r}; or say in the policy, under `[flow]`, "
            "what a call may still reach after a private read."
        ),
    )


def _legs(claims: Iterable[tuple[Capability, Evidence]]) -> tuple[Evidence, Evidence] | None:
    """Something private, and a way out that leads elsewhere; the first there are."""
    claims = tuple(claims)
    for private, where_private in claims:
        for outward, where_outward in claims:
            if is_private(private) and is_network(outward) and outward != private:
                return where_private, where_outward
    return None


def is_private(capability: Capability) -> bool:
    """Whether what it gives access to is nobody else's business."""
    if isinstance(capability, HttpAccess):
        return capability.is_private
    if isinstance(capability, EnvironmentVariable):
        return _SECRET_NAME.search(capability.variable.upper()) is not None
    return isinstance(capability, FileAccess)


def _untrusted(subject: Subject) -> Evidence:
    """Where text comes in: from a model, or else with the answers of the network."""
    for tool in subject.tools:
        if tool.input_schema.get("properties"):
            detail = f"{printable(tool.name)} takes arguments from a model"
            return Evidence(kind="text", detail=detail, field=("inputSchema",))
    return Evidence(kind="binary", detail="it reads what the network answers")


RULE = Rule(
    id="HW-CAP-004",
    title="Private data, untrusted input and a way out",
    severity="high",
    confidence="medium",
    axis="capabilities",
    detects=(
        "One artifact that can use, and wants or is granted, both directories of the host (or "
        "variables named like secrets, or an origin marked `;private`) and the network. Text that "
        "nobody vouches for comes in with the arguments of a model or with what the network "
        "answers."
    ),
    why=(
        "These three together are what data theft by prompt injection needs. Any two of them "
        "are harmless in comparison."
    ),
    remediation="Give the three to different tools, so that a person sees what passes between. Or "
    "switch on the flow rule: with `[flow] after_private = […]` in the policy, a call that has "
    "read something private reaches those origins only.",
    cwe=(200,),
    owasp=("MCP10",),
    check=check,
    limits="Two tools of one client make the same trio together; this looks at one artifact. "
    "Whether a flow rule is switched on is not looked at: it holds for calls, and not for what a "
    "model carries from one answer into the next call.",
)

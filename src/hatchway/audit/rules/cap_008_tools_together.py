"""HW-CAP-008: what one tool may call reads private data, and something else of it sends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatchway.audit.claims import is_network
from hatchway.audit.finding import Evidence, Found, Rule
from hatchway.audit.grants import spelled
from hatchway.audit.rules.cap_004_toxic_trio import is_private
from hatchway.core.capability import ToolUse
from hatchway.policy.reach import reach

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hatchway.audit.subject import Subject
    from hatchway.core.capability import Capability
    from hatchway.policy.document import ToolPolicy


def _check(subject: Subject) -> Iterator[Found]:
    entry = subject.entry
    if entry is None or not any(isinstance(item, ToolUse) for item in entry.allow):
        return
    reached = _reached(subject, entry)
    for private, reader in _holding(reached, is_private):
        for outward, sender in _holding(reached, is_network):
            if reader is not sender:
                yield _found(subject, private, outward)
                return


def _reached(subject: Subject, entry: ToolPolicy) -> list[ToolPolicy]:
    """Its own entry, and those of the tools that its calls can set in motion."""
    known = {each.owner: each.entry for each in subject.neighbours if each.entry is not None}
    known[entry.name] = entry
    return [known[name] for name in reach(known, entry.name)]


def _holding(
    entries: list[ToolPolicy], fits: Callable[[Capability], bool]
) -> Iterator[tuple[Evidence, ToolPolicy]]:
    """The grants that fit, each with its line of the policy and whose it is."""
    for entry in entries:
        for index, capability in enumerate(entry.allow):
            if fits(capability):
                place = ("tools", entry.name, "allow", index)
                detail = f"{entry.name}: {spelled(capability)}"
                yield Evidence(kind="policy", detail=detail, field=place), entry


def _found(subject: Subject, private: Evidence, outward: Evidence) -> Found:
    code = any(tool.runs_code for tool in subject.tools)
    who = "Code that it runs" if code else "It"
    return Found(
        message=f"{who} can read private data through one tool and send it through another.",
        about="tools together: private data, way out",
        evidence=(private, outward),
        remediation=(
            f"Revoke the grant of one of {private.detail!r} and {outward.detail!r}; or say in the "
            "policy, under `[flow]`, what may still be reached after a private read."
        ),
    )


RULE = Rule(
    id="HW-CAP-008",
    title="Tools that together read private data and send",
    severity="medium",
    confidence="high",
    axis="capabilities",
    detects="An entry with `tool=…` grants through which its calls reach, directly or through "
    "other tools, both a directory of the host (or a variable named like a secret, or an origin "
    "marked `;private`) in one entry and the network in another.",
    why="Each of the tools is harmless by itself. Whoever writes the code that calls both, or "
    "talks a model into writing it, decides what goes from one to the other.",
    remediation="Grant the tools that read and those that send to different entries. Or switch on "
    "the flow rule: it sees the calls inside each other as one, so that with `[flow] "
    "after_private = […]` nothing that was read goes anywhere else.",
    cwe=(200,),
    owasp=("MCP10",),
    check=_check,
    limits="Whether a flow rule is switched on is not looked at, nor which functions of a tool "
    "were granted: all functions of an entry hold the same power.",
)

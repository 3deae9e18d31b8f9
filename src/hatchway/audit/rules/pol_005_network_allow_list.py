"""HW-POL-005: networks that no tool should be let loose on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatchway.audit.finding import Found, Rule
from hatchway.audit.grants import granted, spelled, wanted
from hatchway.audit.hosts import objection_to
from hatchway.core.capability import HttpAccess, SocketAccess
from hatchway.core.untrusted import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hatchway.audit.finding import Evidence, Severity
    from hatchway.audit.subject import Subject


def _check(subject: Subject) -> Iterator[Found]:
    for http, evidence in granted(subject, HttpAccess):
        yield from _found(http, evidence, "The policy allows", "critical")
    for socket, evidence in granted(subject, SocketAccess):
        yield from _found(socket, evidence, "The policy allows", "critical")
    for http, evidence in wanted(subject, HttpAccess):
        yield from _found(http, evidence, "The manifest asks for", "high")
    for socket, evidence in wanted(subject, SocketAccess):
        yield from _found(socket, evidence, "The manifest asks for", "high")


def _found(
    capability: HttpAccess | SocketAccess, evidence: Evidence, who: str, severity: Severity
) -> Iterator[Found]:
    objection = objection_to(capability.host)
    if objection is not None:
        reason = f"{printable(capability.host)!r} {objection}"
    elif isinstance(capability, HttpAccess) and capability.is_internal:
        reason = "';internal' lets the name lead into a private network"
    else:
        return
    yield Found(
        message=f"{who} {spelled(capability)!r}: {reason}.",
        about=f"{evidence.kind} {capability}",
        evidence=(evidence,),
        severity=severity,
    )


RULE = Rule(
    id="HW-POL-005",
    title="Network allow-list with wildcards, addresses or inner names",
    severity="critical",
    confidence="high",
    axis="isolation",
    detects="Reads the host of every `net.http`, `net.socket` and `net.dns`, in the policy "
    "(critical) and in the manifest (high). Found are wildcards; addresses in any spelling, be it "
    "dotted, decimal (`2130706433`), octal, hexadecimal, or IPv4 inside IPv6; names of inner "
    "networks (`localhost`, `*.internal`, `*.local`, names without a dot); public names below "
    "which any address can be spelled (`10.0.0.1.nip.io`); and `;internal`.",
    why="A tool that may speak to the inner network is a way in for whoever writes its input. One "
    "request to `169.254.169.254` returns the machine's cloud credentials. A wildcard is as safe "
    "as the least careful name below it.",
    remediation="Name the one public origin that the tool is for, as in "
    "`net.http=https://api.example.com`.",
    cwe=(918, 1327),
    owasp=("MCP02",),
    rubric=(4,),
    check=_check,
    limits="This version of Hatchway refuses to grant any network access, so the policy's side "
    "is looked at for the day it can. A public name can lead to a private address: what a name "
    "resolves to is checked when a request is made, never here.",
)

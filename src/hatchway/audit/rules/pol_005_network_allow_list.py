"""HW-POL-005: networks that no tool should be let loose on."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from hatchway.audit.finding import Found, Rule
from hatchway.audit.grants import granted, spelled, wanted
from hatchway.audit.hosts import as_internal, hands_out_credentials, objection_to
from hatchway.core.capability import HttpAccess, SocketAccess
from hatchway.core.untrusted import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hatchway.audit.finding import Evidence, Severity
    from hatchway.audit.subject import Subject


def _check(subject: Subject) -> Iterator[Found]:
    for http, evidence in granted(subject, HttpAccess):
        yield from _found(http, evidence, "The policy allows", _weight(http))
        yield from _loose(http, evidence)
    for socket, evidence in granted(subject, SocketAccess):
        yield from _found(socket, evidence, "The policy allows", _weight(socket))
    for http, evidence in wanted(subject, HttpAccess):
        yield from _found(http, evidence, "The manifest asks for", "high")
    for socket, evidence in wanted(subject, SocketAccess):
        yield from _found(socket, evidence, "The manifest asks for", "high")


def _loose(http: HttpAccess, evidence: Evidence) -> Iterator[Found]:
    """What could be said more narrowly about an origin that may well be right."""
    name = spelled(http)
    if http.scheme == "http" and not http.is_internal:
        yield Found(
            message=f"{name!r} is not encrypted: whoever is on the way can read it and answer it.",
            about=f"in the clear {http}",
            evidence=(evidence,),
            severity="medium",
            remediation="Grant `https://` instead.",
        )
    if http.methods is None:
        yield Found(
            message=f"{name!r} allows every method, also those that change and delete.",
            about=f"every method {http}",
            evidence=(evidence,),
            severity="info",
            remediation="Say which it needs: `;methods=GET`.",
        )


def _weight(granted: HttpAccess | SocketAccess) -> Severity:
    """Less where a person has written what it means: `;internal`, or a wildcard's star."""
    is_wildcard = isinstance(granted, HttpAccess) and granted.host.startswith("*")
    is_meant = granted.is_internal or is_wildcard
    return "high" if is_meant and not hands_out_credentials(granted.host) else "critical"


def _found(
    capability: HttpAccess | SocketAccess, evidence: Evidence, who: str, severity: Severity
) -> Iterator[Found]:
    objection = objection_to(capability.host)
    if objection is not None:
        reason = f"{printable(capability.host)!r} {objection}"
    elif capability.is_internal:
        reason = "';internal' lets the name lead into a private network"
    else:
        return
    yield Found(
        message=f"{who} {spelled(capability)!r}: {reason}.",
        about=f"{evidence.kind} {capability}",
        evidence=(evidence,),
        severity=severity,
        remediation=_remediation(capability, evidence),
    )


def _remediation(capability: HttpAccess | SocketAccess, evidence: Evidence) -> str | None:
    inner = as_internal(capability)
    if inner is None or evidence.kind != "policy":
        return None
    return (
        "Name the one public origin that the tool is for. If you mean this machine or a network of "
        f"yours, grant it with `;internal`, quoted: {shlex.quote(spelled(inner))}."
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
    "which any address can be spelled (`10.0.0.1.nip.io`); and `;internal`. What says "
    "`;internal`, or is a wildcard of `net.http`, is what a person wrote on purpose, and high; "
    "unless it names the service where a cloud hands out credentials. In the policy, `http://` to "
    "a public name is medium, and an origin without `;methods=` is information.",
    why="A tool that may speak to the inner network is a way in for whoever writes its input. One "
    "request to `169.254.169.254` returns the machine's cloud credentials. A wildcard is as safe "
    "as the least careful name below it.",
    remediation="Name the one public origin that the tool is for, as in "
    "`net.http=https://api.example.com`. If you mean this machine or a network of yours, grant "
    "the origin with `;internal`, and quote it in a shell: `'net.http=http://localhost;internal'`.",
    cwe=(918, 1327),
    owasp=("MCP02",),
    rubric=(4,),
    check=_check,
    limits="A public name can lead to a private address: what a name resolves to is checked when "
    "a request is made, never here.",
)

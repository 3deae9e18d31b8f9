"""HW-CAP-002: network functions in a tool whose text speaks of no network."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hatchway.audit.claims import (
    MAX_SHOWN,
    declaration,
    every_want,
    import_evidence,
    is_network,
    runs_code,
    sockets_granted,
    tool_fields,
    uses,
)
from hatchway.audit.finding import Evidence, Found, Rule
from hatchway.core.untrusted import printable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hatchway.audit.artifact import Import
    from hatchway.audit.capabilities import Use
    from hatchway.audit.subject import Subject

_WORDS = re.compile(
    r"\b(?:https?|ur[il]s?|web|internet|net|network\w*|online|apis?|fetch\w*|download\w*|"
    r"upload\w*|request\w*|remote\w*|servers?|service|endpoints?|sockets?|tcp|udp|dns|hosts?|"
    r"hostnames?|domains?|ports?|connect\w*|send|sends|e?mails?|smtp|imap|ftp|ssh|crawl\w*|"
    r"sites?|websites?|pages?|cloud|webhooks?|prox(?:y|ies)|ping\w*|resolve\w*|whois|"
    r"subscrib\w*|publish\w*|post|posts|quer(?:y|ies)|feeds?|rss|git|repositor(?:y|ies))\b",
    re.IGNORECASE,
)
_NETWORK_FAMILIES = ("http", "sockets")


def check(subject: Subject) -> Iterable[Found]:
    """Contradictions between network functions and what is said about them."""
    behind = [use for use in uses(subject) if use.family in _NETWORK_FAMILIES]
    if behind:
        yield from _contradicted(subject, behind)
    else:
        yield from _types_only(subject)


def _contradicted(subject: Subject, behind: list[Use]) -> Iterable[Found]:
    closed = tuple(
        Evidence(
            kind="manifest",
            detail="openWorldHint = false",
            field=(*path, "annotations", "openWorldHint"),
        )
        for tool, path in tool_fields(subject)
        if tool.annotations.open_world is False
    )
    functions = import_evidence(behind)
    if closed:
        yield Found(
            message="It can reach the network, and its annotations say that its world is closed.",
            about="openWorldHint",
            evidence=(*closed[:MAX_SHOWN], *functions),
            remediation="Set openWorldHint = true in [annotations], or build without networking.",
        )
    declared = [place for capability, place in every_want(subject) if is_network(capability)]
    if not declared and _is_of_a_language(subject, behind):
        grants = sockets_granted(subject)
        yield Found(
            message="The language that it runs has sockets, and nothing says that it needs them.",
            about="undeclared network",
            evidence=(*functions, *grants),
            remediation="Take the grants away, unless you know which code will run."
            if grants
            else "Nothing to do while no net.socket and no net.dns is granted.",
            severity="medium" if grants else "low",
        )
    elif not declared:
        yield Found(
            message="It can reach the network, and nothing says that it needs to.",
            about="undeclared network",
            evidence=functions,
            remediation=(
                "Use a build without networking; or declare the one place it must reach in "
                f"tool.toml: {declaration(subject, behind)}"
            ),
        )
    elif not _speaks_of_network(subject):
        yield Found(
            message="It wants the network, and neither purpose nor description of a tool says so.",
            about="unexplained network",
            evidence=(*declared[:MAX_SHOWN], *functions),
            remediation="Say in `purpose` or `description` what it reaches, and what it sends.",
            confidence="medium",
        )


def _is_of_a_language(subject: Subject, behind: list[Use]) -> bool:
    """Whether they are sockets for code that is yet to be written, and the text speaks of it."""
    only_sockets = all(use.family == "sockets" for use in behind)
    return only_sockets and runs_code(subject) and _speaks_of_network(subject)


def _speaks_of_network(subject: Subject) -> bool:
    texts = (f"{tool.purpose}\n{tool.description}" for tool, _ in tool_fields(subject))
    return any(_WORDS.search(text) for text in texts)


def _types_only(subject: Subject) -> Iterable[Found]:
    interfaces = [item for item in subject.artifact.type_only if _is_network_interface(item)]
    if not interfaces:
        return
    yield Found(
        message="It names network interfaces for their types and imports none of their functions.",
        about="types only",
        evidence=tuple(
            Evidence(kind="import", detail=printable(str(item)), offset=item.offset)
            for item in interfaces[:MAX_SHOWN]
        ),
        remediation="Nothing to do: without a function there is no access.",
        severity="info",
    )


def _is_network_interface(item: Import) -> bool:
    return item.namespace.startswith(("wasi:sockets/", "wasi:http/", "hatchway:egress/"))


RULE = Rule(
    id="HW-CAP-002",
    title="Network in a tool that says nothing of it",
    severity="high",
    confidence="high",
    axis="capabilities",
    detects=(
        "Imported functions for HTTP, sockets or host names, while the annotations say "
        "`openWorldHint = false`, or the manifest declares no network capability, or neither "
        "purpose nor description contains a word about networking (confidence medium). For the "
        "sockets of an interpreter whose text speaks of the network it is low, and medium where "
        "the policy grants some. "
        "Interfaces that are imported for their types alone, without a function, are "
        "information."
    ),
    why=(
        "The network is the way out for whatever a tool was given to read. A client that "
        "believes the annotation will hand it private data."
    ),
    remediation="Declare and describe what it reaches, or build without networking.",
    cwe=(250, 918),
    owasp=("MCP02", "MCP10"),
    rubric=(1, 4),
    check=check,
    limits="The words are English, and a description can lie: the grant is what holds.",
)

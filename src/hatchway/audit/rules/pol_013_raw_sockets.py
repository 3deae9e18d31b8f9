"""HW-POL-013: connections and look-ups that nobody looks into."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatchway.audit.finding import Found, Rule
from hatchway.audit.grants import granted, spelled
from hatchway.core.capability import DEFAULT_PORTS, SocketAccess

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hatchway.audit.finding import Evidence
    from hatchway.audit.subject import Subject

_FAR_REACHING = {
    22: "a shell on that machine",
    23: "a shell on that machine",
    25: "mail to anybody, in your name",
    53: "names of any domain, and so a message to whoever owns one",
    445: "the files that a machine shares",
    465: "mail to anybody, in your name",
    587: "mail to anybody, in your name",
    853: "names of any domain, and so a message to whoever owns one",
    1080: "whatever a proxy can reach",
    2375: "every container of a machine, and with them the machine",
    2376: "every container of a machine, and with them the machine",
    3128: "whatever a proxy can reach",
    3389: "the desktop of that machine",
    6443: "whatever a cluster runs",
}
"""What a server at these ports gives to whoever may speak to it."""


def _check(subject: Subject) -> Iterator[Found]:
    for access, evidence in granted(subject, SocketAccess):
        yield _look_up(access, evidence) if access.kind == "dns" else _raw(access, evidence)


def _raw(access: SocketAccess, evidence: Evidence) -> Found:
    name = spelled(access)
    given = _FAR_REACHING.get(access.port)
    beyond = "" if given is None else f" Port {access.port} gives it {given}."
    has_http = access.port in DEFAULT_PORTS.values()
    return Found(
        message=f"The policy allows {name!r}, where nobody looks at what is sent.{beyond}",
        about=f"socket {access.host}:{access.port}",
        evidence=(evidence,),
        severity="medium" if given is None else "high",
        remediation=(
            f"Grant net.http=https://{access.host} instead: then there are methods, paths, secrets "
            "and a record of each request."
            if has_http
            else "Keep it if the protocol is not HTTP, and the server asks who is there."
        ),
    )


def _look_up(access: SocketAccess, evidence: Evidence) -> Found:
    name = spelled(access)
    return Found(
        message=f"The policy allows {name!r}: whoever owns the name learns when it is asked for.",
        about=f"dns {access.host}",
        evidence=(evidence,),
        severity="low",
        remediation="Take it away unless addresses are what the tool is for: net.http and "
        "net.socket look their own hosts up.",
    )


RULE = Rule(
    id="HW-POL-013",
    title="Raw sockets and name look-ups",
    severity="high",
    confidence="high",
    axis="isolation",
    detects="Every `net.socket` and `net.dns` in the policy. A raw connection is medium. It is "
    "high to a port where a server gives more than itself: shells (22, 23), mail (25, 465, 587), "
    "shared files (445), desktops (3389), containers and clusters (2375, 2376, 6443), proxies "
    "(1080, 3128), resolvers (53, 853). Looking a name up is low.",
    why="Over a raw connection the tool says what it likes. No method, path or size of one request "
    "is checked, secrets cannot be put in from outside, and the record has only bytes and time. A "
    "look-up says something without any connection: that it was made is the message.",
    remediation="Use `net.http` for everything that speaks HTTP. For a database, name its one host "
    "and port, and give it an account that can do no more than the tool should.",
    cwe=(923,),
    owasp=("MCP02",),
    rubric=(4,),
    check=_check,
    limits="A port is a habit: any server can listen at any. HW-POL-005 looks at the host. A "
    "wildcard cannot be granted for either.",
)

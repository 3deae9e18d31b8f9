"""HW-SEC-002: sensitive places that the data of the binary names."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hatchway.audit.claims import MAX_SHOWN
from hatchway.audit.data_text import data_extents, places_of
from hatchway.audit.finding import Evidence, Found, Rule
from hatchway.core.untrusted import printable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hatchway.audit.data_text import Extent
    from hatchway.audit.subject import Subject

_PLACES: dict[str, tuple[bytes, ...]] = {
    "files with credentials": (
        b"/etc/shadow", b"/etc/passwd", b".ssh/", b".aws/credentials", b".kube/config",
        b".docker/config.json", b"/.netrc", b"/var/run/docker.sock", b"/proc/self/environ",
    ),
    "cloud metadata": (b"169.254.169.254", b"metadata.google.internal", b"100.100.100.200"),
}  # fmt: skip
_HOST = re.compile(rb"(?:(?<=http)|(?<=https))://([A-Za-z0-9._-]{1,253})")


def check(subject: Subject) -> Iterable[Found]:
    """At most one finding for each kind of place, and one for URLs."""
    extents = data_extents(subject.artifact)
    for kind, texts in _PLACES.items():
        evidence = tuple(
            Evidence(kind="binary", detail=text.decode(), offset=at)
            for text in texts
            for at in list(places_of(subject.data, text, extents))[:1]
        )
        if evidence:
            yield Found(message=f"Its data names {kind}.", about=kind, evidence=evidence)
    hosts = _hosts(subject.data, extents)
    if hosts:
        yield Found(
            message=f"Its data contains URLs of {len(hosts)} hosts.",
            about="URLs",
            evidence=tuple(
                Evidence(kind="binary", detail=printable(host), offset=at)
                for host, at in list(hosts.items())[:MAX_SHOWN]
            ),
        )


def _hosts(data: bytes, extents: tuple[Extent, ...]) -> dict[bytes, int]:
    """The hosts of URLs, each with the first place."""
    hosts: dict[bytes, int] = {}
    for at in places_of(data, b"://", extents):
        if match := _HOST.match(data, at):
            hosts.setdefault(match[1].lower(), at)
    return hosts


RULE = Rule(
    id="HW-SEC-002",
    title="Sensitive places in the data",
    severity="info",
    confidence="low",
    axis="secrets",
    detects=(
        "Data segments are searched for names of files that hold credentials, for addresses "
        "where clouds hand them out, and for URLs."
    ),
    why=(
        "Such a name is no proof: libraries carry lists of them. It says where to look when a "
        "tool asks for files or for the network."
    ),
    remediation=(
        "Nothing to do for a grant that does not reach there. Ask the author when a name has "
        "nothing to do with what the tool is for."
    ),
    cwe=(200,),
    owasp=("MCP10",),
    check=check,
    limits="Text that is put together at run time is not seen.",
)

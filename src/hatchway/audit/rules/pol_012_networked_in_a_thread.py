"""HW-POL-012: what talks to the network, without a kernel wall around it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatchway.audit.claims import MAX_SHOWN
from hatchway.audit.finding import Evidence, Found, Rule
from hatchway.audit.grants import granted
from hatchway.core.capability import HttpAccess, SocketAccess

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hatchway.audit.subject import Subject


def _check(subject: Subject) -> Iterator[Found]:
    entry = subject.entry
    if entry is None or entry.isolation != "thread":
        return
    places = [place for kind in (HttpAccess, SocketAccess) for _, place in granted(subject, kind)]
    if places:
        said = Evidence(
            kind="policy",
            detail='isolation = "thread"',
            field=("tools", entry.name, "isolation"),
        )
        yield Found(
            message="It may use the network, and runs in Hatchway's own process.",
            about="thread",
            evidence=(said, *places[:MAX_SHOWN]),
            remediation='Take `isolation = "thread"` away, or write `isolation = "worker"`.',
        )


RULE = Rule(
    id="HW-POL-012",
    title="Networked tool without a kernel wall",
    severity="medium",
    confidence="high",
    axis="isolation",
    detects="An entry that was granted `net.http`, `net.socket` or `net.dns` and runs in a "
    '`"thread"`, because it says so or because the file says so for all of its tools. Where '
    "nobody says anything, such an entry runs in a worker.",
    why="What comes over the network is what an attacker can write. In a thread WebAssembly alone "
    "stands between that and the server, with its secrets and everybody's files. Should the engine "
    "have a hole, a worker is a process that the kernel keeps from all that was not granted.",
    remediation='Take `isolation = "thread"` away. Where a worker is too slow for many small '
    "calls, give the network to a tool of its own.",
    cwe=(653,),
    owasp=(),
    rubric=(4,),
    check=_check,
    limits="Which walls hold around a worker depends on the machine: `hatchway doctor` tries them, "
    "and `require` in `[workers]` demands them.",
)

"""HW-POL-006: directories that hold more than one tool's own things."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hatchway.audit.finding import Found, Rule
from hatchway.audit.grants import granted, spelled
from hatchway.core.capability import FileAccess
from hatchway.core.untrusted import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hatchway.audit.finding import Severity
    from hatchway.audit.subject import Subject

_NEVER = frozenset({"etc", "proc", "sys", "dev", "run", "boot"})
_SECRET = frozenset({".ssh", ".gnupg", ".aws", ".azure", ".kube", ".docker", ".password-store"})
_SHELVES = frozenset({"home", "users", "volumes", "mnt", "media", "private", "usr"})
"""Directories whose children are whole worlds: a person's home, a disk, the programs."""
_SHARED = frozenset(
    f"/var/{name}"
    for name in ("backups", "cache", "lib", "lock", "log", "mail", "run", "spool", "tmp", "www")
)


@dataclass(frozen=True, slots=True)
class _Objection:
    kind: str
    words: str
    severity: Severity


def _check(subject: Subject) -> Iterator[Found]:
    for directory, evidence in granted(subject, FileAccess):
        objection = _objection(subject, directory)
        if objection is None:
            continue
        yield Found(
            message=f"The grant {spelled(directory)!r} is not the tool's own: {objection.words}.",
            about=f"{objection.kind} {directory.host_path}",
            evidence=(evidence,),
            severity=objection.severity,
        )


def _objection(subject: Subject, directory: FileAccess) -> _Objection | None:
    """The most that speaks against one directory."""
    if directory in subject.refused_directories:
        reason = printable(subject.refused_directories[directory], limit=400)
        return _Objection("refused", f"the host refuses it: {reason}", "critical")
    path = posixpath.normpath(directory.host_path or "/")
    parts = [part.casefold() for part in path.split("/") if part]
    if parts[:1] and parts[0] in _NEVER:
        words = f"below '/{parts[0]}' are the machine's own settings, sockets and secrets"
        return _Objection("system", words, "critical")
    if _SECRET.intersection(parts):
        return _Objection("secrets", "its name says that keys are kept there", "critical")
    if _is_broad(path, parts):
        return _Objection("broad", "it holds far more than one tool's own things", "high")
    if subject.base is not None and _holds(path, posixpath.normpath(subject.base)):
        words = "it is or contains the directory of this policy"
        return _Objection("project", words, "high")
    if others := _also_granted_to(subject, directory):
        words = f"it overlaps with what {', '.join(others)} may touch"
        return _Objection("not its own", words, "low")
    return None


def _is_broad(path: str, parts: list[str]) -> bool:
    return (
        len(parts) < 2 or (len(parts) == 2 and parts[0] in _SHELVES) or path.casefold() in _SHARED
    )


def _holds(outer: str, inner: str) -> bool:
    return inner == outer or inner.startswith(outer.rstrip("/") + "/")


def _also_granted_to(subject: Subject, directory: FileAccess) -> list[str]:
    return [
        repr(printable(neighbour.owner))
        for neighbour in subject.neighbours
        if neighbour.entry is not None
        and any(
            isinstance(item, FileAccess) and _is_common(directory, item)
            for item in neighbour.entry.allow
        )
    ]


def _is_common(one: FileAccess, other: FileAccess) -> bool:
    """Whether two grants overlap, unless HW-POL-007 has more to say about that."""
    if any(item.access == "write" and not item.is_shared for item in (one, other)):
        return False
    first, second = (posixpath.normpath(item.host_path or "/") for item in (one, other))
    return _holds(first, second) or _holds(second, first)


RULE = Rule(
    id="HW-POL-006",
    title="Directory grant beyond what is the tool's own",
    severity="critical",
    confidence="high",
    axis="isolation",
    detects="Looks at every granted host directory. A tool's own directory is granted to this "
    "tool alone, lies at least two names deep, and neither is nor contains the directory of the "
    "policy. Critical: what the host itself refuses to open (keys, system settings, home, "
    "Hatchway's own files, and links that lead there), and names that say the same (`/etc/…`, "
    "`.ssh`). High: one name deep (`/srv`), a whole home or disk (`/home/ada`, `/mnt/disk`), "
    "places that all programs share (`/var/lib`), the project. Low: a directory that another "
    "tool is granted too, or one in or around it; HW-POL-007 looks at those that one of them may "
    "write to.",
    why="What a tool can read, an injected instruction can make it read. A broad directory holds "
    "things that nobody thought of on the day it was granted, and a shared one carries them from "
    "one tool to the next.",
    remediation="Make a directory for what this tool needs and grant that one: "
    "`fs.read=./data/NAME:/data`.",
    cwe=(22, 552, 732),
    owasp=("MCP02",),
    rubric=(5,),
    check=_check,
    limits="Names say little: only the host can tell where a link leads, so an audit without the "
    "machine that will serve the tool sees the name alone. Whether a narrow directory holds "
    "secrets is not looked at.",
)

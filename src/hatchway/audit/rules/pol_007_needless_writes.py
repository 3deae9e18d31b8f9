"""HW-POL-007: writing that nobody asked for, or that another tool will read."""

from __future__ import annotations

import posixpath
from dataclasses import replace
from typing import TYPE_CHECKING

from hatchway.audit.finding import Evidence, Found, Rule
from hatchway.audit.grants import granted, spelled, wanted
from hatchway.core.capability import FileAccess
from hatchway.core.untrusted import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hatchway.audit.subject import Neighbour, Subject


def _check(subject: Subject) -> Iterator[Found]:
    for directory, evidence in granted(subject, FileAccess):
        if directory.access == "write":
            yield from _unasked(subject, directory, evidence)
        for neighbour in subject.neighbours:
            yield from _shared(directory, evidence, neighbour)


def _unasked(subject: Subject, directory: FileAccess, evidence: Evidence) -> Iterator[Found]:
    if subject.manifest is None:
        return
    asked = [
        (want, place)
        for want, place in wanted(subject, FileAccess)
        if _overlap(directory.guest_path, want.guest_path)
    ]
    if any(want.access == "write" for want, _ in asked):
        return
    name = printable(directory.guest_path)
    instead = replace(directory, access="read", is_shared=False, quota_bytes=None)
    if asked:
        yield Found(
            message=f"It may write to {name!r}, and its manifest asks for reading only.",
            about=f"asked to read {directory.guest_path}",
            evidence=(evidence, *(place for _, place in asked)),
            remediation=f"allow {spelled(instead)!r}",
        )
    else:
        yield Found(
            message=f"It may write to {name!r}, and its manifest does not speak of that directory.",
            about=f"not asked for {directory.guest_path}",
            evidence=(evidence,),
            severity="medium",
            remediation=f"remove {spelled(directory)!r}, or allow {spelled(instead)!r}",
        )


def _shared(directory: FileAccess, evidence: Evidence, neighbour: Neighbour) -> Iterator[Found]:
    entry = neighbour.entry
    if entry is None:
        return
    for index, other in enumerate(entry.allow):
        if not isinstance(other, FileAccess) or not _is_unsaid(directory, other):
            continue
        place = ("tools", entry.name, "allow", index)
        yield Found(
            message=f"Its {spelled(directory)!r} overlaps with {spelled(other)!r} of "
            f"{printable(neighbour.owner)!r}: what one writes reaches the other.",
            about=f"{_path(directory)} and {neighbour.owner} {_path(other)}",
            evidence=(evidence, Evidence(kind="policy", detail=spelled(other), field=place)),
            remediation="give each tool a directory of its own, or add ;shared to what may write",
        )


def _is_unsaid(one: FileAccess, other: FileAccess) -> bool:
    """Whether two grants overlap, one may write, and it does not say that it is shared."""
    writes_in_silence = any(item.access == "write" and not item.is_shared for item in (one, other))
    return writes_in_silence and _overlap(_path(one), _path(other))


def _path(directory: FileAccess) -> str:
    return posixpath.normpath(directory.host_path or "/")


def _overlap(one: str, other: str) -> bool:
    first, second = (path.rstrip("/") + "/" for path in (one, other))
    return first.startswith(second) or second.startswith(first)


RULE = Rule(
    id="HW-POL-007",
    title="Writable directory that nobody asked for or that two tools share",
    severity="high",
    confidence="high",
    axis="isolation",
    detects="Compares every `fs.write` of the policy with the manifest: where the manifest asks "
    "for reading only, that is high; where it does not speak of the directory at all, medium. "
    "And compares the host directories of all tools of the policy: the same directory, or one "
    "inside the other, is high when one of the two tools may write there without `;shared`.",
    why="A tool that may write can leave something behind: an altered document, or a file that "
    "another tool takes for its input. Two tools that share a directory are one tool with the "
    "power of both, and an instruction written by one is read by the other.",
    remediation="Grant `fs.read` where reading is enough, and give each tool a directory of its "
    "own; write `;shared` where two tools are meant to work on the same files.",
    cwe=(732, 668),
    owasp=("MCP10",),
    rubric=(5,),
    check=_check,
    limits="Host directories are compared by name. Two names of one directory (links, bind "
    "mounts) are found by the host when it opens them: two writers that share a directory "
    "without saying so are not served. Without a manifest nobody says what is needed.",
)
